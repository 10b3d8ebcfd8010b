/// Full orientations in integers: the three smaller components of a unit quaternion in thousandths,
/// and how a steady spin carries one on. Pure functions, the same result on every machine; inline
/// and without branches on what they are given, since a body is turned for each record of it.
/// Rules: proto/WIRE.md "Orientation".
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>

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

/// A quaternion x, y, z, w of length 16,384, about; of parts within kRotationUnit + 1 and whatever
/// is made of them below, at most 24,700: products of two components fit, and sums of four.
using WideRotation = std::array<int32_t, 4>;

inline constexpr int kWideBits = 14;
inline constexpr int32_t kWideUnit = 1 << kWideBits;
inline constexpr int32_t kWidenFactor = 16'777;  // 1,024 units over 1,000
inline constexpr int kFractionBits = 16;
inline constexpr int64_t kFractionOne = int64_t{1} << kFractionBits;

/// The components that are not the largest.
inline constexpr std::array<std::array<uint8_t, 3>, 4> kOtherComponents = {
    {{1, 2, 3}, {0, 2, 3}, {0, 1, 3}, {0, 1, 2}}};

/// Largest root with root * root <= square, for squares up to that of the unit. Exact: a double
/// holds the square, and its root is rounded correctly everywhere.
inline int32_t FloorRoot(int32_t square) {
  return static_cast<int32_t>(std::sqrt(static_cast<double>(std::max(square, 0))));
}

inline WideRotation Widen(const Rotation& rotation) {
  WideRotation wide;
  const size_t largest = rotation.largest & 3;
  int32_t rest = kWideUnit * kWideUnit;
  for (size_t part = 0; part < 3; ++part) {
    const int32_t component = (rotation.parts[part] * kWidenFactor + 512) >> 10;
    wide[kOtherComponents[largest][part]] = component;
    rest -= component * component;
  }
  wide[largest] = FloorRoot(rest);
  return wide;
}

/// `wide` in the components that leave out `largest`, whichever is the largest.
inline std::array<int32_t, 3> Narrow(const WideRotation& wide, int largest) {
  std::array<int32_t, 3> parts;
  const int32_t sign = wide[static_cast<size_t>(largest)] < 0 ? -1 : 1;
  for (size_t part = 0; part < 3; ++part) {
    const int32_t component = sign * wide[kOtherComponents[static_cast<size_t>(largest)][part]];
    parts[part] = (component * kRotationUnit + kWideUnit / 2) >> kWideBits;
  }
  return parts;
}

/// Of components that are equally large 3, then the lowest.
inline int LargestOf(const WideRotation& wide) {
  const auto rank = [&](size_t component, int32_t before_others) {
    return std::abs(wide[component]) * 4 + before_others;
  };
  const int32_t most = std::max(std::max(rank(3, 3), rank(0, 2)), std::max(rank(1, 1), rank(2, 0)));
  constexpr int kComponentOfRank = 0b11'00'01'10;
  return kComponentOfRank >> (2 * (most & 3)) & 3;
}

/// a * b, rounded towards minus infinity.
inline WideRotation Product(const WideRotation& a, const WideRotation& b) {
  const auto m = [&](size_t i, size_t j) { return a[i] * b[j]; };
  return {(m(3, 0) + m(0, 3) + m(1, 2) - m(2, 1)) >> kWideBits,
          (m(3, 1) - m(0, 2) + m(1, 3) + m(2, 0)) >> kWideBits,
          (m(3, 2) + m(0, 1) - m(1, 0) + m(2, 3)) >> kWideBits,
          (m(3, 3) - m(0, 0) - m(1, 1) - m(2, 2)) >> kWideBits};
}

/// How far a turn is carried on, relative to how long it took: sin(ratio x) / sin(x) as a series in
/// sin(x) squared, ratio (1 + s t2 (1 + s t1 (1 + s t0))), 16 binary digits behind the point.
struct Pace {
  Pace() = default;
  Pace(int age, int step)  ///< 1 <= age, step <= 31
      : ratio((age << kFractionBits) / step) {
    const auto square = static_cast<int32_t>(ratio * ratio >> kFractionBits);
    constexpr auto kOne = static_cast<int32_t>(kFractionOne);
    terms = {(25 * kOne - square) / 42, (9 * kOne - square) / 20, (kOne - square) / 6};
  }
  int64_t ratio = 0;
  std::array<int64_t, 3> terms{};
};

/// Where the turn from `older` to `newest`, which took `step` ticks, leads in `age` more. Any input
/// is allowed; a turn of half a circle or more is taken as the shorter one.
inline WideRotation Extrapolate(const Rotation& older, const Rotation& newest, const Pace& pace) {
  WideRotation from = Widen(older);
  const WideRotation to = Widen(newest);
  for (size_t axis = 0; axis < 3; ++axis) from[axis] = -from[axis];
  WideRotation turn = Product(to, from);
  const int32_t shorter = turn[3] < 0 ? -1 : 1;
  int32_t squares = 0;
  for (size_t axis = 0; axis < 3; ++axis) {
    turn[axis] *= shorter;
    squares += turn[axis] * turn[axis];
  }
  const int64_t sine = squares >> (2 * kWideBits - kFractionBits);
  int64_t factor = kFractionOne;
  for (const int64_t term : pace.terms) {
    const int64_t next = (term * sine >> kFractionBits) * factor >> kFractionBits;
    factor = std::clamp<int64_t>(kFractionOne + next, -64 * kFractionOne, 64 * kFractionOne);
  }
  factor = pace.ratio * factor >> kFractionBits;
  int32_t rest = kWideUnit * kWideUnit;
  for (size_t axis = 0; axis < 3; ++axis) {
    const int64_t scaled = turn[axis] * factor >> kFractionBits;
    turn[axis] = static_cast<int32_t>(std::clamp<int64_t>(scaled, -kWideUnit, kWideUnit));
    rest -= turn[axis] * turn[axis];
  }
  turn[3] = FloorRoot(rest);
  return Product(turn, to);
}

}  // namespace bluemarble::protocol
