#include "core/byte_ring.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

namespace bluemarble::core {
namespace {

// A record is [u32 length][bytes], padded to 8; kSkip fills the rest of the buffer before a wrap.
constexpr uint32_t kSkip = 0xffffffffu;
constexpr uint64_t Padded(uint64_t bytes) { return (bytes + 7) & ~uint64_t{7}; }

}  // namespace

ByteRing::ByteRing(size_t capacity_bytes)
    : size_(std::bit_ceil(capacity_bytes < 4096 ? size_t{4096} : capacity_bytes)),
      mask_(size_ - 1) {
  // Written to here: pages that the system gives as the ring goes round would cost ticks their
  // time, and look like memory that grows.
  data_ = std::make_unique<std::byte[]>(size_);
}

bool ByteRing::Push(std::span<const std::byte> head, std::span<const std::byte> body) {
  const uint64_t length = head.size() + body.size();
  const uint64_t need = Padded(4 + length);
  const uint64_t position = head_.load(std::memory_order_relaxed);
  const uint64_t to_end = size_ - (position & mask_);
  const uint64_t total = need <= to_end ? need : to_end + need;
  if (need > size_ / 4 || position + total - cached_tail_ > size_) {
    cached_tail_ = tail_.load(std::memory_order_acquire);
    if (need > size_ / 4 || position + total - cached_tail_ > size_) {
      refused_.store(refused_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return false;
    }
  }
  uint64_t at = position;
  if (need > to_end) {
    std::memcpy(data_.get() + (at & mask_), &kSkip, 4);
    at += to_end;
  }
  std::byte* out = data_.get() + (at & mask_);
  const auto length32 = static_cast<uint32_t>(length);
  std::memcpy(out, &length32, 4);
  if (!head.empty()) std::memcpy(out + 4, head.data(), head.size());
  if (!body.empty()) std::memcpy(out + 4 + head.size(), body.data(), body.size());
  head_.store(position + total, std::memory_order_release);
  return true;
}

std::span<const std::byte> ByteRing::RecordAt(uint64_t& position) const {
  uint32_t length;
  std::memcpy(&length, data_.get() + (position & mask_), 4);
  if (length == kSkip) {
    position += size_ - (position & mask_);
    std::memcpy(&length, data_.get() + (position & mask_), 4);
  }
  const std::byte* const bytes = data_.get() + (position & mask_) + 4;
  position += Padded(4 + uint64_t{length});
  return {bytes, length};
}

std::span<const std::byte> ByteRing::Front() {
  uint64_t position = tail_.load(std::memory_order_relaxed);
  if (position == cached_head_) {
    cached_head_ = head_.load(std::memory_order_acquire);
    if (position == cached_head_) return {};
  }
  const auto record = RecordAt(position);
  front_end_ = position;
  if (ahead_records_ == 0) {
    ahead_ = front_end_;
    ahead_records_ = 1;
  }
  return record;
}

void ByteRing::Pop() {
  assert(front_end_ > tail_.load(std::memory_order_relaxed));
  --ahead_records_;
  tail_.store(front_end_, std::memory_order_release);
}

std::span<const std::byte> ByteRing::Ahead(int limit) {
  if (ahead_records_ == 0 || ahead_records_ > limit || ahead_ == cached_head_) return {};
  ++ahead_records_;
  return RecordAt(ahead_);
}

size_t ByteRing::used_bytes() const {
  // Tail first: what a third thread sees as head afterwards is not below it. Meanwhile both may
  // have moved on by more than the ring holds.
  const uint64_t tail = tail_.load(std::memory_order_acquire);
  const uint64_t head = head_.load(std::memory_order_acquire);
  return std::min<uint64_t>(head - tail, size_);
}

}  // namespace bluemarble::core
