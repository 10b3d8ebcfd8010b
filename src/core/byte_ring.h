/// Bounded single-producer single-consumer ring of variable-length records: how datagrams, messages
/// and batches cross threads by value. One thread writes, one reads; both are wait-free. A full
/// ring refuses the record and counts it; what that means is the owner's policy (STYLE
/// "Ownership").
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace bluemarble::core {

class ByteRing {
 public:
  /// `capacity_bytes` is rounded up to a power of two, at least 4 KiB. Allocates once, here.
  explicit ByteRing(size_t capacity_bytes);

  /// Producer. Copies `head` then `body` as one record, or refuses (false, counted) when there is
  /// no room. A record may be at most capacity / 4 bytes; a larger one is refused as well.
  bool Push(std::span<const std::byte> head, std::span<const std::byte> body = {});

  /// Consumer. The oldest record, valid until Pop; an empty span with null data when there is none.
  std::span<const std::byte> Front();
  /// Consumer. Releases the record that Front returned.
  void Pop();

  /// Consumer. The next record of those behind Front's that this has not given yet, at most `limit`
  /// of them ahead; null data when there is none known of. So a record can be looked at twice: a
  /// little before its time, to have ready what it needs, and by Front.
  std::span<const std::byte> Ahead(int limit);

  /// Any thread; approximate while the others work, never above the capacity.
  size_t used_bytes() const;
  size_t capacity_bytes() const { return size_; }
  uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  /// The record at `position`, which is set to the one after it.
  std::span<const std::byte> RecordAt(uint64_t& position) const;

  std::unique_ptr<std::byte[]> data_;
  size_t size_;
  size_t mask_;
  alignas(64) std::atomic<uint64_t> head_{0};  // next byte to write; producer's
  uint64_t cached_tail_ = 0;
  std::atomic<uint64_t> refused_{0};
  alignas(64) std::atomic<uint64_t> tail_{0};  // next byte to read; consumer's
  uint64_t cached_head_ = 0;
  uint64_t front_end_ = 0;
  uint64_t ahead_ = 0;     // next byte that Ahead reads, when
  int ahead_records_ = 0;  // so many, Front's included, are before it
};

}  // namespace bluemarble::core
