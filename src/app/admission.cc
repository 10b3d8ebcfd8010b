#include "app/admission.h"

namespace bluemarble::app {

Admission::Admission(const net::EnetTransport& transport, const session::SessionStats& sessions,
                     const persistence::DurableQueue& store, std::string address,
                     uint32_t max_players, uint32_t max_peers_per_host)
    : transport_(transport),
      sessions_(sessions),
      store_(store),
      address_(std::move(address)),
      max_players_(max_players),
      max_peers_per_host_(max_peers_per_host) {}

core::Result<api::JoinAnswer> Admission::Join(const api::JoinRequest& request) {
  if (stopping_.load(std::memory_order_relaxed)) {
    return core::Status(core::Code::kUnavailable, "the server is stopping");
  }
  if (!store_.ready()) {
    return core::Status(core::Code::kUnavailable, "the store is not ready, try again later");
  }
  if (sessions_.players.Get() >= max_players_) {
    return core::Status(core::Code::kFull, "the zone is full (session.max_players)");
  }
  // Tickets of a storm are given out long before their peers connect, so near-equal hosts take
  // turns.
  constexpr uint64_t kNearlyEqualPeers = 64;
  const auto hosts = static_cast<uint32_t>(transport_.hosts());
  const uint32_t turn = next_host_.fetch_add(1, std::memory_order_relaxed);
  int best = -1;
  uint64_t best_peers = max_peers_per_host_;
  for (uint32_t i = 0; i < hosts; ++i) {
    const auto host = static_cast<int>((turn + i) % hosts);
    const uint64_t peers = transport_.host_stats(host).peers_connected.Get();
    if (peers >= max_peers_per_host_) continue;
    if (best < 0 || peers + kNearlyEqualPeers < best_peers) {
      best = host;
      best_peers = peers;
    }
  }
  if (best < 0)
    return core::Status(core::Code::kFull,
                        "every host is full (net.hosts, net.max_peers_per_host)");
  return api::JoinAnswer{address_, transport_.port(best), request.name};
}

}  // namespace bluemarble::app
