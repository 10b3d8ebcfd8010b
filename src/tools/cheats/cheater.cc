#include "tools/cheats/cheater.h"

#include <algorithm>
#include <variant>

#include "client/ticket.h"
#include "core/clock.h"
#include "protocol/snapshot.h"

namespace bluemarble::cheats {
namespace {

const core::SystemClock kClock;
constexpr double kLeadTicks = 3;  // of commands ahead of their arrival, as honest clients have

net::ClientEndpointOptions EndpointOptions(const CheaterOptions& options) {
  net::ClientEndpointOptions out;
  out.link.loss = options.loss;
  out.link.latency_ms = options.latency_ms;
  out.link.jitter_ms = options.jitter_ms;
  out.link.seed = options.seed;
  return out;
}

}  // namespace

Cheater::Cheater(const CheaterOptions& options)
    : options_(options),
      endpoint_(kClock, EndpointOptions(options)),
      cheat_(options.style, options.seed) {}

bool Cheater::Connect(const JoinTicket& ticket) {
  token_ = client::LoginToken(ticket);
  open_ = client::ConnectWith(ticket, endpoint_).ok();
  if (!open_) ended_ = DisconnectReason::kInternal;
  return open_;
}

void Cheater::Poll(int64_t now_ns) {
  if (!open_) return;
  endpoint_.Service();
  net::Inbound inbound;
  while (endpoint_.Receive(inbound)) {
    if (inbound.kind == net::InboundKind::kConnected) {
      protocol::Login login;
      login.token = token_;
      login.client_version = "zonebot --cheat";
      if (options_.spawn)
        login.spawn = geo::Geodetic{options_.spawn->lon_deg, options_.spawn->lat_deg, 0};
      (void)endpoint_
          .Send(net::Channel::kReliable, protocol::Encode(protocol::ClientControl(login)))
          .ok();
    } else if (inbound.kind == net::InboundKind::kDisconnected) {
      const bool known = inbound.reason != 0 && inbound.reason < kDisconnectReasons;
      ended_ = known ? static_cast<DisconnectReason>(inbound.reason) : told_;
      open_ = false;
      return;
    } else if (inbound.channel == net::Channel::kReliable) {
      OnControl(inbound.bytes, now_ns);
    } else {
      OnSnapshot(inbound.bytes, now_ns);
    }
  }
  Act(now_ns);
  endpoint_.Flush();
}

void Cheater::OnControl(std::span<const std::byte> bytes, int64_t now_ns) {
  const auto message = protocol::DecodeServerControl(bytes);
  if (!message.ok()) return;
  if (const auto* welcome = std::get_if<protocol::Welcome>(&*message)) {
    welcome_ = *welcome;
    entered_ns_ = acted_ns_ = now_ns;
    newest_tick_ = welcome->tick;
    const double hz = welcome->tick_hz;
    clock_offset_ticks_ =
        static_cast<double>(welcome->tick) - static_cast<double>(now_ns) * hz / 1e9;
    way_ = WayBound(welcome->max_speed_mps, static_cast<int>(welcome->tick_hz));
  } else if (const auto* refused = std::get_if<protocol::Refused>(&*message)) {
    told_ = refused->reason;
  } else if (const auto* goodbye = std::get_if<protocol::ServerGoodbye>(&*message)) {
    told_ = goodbye->reason;
  }
}

void Cheater::OnSnapshot(std::span<const std::byte> bytes, int64_t now_ns) {
  if (!welcome_) return;
  protocol::SnapshotReader reader;
  if (!reader.Begin(bytes).ok()) return;
  const protocol::PrivateBlock& own = reader.own();
  const core::Tick tick = core::ExpandTick(own.tick, newest_tick_);
  newest_tick_ = std::max(newest_tick_, tick);
  const double hz = welcome_->tick_hz;
  clock_offset_ticks_ = std::max(
      clock_offset_ticks_, static_cast<double>(tick) - static_cast<double>(now_ns) * hz / 1e9);
  if (own.exact) way_.Add(tick, own.position);
  const int steps = ack_ == 0 ? 64 : protocol::SequenceSteps(ack_, own.sequence);
  if (steps == 0 || steps > 1 << 15) return;  // old: it is not acknowledged
  ack_bits_ = steps >= 64 ? 0 : ack_bits_ << steps | (ack_ == 0 ? 0 : 1ull << (steps - 1));
  ack_ = own.sequence;
}

void Cheater::Act(int64_t now_ns) {
  if (!welcome_) return;
  const double hz = welcome_->tick_hz;
  const auto tick_ns = static_cast<int64_t>(1e9 / hz);
  if (now_ns < acted_ns_ + tick_ns) return;
  acted_ns_ = std::max(acted_ns_ + tick_ns, now_ns - tick_ns);
  CheatScene scene;
  const double path_ticks = (2.0 * options_.latency_ms + options_.jitter_ms) * hz / 1000;
  scene.tick = static_cast<core::Tick>(static_cast<double>(now_ns) * hz / 1e9 +
                                       clock_offset_ticks_ + path_ticks + kLeadTicks);
  scene.seconds = static_cast<double>(now_ns - entered_ns_) / 1e9;
  scene.ack = ack_;
  scene.ack_bits = ack_bits_;
  scene.own_entity = welcome_->entity_id;
  for (const RawMessage& message : cheat_.Next(scene)) {
    ++sent_;
    (void)endpoint_.Send(message.channel, message.bytes).ok();  // ended meanwhile: the next Poll's
  }
}

void Cheater::Quit() {
  if (open_) endpoint_.Disconnect(static_cast<uint32_t>(DisconnectReason::kClientQuit));
}

}  // namespace bluemarble::cheats
