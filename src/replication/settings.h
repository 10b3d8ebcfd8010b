/// What each viewer is sent, how often and how much (DESIGN §4). Immutable after construction.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "bluemarble/wire.h"

namespace bluemarble::replication {

struct ReplicationSettings {
  /// Outer radius of the classes combat, visual, extended; metres, ascending. Too small: fights
  /// begin before they are seen; too large: bytes grow with the square.
  std::array<double, kReplicationClasses> radius_m{50.0, 300.0, 1000.0};
  /// Updates per second of the classes; 0: every tick. Too low: jerky; too high: bytes grow in
  /// proportion.
  std::array<uint32_t, kReplicationClasses> rate_hz{0, 10, 2};
  /// Bytes per second and client (payload of the snapshot messages), also bounded by one datagram a
  /// tick.
  uint32_t budget_bytes_per_s = 50'000;
  /// Longest silence towards a client, milliseconds; also the heartbeat.
  uint32_t max_silence_ms = 100;
  /// Ticks over which the interest of all viewers is refreshed once. 1: every tick (costly); 30:
  /// new neighbours appear up to a second late at 30 Hz.
  uint32_t interest_ticks = 15;
  /// Viewers at once; about 40 kB of memory each.
  uint32_t max_viewers = 6'000;
  /// Leaves that one viewer can be interested in; the nearest win, the rest is counted.
  uint32_t max_leaves_per_viewer = 256;

  void Validate(std::vector<std::string>& problems) const;
};

}  // namespace bluemarble::replication
