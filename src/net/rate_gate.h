/// How often strangers are answered: a budget for everybody and one for each address, in bounded
/// memory. A net thread's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/hash.h"

namespace bluemarble::net {

class RateGate {
 public:
  /// Both budgets save up at most one second's worth. `seed` must be secret: it decides which
  /// addresses share one of the kBuckets.
  RateGate(int per_s, int per_address_s, uint64_t seed)
      : interval_ns_(kSecond / per_s),
        address_interval_ns_(kSecond / per_address_s),
        seed_(seed),
        address_due_ns_(kBuckets, INT64_MIN / 2) {}

  bool Allow(uint32_t v4, int64_t now_ns) {
    int64_t& address_due = address_due_ns_[core::HashCombine(seed_, v4) % kBuckets];
    // The address first, so that a single flooder does not use up what is everybody's.
    if (address_due - now_ns > kSecond - address_interval_ns_) return false;
    if (due_ns_ - now_ns > kSecond - interval_ns_) return false;
    address_due = std::max(address_due, now_ns) + address_interval_ns_;
    due_ns_ = std::max(due_ns_, now_ns) + interval_ns_;
    return true;
  }

 private:
  static constexpr int64_t kSecond = 1'000'000'000;
  static constexpr size_t kBuckets = 8192;

  const int64_t interval_ns_, address_interval_ns_;
  const uint64_t seed_;
  // When the budget would be full again; the virtual-scheduling form of a token bucket.
  int64_t due_ns_ = INT64_MIN / 2;
  std::vector<int64_t> address_due_ns_;
};

}  // namespace bluemarble::net
