/// Which leaves a viewer is to be sent, and in which class: those with another entity within reach,
/// the class by the nearest of them (DESIGN §4). Owned by the replicator; in the Interest phase one
/// worker refreshes one viewer, with the worker's own scratch. Viewers of one leaf have their turn
/// together: what is around them is looked up once. Allocates in the constructor only.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "aoi/census.h"
#include "aoi/octree.h"
#include "bluemarble/wire.h"
#include "core/ids.h"
#include "core/worker_pool.h"
#include "geo/grid.h"
#include "replication/settings.h"
#include "replication/turns.h"
#include "replication/viewer.h"

namespace bluemarble::replication {

/// A part's number is one byte on the wire.
inline constexpr uint32_t kMaxLeafParts = 256;

class InterestFinder {
 public:
  InterestFinder(const ReplicationSettings& settings, const aoi::Octree& octree,
                 uint32_t max_entities, int workers);

  void AddViewer(ViewerSlot slot, core::EntityId own);
  void RemoveViewer(core::EntityId own);

  /// The viewer is refreshed at the next Refresh, whoever's turn it is. Any worker.
  void Want(ViewerSlot slot) {
    wanted_[slot / 64].fetch_or(uint64_t{1} << slot % 64, std::memory_order_relaxed);
  }
  bool Wanted(ViewerSlot slot) const {
    return (wanted_[slot / 64].load(std::memory_order_relaxed) >> slot % 64 & 1) != 0;
  }

  /// Wants a viewer that all turns went past, as they do where one comes from leaf to leaf: so no
  /// view is older than the ticks in which all viewers have their turn. Any worker.
  void WantOverdue(ViewerSlot slot, const Viewer& viewer, core::Tick now) {
    if (static_cast<uint32_t>(now) - viewer.looked >= ticks_) Want(slot);
  }

  /// Drops, adds and re-classes the leaves of those whose turn it is, of the wanted ones, and of
  /// who is near somebody that came into a leaf that it does not watch, or only from afar: waiting
  /// would let the arrival vanish between two leaves.
  void Refresh(std::span<const std::unique_ptr<Viewer>> viewers, core::WorkerPool& workers,
               core::Tick now);

  /// Whether the leaf whose first part is the one at `at` has more than the viewer knows.
  bool HasNewParts(const Viewer& viewer, size_t at, int cls) const;
  /// Parts that the leaf of the part at `at` (of class `cls`) got since the last refresh become the
  /// viewer's. False when it has no room for them. Replicate phase, one worker per viewer.
  bool TakeNewParts(Viewer& viewer, size_t at, int cls, int worker, core::Tick now);

  /// What was hit since the last call. Zone thread.
  struct Limits {
    uint64_t leaves = 0;         ///< Left out because of replication.max_leaves_per_viewer.
    uint64_t drops_full = 0;     ///< Leaves that could not be forgotten: too many drops wait.
    uint64_t looks_put_off = 0;  ///< Viewers, by ticks, who were to look at once and wait.
  };
  Limits TakeLimits();
  /// Who moved into a leaf when too many did in one tick, since the start. Zone thread.
  uint64_t arrivals_lost() const { return arrivals_lost_; }

 private:
  struct alignas(64) Scratch {
    explicit Scratch(const aoi::Census& census) : survey(census) {}
    aoi::Survey survey;
    std::vector<aoi::NearLeaf> near;
    std::array<std::vector<ViewerPart>, kReplicationClasses> next;  // the viewer's parts by class
    std::vector<uint32_t> mark;  // by leaf index: 1 + position in `near`, else 0
    uint64_t over_limit = 0, drops_full = 0;
    bool kept_unwanted = false;  // leaves that the viewer could not be told to forget
  };

  uint32_t PartsToSend(uint32_t leaf) const {
    return std::min(octree_.parts_of(leaf), kMaxLeafParts);
  }
  bool SeesLessThanDue(const Viewer& viewer, const aoi::Arrival& arrival) const;
  bool EachSeesEnough(geo::NodeKey leaf, const aoi::Arrival& arrival) const;
  size_t WantWhoIsNear(const aoi::Arrival& arrival,
                       std::span<const std::unique_ptr<Viewer>> viewers);
  void WantWhoIsNearArrivals(std::span<const std::unique_ptr<Viewer>> viewers);
  void ListDue(core::Tick now);
  void RefreshOne(Viewer& viewer, ViewerSlot slot, Scratch& own, core::Tick now);
  size_t CutToLimits(Scratch& own) const;  // the parts of what is left
  void KeepOrForget(Viewer& viewer, ViewerSlot slot, int cls, Scratch& own, core::Tick now);
  static bool HasPartOf(geo::NodeKey key, const Scratch& own);
  void Add(Viewer& viewer, ViewerSlot slot, const aoi::NearLeaf& near, Scratch& own,
           core::Tick now);
  void AppendParts(Viewer& viewer, aoi::LeafId id, int cls, size_t first, bool may_hold,
                   core::Tick now, std::vector<ViewerPart>& out) const;
  int ClassFor(int64_t distance_sq, int held) const;

  const aoi::Octree& octree_;
  aoi::Census census_;
  uint32_t max_leaves_, max_parts_, ticks_;
  int64_t reach_cm_, near_cm_, arrival_cm_;
  std::array<int64_t, kReplicationClasses> radius_sq_{}, leave_radius_sq_{};
  std::vector<uint32_t> viewer_of_;            // by entity index: slot + 1, 0 for none
  std::vector<std::atomic<uint64_t>> wanted_;  // a bit a slot
  size_t viewers_ = 0;
  size_t next_wanted_ = 0;  // in wanted_, modulo its size
  uint64_t looks_put_off_ = 0, arrivals_lost_ = 0;
  Turns near_turns_, far_turns_;
  std::vector<ViewerSlot> due_;
  std::vector<aoi::LeafId> around_arrival_;
  std::vector<std::unique_ptr<Scratch>> scratch_;
};

}  // namespace bluemarble::replication
