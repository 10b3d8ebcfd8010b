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
/// bytes that go out gather in a register, where carries reach them, and whoever writes drains it
/// now and then.
#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace bluemarble::core {

inline constexpr int kFlagBits = 12;  ///< A flag's probability is in 1/4,096.

class RangeEncoder {
 public:
  /// Where an encoder stands that has written nothing to its bytes yet.
  struct State {
    uint64_t low = 0;  ///< The format's; below 2^32 between symbols.
    uint64_t out = 0;  ///< Bytes that went out and wait, and a carry above them.
    uint32_t range = 0xffffffffu;
    int zeros = 0;    ///< Of `range`, in front.
    int waiting = 0;  ///< Bits of `out`: whole bytes.
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
    Shift(std::countl_zero(state_.range), 0);
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
  /// Encode(start, freq, bits), Bits(value, count), Bits(negative, signs) in one; bits + count <=
  /// 18, signs 0 or 1, and nothing is negative without a sign.
  [[gnu::always_inline]] constexpr void EncodeSigned(uint32_t start, uint32_t freq, int bits,
                                                     uint32_t value, int count, uint32_t negative,
                                                     int signs) {
    assert(freq >= 1 && start + freq <= 1u << bits && bits + count <= 18);
    const uint32_t step = state_.range >> bits;
    const uint32_t range = freq * step;
    const int zeros = std::countl_zero(range);
    const int first = zeros & ~7;
    const uint32_t one = range << first >> count;
    const int zeros_of_one = (zeros & 7) + count;
    const int second = zeros_of_one & ~7;
    const uint32_t half = one << second >> signs;
    state_.low = ((state_.low + start * step) << first) + value * one;
    state_.low = (state_.low << second) + (half & -negative);
    state_.range = half;
    Shift((zeros_of_one & 7) + signs, first + second);
  }
  /// True is expected `likely` times in 4,096; 1 <= likely <= 4,095.
  [[gnu::always_inline]] constexpr void Flag(bool value, uint32_t likely) {
    if (value) {
      Encode(0, likely, kFlagBits);
    } else {
      Encode(likely, (1u << kFlagBits) - likely, kFlagBits);
    }
  }
  /// Writes what waits, but for a byte that stays for carries. Any time; for whoever calls it often
  /// enough that less than five bytes wait, nothing else has to.
  [[gnu::always_inline]] constexpr void Drain() {
    Put((state_.waiting >> 3) - (state_.waiting != 0 ? 1 : 0));
  }
  /// Bytes in all, once at the end.
  constexpr size_t Finish() {
    state_.low += kBottom - 1;
    state_.out = (state_.out << 8) + (state_.low >> 24);
    state_.waiting += 8;
    Put(state_.waiting >> 3);
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
  static constexpr int kMostWaiting = 39;  // 24 more and a carry fit
  static constexpr ptrdiff_t kWordBytes = 8;

  constexpr size_t size_bytes() const { return static_cast<size_t>(at_ - begin_); }

  // 0 <= count <= 16. Of none it does nothing, without asking.
  [[gnu::always_inline]] constexpr void FewBits(uint32_t value, int count) {
    state_.range >>= count;
    state_.low += value * state_.range;
    Shift(state_.zeros + count, 0);
  }

  // `zeros`: those in front of the range as it is; at most 23, since it was above 2^24. `low` has
  // been shifted by `before`, 24 at most with what is done here.
  [[gnu::always_inline]] constexpr void Shift(int zeros, int before) {
    const int shift = zeros & ~7;
    state_.range <<= shift;
    state_.zeros = zeros & 7;
    state_.low <<= shift;
    state_.out = (state_.out << (before + shift)) + (state_.low >> 32);
    state_.low &= 0xffffffffu;
    state_.waiting += before + shift;
    if (state_.waiting > kMostWaiting) [[unlikely]]
      Drain();
  }

  // The first `bytes` of those that wait.
  [[gnu::always_inline]] constexpr void Put(int bytes) {
    if (state_.out >> state_.waiting != 0) [[unlikely]]
      Carry();
    if (std::is_constant_evaluated() || end_ - at_ < kWordBytes) [[unlikely]] {
      PutLast(bytes);
    } else {
      uint64_t word = state_.out << 1 << (63 - state_.waiting);
      if constexpr (std::endian::native == std::endian::little) word = __builtin_bswap64(word);
      std::memcpy(at_, &word, kWordBytes);
      at_ += bytes;
    }
    state_.waiting -= 8 * bytes;
    state_.out &= (uint64_t{1} << state_.waiting) - 1;
  }
  constexpr void PutLast(int bytes) {
    for (int shift = state_.waiting - 8; bytes > 0; --bytes, shift -= 8) {
      if (at_ == end_) {
        overflow_ = true;
        return;
      }
      *at_++ = static_cast<std::byte>(state_.out >> shift);
    }
  }

  // Into the bytes that have left the register.
  constexpr void Carry() {
    state_.out &= (uint64_t{1} << state_.waiting) - 1;
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
  /// 0 <= count <= 32; who has it from outside asks first.
  uint32_t Bits(int count) {
    assert(count >= 0 && count <= 32);
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
