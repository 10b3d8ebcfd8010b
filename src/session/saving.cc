// What of a player is kept: progressive positions, the minute's sample, the logout (DESIGN §6).
#include "session/player_sessions.h"

namespace bluemarble::session {

using persistence::PlayerState;

PlayerState PlayerSessions::StateOf(const Session& session) const {
  world::Body body;
  world::Vitals vitals;
  parts_.zone.StateOf(session.entity, body, vitals);
  PlayerState state;
  state.x_m = body.position.x;
  state.y_m = body.position.y;
  state.z_m = body.position.z;
  state.ground_height_m = body.ground_height_m;
  state.health = vitals.health;
  state.yaw = body.yaw;
  return state;
}

void PlayerSessions::Save(core::Tick now) {
  now_ = now;
  if (now % static_cast<core::Tick>(timing_.tick_hz) == 0) conduct_.Publish(now);
  SavePositions();
  store_away_ = false;
  for (Session& session : table_.slots()) {
    if (HasEntity(session.state)) {
      if (now - session.sampled_tick >= sample_ticks_) AppendSample(session);
    } else if (session.state == SessionState::kLeaving) {
      if (AppendLogout(session)) table_.Close(session);
    }
  }
}

void PlayerSessions::SavePositions() {
  saves_.clear();
  saving_.clear();
  for (Session& session : table_.slots()) {
    const bool leaving = session.state == SessionState::kLeaving;
    if (!leaving && !HasEntity(session.state)) continue;
    if (!leaving && now_ - session.saved_tick < save_ticks_) continue;
    const PlayerState state = leaving ? session.state_now : StateOf(session);
    if (state == session.saved) {
      session.saved_tick = now_;
      continue;
    }
    saves_.push_back({session.player_id, session.epoch, now_, state});
    saving_.push_back(session.id.index);
  }
  if (saves_.empty()) return;
  if (!parts_.store.SavePositions(saves_).ok()) {
    stats_.save_queue_full.Add();  // all stay due, with a newer state, next tick
    return;
  }
  for (size_t i = 0; i < saves_.size(); ++i) {
    Session& session = *table_.AtIndex(saving_[i]);
    session.saved = saves_[i].state;
    session.saved_tick = now_;
  }
}

core::Status PlayerSessions::AppendEvent(Session& session, persistence::EventKind kind,
                                         const PlayerState& state) {
  persistence::PlayerEventRequest request;
  request.request_id = NextRequestId(session);
  request.player_id = session.player_id;
  request.epoch = session.epoch;
  request.expected_version = session.version;
  request.tick = now_;
  request.state = state;
  request.kind = kind;
  core::Status status = parts_.store.AppendEvent(request);
  if (status.ok()) {
    session.request_id = request.request_id;
    ++session.version;
  } else {
    stats_.save_queue_full.Add();
  }
  // Thousands may wait for a store that is away: one question a tick tells as much.
  store_away_ = status.code() == core::Code::kUnavailable;
  return status;
}

void PlayerSessions::AppendSample(Session& session) {
  // One event at a time: the next one's version is known when this one's answer is.
  if (session.request_id != 0 || store_away_) return;
  if (AppendEvent(session, persistence::EventKind::kSample, StateOf(session)).ok())
    session.sampled_tick = now_;
}

bool PlayerSessions::AppendLogout(Session& session) {
  if (session.request_id != 0 || store_away_) return false;
  // A login that was asked for before this logout raises the version, so that the store would
  // refuse the logout, and loads an older state: the newer session shall find this one and take it
  // over.
  if (FindNamed(session, SessionState::kLoading) != nullptr) return false;
  const core::Status status =
      AppendEvent(session, persistence::EventKind::kLogout, session.state_now);
  if (status.ok()) session.saved = session.state_now;  // it carries the state
  // A store that is gone for good takes nothing more; waiting would hold the slot for ever. One
  // that is away gets the logout when it is back.
  if (status.code() != core::Code::kDenied) return false;
  stats_.logouts_refused.Add();
  return true;
}

void PlayerSessions::OnEventDone(Session& session, const persistence::Completion& completion) {
  using persistence::Refusal;
  const bool logout = completion.kind == persistence::CompletionKind::kLogout;
  if (completion.outcome == persistence::Outcome::kOk) {
    session.version = completion.row.version;
    if (logout) table_.Close(session);
    return;
  }
  // Not written: the next event expects what this one did, or what the store says it has.
  const bool other_version = completion.refusal == Refusal::kVersion;
  session.version = other_version ? completion.row.version : session.version - 1;
  if (!logout) {
    if (HasEntity(session.state)) OnSampleRefused(session, completion.refusal);
    return;
  }
  session.saved.reset();
  if (other_version || completion.refusal == Refusal::kUnavailable) return;  // the next Save's
  stats_.logouts_refused.Add();
  table_.Close(session);
}

void PlayerSessions::OnSampleRefused(Session& session, persistence::Refusal refusal) {
  using persistence::Refusal;
  if (refusal == Refusal::kNotOwner) {
    End(session, {DisconnectReason::kWrongShard, kNotOursText});
  } else if (refusal == Refusal::kNotFound || refusal == Refusal::kInvalid) {
    PutInQuarantine(session, persistence::RefusalName(refusal));
  }
}

void PlayerSessions::OnDisagreement(SessionId id, int64_t partner) {
  Session* session = table_.Find(id);
  if (session == nullptr || !HasEntity(session->state) || session->damaged) return;
  if (quarantine_.Strike(session->name, partner, now_)) {
    session->damaged = true;
    NoteQuarantined(*session, "actions_refused");
    return;
  }
  // The answer to a sample tells whether it is the player's own row; one a second is enough.
  if (now_ - session->sampled_tick > static_cast<core::Tick>(timing_.tick_hz))
    session->sampled_tick = now_ - sample_ticks_;
}

void PlayerSessions::PutInQuarantine(Session& session, std::string_view cause) {
  quarantine_.Hold(session.name, now_);
  if (!session.damaged) NoteQuarantined(session, cause);  // else it is noted already
  End(session, {DisconnectReason::kQuarantined, kQuarantineText});
}

void PlayerSessions::NoteQuarantined(const Session& session, std::string_view cause) {
  stats_.quarantined.Add();
  if (!quarantine_log_.Allow(parts_.clock.NowNs())) return;
  core::Log(core::LogLevel::kError, "player_quarantined",
            "name=\"{}\" player={} tick={} cause={} not_logged={}", session.name.view(),
            session.player_id, now_, cause, quarantine_log_.suppressed());
}

}  // namespace bluemarble::session
