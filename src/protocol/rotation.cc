#include "protocol/rotation.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

namespace bluemarble::protocol {
namespace {

constexpr int kWideBits = 14;
constexpr int32_t kWideUnit = 1 << kWideBits;
constexpr int kFractionBits = 16;
constexpr int32_t kWidenFactor = 16'777;  // 1,024 units over 1,000
constexpr int64_t kOne = int64_t{1} << kFractionBits;

// Of (i + 64) / 256 of the unit's square.
constexpr std::array<uint16_t, 193> kRoots = [] {
  std::array<uint16_t, 193> roots{};
  uint32_t root = 0;
  for (uint32_t i = 0; i < roots.size(); ++i) {
    const uint32_t square = (i + 64) << (2 * kWideBits - 8);
    while ((root + 1) * (root + 1) <= square) ++root;
    roots[i] = static_cast<uint16_t>(root);
  }
  return roots;
}();

// Largest root with root * root <= square, for squares up to that of the unit. One step of Newton's
// from the table where the root is at least half the unit, as that of a largest component is.
int32_t FloorRoot(int64_t square) {
  const auto n =
      static_cast<uint32_t>(std::clamp<int64_t>(square, 0, int64_t{kWideUnit} * kWideUnit));
  uint32_t root = 0;
  if (n >= 1u << (2 * kWideBits - 2)) {
    const uint32_t guess = kRoots[(n >> (2 * kWideBits - 8)) - 64];
    root = (guess + n / guess) / 2;
  } else if (n > 0) {
    root = 1u << ((static_cast<uint32_t>(std::bit_width(n)) + 1) / 2);
    for (uint32_t next = (root + n / root) / 2; next < root; next = (root + n / root) / 2)
      root = next;
  }
  while (root * root > n) --root;
  return static_cast<int32_t>(root);
}

// a * b, rounded towards minus infinity.
WideRotation Product(const WideRotation& a, const WideRotation& b) {
  const auto m = [&](size_t i, size_t j) { return int64_t{a[i]} * b[j]; };
  const auto scaled = [](int64_t sum) { return static_cast<int32_t>(sum >> kWideBits); };
  return {
      scaled(m(3, 0) + m(0, 3) + m(1, 2) - m(2, 1)), scaled(m(3, 1) - m(0, 2) + m(1, 3) + m(2, 0)),
      scaled(m(3, 2) + m(0, 1) - m(1, 0) + m(2, 3)), scaled(m(3, 3) - m(0, 0) - m(1, 1) - m(2, 2))};
}

}  // namespace

WideRotation Widen(const Rotation& rotation) {
  WideRotation wide{};
  int64_t rest = int64_t{kWideUnit} * kWideUnit;
  size_t part = 0;
  for (size_t axis = 0; axis < 4; ++axis) {
    if (axis == rotation.largest) continue;
    wide[axis] = (rotation.parts[part++] * kWidenFactor + 512) >> 10;
    rest -= int64_t{wide[axis]} * wide[axis];
  }
  wide[rotation.largest & 3] = FloorRoot(rest);
  return wide;
}

std::array<int32_t, 3> Narrow(const WideRotation& wide, int largest) {
  std::array<int32_t, 3> parts{};
  const bool flip = wide[static_cast<size_t>(largest)] < 0;
  size_t part = 0;
  for (size_t axis = 0; axis < 4; ++axis) {
    if (axis == static_cast<size_t>(largest)) continue;
    const int32_t value = flip ? -wide[axis] : wide[axis];
    parts[part++] = (value * kRotationUnit + kWideUnit / 2) >> kWideBits;
  }
  return parts;
}

int LargestOf(const WideRotation& wide) {
  size_t largest = 3;
  for (size_t axis = 0; axis < 3; ++axis) {
    if (std::abs(wide[axis]) > std::abs(wide[largest])) largest = axis;
  }
  return static_cast<int>(largest);
}

Pace::Pace(int age, int step) : ratio(age * kOne / step) {
  const int64_t square = ratio * ratio >> kFractionBits;
  terms = {(25 * kOne - square) / 42, (9 * kOne - square) / 20, (kOne - square) / 6};
}

WideRotation Extrapolate(const Rotation& older, const Rotation& newest, const Pace& pace) {
  WideRotation from = Widen(older);
  const WideRotation to = Widen(newest);
  for (size_t axis = 0; axis < 3; ++axis) from[axis] = -from[axis];
  WideRotation turn = Product(to, from);
  if (turn[3] < 0) {
    for (int32_t& axis : turn) axis = -axis;
  }
  int64_t sine = 0;
  for (size_t axis = 0; axis < 3; ++axis) sine += int64_t{turn[axis]} * turn[axis];
  sine >>= 2 * kWideBits - kFractionBits;
  int64_t factor = kOne;
  for (const int64_t term : pace.terms) {
    const int64_t next = (term * sine >> kFractionBits) * factor >> kFractionBits;
    factor = std::clamp<int64_t>(kOne + next, -64 * kOne, 64 * kOne);
  }
  factor = pace.ratio * factor >> kFractionBits;
  int64_t rest = int64_t{kWideUnit} * kWideUnit;
  for (size_t axis = 0; axis < 3; ++axis) {
    const int64_t scaled = turn[axis] * factor >> kFractionBits;
    turn[axis] = static_cast<int32_t>(std::clamp<int64_t>(scaled, -kWideUnit, kWideUnit));
    rest -= int64_t{turn[axis]} * turn[axis];
  }
  turn[3] = FloorRoot(rest);
  return Product(turn, to);
}

}  // namespace bluemarble::protocol
