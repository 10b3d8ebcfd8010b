/// Bit streams over caller-owned bytes, least significant bit first within little-endian 64-bit
/// words. One thread at a time per stream. Neither allocates. Writing past the end sets `overflow`
/// and writes nothing more; reading past the end sets `overflow` and yields zeros: check once at
/// the end.
#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace bluemarble::core {

static_assert(std::endian::native == std::endian::little, "the wire format is little-endian");

/// Zigzag: small magnitudes of either sign become small unsigned numbers.
constexpr uint32_t ZigZag(int32_t v) {
  return (static_cast<uint32_t>(v) << 1) ^ static_cast<uint32_t>(v >> 31);
}
constexpr int32_t UnZigZag(uint32_t v) {
  return static_cast<int32_t>(v >> 1) ^ -static_cast<int32_t>(v & 1);
}

class BitWriter {
 public:
  explicit BitWriter(std::span<std::byte> out) : out_(out) {}

  /// Writes the low `count` bits of `value`; 0 <= count <= 32.
  void Write(uint32_t value, int count) {
    assert(count >= 0 && count <= 32);
    const uint64_t masked = value & ((uint64_t{1} << count) - 1);
    scratch_ |= masked << used_;
    used_ += count;
    while (used_ >= 8) {
      Put(static_cast<std::byte>(scratch_ & 0xff));
      scratch_ >>= 8;
      used_ -= 8;
    }
  }
  void Write64(uint64_t value, int count) {
    if (count > 32) {
      Write(static_cast<uint32_t>(value), 32);
      Write(static_cast<uint32_t>(value >> 32), count - 32);
    } else {
      Write(static_cast<uint32_t>(value), count);
    }
  }
  void WriteBool(bool value) { Write(value ? 1 : 0, 1); }
  /// Pads with zero bits to the next byte.
  void Align() {
    if (used_ > 0) Write(0, 8 - used_);
  }
  void WriteBytes(std::span<const std::byte> bytes) {
    Align();
    if (overflow_ || bytes.size() > out_.size() - size_) {
      overflow_ = true;
      return;
    }
    if (!bytes.empty()) std::memcpy(out_.data() + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  /// Whole bytes written, a started one included.
  size_t size_bytes() const { return size_ + (used_ > 0 ? 1 : 0); }
  bool overflow() const { return overflow_; }

 private:
  void Put(std::byte b) {
    if (size_ >= out_.size()) {
      overflow_ = true;
      return;
    }
    out_[size_++] = b;
  }

  std::span<std::byte> out_;
  size_t size_ = 0;
  uint64_t scratch_ = 0;
  int used_ = 0;
  bool overflow_ = false;
};

class BitReader {
 public:
  explicit BitReader(std::span<const std::byte> in) : in_(in) {}

  /// The next `count` bits, 0 <= count <= 32; zeros past the end.
  uint32_t Read(int count) {
    assert(count >= 0 && count <= 32);
    if (available_ < count) Refill();
    if (available_ < count) {
      overflow_ = true;
      available_ = count;
    }
    const auto value = static_cast<uint32_t>(scratch_ & ((uint64_t{1} << count) - 1));
    scratch_ >>= count;
    available_ -= count;
    return value;
  }
  uint64_t Read64(int count) {
    if (count <= 32) return Read(count);
    const uint64_t low = Read(32);
    return low | uint64_t{Read(count - 32)} << 32;
  }
  bool ReadBool() { return Read(1) != 0; }
  /// Skips to the next byte; bytes taken ahead are given back.
  void Align() {
    position_ = in_.size() - remaining_bytes();
    scratch_ = 0;
    available_ = 0;
  }
  /// The next `count` whole bytes after alignment; empty and `overflow` when there are fewer.
  std::span<const std::byte> ReadBytes(size_t count) {
    Align();
    if (count > in_.size() - position_) {
      overflow_ = true;
      position_ = in_.size();
      return {};
    }
    const auto bytes = in_.subspan(position_, count);
    position_ += count;
    return bytes;
  }
  /// Bytes of which no bit has been read.
  size_t remaining_bytes() const {
    return overflow_ ? 0 : in_.size() - position_ + static_cast<size_t>(available_ / 8);
  }
  bool overflow() const { return overflow_; }

 private:
  // Tops the scratch up to at least 49 bits while there are bytes, several at once where it can.
  void Refill() {
    if (in_.size() - position_ >= 8) {
      uint64_t next;
      std::memcpy(&next, in_.data() + position_, 8);
      scratch_ |= next << available_;
      const int bytes = (63 - available_) / 8;
      position_ += static_cast<size_t>(bytes);
      available_ += bytes * 8;
      scratch_ &= (uint64_t{1} << available_) - 1;
      return;
    }
    while (available_ <= 48 && position_ < in_.size()) {
      scratch_ |= static_cast<uint64_t>(in_[position_++]) << available_;
      available_ += 8;
    }
  }

  std::span<const std::byte> in_;
  size_t position_ = 0;
  uint64_t scratch_ = 0;
  int available_ = 0;
  bool overflow_ = false;
};

}  // namespace bluemarble::core
