#include "replication/turns.h"

#include <algorithm>
#include <cassert>
#include <numeric>

#include "core/hash.h"

namespace bluemarble::replication {
namespace {

// A region that is moved has one update early or late: not all of them at once.
constexpr int kMovesAtOnce = 8;
// The fullest turn may have this part of the mean more than the emptiest.
constexpr uint32_t kEvenPart = 8;

}  // namespace

Turns::Turns(int level, uint32_t ways)
    : level_(level), ways_(ways), turn_(kBuckets), count_(kBuckets), load_(ways) {
  assert(ways > 0 && ways <= 256);
  for (uint32_t bucket = 0; bucket < kBuckets; ++bucket)
    turn_[bucket] = static_cast<uint8_t>(bucket % ways);
}

uint32_t Turns::BucketOf(geo::NodeKey region) {
  return static_cast<uint32_t>(core::Mix64(region.bits) % kBuckets);
}

void Turns::Balance() {
  std::fill(load_.begin(), load_.end(), 0);
  for (uint32_t bucket = 0; bucket < kBuckets; ++bucket) load_[turn_[bucket]] += count_[bucket];
  const uint64_t all = std::accumulate(load_.begin(), load_.end(), uint64_t{0});
  for (int move = 0; move < kMovesAtOnce; ++move) {
    const auto fullest = std::max_element(load_.begin(), load_.end());
    const auto emptiest = std::min_element(load_.begin(), load_.end());
    const uint32_t gap = *fullest - *emptiest;
    if (uint64_t{gap} * ways_ * kEvenPart <= all) break;
    // The one that brings both closest to their mean.
    uint32_t best = kBuckets, best_off = gap;
    for (uint32_t bucket = 0; bucket < kBuckets; ++bucket) {
      if (count_[bucket] == 0 || turn_[bucket] != fullest - load_.begin()) continue;
      const uint32_t twice = 2 * count_[bucket];
      const uint32_t off = twice > gap ? twice - gap : gap - twice;
      if (off < best_off) {
        best = bucket;
        best_off = off;
      }
    }
    if (best == kBuckets) break;  // one region fills the turn
    turn_[best] = static_cast<uint8_t>(emptiest - load_.begin());
    *fullest -= count_[best];
    *emptiest += count_[best];
  }
  std::fill(count_.begin(), count_.end(), 0);
}

}  // namespace bluemarble::replication
