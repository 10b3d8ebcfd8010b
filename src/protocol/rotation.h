/// Full orientations in integers: the three smaller components of a unit quaternion in thousandths,
/// and how a steady spin carries one on. Pure functions, the same result on every machine, four
/// bodies at a time and without branches on what they are given, since a body is turned for each
/// record of it. Rules: proto/WIRE.md "Orientation".
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

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

inline constexpr int kWideBits = 14;
inline constexpr int32_t kWideUnit = 1 << kWideBits;
inline constexpr int32_t kWidenFactor = 16'777;  // 1,024 units over 1,000
inline constexpr int kFractionBits = 16;
inline constexpr int32_t kFractionOne = 1 << kFractionBits;

/// A number of each of four bodies. Comparisons give -1 where they hold.
inline constexpr size_t kLanes = 4;
using Lanes [[gnu::vector_size(16)]] = int32_t;
/// In doubles what does not fit 32 bits: integers and 65,536ths below 2^50, so that all is exact
/// and a compiler may join sums and products as it likes.
using WideLanes [[gnu::vector_size(32)]] = double;

/// Quaternions x, y, z, w of length 16,384, about; of parts within kRotationUnit + 1 and whatever
/// is made of them below, at most 24,700: products of two components fit, and sums of four.
using WideRotations = std::array<Lanes, 4>;

struct RotationLanes {
  std::array<Lanes, 3> parts;
  Lanes largest;

  /// Of rotations in memory.
  [[gnu::always_inline]] explicit RotationLanes(const std::array<const Rotation*, kLanes>& from) {
    static_assert(sizeof(Rotation) == sizeof(uint64_t) &&
                  std::endian::native == std::endian::little);
    using Pair [[gnu::vector_size(16)]] = uint64_t;
    std::array<uint64_t, kLanes> whole;
    for (size_t lane = 0; lane < kLanes; ++lane) std::memcpy(&whole[lane], from[lane], 8);
    const auto front = reinterpret_cast<Lanes>(Pair{whole[0], whole[1]});
    const auto back = reinterpret_cast<Lanes>(Pair{whole[2], whole[3]});
    const Lanes low = __builtin_shufflevector(front, back, 0, 2, 4, 6);
    const Lanes high = __builtin_shufflevector(front, back, 1, 3, 5, 7);
    parts = {low << 16 >> 16, low >> 16, high << 16 >> 16};
    largest = high >> 16 & 3;
  }
};

template <size_t kNumber>
[[gnu::always_inline]] inline Lanes SquaresOf(const std::array<Lanes, kNumber>& of) {
  return of[0] * of[0] + of[1] * of[1] + of[2] * of[2];
}

/// Largest roots with root * root <= square, for squares up to that of the unit; of those below
/// zero 0. Exact: a double holds the square, and its root is rounded correctly everywhere.
[[gnu::always_inline]] inline Lanes FloorRoots(Lanes squares) {
  WideLanes roots = __builtin_convertvector(squares > 0 ? squares : Lanes{}, WideLanes);
  for (size_t lane = 0; lane < kLanes; ++lane) roots[lane] = std::sqrt(roots[lane]);
  return __builtin_convertvector(roots, Lanes);
}

[[gnu::always_inline]] inline WideRotations Widen(const RotationLanes& rotation) {
  const auto widen = [&](size_t part) { return (rotation.parts[part] * kWidenFactor + 512) >> 10; };
  const std::array<Lanes, 3> others = {widen(0), widen(1), widen(2)};
  const Lanes rest = kWideUnit * kWideUnit - SquaresOf(others);
  const Lanes root = FloorRoots(rest);
  const Lanes& largest = rotation.largest;
  return {largest == 0 ? root : others[0],
          largest == 0   ? others[0]
          : largest == 1 ? root
                         : others[1],
          largest < 2    ? others[1]
          : largest == 2 ? root
                         : others[2],
          largest == 3 ? root : others[2]};
}

/// a * b, rounded towards minus infinity.
[[gnu::always_inline]] inline WideRotations Product(const WideRotations& a,
                                                    const WideRotations& b) {
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
    const auto whole = static_cast<int64_t>(ratio);
    const auto square = static_cast<int32_t>(whole * whole >> kFractionBits);
    terms = {static_cast<double>((25 * kFractionOne - square) / 42),
             static_cast<double>((9 * kFractionOne - square) / 20),
             static_cast<double>((kFractionOne - square) / 6)};
  }
  double ratio = 0;
  std::array<double, 3> terms{};
};

/// `a` * `b` without the fraction, rounded towards minus infinity.
[[gnu::always_inline]] inline void Scale(WideLanes& a, const WideLanes& b) {
  // Of 65,536ths the integer below is the one nearest to what is a bit less than a half below.
  constexpr double kLess = 0.5 - 0.25 / kFractionOne;
  constexpr double kAddAndTakeAway = 3.0 * (int64_t{1} << 51);  // leaves the nearest integer
  a = a * (b * (1.0 / kFractionOne)) - kLess + kAddAndTakeAway - kAddAndTakeAway;
}
[[gnu::always_inline]] inline void Clamp(WideLanes& value, double limit) {
  const WideLanes most = WideLanes{} + limit;
  value = value > most ? most : value;
  value = value < -most ? -most : value;
}

/// Turns that are carried on, in steps: done for all bodies one after the other, since each waits
/// long for the one before it. Any input is allowed.
struct Turn {
  WideRotations newest, by;
  WideLanes factor;

  /// The turn from `older` to `newest`; one of half a circle or more is taken as the shorter one.
  [[gnu::always_inline]] void Begin(const RotationLanes& from, const RotationLanes& to) {
    const WideRotations older = Widen(from);
    newest = Widen(to);
    by = Product(newest, {-older[0], -older[1], -older[2], older[3]});
    const auto shorter = [&](size_t axis) { return by[3] < 0 ? -by[axis] : by[axis]; };
    by = {shorter(0), shorter(1), shorter(2), by[3]};
  }
  [[gnu::always_inline]] void FindFactor(const Pace& pace) {
    const WideLanes sine =
        __builtin_convertvector(SquaresOf(by) >> (2 * kWideBits - kFractionBits), WideLanes);
    WideLanes found = WideLanes{} + kFractionOne;
    for (const double term : pace.terms) {
      WideLanes next = WideLanes{} + term;
      Scale(next, sine);
      Scale(found, next);
      found += kFractionOne;
      Clamp(found, 64.0 * kFractionOne);
    }
    Scale(found, WideLanes{} + pace.ratio);
    factor = found;
  }
  /// Where the turn leads.
  [[gnu::always_inline]] WideRotations End() const {
    const auto carried_on = [&](size_t axis) {
      WideLanes scaled = __builtin_convertvector(by[axis], WideLanes);
      Scale(scaled, factor);
      Clamp(scaled, kWideUnit);
      return __builtin_convertvector(scaled, Lanes);
    };
    WideRotations on = {carried_on(0), carried_on(1), carried_on(2)};
    on[3] = FloorRoots(kWideUnit * kWideUnit - SquaresOf(on));
    return Product(on, newest);
  }
};

/// Rotations as they are expected, by their number; for each of a part's slots at most.
class ExpectedRotations {
 public:
  static constexpr size_t kMost = 32;

  /// From `first` on, a multiple of four.
  [[gnu::always_inline]] void Set(size_t first, const WideRotations& wide) {
    // Of components that are equally large 3, then the lowest.
    const auto rank = [&](size_t component, int32_t before_others) {
      const Lanes it = wide[component];
      return (it < 0 ? -it : it) * 4 + before_others;
    };
    const auto larger = [](Lanes a, Lanes b) { return a > b ? a : b; };
    const Lanes most = larger(larger(rank(3, 3), rank(0, 2)), larger(rank(1, 1), rank(2, 0)));
    const Lanes largest = (2 - most) & 3;
    const Lanes sign_of = largest == 0   ? wide[0]
                          : largest == 1 ? wide[1]
                          : largest == 2 ? wide[2]
                                         : wide[3];
    const std::array<Lanes, 3> others = {largest == 0 ? wide[1] : wide[0],
                                         largest < 2 ? wide[2] : wide[1],
                                         largest < 3 ? wide[3] : wide[2]};
    const auto store = [first](std::array<int32_t, kMost>& to, const Lanes& lanes) {
      std::memcpy(&to[first], &lanes, sizeof(Lanes));
    };
    const auto narrow = [&](size_t part) {
      const Lanes component = sign_of < 0 ? -others[part] : others[part];
      return (component * kRotationUnit + kWideUnit / 2) >> kWideBits;
    };
    store(wide_[0], wide[0]);
    store(wide_[1], wide[1]);
    store(wide_[2], wide[2]);
    store(wide_[3], wide[3]);
    store(parts_[0], narrow(0));
    store(parts_[1], narrow(1));
    store(parts_[2], narrow(2));
    store(largest_, largest);
  }

  int32_t largest(size_t number) const { return largest_[number]; }
  /// The others, if the largest is largest().
  std::array<int32_t, 3> parts(size_t number) const {
    return {parts_[0][number], parts_[1][number], parts_[2][number]};
  }
  /// The components that leave out `largest`, whichever is the largest.
  std::array<int32_t, 3> PartsWithout(size_t largest, size_t number) const {
    std::array<int32_t, 3> parts;
    const int32_t sign = wide_[largest][number] < 0 ? -1 : 1;
    size_t part = 0;
    for (size_t i = 0; i < 4; ++i) {
      if (i == largest) continue;
      parts[part++] = (sign * wide_[i][number] * kRotationUnit + kWideUnit / 2) >> kWideBits;
    }
    return parts;
  }

 private:
  std::array<std::array<int32_t, kMost>, 4> wide_;
  std::array<std::array<int32_t, kMost>, 3> parts_;
  std::array<int32_t, kMost> largest_;
};

}  // namespace bluemarble::protocol
