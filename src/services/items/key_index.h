/// Finds places of a table by player and action key, O(1). Several may have the same. Owned by the
/// zone thread; grows with the highest place.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "core/hash.h"
#include "protocol/control.h"

namespace bluemarble::items {

class KeyIndex {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};

  /// Made for that many; more make it slower.
  explicit KeyIndex(uint32_t capacity)
      : heads_(std::bit_ceil(std::max<size_t>(capacity, 1)), kNone) {}

  void Add(uint32_t place, int64_t player_id, const protocol::ActionKey& key) {
    if (place >= entries_.size()) entries_.resize(size_t{place} + 1);
    uint32_t& head = HeadOf(player_id, key);
    entries_[place] = {player_id, key, head};
    head = place;
  }
  void Remove(uint32_t place) {
    uint32_t* link = &HeadOf(entries_[place].player_id, entries_[place].key);
    while (*link != place) link = &entries_[*link].next;
    *link = entries_[place].next;
  }
  /// The one that was added last, or kNone; and the one before `place`.
  uint32_t First(int64_t player_id, const protocol::ActionKey& key) const {
    return FindInChain(heads_[BucketOf(player_id, key)], player_id, key);
  }
  uint32_t Next(uint32_t place) const {
    const Entry& entry = entries_[place];
    return FindInChain(entry.next, entry.player_id, entry.key);
  }

 private:
  struct Entry {
    int64_t player_id = 0;
    protocol::ActionKey key{};
    uint32_t next = kNone;
  };
  size_t BucketOf(int64_t player_id, const protocol::ActionKey& key) const {
    return core::HashBytes(key, core::Mix64(static_cast<uint64_t>(player_id))) &
           (heads_.size() - 1);
  }
  uint32_t& HeadOf(int64_t player_id, const protocol::ActionKey& key) {
    return heads_[BucketOf(player_id, key)];
  }
  uint32_t FindInChain(uint32_t place, int64_t player_id, const protocol::ActionKey& key) const {
    while (place != kNone && (entries_[place].player_id != player_id || entries_[place].key != key))
      place = entries_[place].next;
    return place;
  }

  std::vector<uint32_t> heads_;
  std::vector<Entry> entries_;
};

}  // namespace bluemarble::items
