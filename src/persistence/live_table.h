/// Level 1 of reads: the newest known position of each player in play here, some tens of
/// milliseconds behind the zone, which never waits for it. Written by the journal's thread, read by
/// any.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>

#include "core/ids.h"
#include "persistence/rows.h"

namespace bluemarble::persistence {

class LiveTable {
 public:
  /// Any thread. Nothing when the player is not in play here.
  std::optional<PositionSave> Find(int64_t player_id) const;
  size_t Size() const;

  /// One thread. A save that is older than the known one, by epoch and tick, changes nothing.
  void Update(std::span<const PositionSave> saves);
  /// Unless a save newer than `tick` is known: then the player is here again.
  void Remove(int64_t player_id, core::Tick tick);

 private:
  struct Stripe {
    mutable std::mutex mutex;
    std::unordered_map<int64_t, PositionSave> saves;
  };
  static constexpr size_t kStripes = 16;
  Stripe& StripeOf(int64_t player_id);
  const Stripe& StripeOf(int64_t player_id) const;

  std::array<Stripe, kStripes> stripes_;
};

}  // namespace bluemarble::persistence
