/// A network that costs the zone thread what the real one's rings do, for benches. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "net/transport.h"

namespace bluemarble::bench {

/// Both directions as flat buffers: a message costs the zone thread a copy, as in the rings to the
/// real net threads. (The simulated network's heap and ordered map would count as the zone's.)
class FlatTransport final : public net::Transport {
 public:
  struct Message {
    net::InboundKind kind;
    net::Channel channel;
    uint32_t player;
    size_t begin, bytes;
  };
  struct Lane {
    std::vector<Message> messages;
    std::vector<std::byte> bytes;
    void Push(net::InboundKind kind, net::Channel channel, uint32_t player,
              std::span<const std::byte> body) {
      messages.push_back({kind, channel, player, bytes.size(), body.size()});
      bytes.insert(bytes.end(), body.begin(), body.end());
    }
    std::span<const std::byte> BodyOf(const Message& message) const {
      return std::span(bytes).subspan(message.begin, message.bytes);
    }
    void Clear() {
      messages.clear();
      bytes.clear();
    }
  };

  bool Receive(net::Inbound& out) override {
    if (next_up_ == up.messages.size()) return false;
    const Message& message = up.messages[next_up_++];
    out = {message.kind, message.channel,   core::PeerId::Make(0, message.player, 1), 0,
           0x7f000001,   up.BodyOf(message)};
    return true;
  }
  size_t max_unreliable_bytes() const override { return 1115; }  // as net::EnetTransport
  core::Status Send(core::PeerId peer, net::Channel channel,
                    std::span<const std::byte> bytes) override {
    down.Push(net::InboundKind::kMessage, channel, peer.slot(), bytes);
    return {};
  }
  void Disconnect(core::PeerId, uint32_t reason) override { end_reason = reason; }
  void Flush(core::Tick, int64_t) override {}

  /// Between ticks: what the zone has taken is forgotten.
  void ForgetTaken() {
    if (next_up_ < up.messages.size()) return;
    up.Clear();
    next_up_ = 0;
  }

  Lane up, down;
  uint32_t end_reason = 0;  ///< Of the last player that the zone ended.

 private:
  size_t next_up_ = 0;
};

}  // namespace bluemarble::bench
