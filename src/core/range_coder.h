/// A range coder over caller-owned bytes with the model outside: the caller says where a symbol
/// lies in a total of 2^bits, and nothing is remembered between symbols. Integers only, the same
/// bytes on every machine. One thread at a time per coder; neither allocates. Writing past the end
/// sets `overflow` and writes nothing more; reading past the end yields zeros, and `Finish` tells.
///
/// Format (proto/WIRE.md "Range coder"): `low` and `range` are 32 bits; a symbol [start, start +
/// freq) of 2^bits takes step = range >> bits, low += start * step, range = freq * step; while
/// range < 2^24 the top byte of low goes out. At the end one more byte: low rounded up to 2^24.
///
/// What a symbol costs is nearly all wrongly guessed branches, so there are none that depend on it:
/// bytes that go out gather above `low` in one register, where carries reach them, and leave it two
/// at a time.
#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>

namespace bluemarble::core {

inline constexpr int kFlagBits = 12;  ///< A flag's probability is in 1/4,096.

class RangeEncoder {
 public:
  /// Where an encoder stands that has written less than two bytes.
  struct State {
    uint64_t low = 0;  ///< Below 2^32 the format's `low`, above it the bytes that wait.
    uint32_t range = 0xffffffffu;
    int zeros = 0;    ///< Of `range`, in front.
    int waiting = 0;  ///< Bits above `low`: 0 or 8 between symbols.
  };

  constexpr explicit RangeEncoder(std::span<std::byte> out)
      : at_(out.data()), begin_(out.data()), end_(out.data() + out.size()) {}

  constexpr const State& state() const { return state_; }
  /// Instead of encoding from the start what another encoder has: before anything else.
  constexpr void StartFrom(const State& state) { state_ = state; }

  /// `freq` >= 1, start + freq <= 2^bits, bits <= 16.
  [[gnu::always_inline]] constexpr void Encode(uint32_t start, uint32_t freq, int bits) {
    assert(freq >= 1 && start + freq <= 1u << bits && bits <= 16);
    const uint32_t step = state_.range >> bits;
    state_.low += start * step;
    state_.range = freq * step;
    Shift(std::countl_zero(state_.range));
  }
  /// `value`, equally likely with all others of its `count` bits; 0 <= count <= 32. Nothing beyond
  /// them may be set.
  [[gnu::always_inline]] constexpr void Bits(uint32_t value, int count) {
    assert(count >= 0 && count <= 32 && uint64_t{value} >> count == 0);
    if (count > 16) [[unlikely]] {
      FewBits(value & 0xffffu, 16);
      value >>= 16;
      count -= 16;
    }
    FewBits(value, count);
  }
  /// Bits(value, count) and then Bits(negative, signs), in one; count <= 16, signs 0 or 1, and
  /// nothing is negative without a sign.
  [[gnu::always_inline]] constexpr void SignedBits(uint32_t value, int count, uint32_t negative,
                                                   int signs) {
    const uint32_t step = state_.range >> count;
    const int zeros = state_.zeros + count;
    const int first = zeros & ~7;
    const uint32_t half = step << first >> signs;
    state_.low = ((state_.low + value * step) << first) + (half & -negative);
    state_.range = half;
    state_.waiting += first;
    Shift((zeros & 7) + signs);
  }
  /// True is expected `likely` times in 4,096; 1 <= likely <= 4,095.
  [[gnu::always_inline]] constexpr void Flag(bool value, uint32_t likely) {
    if (value) {
      Encode(0, likely, kFlagBits);
    } else {
      Encode(likely, (1u << kFlagBits) - likely, kFlagBits);
    }
  }
  /// Bytes in all, once at the end.
  constexpr size_t Finish() {
    state_.low += kBottom - 1;
    // As if the last byte were shifted out: it waits like those before it.
    state_.low <<= 8;
    state_.waiting += 8;
    Carry();
    for (; state_.waiting > 0; state_.waiting -= 8) {
      if (at_ == end_) {
        overflow_ = true;
        break;
      }
      *at_++ = static_cast<std::byte>(state_.low >> (24 + state_.waiting));
    }
    return size_bytes();
  }
  constexpr bool overflow() const { return overflow_; }

  /// What was spent so far, in eighths of a bit: differences add up, to the whole but for rounding
  /// at the end.
  constexpr uint32_t SpentEighths() const {
    const uint32_t fraction = state_.range << state_.zeros >> 28 & 7;
    const auto whole = static_cast<uint32_t>(state_.waiting + state_.zeros);
    return 8 * (8 * static_cast<uint32_t>(size_bytes()) + whole) + 7 - fraction;
  }

 private:
  static constexpr uint32_t kBottom = 1u << 24;

  constexpr size_t size_bytes() const { return static_cast<size_t>(at_ - begin_); }

  // 0 <= count <= 16. Of none it does nothing, without asking.
  [[gnu::always_inline]] constexpr void FewBits(uint32_t value, int count) {
    state_.range >>= count;
    state_.low += value * state_.range;
    Shift(state_.zeros + count);
  }

  // `zeros`: those in front of the range as it is; at most 23, since it was above 2^24.
  [[gnu::always_inline]] constexpr void Shift(int zeros) {
    const int shift = zeros & ~7;
    state_.range <<= shift;
    state_.low <<= shift;
    state_.zeros = zeros & 7;
    state_.waiting += shift;
    if (state_.waiting >= 16) PutTwo();
  }

  constexpr void PutTwo() {
    Carry();
    const auto two = static_cast<uint32_t>(state_.low >> (16 + state_.waiting));
    state_.low &= (uint64_t{1} << (16 + state_.waiting)) - 1;
    state_.waiting -= 16;
    if (end_ - at_ < 2) [[unlikely]] {
      overflow_ = true;
      return;
    }
    at_[0] = static_cast<std::byte>(two >> 8);
    at_[1] = static_cast<std::byte>(two);
    at_ += 2;
  }

  // Into the bytes that have left the register.
  constexpr void Carry() {
    if (state_.low >> (32 + state_.waiting) == 0) return;
    for (std::byte* at = at_; at != begin_;) {
      --at;
      *at = static_cast<std::byte>(std::to_integer<unsigned>(*at) + 1);
      if (*at != std::byte{0}) return;
    }
  }

  State state_;
  std::byte* at_;
  std::byte* begin_;
  std::byte* end_;
  bool overflow_ = false;
};

class RangeDecoder {
 public:
  explicit RangeDecoder(std::span<const std::byte> in) : in_(in) {
    for (int i = 0; i < 4; ++i) code_ = code_ << 8 | Next();
  }

  /// Where in [0, 2^bits) the next symbol lies; `Take` it before anything else.
  uint32_t Peek(int bits) {
    step_ = range_ >> bits;
    const uint32_t at = code_ / step_;
    const uint32_t last = (1u << bits) - 1;
    return at < last ? at : last;
  }
  void Take(uint32_t start, uint32_t freq) {
    code_ -= start * step_;
    range_ = freq * step_;
    while (range_ < kBottom) {
      code_ = code_ << 8 | Next();
      range_ <<= 8;
      ++taken_;
    }
  }
  uint32_t Bits(int count) {
    uint32_t low = 0;
    int shift = 0;
    if (count > 16) {
      low = Peek(16);
      Take(low, 1);
      shift = 16;
      count -= 16;
    }
    if (count == 0) return low;
    const uint32_t value = Peek(count);
    Take(value, 1);
    return low | value << shift;
  }
  bool Flag(uint32_t likely) {
    const bool value = Peek(kFlagBits) < likely;
    if (value) {
      Take(0, likely);
    } else {
      Take(likely, (1u << kFlagBits) - likely);
    }
    return value;
  }
  /// Whether the input has exactly the bytes that an encoder of the same symbols writes.
  bool Finish() const { return taken_ + 1 == in_.size(); }

 private:
  static constexpr uint32_t kBottom = 1u << 24;

  uint32_t Next() { return at_ < in_.size() ? std::to_integer<uint32_t>(in_[at_++]) : 0u; }

  std::span<const std::byte> in_;
  size_t at_ = 0;
  size_t taken_ = 0;
  uint32_t code_ = 0;
  uint32_t range_ = 0xffffffffu;
  uint32_t step_ = 0;
};

}  // namespace bluemarble::core
