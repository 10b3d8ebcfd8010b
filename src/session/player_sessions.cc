#include "session/player_sessions.h"

#include <algorithm>

#include "core/text.h"
#include "net/address.h"
#include "net/identity.h"

namespace bluemarble::session {
namespace {

constexpr int64_t kEndLogPeriodNs =
    100'000'000;  // ten lines a second tell enough of a mass departure
constexpr int64_t kQuarantineLogPeriodNs = 1'000'000'000;
// Before a player's first word, silence may only mean that the Welcome is being repeated on a bad
// line, in pauses that double.
constexpr core::Tick kBeforeFirstWord = 3;
// Long enough that a client which comes back by itself costs nothing, short enough that a player
// whose rows were repaired is let in soon.
constexpr uint32_t kQuarantineMs = 60'000;
// Bans within the life of a connect token; afterwards nobody who is banned has one.
constexpr uint32_t kMostBanned = 4096;

core::Tick TicksOf(uint32_t ms, int hz) {
  return std::max<core::Tick>(1, uint64_t{ms} * static_cast<uint64_t>(hz) / 1000);
}

}  // namespace

PlayerSessions::PlayerSessions(const SessionSettings& settings, const SessionTiming& timing,
                               const SessionParts& parts)
    : settings_(settings),
      timing_(timing),
      rates_(RatesOf(settings, timing.tick_hz)),
      timeout_ticks_(TicksOf(settings.timeout_ms, timing.tick_hz)),
      linger_ticks_(core::Tick{settings.linger_s} * static_cast<core::Tick>(timing.tick_hz)),
      login_timeout_ticks_(TicksOf(settings.login_timeout_ms, timing.tick_hz)),
      // A quarter of the promised second is left for the commit itself.
      save_ticks_(
          TicksOf(static_cast<uint32_t>(timing.position_interval_ms) * 3 / 4, timing.tick_hz)),
      sample_ticks_(
          TicksOf(static_cast<uint32_t>(timing.sample_interval_s) * 1000, timing.tick_hz)),
      parts_(parts),
      table_(settings.max_players + settings.max_pending),
      quarantine_(TicksOf(kQuarantineMs, timing.tick_hz)),
      // Twice the sessions: an address that somebody still uses is never the oldest.
      addresses_(2 * (settings.max_players + settings.max_pending)),
      banned_(kMostBanned),
      conduct_(settings.conduct, timing.tick_hz),
      end_log_(kEndLogPeriodNs),
      quarantine_log_(kQuarantineLogPeriodNs),
      conduct_log_(kEndLogPeriodNs) {
  saves_.reserve(settings.max_players + settings.max_pending);
  saving_.reserve(settings.max_players + settings.max_pending);
}

void PlayerSessions::ReceiveMessages(core::Tick now) {
  now_ = now;
  net::Inbound inbound;
  while (parts_.transport.Receive(inbound)) {
    FetchUpcoming();
    if (inbound.kind == net::InboundKind::kConnected) {
      OnConnected(inbound);
      continue;
    }
    Session* session = table_.FindByPeer(inbound.peer);
    if (session == nullptr) {
      stats_.stray_messages.Add();
    } else if (inbound.kind == net::InboundKind::kDisconnected) {
      OnDisconnected(*session, inbound.reason);
    } else {
      OnMessage(*session, inbound);
    }
  }
}

void PlayerSessions::FetchUpcoming() {
  while (const core::PeerId peer = parts_.transport.Upcoming()) {
    table_.Fetch(peer);
    upcoming_.Add(peer);
  }
  const core::PeerId* const near = upcoming_.Turn();
  if (near == nullptr) return;
  const Session* session = table_.FindByPeer(*near);
  if (session != nullptr && session->state == SessionState::kPlaying)
    parts_.replicator.Fetch(session->viewer);
}

void PlayerSessions::OnConnected(const net::Inbound& inbound) {
  stats_.connected.Add();
  Session* session = table_.Open(inbound.peer, now_);
  if (session == nullptr) {
    stats_.refused_no_slot.Add();
    stats_.ended[static_cast<size_t>(DisconnectReason::kZoneFull)].Add();
    parts_.transport.Disconnect(inbound.peer, static_cast<uint32_t>(DisconnectReason::kZoneFull));
    return;
  }
  session->address_v4 = inbound.address_v4;
  if (const auto identity = net::ReadIdentity(inbound.bytes);
      identity && core::ValidateName(identity->name, persistence::kMaxNameBytes).ok()) {
    session->identity = persistence::PlayerName::From(identity->name);
    session->account_id = identity->account_id;
  }
  for (RateBucket& bucket : session->rates) bucket.updated = now_;
}

void PlayerSessions::OnDisconnected(Session& session, uint32_t reason) {
  // A client may give any number, and some of them decide what is kept of a player: what neither a
  // client nor the net threads have to say is a goodbye.
  auto given = static_cast<DisconnectReason>(reason);
  switch (given) {
    case DisconnectReason::kNone:
    case DisconnectReason::kTimeout:
    case DisconnectReason::kQueueOverflow:
    case DisconnectReason::kInternal: break;
    default: given = DisconnectReason::kClientQuit;
  }
  const Ending ending{given, "the peer is gone"};
  table_.Detach(session);
  End(session, ending);
}

void PlayerSessions::OnMessage(Session& session, const net::Inbound& inbound) {
  session.heard = now_;
  const Verdict verdict = Judge(inbound, session, AddressOf(session), rates_, now_, message_);
  if (verdict.ignored) {
    stats_.ignored_messages.Add();
    return;
  }
  DisconnectReason reason = verdict.refusal;
  if (verdict.row != nullptr) reason = verdict.row->handler(*this, session, message_);
  if (reason == DisconnectReason::kNone) return;
  if (reason != DisconnectReason::kClientQuit) {
    const auto index = static_cast<size_t>(reason);
    stats_.refused_messages[index].Add();
    stats_.refused_by_message[verdict.message][index].Add();
    if (verdict.row == nullptr && !verdict.by_address) NoteRefusal(session, verdict);
  }
  End(session, {reason, verdict.row != nullptr ? verdict.row->name : "message refused"});
}

RateBuckets* PlayerSessions::AddressOf(const Session& session) {
  if (net::IsLoopback(session.address_v4)) return nullptr;
  RateBuckets& buckets = addresses_.Touch(session.address_v4);
  stats_.addresses_forgotten.Set(addresses_.forgotten());
  return &buckets;
}

void PlayerSessions::Expire(core::Tick now) {
  now_ = now;
  for (Session& session : table_.slots()) {
    switch (session.state) {
      case SessionState::kConnected:
        if (now - session.since <= login_timeout_ticks_) break;
        End(session, {DisconnectReason::kTimeout, "no login within session.login_timeout_ms"});
        break;
      case SessionState::kLoading:
        // Without a request it waits for its turn to resume.
        if (held_back_ || session.request_id == 0 || now - session.since <= login_timeout_ticks_)
          break;
        End(session,
            {DisconnectReason::kStoreUnavailable, "the player could not be loaded in time"});
        break;
      case SessionState::kPlaying:
        if (session.kicked) {
          End(session, {DisconnectReason::kKicked, "the server does not take part in this"});
          break;
        }
        if (session.overflowed) {
          End(session, {DisconnectReason::kQueueOverflow,
                        "an answer did not fit (net.outbound_queue_bytes)"});
          break;
        }
        if (session.damaged) {
          End(session, {DisconnectReason::kQuarantined, kQuarantineText});
          break;
        }
        if (now - session.heard <=
            timeout_ticks_ * (session.heard == session.entered ? kBeforeFirstWord : 1))
          break;
        End(session, {DisconnectReason::kTimeout, "nothing heard for session.timeout_ms"});
        break;
      case SessionState::kLingering:
        if (session.damaged) {
          End(session, {DisconnectReason::kQuarantined, kQuarantineText});
        } else if (now - session.since >= linger_ticks_) {
          stats_.lingers_expired.Add();
          TakeOut(session, /*keep_state=*/true);
        }
        break;
      default: break;
    }
  }
}

DisconnectReason PlayerSessions::Input(Session& session, const protocol::InputMessage& message) {
  NoteInput(session, session.input.Push(message, stats_.input));
  if (message.ack != 0) {
    session.acked = true;
    parts_.replicator.OnAck(session.viewer, message.ack, message.ack_bits);
  }
  return DisconnectReason::kNone;
}

// What a tick touches of each session is spread over more lines than the processor foresees.
void PlayerSessions::FetchNext(const Session& session, std::span<const Session> slots) {
  const size_t next = static_cast<size_t>(&session - slots.data()) + 2;
  if (next < slots.size()) core::Fetch(&slots[next], offsetof(Session, identity));
}

void PlayerSessions::ApplyInputs(
    core::Tick now, core::FunctionRef<void(core::EntityId, const protocol::Command&)> apply) {
  const auto slots = table_.slots();
  for (Session& session : slots) {
    FetchNext(session, slots);
    if (session.state == SessionState::kPlaying) {
      apply(session.entity, session.input.Take(now, stats_.input));
    } else if (session.state == SessionState::kLingering) {
      protocol::Command still;
      still.yaw = session.state_now.yaw;
      apply(session.entity, still);
    }
  }
}

void PlayerSessions::CompareResults(core::Tick now, uint16_t (*digest)(geo::Vec3)) {
  // The first snapshots tell the exact state, since the client may have missed everything since the
  // welcome.
  constexpr core::Tick kExactAfterWelcome = 3;
  const auto slots = table_.slots();
  for (Session& session : slots) {
    FetchNext(session, slots);
    if (session.state != SessionState::kPlaying) continue;
    world::Body body;
    world::Vitals vitals;
    parts_.zone.StateOf(session.entity, body, vitals);
    WatchMovement(session, body);
    session.input.Simulated(digest(body.position), stats_.input);
    replication::OwnReport report;
    report.input_depth = session.input.depth();
    const bool fresh = !session.acked || now - session.entered < kExactAfterWelcome;
    report.exact = session.input.TakeMismatch() || fresh;
    report.confirmed_tick = session.input.confirmed_tick();
    report.confirmed = report.confirmed_tick != 0;
    parts_.replicator.SetOwn(session.viewer, report);
  }
}

void PlayerSessions::SendSnapshots() {
  stats_.players.Set(playing_);  // before anybody can hear of this tick
  stats_.lingering.Set(lingering_);
  stats_.pending.Set(table_.size() - playing_ - lingering_);
  for (Session& session : table_.slots()) {
    if (session.state != SessionState::kPlaying) continue;
    const auto snapshot = parts_.replicator.SnapshotOf(session.viewer);
    if (snapshot.empty()) continue;
    session.snapshot_bytes += snapshot.size();
    // A peer that went away or a full queue costs this datagram; the next one makes up for it.
    if (!parts_.transport.Send(session.peer, net::Channel::kUnreliable, snapshot).ok()) {
      stats_.snapshots_dropped.Add();
      stats_.snapshot_bytes_dropped.Add(snapshot.size());
    }
  }
}

void PlayerSessions::EndAll(core::Tick now, DisconnectReason reason, const char* text) {
  now_ = now;
  for (Session& session : table_.slots()) {
    if (session.state == SessionState::kFree || session.state == SessionState::kLeaving) continue;
    End(session, {reason, text});
  }
}

void PlayerSessions::End(Session& session, const Ending& ending) {
  // What became of a lingering player was recorded when it was lost.
  if (session.state != SessionState::kLingering) Record(session, ending);
  if (session.peer) Tell(session, ending);
  if (Lingers(session, ending.reason)) {
    Linger(session);
    return;
  }
  TakeOut(session, /*keep_state=*/ending.reason != DisconnectReason::kReplaced);
}

void PlayerSessions::Record(const Session& session, const Ending& ending) {
  stats_.ended[static_cast<size_t>(ending.reason)].Add();
  if (!core::LogEnabled(core::LogLevel::kInfo) || !end_log_.Allow(parts_.clock.NowNs())) return;
  core::Log(core::LogLevel::kInfo, "session_ended",
            "session={} state={} entity={} tick={} reason={} text=\"{}\" not_logged={}",
            session.id.index, SessionStateName(session.state), session.entity.bits, now_,
            DisconnectReasonName(ending.reason), ending.text, end_log_.suppressed());
}

void PlayerSessions::Tell(Session& session, const Ending& ending) {
  if (session.state == SessionState::kPlaying) {
    SendControl(session, protocol::ServerGoodbye{ending.reason, ending.text});
  } else if (session.state != SessionState::kLeaving) {
    protocol::Refused refused{ending.reason, ending.text, ending.redirect, 0, 0};
    if (ending.reason == DisconnectReason::kWrongVersion) {
      refused.version_min = kProtocolVersionMin;
      refused.version_max = kProtocolVersion;
    }
    SendControl(session, refused);
  }
  parts_.transport.Disconnect(session.peer, static_cast<uint32_t>(ending.reason));
  table_.Detach(session);
}

void PlayerSessions::TakeOut(Session& session, bool keep_state) {
  if (session.state == SessionState::kEntering) {
    --entering_;
    parts_.actions.OnLeft(session);
  }
  if (HasEntity(session.state)) {
    const bool playing = session.state == SessionState::kPlaying;
    --(playing ? playing_ : lingering_);
    parts_.actions.OnLeft(session);
    session.state_now = StateOf(session);
    if (playing) parts_.replicator.RemoveViewer(session.viewer);
    parts_.zone.RemoveEntity(session.entity);
  } else if (!session.took_over) {
    keep_state = false;  // the store has all that is known of the player
  }
  if (!keep_state) {
    table_.Close(session);
    return;
  }
  session.state = SessionState::kLeaving;
  session.since = now_;
}

bool PlayerSessions::SendControl(Session& session, const protocol::ServerControl& message) {
  const auto bytes = protocol::Encode(message);
  return parts_.transport.Send(session.peer, net::Channel::kReliable, bytes).ok();
}

}  // namespace bluemarble::session
