/// The inner loops of a Survey: which boxes are within reach, which members, and in which ring.
/// Pure functions, any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/ids.h"

namespace bluemarble::aoi {

inline constexpr size_t kRings = 3;
/// What may be written beyond the last hit of a ring, and read beyond the last member.
inline constexpr size_t kSiftSlack = 4;

/// Columns of members, readable up to kSiftSlack beyond the last: whole centimetres below 2^31,
/// which doubles hold exactly.
struct Members {
  const double* x;
  const double* y;
  const double* z;
  const core::EntityId* ids;
};

struct Sieve {
  double x, y, z;                         ///< The centre, whole centimetres.
  std::array<double, kRings> reach_sq{};  ///< Of the rings, ascending, cm², at most 2^46.
};

/// Members [first, end).
struct Run {
  uint32_t first, end;
};

/// Columns of boxes, both corners inclusive, readable as members are.
struct Boxes {
  std::array<const double*, 3> low, high;
};
struct Box {
  std::array<double, 3> low, high;
};

/// The two inner loops, for one kind of machine. All kinds give the same: squares and sums of what
/// is within reach are whole numbers below 2^53.
struct Sifts {
  /// Appends the ids of the runs' members to the rings: to `out[r]` those within reach_sq[r] and no
  /// inner one, in their order. Each ring has room for all of them and kSiftSlack.
  void (*members)(const Members& members, std::span<const Run> runs, const Sieve& sieve,
                  std::array<core::EntityId*, kRings>& out);
  /// Writes the indices of the run's boxes that come within sqrt(reach_sq) of `box`, ascending, and
  /// returns the end. Room as above.
  uint32_t* (*boxes)(const Boxes& boxes, Run run, const Box& box, double reach_sq, uint32_t* out);
};

/// For any machine, and the fastest that this one has.
Sifts PlainSifts();
Sifts BestSifts();

}  // namespace bluemarble::aoi
