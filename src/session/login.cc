// The way into the world: login message, store, place, entity, welcome.
#include <fmt/format.h>

#include <cmath>

#include "core/text.h"
#include "session/handlers.h"
#include "session/player_sessions.h"

namespace bluemarble::session {
namespace {

using persistence::PlayerState;

PlayerState StateAt(const world::Body& body, uint8_t health) {
  PlayerState state;
  state.x_m = body.position.x;
  state.y_m = body.position.y;
  state.z_m = body.position.z;
  state.ground_height_m = body.ground_height_m;
  state.health = health;
  state.yaw = body.yaw;
  return state;
}

world::Body BodyOf(const PlayerState& state) {
  world::Body body;
  body.position = {state.x_m, state.y_m, state.z_m};
  body.ground_height_m = state.ground_height_m;
  body.yaw = state.yaw;
  return body;
}

/// A stored place that a body can stand on; anything else means a damaged row.
bool IsOnEarth(const PlayerState& state) {
  const geo::Vec3 p{state.x_m, state.y_m, state.z_m};
  if (!std::isfinite(p.x) || !std::isfinite(p.y) || !std::isfinite(p.z)) return false;
  if (!std::isfinite(state.ground_height_m)) return false;
  constexpr double kLowestM = -11'000, kHighestM = 100'000;  // as geo::ValidateGeodetic
  constexpr double kMarginM = 1'000;
  const double radius = Length(p);
  return radius > geo::kPolarRadiusM + kLowestM - kMarginM &&
         radius < geo::kEquatorialRadiusM + kHighestM + kMarginM;
}

}  // namespace

DisconnectReason HandleLogin(PlayerSessions& sessions, Session& session, const Message& message) {
  return sessions.Login(session, std::get<protocol::Login>(message.control));
}
DisconnectReason HandleGoodbye(PlayerSessions& sessions, Session& session, const Message&) {
  return sessions.Goodbye(session);
}
DisconnectReason HandleInput(PlayerSessions& sessions, Session& session, const Message& message) {
  return sessions.Input(session, message.input);
}

DisconnectReason PlayerSessions::Goodbye(Session&) { return DisconnectReason::kClientQuit; }

DisconnectReason PlayerSessions::Login(Session& session, const protocol::Login& login) {
  const auto refuse = [&](Ending ending) {
    End(session, ending);
    return DisconnectReason::kNone;  // the session is over already
  };
  if (login.protocol_version < kProtocolVersionMin || login.protocol_version > kProtocolVersion) {
    return refuse({DisconnectReason::kWrongVersion, "this server speaks other protocol versions"});
  }
  if (!TakeName(session, login)) {
    return refuse({DisconnectReason::kBadToken, session.identity || settings_.identity_required
                                                    ? "the token is not this connection's"
                                                    : "the token is not a player's name"});
  }

  if (IsBanned(session)) return refuse({DisconnectReason::kBanned, kBannedText});
  if (quarantine_.Holds(session.name, now_)) {
    stats_.quarantine_refusals.Add();
    return refuse({DisconnectReason::kQuarantined, kQuarantineText});
  }

  world::Body body;
  if (login.spawn) {
    const auto place = geo::ValidateGeodetic(*login.spawn);
    if (!place.ok())
      return refuse({DisconnectReason::kSpawnRefused, "the asked position is not on Earth"});
    if (!parts_.zone.MayChoosePlace(session.address_v4)) {
      return refuse(
          {DisconnectReason::kSpawnRefused, "choosing a position needs dev.allow_spawn_position"});
    }
    session.spawn = *place;
    body = parts_.zone.BodyAt(*place);
    // Asked before the store: a player of another shard shall not be created here.
    std::string redirect;
    if (!parts_.zone.Owns(body.position, redirect)) {
      return refuse({DisconnectReason::kWrongShard, "another shard owns this place", redirect});
    }
  } else {
    body = parts_.zone.FirstPlace(session.name.view());
  }
  // Who takes the place of an own older session needs none of its own, and lingering ones give way.
  const bool replaces = FindNamed(session, SessionState::kPlaying) != nullptr;
  if (!replaces && CountPlaying() + entering_ >= settings_.max_players) {
    return refuse({DisconnectReason::kZoneFull, "the zone is full (session.max_players)"});
  }
  constexpr uint8_t kFullHealth = 100;
  session.state_now = StateAt(body, kFullHealth);
  session.state = SessionState::kLoading;
  session.since = now_;
  if (FindResumable(session) == nullptr) {
    AskStore(session);
  } else if (resuming_.size() < table_.capacity()) {
    resuming_.push_back(session.id);
  } else {
    return refuse({DisconnectReason::kZoneFull, "too many come back at once, try again"});
  }
  return DisconnectReason::kNone;
}

bool PlayerSessions::TakeName(Session& session, const protocol::Login& login) {
  if (session.identity) {
    if (!login.token.empty() && login.token != session.identity->view()) return false;
    table_.SetName(session, *session.identity);
    return true;
  }
  if (settings_.identity_required ||
      !core::ValidateName(login.token, persistence::kMaxNameBytes).ok()) {
    return false;
  }
  table_.SetName(session, persistence::PlayerName::From(login.token));
  return true;
}

void PlayerSessions::AskStore(Session& session) {
  persistence::LoginRequest request;
  request.request_id = NextRequestId(session);
  request.tick = now_;
  request.initial = session.state_now;
  request.name = session.name;
  parts_.actions.DescribeNewPlayer(request);
  if (!parts_.store.RequestLogin(request).ok()) {
    stats_.save_queue_full.Add();
    End(session, {DisconnectReason::kStoreUnavailable,
                  "the store is busy (persistence.queue_bytes), try again"});
    return;
  }
  session.request_id = request.request_id;
}

void PlayerSessions::ReceiveCompletions(core::Tick now,
                                        core::FunctionRef<void(core::Tick)> reserved) {
  now_ = now;
  entering_ = 0;
  ResumeWaiting();
  persistence::Completion completion;
  for (;;) {
    held_back_ = entering_ >= settings_.enters_per_tick;
    if (held_back_ || !parts_.store.NextCompletion(completion)) break;
    if (completion.kind == persistence::CompletionKind::kTicksReserved) {
      reserved(completion.reserved_tick);
      continue;
    }
    OnCompletion(completion);
  }
}

void PlayerSessions::OnCompletion(const persistence::Completion& completion) {
  using persistence::CompletionKind;
  switch (completion.kind) {
    case CompletionKind::kAction:
    case CompletionKind::kWorldItem:
    case CompletionKind::kWorldItemsEnd: parts_.actions.OnCompletion(completion); return;
    default: break;
  }
  Session* session = FindByRequest(completion.request_id);
  // Null: the peer left meanwhile; the store's answer stands by itself.
  if (session == nullptr) return;
  if (completion.kind == CompletionKind::kItem) {
    parts_.actions.OnLoginItem(*session, completion.item);
    return;
  }
  session->request_id = 0;
  if (completion.kind == CompletionKind::kLogin) {
    OnLoginDone(*session, completion);
  } else {
    OnEventDone(*session, completion);
  }
}

void PlayerSessions::OnLoginDone(Session& session, const persistence::Completion& completion) {
  if (completion.outcome != persistence::Outcome::kOk) {
    switch (completion.refusal) {
      case persistence::Refusal::kInvalid:
      case persistence::Refusal::kNotFound:
        PutInQuarantine(session, persistence::RefusalName(completion.refusal));
        break;
      case persistence::Refusal::kNotOwner:
        End(session, {DisconnectReason::kWrongShard, kNotOursText});
        break;
      default:
        End(session, {DisconnectReason::kStoreUnavailable, "the store is away, try again"});
        break;
    }
    return;
  }
  // Saves of this world's ticks would never be newer: a second of play would be lost with each.
  if (completion.row.saved_tick > now_) {
    PutInQuarantine(session, "saved_tick_in_the_future");
    return;
  }
  session.player_id = completion.row.player_id;
  session.epoch = completion.row.epoch;
  session.version = completion.row.version;
  table_.SetPresent(session);  // before an older session of the player lets go of it
  PlayerState state = completion.row.state;
  const PlayerState initial = session.state_now;
  session.saved = state;
  if (EndReplaced(session, state)) {
    session.saved.reset();  // how much of it came to the store is not known
    session.took_over = true;
    session.state_now = state;
  }
  if (session.spawn) {
    const int32_t health = state.health;
    state = initial;
    state.health = health;
  } else if (!IsOnEarth(state)) {
    core::Log(core::LogLevel::kError, "stored_place_invalid", "player={} tick={}",
              session.player_id, now_);
    state = initial;
  }
  std::string redirect;
  if (!parts_.zone.Owns({state.x_m, state.y_m, state.z_m}, redirect)) {
    End(session, {DisconnectReason::kWrongShard, "another shard owns this place", redirect});
    return;
  }
  if (!HasRoom()) {
    End(session, {DisconnectReason::kZoneFull, "the zone is full (session.max_players)"});
    return;
  }
  session.state_now = state;
  const auto health = static_cast<uint8_t>(state.health < 0     ? 0
                                           : state.health > 100 ? 100
                                                                : state.health);
  if (!parts_.zone.RequestEntity(session.id, BodyOf(state), health).ok()) {
    End(session, {DisconnectReason::kZoneFull, "the zone is full (session.enters_per_tick)"});
    return;
  }
  session.state = SessionState::kEntering;
  ++entering_;
  parts_.actions.OnLoaded(session, completion.gold);
}

bool PlayerSessions::EndReplaced(const Session& newer, PlayerState& taken_over) {
  bool taken = false;
  Session* next = nullptr;
  for (Session* other = table_.FirstNamed(newer.name); other != nullptr; other = next) {
    next = table_.NextNamed(*other);
    if (other->id == newer.id) continue;
    const bool playing = HasEntity(other->state);
    const bool leaving = other->state == SessionState::kLeaving;
    if (!playing && !leaving && other->state != SessionState::kEntering) continue;
    if (playing || leaving || other->took_over) {
      taken_over = playing ? StateOf(*other) : other->state_now;
      taken = true;
    }
    if (leaving) {
      table_.Close(*other);
    } else {
      End(*other, {DisconnectReason::kReplaced, "the same player logged in elsewhere"});
    }
  }
  return taken;
}

Session* PlayerSessions::FindNamed(const Session& session, SessionState state) {
  Session* other = table_.FirstNamed(session.name);
  while (other != nullptr && (other->id == session.id || other->state != state))
    other = table_.NextNamed(*other);
  return other;
}

void PlayerSessions::OnCreated(SessionId id, const core::Result<core::EntityId>& entity,
                               core::Tick now) {
  now_ = now;
  Session* session = table_.Find(id);
  if (session == nullptr || session->state != SessionState::kEntering) {
    if (entity.ok()) parts_.zone.RemoveEntity(*entity);  // ended between completion and creation
    return;
  }
  if (!entity.ok()) {
    End(*session, {DisconnectReason::kZoneFull, entity.status().context()});
    return;
  }
  const auto viewer = parts_.replicator.AddViewer(*entity, now);
  if (!viewer.ok()) {
    parts_.zone.RemoveEntity(*entity);
    End(*session, {DisconnectReason::kZoneFull, viewer.status().context()});
    return;
  }
  session->entity = *entity;
  session->viewer = *viewer;
  Enter(*session);
}

bool PlayerSessions::HasRoom() {
  if (playing_ + lingering_ + entering_ < settings_.max_players) return true;
  Session* const longest = LongestLingering();
  if (longest == nullptr) return false;
  stats_.lingers_evicted.Add();
  TakeOut(*longest, /*keep_state=*/true);
  return true;
}

void PlayerSessions::Enter(Session& session) {
  --entering_;
  // Spread over the interval, so that a storm of logins does not become a storm of saves.
  session.saved_tick = now_ - (session.saved ? session.id.index % save_ticks_ : save_ticks_);
  session.sampled_tick = now_ - session.id.index % sample_ticks_;
  Welcome(session, /*resumed=*/false);
  if (session.state == SessionState::kPlaying) parts_.actions.OnEntered(session);
}

void PlayerSessions::Welcome(Session& session, bool resumed) {
  ++playing_;
  session.state = SessionState::kPlaying;
  session.since = session.heard = session.entered = now_;
  session.acked = session.overflowed = false;
  protocol::Command still;
  still.yaw = session.state_now.yaw;
  // The path to a player is never longer than this (client library: one second), nor is a clock
  // that is steered so far off.
  constexpr core::Tick kFarS = 2;
  session.input.Reset(now_ - 1, still, kFarS * static_cast<core::Tick>(timing_.tick_hz));
  world::Body body;
  world::Vitals vitals;
  parts_.zone.StateOf(session.entity, body, vitals);
  session.watch.Reset(body);

  protocol::Welcome welcome;
  parts_.zone.DescribeZone(welcome);
  welcome.entity_id = session.entity.bits;
  // Who is new stands still in the tick to come; who was in play has yet to go through it.
  welcome.tick = resumed ? now_ - 1 : now_;
  welcome.position = {session.state_now.x_m, session.state_now.y_m, session.state_now.z_m};
  welcome.ground_height_m = session.state_now.ground_height_m;
  welcome.yaw = session.state_now.yaw;
  welcome.player_id = session.player_id;
  welcome.resumed = resumed;
  stats_.logins.Add();
  if (!SendControl(session, welcome)) {
    End(session,
        {DisconnectReason::kQueueOverflow, "the welcome did not fit (net.outbound_queue_bytes)"});
  }
}

uint64_t PlayerSessions::NextRequestId(const Session& session) {
  return ++requests_ << 24 | session.id.index;
}

Session* PlayerSessions::FindByRequest(uint64_t request_id) {
  Session* session = table_.AtIndex(static_cast<uint32_t>(request_id & 0xffffff));
  return session != nullptr && session->request_id == request_id ? session : nullptr;
}

}  // namespace bluemarble::session
