// Players whose connection was lost stay in play for session.linger_s, and go on over another one
// (docs/decisions/0015-reconnection.md).
#include "session/player_sessions.h"

namespace bluemarble::session {

bool PlayerSessions::Lingers(const Session& session, DisconnectReason reason) const {
  if (session.state != SessionState::kPlaying || linger_ticks_ == 0 || session.damaged ||
      session.kicked)
    return false;
  return reason == DisconnectReason::kNone || reason == DisconnectReason::kTimeout;
}

void PlayerSessions::Linger(Session& session) {
  --playing_;
  ++lingering_;
  session.state_now = StateOf(session);
  parts_.replicator.RemoveViewer(session.viewer);
  session.state = SessionState::kLingering;
  session.since = now_;
}

Session* PlayerSessions::FindResumable(const Session& newer) {
  if (newer.spawn) return nullptr;  // wants to be elsewhere
  Session* kept = nullptr;
  for (Session* other = table_.FirstNamed(newer.name); other != nullptr;
       other = table_.NextNamed(*other)) {
    if (other->id == newer.id) continue;
    // The store has been asked for the player: its answer decides who goes on with what.
    const bool loading = other->state == SessionState::kLoading && other->request_id != 0;
    if (loading || other->state == SessionState::kEntering) return nullptr;
    if (HasEntity(other->state) && !other->damaged) kept = other;
  }
  return kept;
}

void PlayerSessions::ResumeWaiting() {
  // Half of a tick's turns, so that a crowd that comes back does not keep others' answers waiting.
  const uint32_t most = std::max(1u, settings_.enters_per_tick / 2);
  for (uint32_t resumed = 0; !resuming_.empty() && resumed < most;) {
    Session* const newer = table_.Find(resuming_.front());
    resuming_.pop_front();
    if (newer == nullptr || newer->state != SessionState::kLoading) continue;
    if (Session* const kept = FindResumable(*newer)) {
      Resume(*kept, *newer);
      ++resumed;
    } else {
      newer->since = now_;
      AskStore(*newer);
    }
  }
}

void PlayerSessions::Resume(Session& kept, Session& newer) {
  if (kept.state == SessionState::kPlaying) {
    const Ending ending{DisconnectReason::kReplaced, "the same player logged in elsewhere"};
    Record(kept, ending);
    Tell(kept, ending);
    Linger(kept);
  }
  table_.MovePeer(newer, kept);
  kept.address_v4 = newer.address_v4;
  kept.rates = newer.rates;
  table_.Close(newer);
  const auto viewer = parts_.replicator.AddViewer(kept.entity, now_);
  if (!viewer.ok()) {
    End(kept, {DisconnectReason::kZoneFull, viewer.status().context()});
    return;
  }
  --lingering_;
  kept.viewer = *viewer;
  kept.state_now = StateOf(kept);
  // The next Save writes an event, and the store refuses it to a shard that has lost the player.
  kept.sampled_tick = now_ - sample_ticks_;
  protocol::Command still;
  still.yaw = kept.state_now.yaw;
  kept.input.Reset(now_ - 1, still);
  stats_.resumed.Add();
  Welcome(kept, /*resumed=*/true);
  if (kept.state == SessionState::kPlaying) parts_.actions.OnResumed(kept);
}

Session* PlayerSessions::LongestLingering() {
  Session* longest = nullptr;
  for (Session& session : table_.slots()) {
    if (session.state != SessionState::kLingering) continue;
    if (longest == nullptr || session.since < longest->since) longest = &session;
  }
  return longest;
}

}  // namespace bluemarble::session
