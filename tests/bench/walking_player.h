/// A player for benches: what the server sees of one, for little of the bench's own time. One
/// thread.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "bench/flat_transport.h"
#include "client/session_core.h"
#include "core/hash.h"

namespace bluemarble::bench {

/// The real client logic that acknowledges snapshots without decoding them, and never stands still.
class WalkingPlayer final : public client::Link {
 public:
  WalkingPlayer(FlatTransport& transport, uint32_t index, const GeoPosition& place, int64_t now_ns)
      : transport_(transport),
        index_(index),
        random_(index + 1),
        core_(OptionsOf(index, place), *this) {
    core_.Start(fmt::format("player{}", index), now_ns);
    transport_.up.Push(net::InboundKind::kConnected, net::Channel::kReliable, index, {});
    core_.OnConnected(now_ns);
    Turn();
  }

  void Send(net::Channel channel, std::span<const std::byte> bytes) override {
    transport_.up.Push(net::InboundKind::kMessage, channel, index_, bytes);
  }
  void Close(uint32_t) override {}

  void Step(int64_t now_ns) {
    if (random_.Chance(0.02)) Turn();
    core_.Tick(now_ns);
  }
  void Hear(net::Channel channel, std::span<const std::byte> bytes, int64_t now_ns) {
    core_.OnMessage(channel, bytes, now_ns);
  }
  /// Takes one off a stack, or puts it back.
  void Act() {
    const std::vector<InventoryItem>& items = core_.inventory().items();
    if (!core_.actions().unanswered().empty()) return;
    for (const InventoryItem& a : items) {
      for (const InventoryItem& b : items) {
        if (a.item_id == b.item_id || a.definition != b.definition) continue;
        core_.Act({.kind = ActionKind::kMerge, .items = {a.item_id, b.item_id}});
        return;
      }
    }
    for (const InventoryItem& stack : items) {
      if (stack.quantity < 2) continue;
      core_.Act({.kind = ActionKind::kSplit, .items = {stack.item_id}, .quantity = 1});
      return;
    }
  }
  const client::ClientCore& core() const { return core_; }

 private:
  static ClientOptions OptionsOf(uint32_t index, const GeoPosition& place) {
    ClientOptions options;
    options.spawn = place;
    options.decode = false;
    options.seed = index + 1;
    return options;
  }
  void Turn() {
    const double turns = random_.Unit();
    core_.SetInput({.move_east = std::sin(turns * 6.283185307179586),
                    .move_north = std::cos(turns * 6.283185307179586),
                    .yaw_turns = turns,
                    .buttons = 0});
  }

  FlatTransport& transport_;
  const uint32_t index_;
  core::Random random_;
  client::ClientCore core_;
};

}  // namespace bluemarble::bench
