/// Which players are in play: from their entry until their logout is durable. Written by the zone
/// thread, one place per session; read by any thread. Waits for nothing; allocates only when made.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "persistence/rows.h"

namespace bluemarble::session {

class Presence {
 public:
  explicit Presence(uint32_t sessions) : players_(sessions), names_(sessions) {}

  /// The player of that session's place; 0: nobody (any more).
  void Set(uint32_t place, int64_t player_id, const persistence::PlayerName& name = {});
  /// O(places). A player who goes from one place to another meanwhile, with Set for the new one
  /// first, is found.
  bool Contains(int64_t player_id) const;
  /// O(places), by the name's hash.
  bool ContainsNamed(const persistence::PlayerName& name) const;

 private:
  static uint64_t KeyOf(const persistence::PlayerName& name);
  template <class T>
  bool Find(const std::vector<std::atomic<T>>& places, T wanted) const;

  std::vector<std::atomic<int64_t>> players_;
  std::vector<std::atomic<uint64_t>> names_;  // KeyOf; 0: nobody
  std::atomic<uint64_t> changes_{0};
};

}  // namespace bluemarble::session
