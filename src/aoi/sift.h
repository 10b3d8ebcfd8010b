/// Sorts members into rings around a point: the inner loop of a Survey. Pure function, any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/ids.h"

namespace bluemarble::aoi {

inline constexpr size_t kRings = 3;
/// Members that a sieve may write beyond the last hit of a ring.
inline constexpr size_t kSiftSlack = 4;

/// Columns of members: whole centimetres below 2^31, which doubles hold exactly.
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

/// Appends the ids of the runs' members to the rings: to `out[r]` those within reach_sq[r] and no
/// inner one, in their order. Each ring has room for all of them and kSiftSlack.
/// Exact: squares and sums of what is within reach are whole numbers below 2^53.
using Sift = void (*)(const Members& members, std::span<const Run> runs, const Sieve& sieve,
                      std::array<core::EntityId*, kRings>& out);

/// For any machine.
void SiftPlain(const Members& members, std::span<const Run> runs, const Sieve& sieve,
               std::array<core::EntityId*, kRings>& out);
/// The fastest that this machine has; they all give the same.
Sift BestSift();

}  // namespace bluemarble::aoi
