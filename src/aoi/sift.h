/// The inner loops of a Survey: which boxes are within reach, which members, and in which ring. All
/// in whole centimetres, exact. Pure functions, any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/ids.h"
#include "geo/grid.h"

namespace bluemarble::aoi {

inline constexpr size_t kRings = 3;
/// What may be written beyond the last hit, and read beyond the last member or box.
inline constexpr size_t kSiftSlack = 16;

/// Of differences within the root cube: below 3 * 2^62, which 64 bits hold unsigned (not signed).
constexpr uint64_t SquaredSum(int64_t x, int64_t y, int64_t z) {
  return static_cast<uint64_t>(x * x) + static_cast<uint64_t>(y * y) + static_cast<uint64_t>(z * z);
}

/// Columns of members, within the root cube.
struct Members {
  const int32_t* x;
  const int32_t* y;
  const int32_t* z;
  const core::EntityId* ids;
};

/// Members or boxes [first, end).
struct Run {
  uint32_t first, end;
};

/// Both corners inclusive, within the root cube.
struct Box {
  std::array<int32_t, 3> low, high;
};
struct Boxes {
  std::array<const int32_t*, 3> low, high;
};

struct Sieve {
  geo::GridPoint centre;
  std::array<int64_t, kRings> reach_sq{};  ///< Of the rings, ascending, cm², below 2^62.
};

/// The loops for one kind of machine; all kinds give the same.
struct Sifts {
  /// Appends the ids of the runs' members to the rings: to `out[r]` those within reach_sq[r] and no
  /// inner one, in their order. Each ring has room for all of them and kSiftSlack.
  void (*members)(const Members& members, std::span<const Run> runs, const Sieve& sieve,
                  std::array<core::EntityId*, kRings>& out);
  /// Writes the indices, ascending, of the run's boxes that come within sqrt(reach_sq) of `box`,
  /// and perhaps of some that are a millionth farther; returns the end. Room as above.
  uint32_t* (*boxes)(const Boxes& boxes, Run run, const Box& box, int64_t reach_sq, uint32_t* out);
};

/// Those that this machine can run, from the one for any machine to the fastest.
std::vector<Sifts> AllSifts();

}  // namespace bluemarble::aoi
