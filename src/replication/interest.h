/// Which leaves a viewer is to be sent, and in which class: those with another entity within reach,
/// the class by the nearest of them (DESIGN §4). Owned by the replicator; in the Interest phase one
/// worker refreshes one viewer, with the worker's own scratch. Allocates in the constructor only.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "aoi/octree.h"
#include "bluemarble/wire.h"
#include "core/ids.h"
#include "geo/grid.h"
#include "replication/settings.h"
#include "replication/viewer.h"

namespace bluemarble::replication {

/// A part's number is one byte on the wire.
inline constexpr uint32_t kMaxLeafParts = 256;

class InterestFinder {
 public:
  InterestFinder(const ReplicationSettings& settings, const aoi::Octree& octree, int workers);

  /// Since the last refresh a leaf that the viewer holds died, or somebody came near into a leaf
  /// that it may not hold yet: its turn is not to be waited for. O(leaves held) on ticks with
  /// either, else O(1).
  bool Overtaken(const Viewer& viewer) const;

  /// Drops, adds and re-classes the viewer's leaves. One query of the octree.
  void Refresh(Viewer& viewer, int worker, core::Tick now);

  /// Whether the leaf whose first part is the one at `at` has more than the viewer knows.
  bool HasNewParts(const Viewer& viewer, size_t at, int cls) const;
  /// Parts that the leaf of the part at `at` (of class `cls`) got since the last refresh become the
  /// viewer's. False when it has no room for them. Replicate phase, one worker per viewer.
  bool TakeNewParts(Viewer& viewer, size_t at, int cls, int worker, core::Tick now);

  /// Leaves left out because of replication.max_leaves_per_viewer since the last call. Zone thread.
  uint64_t TakeOverLimit();

 private:
  struct WantedLeaf {
    aoi::LeafId id;
    geo::NodeKey key;
    int64_t distance_sq = 0;
  };
  struct alignas(64) Scratch {
    std::vector<aoi::LeafId> query;
    std::vector<WantedLeaf> wanted;
    std::array<std::vector<ViewerPart>, kReplicationClasses> next;  // the viewer's parts by class
    std::vector<uint32_t> mark;  // by leaf index: 1 + position in `wanted`, else 0
    uint64_t over_limit = 0;
  };

  uint32_t PartsToSend(uint32_t leaf) const {
    return std::min(octree_.parts_of(leaf), kMaxLeafParts);
  }
  void CutToLimits(Scratch& own) const;
  void KeepOrForget(Viewer& viewer, int cls, Scratch& own, core::Tick now) const;
  void Add(Viewer& viewer, const WantedLeaf& wanted, Scratch& own, core::Tick now) const;
  void AppendParts(Viewer& viewer, aoi::LeafId id, int cls, size_t first, bool may_hold,
                   core::Tick now, std::vector<ViewerPart>& out) const;
  bool HoldsDeadLeaf(const Viewer& viewer) const;
  bool ArrivalNear(const Viewer& viewer) const;
  int64_t NearestOther(const aoi::Leaf& leaf, const Viewer& viewer, geo::GridPoint at) const;
  int ClassFor(int64_t distance_sq, int held) const;
  void FindWanted(const Viewer& viewer, geo::GridPoint at, Scratch& own) const;

  const aoi::Octree& octree_;
  uint32_t max_leaves_, max_parts_;
  int64_t reach_cm_;
  std::array<int64_t, kReplicationClasses> radius_sq_{}, leave_radius_sq_{};
  std::vector<Scratch> scratch_;
};

}  // namespace bluemarble::replication
