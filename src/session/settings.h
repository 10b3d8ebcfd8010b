/// How many players, and how patient the zone is with them. Immutable after start-up.
#pragma once

#include <cstdint>

namespace bluemarble::session {

struct SessionSettings {
  /// Players in play at once; one more is refused as zone_full. About 45 kB each, viewer included.
  uint32_t max_players = 5000;
  /// Peers that are connected but not (or no longer) in play. Too low: a storm of logins is refused
  /// as zone_full; too high: only memory.
  uint32_t max_pending = 1024;
  /// Silence after which a player is taken out, milliseconds. Too low: a short outage costs the
  /// session; too high: ghosts stand around.
  uint32_t timeout_ms = 5000;
  /// From connecting to a finished login, milliseconds. Too low: a slow store refuses players; too
  /// high: idle peers hold slots.
  uint32_t login_timeout_ms = 5000;
  /// Logins that enter the world per tick, so that a storm of them cannot stall it (PITFALLS F-16).
  uint32_t enters_per_tick = 20;
};

}  // namespace bluemarble::session
