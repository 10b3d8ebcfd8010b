#include "client/session_core.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>

namespace bluemarble::client {
namespace {

constexpr int64_t kConnectTimeoutNs = 5'000'000'000;
// In a storm of logins a zone lets in some hundred players a second; ENet finds out what is dead.
constexpr int64_t kLoginTimeoutNs = 30'000'000'000;
// No command heard of for so long: the lead is far off, in a direction that cannot be told.
constexpr int64_t kLeadSearchNs = 500'000'000;
constexpr double kFirstPathTicks = 2, kMaxFirstPathTicks = 8, kMaxSearchTicks = 30;
constexpr int kChangedSends = 3;
constexpr int kKeepAliveHz = 10;
// The server buffers 8 commands; what is older than that is late anyway.
constexpr int kRepeatedCommands = 8;
static_assert(kRepeatedCommands >= kMinInputCommands && kRepeatedCommands <= kMaxInputCommands);

int8_t Axis(double value) {
  if (!(std::abs(value) <= 1)) value = std::isnan(value) ? 0 : std::copysign(1.0, value);
  return static_cast<int8_t>(std::lround(value * 127));
}

uint16_t Turn(double turns) {
  if (!std::isfinite(turns)) return 0;
  return static_cast<uint16_t>(std::lround((turns - std::floor(turns)) * 65536) & 0xffff);
}

Vector3 ToVector3(geo::Vec3 v) { return {v.x, v.y, v.z}; }

}  // namespace

ClientCore::ClientCore(const ClientOptions& options, Link& link, KeySource keys)
    : link_(link), options_(options), actions_(std::move(keys), options.resend_unknown_ms) {}

void ClientCore::Start(const std::string& token, int64_t now_ns) {
  state_ = ClientState::kConnecting;
  token_ = token;
  started_ns_ = heard_ns_ = now_ns_ = now_ns;
}

void ClientCore::OnConnected(int64_t now_ns) {
  if (state_ != ClientState::kConnecting) return;
  state_ = ClientState::kLoggingIn;
  connected_ns_ = heard_ns_ = now_ns;
  protocol::Login login;
  login.token = token_;
  login.client_version = options_.client_version;
  if (options_.spawn)
    login.spawn =
        geo::Geodetic{options_.spawn->lon_deg, options_.spawn->lat_deg, options_.spawn->alt_m};
  SendControl(login);
}

void ClientCore::OnDisconnected(uint32_t reason, int64_t) {
  if (state_ == ClientState::kEnded) return;
  const bool unanswered = state_ == ClientState::kConnecting;
  if (reason >= kDisconnectReasons) reason = static_cast<uint32_t>(DisconnectReason::kInternal);
  if (reason == 0) reason = static_cast<uint32_t>(DisconnectReason::kTimeout);
  End(static_cast<DisconnectReason>(reason),
      unanswered ? "no answer from the server" : "disconnected by the server");
}

void ClientCore::OnMessage(net::Channel channel, std::span<const std::byte> bytes, int64_t now_ns) {
  if (state_ == ClientState::kEnded || state_ == ClientState::kIdle) return;
  heard_ns_ = now_ns;
  if (channel == net::Channel::kReliable) {
    OnControl(bytes, now_ns);
  } else if (state_ == ClientState::kPlaying) {
    OnSnapshot(bytes, now_ns);
  }
}

void ClientCore::OnControl(std::span<const std::byte> bytes, int64_t now_ns) {
  auto message = protocol::DecodeServerControl(bytes);
  if (message.status().code() == core::Code::kNotFound) return;
  if (!message.ok()) {
    End(DisconnectReason::kMalformed, message.status().context());
    link_.Close(static_cast<uint32_t>(DisconnectReason::kMalformed));
    return;
  }
  if (const auto* welcome = std::get_if<protocol::Welcome>(&*message)) {
    if (state_ == ClientState::kLoggingIn) OnWelcome(*welcome, now_ns);
  } else if (const auto* refused = std::get_if<protocol::Refused>(&*message)) {
    redirect_ = refused->redirect;
    End(refused->reason, refused->text);
    link_.Close(0);
  } else if (const auto* goodbye = std::get_if<protocol::ServerGoodbye>(&*message)) {
    End(goodbye->reason, goodbye->text);
    link_.Close(0);
  } else if (const auto* result = std::get_if<protocol::ActionResult>(&*message)) {
    actions_.OnResult(*result, now_ns);
  } else if (const auto* update = std::get_if<protocol::InventoryUpdate>(&*message)) {
    inventory_.OnUpdate(*update);
  } else if (const auto* offered = std::get_if<protocol::TradeOffered>(&*message)) {
    inventory_.OnOffered(*offered);
  } else if (const auto* closed = std::get_if<protocol::TradeClosed>(&*message)) {
    inventory_.OnClosed(*closed);
  } else if (auto* heard = std::get_if<protocol::ChatHeard>(&*message)) {
    chat_.OnHeard(std::move(*heard));
  } else if (auto* unheard = std::get_if<protocol::ChatRefused>(&*message)) {
    chat_.OnRefused(std::move(*unheard));
  }
}

void ClientCore::OnWelcome(const protocol::Welcome& welcome, int64_t now_ns) {
  if (welcome.tick_hz < 1 || welcome.tick_hz > 1000) {
    End(DisconnectReason::kMalformed, "tick rate out of range in Welcome");
    link_.Close(static_cast<uint32_t>(DisconnectReason::kMalformed));
    return;
  }
  welcome_ = welcome;
  token_.clear();
  const auto hz = static_cast<int>(welcome.tick_hz);
  clock_.Reset(welcome.tick, now_ns, hz);
  const int64_t round_trip_ns = std::min(connected_ns_ - started_ns_, now_ns - connected_ns_);
  const double path_ticks = static_cast<double>(round_trip_ns) / clock_.tick_ns();
  lead_.Reset(std::clamp(path_ticks, kFirstPathTicks, kMaxFirstPathTicks), hz);
  const motion::MotionState state{welcome.position, {}, welcome.ground_height_m, welcome.yaw};
  const auto range = geo::LongitudeRange::Make(welcome.lon_min_deg, welcome.lon_max_deg);
  player_.Reset(welcome.tick, state, {welcome.max_speed_mps, welcome.acceleration_mps2}, hz,
                range.ok() ? *range : geo::LongitudeRange());
  if (wanted_ == motion::MotionInput{}) wanted_.yaw = welcome.yaw;
  if (options_.decode) {
    view_ = std::make_unique<RemoteView>(hz, welcome.class_period_ticks, options_.interpolation_ms);
    replica_ = std::make_unique<Replica>(hz, view_.get());
  }
  snapshot_tick_ = held_by_server_ = sent_tick_ = welcome.tick;
  path_sample_ns_ = now_ns_ = now_ns;
  state_ = ClientState::kPlaying;
}

void ClientCore::OnSnapshot(std::span<const std::byte> bytes, int64_t now_ns) {
  protocol::SnapshotReader reader;
  if (!reader.Begin(bytes).ok() || reader.own().sequence == 0) {
    ++stats_.malformed;
    return;
  }
  const protocol::PrivateBlock& own = reader.own();
  if (acks_.Contains(own.sequence)) return;
  const core::Tick tick = core::ExpandTick(own.tick, snapshot_tick_);
  // What has left since may be forgotten already, and would come back with it.
  if (static_cast<int64_t>(snapshot_tick_ - tick) > kAckWindow) {
    ++stats_.overtaken;
    return;
  }
  ++stats_.snapshots;
  clock_.OnSnapshot(tick, now_ns);
  if (replica_ == nullptr || replica_->Apply(reader, tick).ok()) acks_.Note(own.sequence);
  ApplyOwn(own, tick, now_ns);
}

void ClientCore::ApplyOwn(const protocol::PrivateBlock& own, core::Tick tick, int64_t now_ns) {
  if (own.exact) {
    const motion::MotionState state{own.position, own.velocity, own.ground_height_m, own.yaw};
    const double error_m = player_.OnExact(tick, state, now_ns);
    if (error_m > 0) {
      ++stats_.corrections;
      stats_.last_correction_m = error_m;
    }
  }
  if (own.confirmed) player_.OnConfirmed(tick - own.confirmed_age);
  if (tick < snapshot_tick_) return;
  snapshot_tick_ = tick;
  health_ = own.health;
  stats_.input_depth = own.input_depth;
  stats_.dilation_pct = own.dilation_pct;
  NoteDepth(tick, own.input_depth, now_ns);
}

void ClientCore::NoteDepth(core::Tick tick, int depth, int64_t now_ns) {
  const core::Tick held = tick + static_cast<core::Tick>(int64_t{depth});
  double sent_clock = 0;
  if (static_cast<int64_t>(held - held_by_server_) <= 0 || !player_.ClockAt(held, sent_clock))
    return;
  held_by_server_ = held;
  path_sample_ns_ = now_ns;
  lead_.OnPathSample(static_cast<double>(tick) - sent_clock, now_ns);
}

void ClientCore::Tick(int64_t now_ns) {
  now_ns_ = now_ns;
  CheckTimeouts(now_ns);
  if (state_ != ClientState::kPlaying) return;
  StepAndSend(now_ns);
  if (const Action* again = actions_.NextResend(now_ns)) SendControl(ToMessage(*again));
}

void ClientCore::CheckTimeouts(int64_t now_ns) {
  const char* text = nullptr;
  if (state_ == ClientState::kConnecting && now_ns - started_ns_ > kConnectTimeoutNs)
    text = "no answer from the server within 5 s";
  if (state_ == ClientState::kLoggingIn && now_ns - connected_ns_ > kLoginTimeoutNs)
    text = "the server did not answer the login within 10 s";
  if (state_ == ClientState::kPlaying &&
      now_ns - heard_ns_ > int64_t{options_.silence_ms} * 1'000'000)
    text = "nothing heard from the server for too long";
  if (text == nullptr) return;
  End(DisconnectReason::kTimeout, text);
  link_.Close(static_cast<uint32_t>(DisconnectReason::kTimeout));
}

void ClientCore::StepAndSend(int64_t now_ns) {
  if (now_ns - path_sample_ns_ > kLeadSearchNs) {
    path_sample_ns_ = now_ns;
    const double next = lead_.ticks() * 2;
    lead_.Reset(next > kMaxSearchTicks ? kFirstPathTicks : next,
                static_cast<int>(welcome_->tick_hz));
  }
  clock_.Advance(now_ns);
  lead_.Advance(now_ns);
  const double clock = clock_.TickAt(now_ns);
  if (view_ != nullptr) view_->Advance(clock, clock_.jitter_ticks());

  const auto target = static_cast<core::Tick>(clock + lead_.ticks());
  if (target <= player_.newest_tick()) return;
  if (wanted_ != player_.CommandAt(player_.newest_tick())) changed_sends_left_ = kChangedSends;
  player_.StepTo(target, wanted_, clock);
  if (changed_sends_left_ > 0) {
    --changed_sends_left_;
  } else if (target - sent_tick_ < std::max(1u, welcome_->tick_hz / kKeepAliveHz)) {
    return;
  }
  sent_tick_ = target;
  SendInput();
}

void ClientCore::SendInput() {
  protocol::InputMessage message;
  const core::Tick newest = player_.newest_tick();
  message.ack = acks_.newest();
  message.ack_bits = acks_.bits();
  message.newest_tick = static_cast<uint32_t>(newest);
  message.digest = motion::PositionDigest(player_.newest().position);
  message.count = kRepeatedCommands;
  for (int i = 0; i < message.count; ++i) {
    const motion::MotionInput& input = player_.CommandAt(newest - static_cast<core::Tick>(i));
    message.commands[static_cast<size_t>(i)] = {input.move_east, input.move_north, input.yaw,
                                                input.buttons};
  }
  std::array<std::byte, protocol::kMaxInputBytes> buffer;
  const auto size = protocol::EncodeInput(message, buffer);
  if (size.ok()) link_.Send(net::Channel::kUnreliable, std::span(buffer).first(*size));
}

int64_t ClientCore::NextDueNs() const {
  if (state_ == ClientState::kIdle || state_ == ClientState::kEnded) return INT64_MAX;
  if (state_ == ClientState::kConnecting) return started_ns_ + kConnectTimeoutNs;
  if (state_ == ClientState::kLoggingIn) return connected_ns_ + kLoginTimeoutNs;
  const core::Tick newest = player_.newest_tick();
  const bool changing = changed_sends_left_ > 0 || wanted_ != player_.CommandAt(newest);
  const core::Tick due =
      changing ? newest + 1 : std::max(newest + 1, sent_tick_ + welcome_->tick_hz / kKeepAliveHz);
  const double ahead = static_cast<double>(due) - clock_.TickAt(now_ns_) - lead_.ticks();
  const int64_t input_ns = now_ns_ + static_cast<int64_t>(std::max(0.0, ahead) * clock_.tick_ns());
  return std::min(input_ns, std::max(now_ns_, actions_.NextDueNs()));
}

void ClientCore::SetInput(const PlayerInput& input) {
  wanted_ = {Axis(input.move_east), Axis(input.move_north), Turn(input.yaw_turns), input.buttons};
}

ActionKey ClientCore::Act(Action action) {
  if (state_ != ClientState::kPlaying) {
    if (state_ != ClientState::kEnded) error_ = "not in play yet";
    return {};
  }
  if (const core::Status status = actions_.Take(action); !status.ok()) {
    error_ = status.context();
    return {};
  }
  SendControl(ToMessage(action));
  return action.key;
}

uint32_t ClientCore::Say(ChatScope scope, std::string_view text) {
  if (state_ != ClientState::kPlaying) {
    if (state_ != ClientState::kEnded) error_ = "not in play yet";
    return 0;
  }
  if (text.empty() || text.size() > kMaxChatBytes) {
    error_ = "a line of chat has 1 to kMaxChatBytes bytes";
    return 0;
  }
  if (++said_ == 0) said_ = 1;
  SendControl(protocol::ChatSay{scope, std::string(text), said_});
  return said_;
}

void ClientCore::DeclineTrade(uint64_t trade_id) {
  if (state_ == ClientState::kPlaying) SendControl(protocol::DeclineTrade{trade_id, {}});
}

void ClientCore::WithdrawOffer(const ActionKey& key) {
  if (state_ != ClientState::kPlaying || key == ActionKey{}) return;
  protocol::DeclineTrade decline;
  std::memcpy(decline.key.data(), key.data(), key.size());
  SendControl(decline);
}

void ClientCore::SendControl(const protocol::ClientControl& message) {
  link_.Send(net::Channel::kReliable, protocol::Encode(message));
}

void ClientCore::Quit() {
  if (state_ == ClientState::kIdle || state_ == ClientState::kEnded) return;
  if (state_ != ClientState::kConnecting) SendControl(protocol::ClientGoodbye{});
  End(DisconnectReason::kClientQuit, "");
  link_.Close(static_cast<uint32_t>(DisconnectReason::kClientQuit));
}

void ClientCore::Fail(DisconnectReason reason, std::string text) { End(reason, std::move(text)); }

void ClientCore::End(DisconnectReason reason, std::string text) {
  state_ = ClientState::kEnded;
  end_reason_ = reason;
  error_ = std::move(text);
}

OwnView ClientCore::own() const {
  OwnView view;
  if (!player_.started()) return view;
  view.id = welcome_->entity_id;
  view.position = ToVector3(player_.DrawnAt(clock_.TickAt(now_ns_) + lead_.ticks(), now_ns_));
  view.predicted = ToVector3(player_.newest().position);
  view.predicted_tick = player_.newest_tick();
  view.confirmed_tick = player_.confirmed_tick();
  view.confirmed = ToVector3(player_.confirmed());
  view.yaw_turns = player_.newest().yaw / 65536.0;
  view.health = health_;
  return view;
}

void ClientCore::ForEachEntity(int64_t now_ns,
                               const std::function<void(const EntityView&)>& visit) const {
  if (view_ != nullptr)
    view_->ForEach(clock_.TickAt(now_ns), core::EntityId{welcome_->entity_id}, visit);
}

bool ClientCore::FindEntity(uint32_t id, int64_t now_ns, EntityView& out) const {
  if (view_ == nullptr || id == welcome_->entity_id) return false;
  return view_->Find(core::EntityId{id}, clock_.TickAt(now_ns), out);
}

size_t ClientCore::entities_in_view() const {
  if (view_ == nullptr) return 0;
  return view_->size() - (view_->Holds(core::EntityId{welcome_->entity_id}) ? 1 : 0);
}

std::optional<Vector3> ClientCore::OwnPositionAt(core::Tick tick) const {
  const motion::MotionState* state = player_.StateAt(tick);
  if (state == nullptr) return std::nullopt;
  return ToVector3(state->position);
}

const ClientStats& ClientCore::stats() const {
  if (replica_ == nullptr) return stats_;
  const ReplicaStats& held = replica_->stats();
  stats_.entity_updates = held.entity_updates;
  stats_.part_bytes = held.part_bytes;
  stats_.missing_base = held.missing_base;
  return stats_;
}

}  // namespace bluemarble::client
