/// Players whose stored rows cannot be used: kept out for a while, so that one damaged row costs
/// its player alone and the store is not asked for it again and again. Zone thread; allocates
/// nothing after construction.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/ids.h"
#include "persistence/rows.h"

namespace bluemarble::session {

class Quarantine {
 public:
  /// Strikes older than a hold lasts are forgotten.
  explicit Quarantine(core::Tick hold_ticks);

  /// Keeps the player out from now on.
  void Hold(const persistence::PlayerName& name, core::Tick now);
  /// The store refused what memory had found right, of this player and `partner` (0: of him alone).
  /// True when he is to blame and now held: refused kStrikes times, alone or with more than one
  /// partner, for who only ever meets one damaged player is not damaged himself.
  bool Strike(const persistence::PlayerName& name, int64_t partner, core::Tick now);
  bool Holds(const persistence::PlayerName& name, core::Tick now) const;

  static constexpr uint32_t kStrikes = 3;
  /// When more are known, the one that was held or struck first is forgotten.
  static constexpr size_t kMaxPlayers = 256;

 private:
  struct Entry {
    persistence::PlayerName name;
    core::Tick since = 0;  // of the hold, or of the first strike
    uint32_t strikes = 0;
    int64_t partner = 0;
    bool certain = false;
    bool held = false;
  };
  bool Current(const Entry& entry, core::Tick now) const;
  const Entry* Find(const persistence::PlayerName& name, core::Tick now) const;
  Entry& FindOrAdd(const persistence::PlayerName& name, core::Tick now);

  const core::Tick hold_ticks_;
  std::vector<Entry> entries_;
};

}  // namespace bluemarble::session
