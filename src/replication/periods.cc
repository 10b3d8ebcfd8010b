#include "replication/periods.h"

#include <algorithm>

namespace bluemarble::replication {

Periods RegularPeriods(const std::array<uint32_t, kReplicationClasses>& rate_hz, int tick_hz) {
  const auto hz = static_cast<uint32_t>(tick_hz);
  Periods periods{};
  for (size_t i = 0; i < periods.size(); ++i)
    periods[i] = rate_hz[i] == 0 ? 1 : std::max(1u, (hz + rate_hz[i] / 2) / rate_hz[i]);
  return periods;
}

Periods RelievedPeriods(const Periods& regular, uint8_t step) {
  constexpr uint32_t kOldestBase = kBaseTicks - 1;
  const uint32_t nearest = step >= 4 ? 4 : step >= 3 ? 2 : 1;
  const Periods factor{nearest, std::max(nearest, step >= 2 ? 2u : 1u),
                       std::max(nearest, step >= 1 ? 2u : 1u)};
  Periods periods{};
  for (size_t i = 0; i < periods.size(); ++i) {
    periods[i] = regular[i] * factor[i];
    // What is a keyframe regularly is one under relief: then the fewer the better.
    if (factor[i] == 1 || regular[i] > kOldestBase) continue;
    const uint32_t datagrams = periods[0];
    if (periods[i] + datagrams <= kOldestBase || datagrams >= kOldestBase) continue;
    const uint32_t longest = std::max(regular[i], kOldestBase - datagrams);
    periods[i] = std::max(longest / datagrams, 1u) * datagrams;
  }
  return periods;
}

// The viewers of a turn have the farthest class at one of their turns of the class before. Where
// periods[2] is no multiple of periods[1] it comes on its own at times, but in each of its periods
// once, and as evenly.
uint8_t TurnsAt(core::Tick now, uint32_t near_turn, uint32_t far_turn, const Periods& periods) {
  const core::Tick near = now + near_turn % periods[1];
  const core::Tick far = near + core::Tick{far_turn} * periods[1];
  return static_cast<uint8_t>(1 | (near % periods[1] == 0) << 1 | (far % periods[2] == 0) << 2);
}

uint8_t SlotTurnsAt(core::Tick now, uint32_t slot, const Periods& periods) {
  const core::Tick own = now + slot;
  if (own % periods[0] != 0) return 0;
  // Of the nearest class's turns the first in a period; the period may be no multiple of it.
  return static_cast<uint8_t>(1 | (own % periods[1] < periods[0]) << 1 |
                              (own % periods[2] < periods[0]) << 2);
}

}  // namespace bluemarble::replication
