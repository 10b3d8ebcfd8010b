/// Full orientations in integers: the three smaller components of a unit quaternion in thousandths,
/// and how a steady spin carries one on. Pure functions, the same result on every machine. Rules:
/// proto/WIRE.md "Orientation".
#pragma once

#include <array>
#include <cstdint>

namespace bluemarble::protocol {

/// Components other than the `largest` (0 x, 1 y, 2 z, 3 w), in that order, in thousandths; the
/// largest is positive and follows from them.
struct Rotation {
  std::array<int16_t, 3> parts{};
  uint8_t largest = 3;
  friend constexpr bool operator==(const Rotation&, const Rotation&) = default;
};

inline constexpr int32_t kRotationUnit = 1000;
/// No smaller component is above 1 / sqrt(2).
inline constexpr int32_t kRotationLimit = 708;

/// A quaternion x, y, z, w of length 16,384, about.
using WideRotation = std::array<int32_t, 4>;

WideRotation Widen(const Rotation& rotation);
/// `wide` in the components that leave out `largest`, whichever is the largest.
std::array<int32_t, 3> Narrow(const WideRotation& wide, int largest);
int LargestOf(const WideRotation& wide);

/// How far a turn is carried on, relative to how long it took: sin(ratio x) / sin(x) as a series in
/// sin(x) squared, ratio (1 + s t2 (1 + s t1 (1 + s t0))), 16 binary digits behind the point.
struct Pace {
  Pace() = default;
  Pace(int age, int step);  ///< 1 <= age, step <= 31
  int64_t ratio = 0;
  std::array<int64_t, 3> terms{};
};

/// Where the turn from `older` to `newest`, which took `step` ticks, leads in `age` more. Any input
/// is allowed; a turn of half a circle or more is taken as the shorter one.
WideRotation Extrapolate(const Rotation& older, const Rotation& newest, const Pace& pace);

}  // namespace bluemarble::protocol
