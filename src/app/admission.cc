#include "app/admission.h"

#include "app/play_sockets.h"

namespace bluemarble::app {
namespace {

// Clients that are told to wait for longer try again all the same.
constexpr int kMostWaitMs = 20'000;

// Joins of one account at once, and in the long run.
constexpr double kAccountJoins = 10, kAccountJoinsPerS = 1;
constexpr int kAccountWaitMs = 2'000;

}  // namespace

Admission::Admission(const net::EnetTransport& transport, const session::SessionStats& sessions,
                     const session::Presence& presence, const persistence::DurableQueue& store,
                     const core::Counter& overloaded, const core::Clock& clock, std::string address,
                     const Limits& limits)
    : transport_(transport),
      sessions_(sessions),
      presence_(presence),
      store_(store),
      overloaded_(overloaded),
      clock_(clock),
      address_(std::move(address)),
      limits_(limits),
      // Tickets are shown late and in crowds: a quarter of the places leaves room for both.
      pace_(limits.entries_per_s, limits.max_pending / 4, kMostWaitMs) {}

// Before the pace, which all share: one account in a loop shall not take everybody's turns.
bool Admission::AsksTooOften(int64_t account_id) {
  const std::lock_guard lock(accounts_mutex_);
  const std::string key = std::to_string(account_id);
  const int64_t now_ns = clock_.NowNs();
  if (accounts_.Get(key, now_ns, kAccountJoinsPerS).value >= kAccountJoins) return true;
  accounts_.Add(key, 1, now_ns, kAccountJoinsPerS);
  return false;
}

void Admission::Count(core::Counter& counter) {
  const std::lock_guard lock(counters_mutex_);
  counter.Add();
}

core::Result<int> Admission::ChooseHost() {
  // Tickets of a storm are given out long before their peers connect, so near-equal hosts take
  // turns.
  constexpr uint64_t kNearlyEqualPeers = 64;
  const auto hosts = static_cast<uint32_t>(transport_.hosts());
  const uint32_t turn = next_host_.fetch_add(1, std::memory_order_relaxed);
  int best = -1;
  uint64_t best_peers = limits_.max_peers_per_host;
  for (uint32_t i = 0; i < hosts; ++i) {
    const auto host = static_cast<int>((turn + i) % hosts);
    const uint64_t peers = transport_.host_stats(host).peers_connected.Get();
    if (peers >= limits_.max_peers_per_host) continue;
    if (best < 0 || peers + kNearlyEqualPeers < best_peers) {
      best = host;
      best_peers = peers;
    }
  }
  if (best < 0)
    return core::Status(core::Code::kFull,
                        "every host is full (net.hosts, net.max_peers_per_host)");
  return best;
}

core::Result<api::JoinAnswer> Admission::Join(const api::JoinRequest& request) {
  if (stopping_.load(std::memory_order_relaxed)) {
    return core::Status(core::Code::kUnavailable, "the server is stopping");
  }
  if (!store_.ready()) {
    return core::Status(core::Code::kUnavailable, "the store is not ready, try again later");
  }
  // Of those who linger one gives way, and who is in play takes the place that he has.
  const bool full = sessions_.players.Get() >= limits_.max_players;
  const bool overloaded = overloaded_.Get() != 0;
  if ((full || overloaded) &&
      !presence_.ContainsNamed(persistence::PlayerName::From(request.name))) {
    if (full) return core::Status(core::Code::kFull, "the zone is full (session.max_players)");
    Count(overload_refused_);
    return core::Status(core::Code::kFull,
                        "the zone is overloaded (tick.max_dilation_pct), try again later");
  }
  if (!request.websocket) {
    const auto host = ChooseHost();
    if (!host.ok()) return host.status();
    auto answer = Paced(request);
    if (!answer.ok() || answer->wait_ms > 0) return answer;
    answer->address = address_;
    answer->port = transport_.port(*host);
    if (!transport_.sealed()) return answer;
    auto token = transport_.Mint(*host, request.account_id, request.name);
    if (!token.ok()) return token.status();
    answer->token = std::move(*token);
    return answer;
  }
  if (streams_ == nullptr)
    return core::Status(core::Code::kInvalid,
                        "this server has no WebSockets (http.max_websockets)");
  if (streams_->stats().connected.Get() >= streams_->slots())
    return core::Status(core::Code::kFull, "every WebSocket is taken (http.max_websockets)");
  auto answer = Paced(request);
  if (!answer.ok() || answer->wait_ms > 0) return answer;
  answer->path = kPlayPath;
  if (!streams_->sealed()) return answer;
  auto token = streams_->Mint(request.account_id, request.name);
  if (!token.ok()) return token.status();
  answer->token = std::move(*token);
  return answer;
}

/// A wait, or an answer that lacks where to and, if there is one, the token.
core::Result<api::JoinAnswer> Admission::Paced(const api::JoinRequest& request) {
  if (transport_.sealed() && AsksTooOften(request.account_id)) {
    Count(paced_);
    return api::JoinAnswer{.wait_ms = kAccountWaitMs};
  }
  if (const int wait_ms = pace_.Ask(clock_.NowNs()); wait_ms > 0) {
    Count(paced_);
    return api::JoinAnswer{.wait_ms = wait_ms};
  }
  if (!transport_.sealed()) return api::JoinAnswer{.token = request.name};
  return api::JoinAnswer{.security = "sealed", .expires_s = limits_.token_life_s};
}

}  // namespace bluemarble::app
