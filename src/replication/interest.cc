#include "replication/interest.h"

#include <algorithm>
#include <bit>
#include <tuple>
#include <utility>

namespace bluemarble::replication {
namespace {

// A leaf keeps its class, and its place in the view, until it is this much farther than the class
// reaches.
constexpr double kHysteresis = 1.1;
constexpr size_t kQueryCapacity = 4096;

int64_t DistanceSquared(geo::GridPoint a, geo::GridPoint b) {
  const int64_t dx = int64_t{a.x} - b.x, dy = int64_t{a.y} - b.y, dz = int64_t{a.z} - b.z;
  return dx * dx + dy * dy + dz * dz;
}

}  // namespace

InterestFinder::InterestFinder(const ReplicationSettings& settings, const aoi::Octree& octree,
                               int workers)
    : octree_(octree),
      max_leaves_(settings.max_leaves_per_viewer),
      reach_cm_(static_cast<int64_t>(settings.radius_m.back() * 100.0 * kHysteresis)),
      scratch_(static_cast<size_t>(workers)) {
  for (size_t i = 0; i < kReplicationClasses; ++i) {
    const double radius_cm = settings.radius_m[i] * 100.0;
    radius_sq_[i] = static_cast<int64_t>(radius_cm * radius_cm);
    leave_radius_sq_[i] = static_cast<int64_t>(radius_cm * radius_cm * kHysteresis * kHysteresis);
  }
  for (Scratch& worker : scratch_) {
    worker.query.reserve(kQueryCapacity);
    worker.wanted.reserve(kQueryCapacity);
    worker.mark.assign(octree.leaf_capacity(), 0);
  }
}

bool InterestFinder::Overtaken(const Viewer& viewer) const {
  return (!octree_.gone().empty() && HoldsDeadLeaf(viewer)) || ArrivalNear(viewer);
}

uint64_t InterestFinder::TakeOverLimit() {
  uint64_t sum = 0;
  for (Scratch& worker : scratch_) sum += std::exchange(worker.over_limit, 0);
  return sum;
}

bool InterestFinder::HoldsDeadLeaf(const Viewer& viewer) const {
  return std::any_of(viewer.leaves().begin(), viewer.leaves().end(), [&](const ViewerLeaf& leaf) {
    return leaf.id.generation != 0 && octree_.Find(leaf.id) == nullptr;
  });
}

// Somebody came near into a leaf that this viewer may not watch: waiting for its turn of interest
// would let the arrival vanish between the old leaf and the new one.
bool InterestFinder::ArrivalNear(const Viewer& viewer) const {
  const auto arrivals = octree_.arrivals();
  if (arrivals.empty() || octree_.PlaceOf(viewer.own).leaf.generation == 0) return false;
  const geo::GridPoint at = octree_.PositionOf(viewer.own);
  return std::any_of(arrivals.begin(), arrivals.end(), [&](geo::GridPoint p) {
    return DistanceSquared(at, p) <=
           leave_radius_sq_[static_cast<size_t>(ReplicationClass::kVisual)];
  });
}

// Squared distance in cm to the leaf's nearest member other than the viewer, INT64_MAX when there
// is none; stops early once it is within the innermost class.
int64_t InterestFinder::NearestOther(const aoi::Leaf& leaf, const Viewer& viewer,
                                     geo::GridPoint at) const {
  int64_t nearest = INT64_MAX;
  for (uint32_t id = leaf.first_part; id != aoi::Part::kNone;) {
    const aoi::Part& part = octree_.part(id);
    for (uint32_t rest = part.occupied; rest != 0; rest &= rest - 1) {
      const core::EntityId entity = part.slots[static_cast<size_t>(std::countr_zero(rest))].entity;
      if (entity == viewer.own) continue;
      nearest = std::min(nearest, DistanceSquared(octree_.PositionOf(entity), at));
      if (nearest <= radius_sq_[0]) return nearest;
    }
    id = part.next;
  }
  return nearest;
}

// The class for a distance; `held` (or kReplicationClasses when not held) is kept within the
// hysteresis.
int InterestFinder::ClassFor(int64_t distance_sq, int held) const {
  for (int cls = 0; cls < kReplicationClasses; ++cls) {
    const auto i = static_cast<size_t>(cls);
    if (distance_sq <= (cls == held ? leave_radius_sq_[i] : radius_sq_[i])) return cls;
  }
  return kReplicationClasses;
}

void InterestFinder::FindWanted(const Viewer& viewer, geo::GridPoint at, Scratch& own) const {
  own.query.clear();
  own.wanted.clear();
  if (!octree_.QueryLeaves(at, reach_cm_, own.query).ok()) ++own.over_limit;
  for (aoi::LeafId id : own.query) {
    const aoi::Leaf* leaf = octree_.Find(id);
    const int64_t distance_sq = NearestOther(*leaf, viewer, at);
    if (distance_sq <= leave_radius_sq_.back()) own.wanted.push_back({id, leaf->key, distance_sq});
  }
  if (own.wanted.size() > max_leaves_) {
    std::nth_element(own.wanted.begin(), own.wanted.begin() + max_leaves_, own.wanted.end(),
                     [](const WantedLeaf& a, const WantedLeaf& b) {
                       return std::tie(a.distance_sq, a.key) < std::tie(b.distance_sq, b.key);
                     });
    own.over_limit += own.wanted.size() - max_leaves_;
    own.wanted.resize(max_leaves_);
  }
}

void InterestFinder::Refresh(Viewer& viewer, int worker, core::Tick now) {
  Scratch& own = scratch_[static_cast<size_t>(worker)];
  viewer.refresh = false;
  if (octree_.PlaceOf(viewer.own).leaf.generation == 0) {
    viewer.refresh = true;  // not indexed yet
    return;
  }
  FindWanted(viewer, octree_.PositionOf(viewer.own), own);
  for (size_t i = 0; i < own.wanted.size(); ++i)
    own.mark[own.wanted[i].id.index] = static_cast<uint32_t>(i + 1);

  for (uint32_t slot = 0; slot < viewer.leaves().size(); ++slot) {
    ViewerLeaf& leaf = viewer.leaves()[slot];
    if (leaf.id.generation == 0) continue;
    const uint32_t mark = octree_.Find(leaf.id) != nullptr ? own.mark[leaf.id.index] : 0;
    if (mark == 0) {
      viewer.refresh |= !viewer.DropLeaf(slot, now);
      continue;
    }
    own.mark[leaf.id.index] = 0;  // held already
    const int held = static_cast<int>(leaf.cls);
    const int cls =
        std::min(ClassFor(own.wanted[mark - 1].distance_sq, held), kReplicationClasses - 1);
    if (cls != held) viewer.ChangeClass(slot, static_cast<ReplicationClass>(cls), now);
  }
  for (const WantedLeaf& wanted : own.wanted) {
    if (own.mark[wanted.id.index] == 0) continue;
    own.mark[wanted.id.index] = 0;
    const int cls = ClassFor(wanted.distance_sq, kReplicationClasses);
    if (cls == kReplicationClasses) continue;  // only within the hysteresis of what is held
    viewer.refresh |=
        !viewer.AddLeaf(wanted.id, wanted.key, static_cast<ReplicationClass>(cls), now);
  }
  viewer.GroupByClass();
}

}  // namespace bluemarble::replication
