/// Counting on hot paths: single-writer relaxed atomics that a scrape reads from another thread
/// without locks, tearing or allocation. One writing thread per object; any thread reads.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

namespace bluemarble::core {

/// A monotonic count, or a level when `Set` is used.
class Counter {
 public:
  void Add(uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void Set(uint64_t n) { value_.store(n, std::memory_order_relaxed); }
  uint64_t Get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

/// Log-linear histogram of non-negative integers (microseconds, bytes, ...): exact below 16, then
/// 16 steps per power of two, so a quantile is right within 1/16 = 6.25 %. Values from 2^32 count
/// as 2^32-1.
class Histogram {
 public:
  static constexpr int kSubBits = 4;
  static constexpr int kBuckets = (32 - kSubBits + 1) << kSubBits;

  static constexpr int BucketOf(uint64_t value) {
    if (value > 0xffffffffull) value = 0xffffffffull;
    if (value < (1u << kSubBits)) return static_cast<int>(value);
    const int shift = static_cast<int>(std::bit_width(value)) - 1 - kSubBits;
    return ((shift + 1) << kSubBits) + static_cast<int>((value >> shift) & ((1u << kSubBits) - 1));
  }
  /// The largest value that falls into the bucket.
  static constexpr uint64_t UpperBound(int bucket) {
    if (bucket < (1 << kSubBits)) return static_cast<uint64_t>(bucket);
    const int shift = (bucket >> kSubBits) - 1;
    const auto base = static_cast<uint64_t>((1 << kSubBits) + (bucket & ((1 << kSubBits) - 1)));
    return ((base + 1) << shift) - 1;
  }

  void Add(uint64_t value) {
    auto& bucket = buckets_[static_cast<size_t>(BucketOf(value))];
    bucket.store(bucket.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    sum_.Add(value);
    count_.Add();
    if (value > max_.Get()) max_.Set(value);
  }
  uint64_t bucket(int i) const {
    return buckets_[static_cast<size_t>(i)].load(std::memory_order_relaxed);
  }
  uint64_t count() const { return count_.Get(); }
  uint64_t sum() const { return sum_.Get(); }
  uint64_t max() const { return max_.Get(); }
  /// Upper bound of the bucket that holds quantile `q` in [0, 1]; 0 when empty.
  uint64_t Quantile(double q) const {
    const uint64_t total = count();
    if (total == 0) return 0;
    auto rank = static_cast<uint64_t>(q * static_cast<double>(total));
    if (rank >= total) rank = total - 1;
    uint64_t seen = 0;
    for (int i = 0; i < kBuckets; ++i) {
      seen += bucket(i);
      if (seen > rank) return UpperBound(i);
    }
    return max();
  }

 private:
  std::array<std::atomic<uint64_t>, kBuckets> buckets_{};
  Counter sum_, count_, max_;
};

}  // namespace bluemarble::core
