/// Actions that the store has been asked for and has not answered yet, with what they have
/// reserved. Owned by the zone thread; grows to the most that were ever under way at once, up to a
/// bound.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "core/ids.h"
#include "core/worker_pool.h"
#include "persistence/durable_queue.h"
#include "services/items/item_stats.h"
#include "services/items/key_index.h"
#include "session/session_table.h"
#include "session/violation.h"

namespace bluemarble::items {

/// What an item was when it was reserved: enough to go on without the one who held it.
struct Stack {
  uint32_t definition = 0;
  uint32_t quantity = 0;
};

/// What a player is to be reported for, if the store refuses the action as memory did.
using Suspicion = std::optional<session::Violation>;

struct InFlight {
  persistence::ActionRequest request;                        ///< request_id 0: a free place.
  std::array<Stack, persistence::kMaxItemChanges> stacks{};  ///< Of request.items.
  session::SessionId session;                                ///< Who gets the answer; none: nobody.
  ActionKind kind = ActionKind::kMint;
  bool carries = false;  ///< Asks for a change and holds reservations; else a mere question by key.
  bool told_unknown = false;
  bool ground_place = false;  ///< Keeps room on the ground.
  core::EntityId entity;      ///< Of the item that is picked up.
  uint64_t trade_id = 0;      ///< Of the offer that waits for this; 0: none.
  int64_t own_gold = 0;       ///< Reserved of request.player_id,
  int64_t other_gold = 0;     ///< and of request.other_id.
  uint32_t own_incoming = 0;  ///< Places kept likewise.
  uint32_t other_incoming = 0;
  Suspicion suspicion;

  persistence::ItemChange& Add(persistence::ItemOp op, const Stack& stack) {
    stacks[request.changes] = stack;
    persistence::ItemChange& change = request.items[request.changes++];
    change.op = op;
    return change;
  }
};

class InFlightTable {
 public:
  explicit InFlightTable(uint32_t capacity) : capacity_(capacity), keys_(capacity) {}

  bool full() const { return size_ == capacity_; }
  /// Gives it a number (request.request_id) and keeps it; not when full. The reference holds until
  /// it is removed.
  InFlight& Add(const InFlight& action, core::Tick now);
  InFlight* Find(uint64_t request_id);
  void Remove(InFlight& action);
  /// Is an action of that player with that key under way, besides `except` (may be null)? O(1).
  bool Contains(int64_t player_id, const std::array<std::byte, 16>& key,
                const InFlight* except = nullptr) const;
  void ForEach(core::FunctionRef<void(const InFlight&)> visit) const;
  /// Calls once for each that has been under way since `before` or longer.
  void TellOverdue(core::Tick before, core::FunctionRef<void(InFlight&)> tell);

  uint32_t size() const { return size_; }
  /// A number of the same kind for a request that is not kept here.
  uint64_t NextRequestId() { return kIdBit | ++numbers_ << kSlotBits | kNoSlot; }

 private:
  struct Asked {
    uint64_t request_id = 0;
    core::Tick at = 0;
  };
  // Sessions count their requests from 1 on.
  static constexpr uint64_t kIdBit = uint64_t{1} << 63;
  static constexpr int kSlotBits = 20;
  static constexpr uint64_t kNoSlot = (uint64_t{1} << kSlotBits) - 1;

  const uint32_t capacity_;
  uint32_t size_ = 0;
  uint64_t numbers_ = 0;
  std::deque<InFlight> slots_;  // never shrinks: references stay
  std::vector<uint32_t> free_;
  KeyIndex keys_;             // of slots_
  std::vector<Asked> asked_;  // in order; those before next_ have been looked at
  size_t next_ = 0;
};

}  // namespace bluemarble::items
