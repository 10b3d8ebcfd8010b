/// A range coder over caller-owned bytes with the model outside: the caller says where a symbol
/// lies in a total of 2^bits, and nothing is remembered between symbols. Integers only, the same
/// bytes on every machine. One thread at a time per coder; neither allocates. Writing past the end
/// sets `overflow` and writes nothing more; reading past the end yields zeros, and `Finish` tells.
///
/// Format (proto/WIRE.md "Range coder"): `low` and `range` are 32 bits; a symbol [start, start +
/// freq) of 2^bits takes step = range >> bits, low += start * step, range = freq * step; while
/// range < 2^24 the top byte of low goes out. At the end one more byte: low rounded up to 2^24.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>

namespace bluemarble::core {

inline constexpr int kFlagBits = 12;  ///< A flag's probability is in 1/4,096.

class RangeEncoder {
 public:
  explicit RangeEncoder(std::span<std::byte> out) : out_(out) {}

  /// `freq` >= 1, start + freq <= 2^bits, bits <= 16.
  void Encode(uint32_t start, uint32_t freq, int bits) {
    assert(freq >= 1 && start + freq <= 1u << bits && bits <= 16);
    const uint32_t step = range_ >> bits;
    const uint32_t before = low_;
    low_ += start * step;
    if (low_ < before) Carry();
    range_ = freq * step;
    while (range_ < kBottom) {
      Put(low_ >> 24);
      low_ <<= 8;
      range_ <<= 8;
    }
  }
  /// The low `count` bits of `value`, equally likely; 0 <= count <= 32.
  void Bits(uint32_t value, int count) {
    if (count > 16) {
      Encode(value & 0xffffu, 1, 16);
      value >>= 16;
      count -= 16;
    }
    if (count > 0) Encode(value & ((1u << count) - 1), 1, count);
  }
  /// True is expected `likely` times in 4,096; 1 <= likely <= 4,095.
  void Flag(bool value, uint32_t likely) {
    if (value) {
      Encode(0, likely, kFlagBits);
    } else {
      Encode(likely, (1u << kFlagBits) - likely, kFlagBits);
    }
  }
  /// Bytes in all, once at the end.
  size_t Finish() {
    const uint32_t before = low_;
    low_ += kBottom - 1;
    if (low_ < before) Carry();
    Put(low_ >> 24);
    return size_;
  }
  bool overflow() const { return overflow_; }

 private:
  static constexpr uint32_t kBottom = 1u << 24;

  void Carry() {
    size_t at = size_;
    while (at > 0) {
      std::byte& before = out_[--at];
      before = static_cast<std::byte>(std::to_integer<unsigned>(before) + 1);
      if (before != std::byte{0}) return;
    }
  }
  void Put(uint32_t b) {
    if (size_ >= out_.size()) {
      overflow_ = true;
      return;
    }
    out_[size_++] = static_cast<std::byte>(b);
  }

  std::span<std::byte> out_;
  size_t size_ = 0;
  uint32_t low_ = 0;
  uint32_t range_ = 0xffffffffu;
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
