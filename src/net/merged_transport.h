/// Two transports as one: the zone's ENet hosts, and its streams as one more. Zone thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "net/transport.h"

namespace bluemarble::net {

class MergedTransport final : public Transport {
 public:
  /// Peers of host `first_hosts` and above are the second's. Both outlive it, and agree on
  /// max_unreliable_bytes.
  MergedTransport(Transport& first, uint32_t first_hosts, Transport& second)
      : first_(first), second_(second), first_hosts_(first_hosts) {}

  bool Receive(Inbound& out) override { return first_.Receive(out) || second_.Receive(out); }
  // Of the ENet peers, who are thousands.
  core::PeerId Upcoming() override { return first_.Upcoming(); }
  size_t max_unreliable_bytes() const override { return first_.max_unreliable_bytes(); }
  core::Status Send(core::PeerId peer, Channel channel, std::span<const std::byte> bytes) override {
    return Of(peer).Send(peer, channel, bytes);
  }
  void Disconnect(core::PeerId peer, uint32_t reason) override {
    Of(peer).Disconnect(peer, reason);
  }
  void Flush(core::Tick tick, int64_t scheduled_ns) override {
    first_.Flush(tick, scheduled_ns);
    second_.Flush(tick, scheduled_ns);
  }
  int unsent() const override { return std::max(first_.unsent(), second_.unsent()); }

 private:
  Transport& Of(core::PeerId peer) { return peer.host() < first_hosts_ ? first_ : second_; }

  Transport& first_;
  Transport& second_;
  const uint32_t first_hosts_;
};

}  // namespace bluemarble::net
