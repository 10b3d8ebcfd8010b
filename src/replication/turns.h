/// On which ticks the slower classes have their turn. The viewers of one region have it together,
/// so that they share blocks; regions are dealt out so that every tick has about as many viewers:
/// what the slowest tick takes is what players feel. Owned by the zone thread; Of() may run on tick
/// workers while nothing is counted. Deterministic; allocates in the constructor only.
#pragma once

#include <cstdint>
#include <vector>

#include "geo/grid.h"

namespace bluemarble::replication {

class Turns {
 public:
  /// Regions are nodes of `level`; their turns are numbers below `ways`.
  Turns(int level, uint32_t ways);

  /// The turn of the region around a place.
  uint32_t Of(geo::GridPoint at) const { return turn_[BucketOf(geo::NodeKey::At(at, level_))]; }

  /// So many viewers are in this node, which is no larger than a region.
  void Count(geo::NodeKey node, uint32_t viewers) {
    count_[BucketOf(node.level() > level_ ? node.ancestor(level_) : node)] += viewers;
  }
  /// Everybody has been counted once: moves few regions from the fullest turns to the emptiest,
  /// none when they are about even, and begins to count anew. O(regions that are told apart).
  void Balance();

 private:
  // Regions that share a bucket share a turn.
  static constexpr uint32_t kBuckets = 1024;
  static uint32_t BucketOf(geo::NodeKey region);

  int level_;
  uint32_t ways_;
  std::vector<uint8_t> turn_;    // by bucket
  std::vector<uint32_t> count_;  // likewise, of viewers
  std::vector<uint32_t> load_;   // by turn
};

}  // namespace bluemarble::replication
