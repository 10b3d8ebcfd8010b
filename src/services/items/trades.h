/// Offers between players: what stands, until when, and who waits for an answer. An offer reserves
/// nothing; at its acceptance everything is looked at anew. Owned by the zone thread; grows to the
/// most offers that ever stood at once.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "bluemarble/wire.h"
#include "core/ids.h"
#include "core/worker_pool.h"
#include "persistence/durable_queue.h"
#include "protocol/control.h"
#include "services/items/key_index.h"
#include "session/session_table.h"

namespace bluemarble::items {

enum class OfferState : uint8_t {
  kFree = 0,
  kProbing,    ///< The store is asked whether the key is new.
  kStanding,   ///< The other player knows of it.
  kAccepting,  ///< The trade is on its way to the store.
  kClosing,    ///< Refused; the refusal is on its way to the store.
};

struct Offer {
  uint64_t id = 0;
  OfferState state = OfferState::kFree;
  /// While probing: why it shall not come to stand.
  persistence::Refusal spoiled = persistence::Refusal::kNone;
  int64_t from = 0, to = 0;  ///< Players.
  session::SessionId from_session, to_session;
  protocol::ActionKey key{};  ///< Of the offer, the offerer's.
  uint64_t digest = 0;
  core::Tick expires = 0;
  uint32_t owed = 0;  ///< Messages of the offerer that wait for their answer.
  uint32_t gives = 0, wants = 0;
  std::array<int64_t, kMaxTradeItems> give{}, want{};
  int64_t give_gold = 0, want_gold = 0;

  std::span<const int64_t> given() const { return std::span(give).first(gives); }
  std::span<const int64_t> wanted() const { return std::span(want).first(wants); }
};

class Trades {
 public:
  /// `expected`: how many it is made for; more make the search by key slower.
  explicit Trades(uint32_t expected)
      : keys_(std::min(expected, 1u << kSlotBits)), owners_(std::min(expected, 1u << kSlotBits)) {}

  /// Null when every number is in use.
  Offer* Add(const Offer& offer);
  void Remove(Offer& offer);
  /// Null when there is none (any more).
  Offer* Find(uint64_t id);
  const Offer* Find(uint64_t id) const { return const_cast<Trades*>(this)->Find(id); }
  /// O(1).
  Offer* FindByKey(int64_t from, const protocol::ActionKey& key);
  /// Offers of that player, and whether one of them goes to `to`; O(its offers).
  struct Count {
    uint32_t offers = 0;
    bool to_the_same = false;
  };
  Count CountOf(int64_t from, int64_t to) const;
  /// Every offer, in the order of places; `visit` may remove it.
  void ForEach(core::FunctionRef<void(Offer&)> visit);
  uint32_t size() const { return size_; }

 private:
  static constexpr int kSlotBits = 20;

  std::deque<Offer> slots_;
  std::vector<uint32_t> free_;
  KeyIndex keys_;    // of slots_
  KeyIndex owners_;  // of slots_, under no key: all of a player
  uint32_t size_ = 0;
  uint64_t numbers_ = 0;
};

}  // namespace bluemarble::items
