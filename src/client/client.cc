#include "bluemarble/client.h"

#include <algorithm>
#include <utility>

#include "client/link.h"
#include "client/session_core.h"
#include "client/ticket.h"
#include "core/clock.h"
#include "net/client_endpoint.h"

namespace bluemarble {
namespace {

const core::SystemClock kSystemClock;

net::ClientEndpointOptions EndpointOptions(const ClientOptions& options) {
  net::ClientEndpointOptions out;
  out.link.loss = options.loss;
  out.link.duplicate = options.duplicate;
  out.link.latency_ms = options.latency_ms;
  out.link.jitter_ms = options.jitter_ms;
  out.link.seed = options.seed;
  return out;
}

}  // namespace

struct Client::Impl final : client::Link {
  explicit Impl(ClientOptions options)
      : endpoint(kSystemClock, EndpointOptions(options)), core(options, *this) {}

  void Send(net::Channel channel, std::span<const std::byte> bytes) override {
    // Stale or full: the endpoint tells of the end itself, and what is unreliable may be lost.
    (void)endpoint.Send(channel, bytes).ok();
    unsent = true;
  }
  void Close(uint32_t reason) override {
    endpoint.Disconnect(reason);
    unsent = true;
  }

  void Poll(int64_t now_ns, bool readable) {
    if (!open) return;
    endpoint.Service(readable);
    net::Inbound inbound;
    while (endpoint.Receive(inbound)) {
      switch (inbound.kind) {
        case net::InboundKind::kConnected: core.OnConnected(now_ns); break;
        case net::InboundKind::kMessage:
          core.OnMessage(inbound.channel, inbound.bytes, now_ns);
          break;
        case net::InboundKind::kDisconnected:
          core.OnDisconnected(inbound.reason, now_ns);
          open = false;
          return;
      }
    }
    core.Tick(now_ns);
    if (unsent) endpoint.Flush();
    unsent = false;
  }

  const ClientStats& Stats() {
    const net::LinkCounters& counters = endpoint.counters();
    stats = core.stats();
    stats.down_bytes = counters.bytes_down;
    stats.down_packets = counters.datagrams_down;
    stats.up_bytes = counters.bytes_up;
    stats.up_packets = counters.datagrams_up;
    stats.rtt_ms = endpoint.rtt_ms();
    return stats;
  }

  net::ClientEndpoint endpoint;
  client::ClientCore core;
  ClientStats stats;
  bool open = false;
  bool unsent = false;
};

Client::Client(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

bool Client::Connect(const JoinTicket& ticket) {
  if (impl_->core.state() != ClientState::kIdle) return false;
  const core::Status status = client::ConnectWith(ticket, impl_->endpoint);
  if (!status.ok()) {
    impl_->core.Fail(DisconnectReason::kInternal, status.ToString());
    return false;
  }
  impl_->open = true;
  impl_->core.Start(client::LoginToken(ticket), kSystemClock.NowNs());
  return true;
}

void Client::Poll(int64_t now_ns, bool readable) { impl_->Poll(now_ns, readable); }

int64_t Client::NextDueNs() const {
  if (!impl_->open) return INT64_MAX;
  // The goodbye is under way: each poll may finish it.
  if (impl_->core.state() == ClientState::kEnded) return 0;
  return std::min(impl_->core.NextDueNs(), impl_->endpoint.next_due_ns());
}

void Client::SetInput(const PlayerInput& input) { impl_->core.SetInput(input); }
ActionKey Client::Act(Action action) { return impl_->core.Act(std::move(action)); }
bool Client::NextAnswer(ActionAnswer& out) { return impl_->core.actions().NextAnswer(out); }
const std::vector<Action>& Client::unanswered() const { return impl_->core.actions().unanswered(); }
uint32_t Client::Say(ChatScope scope, std::string_view text) {
  return impl_->core.Say(scope, text);
}
bool Client::NextChat(ChatLine& out) { return impl_->core.chat().Next(out); }
void Client::DeclineTrade(uint64_t trade_id) { impl_->core.DeclineTrade(trade_id); }
void Client::WithdrawOffer(const ActionKey& key) { impl_->core.WithdrawOffer(key); }
const std::vector<TradeOffer>& Client::offers() const { return impl_->core.inventory().offers(); }
const std::vector<InventoryItem>& Client::inventory() const {
  return impl_->core.inventory().items();
}
bool Client::inventory_known() const { return impl_->core.inventory().known(); }
int64_t Client::gold() const { return impl_->core.inventory().gold(); }
void Client::Disconnect() { impl_->core.Quit(); }
bool Client::resumed() const {
  const protocol::Welcome* welcome = impl_->core.welcome();
  return welcome != nullptr && welcome->resumed;
}
void Client::GoDark(int64_t until_ns) { impl_->endpoint.GoDark(until_ns); }
bool Client::Rebind() { return impl_->endpoint.Rebind().ok(); }

ClientState Client::state() const { return impl_->core.state(); }
DisconnectReason Client::end_reason() const { return impl_->core.end_reason(); }
const std::string& Client::error() const { return impl_->core.error(); }
const std::string& Client::redirect() const { return impl_->core.redirect(); }

OwnView Client::own() const { return impl_->core.own(); }
void Client::ForEachEntity(int64_t now_ns,
                           const std::function<void(const EntityView&)>& visit) const {
  impl_->core.ForEachEntity(now_ns, visit);
}
bool Client::FindEntity(uint32_t id, int64_t now_ns, EntityView& out) const {
  return impl_->core.FindEntity(id, now_ns, out);
}
size_t Client::entities_in_view() const { return impl_->core.entities_in_view(); }
std::optional<Vector3> Client::OwnPositionAt(uint64_t tick) const {
  return impl_->core.OwnPositionAt(tick);
}

double Client::ServerTick(int64_t now_ns) const { return impl_->core.ServerTick(now_ns); }
int Client::tick_hz() const {
  const protocol::Welcome* welcome = impl_->core.welcome();
  return welcome == nullptr ? 0 : static_cast<int>(welcome->tick_hz);
}
double Client::max_speed_mps() const {
  const protocol::Welcome* welcome = impl_->core.welcome();
  return welcome == nullptr ? 0 : welcome->max_speed_mps;
}
double Client::class_radius_m(ReplicationClass cls) const {
  const protocol::Welcome* welcome = impl_->core.welcome();
  return welcome == nullptr ? 0 : welcome->class_radius_m[static_cast<size_t>(cls)];
}
int64_t Client::player_id() const {
  const protocol::Welcome* welcome = impl_->core.welcome();
  return welcome == nullptr ? 0 : welcome->player_id;
}
const ClientStats& Client::stats() const { return impl_->Stats(); }
int Client::fd() const { return impl_->endpoint.fd(); }

}  // namespace bluemarble
