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
// So many leaves that vanished are compared one by one with what a viewer holds.
constexpr size_t kFewGone = 8;

int64_t DistanceSquared(geo::GridPoint a, geo::GridPoint b) {
  const int64_t dx = int64_t{a.x} - b.x, dy = int64_t{a.y} - b.y, dz = int64_t{a.z} - b.z;
  return dx * dx + dy * dy + dz * dz;
}

}  // namespace

InterestFinder::InterestFinder(const ReplicationSettings& settings, const aoi::Octree& octree,
                               int workers)
    : octree_(octree),
      max_leaves_(settings.max_leaves_per_viewer),
      max_parts_(Viewer::MaxParts(max_leaves_)),
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
    for (auto& parts : worker.next) parts.reserve(max_parts_);
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
  const auto gone = octree_.gone();
  if (octree_.gone_lost() || gone.size() > kFewGone) {
    return std::any_of(viewer.parts().begin(), viewer.parts().end(),
                       [&](const ViewerPart& part) { return octree_.Find(part.leaf) == nullptr; });
  }
  return std::any_of(viewer.parts().begin(), viewer.parts().end(), [&](const ViewerPart& part) {
    return std::any_of(gone.begin(), gone.end(),
                       [&](const aoi::LeafGone& leaf) { return leaf.id == part.leaf; });
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
  CutToLimits(own);
}

// The nearest leaves win.
void InterestFinder::CutToLimits(Scratch& own) const {
  size_t parts = 0;
  for (const WantedLeaf& leaf : own.wanted) parts += PartsToSend(leaf.id.index);
  if (own.wanted.size() <= max_leaves_ && parts <= max_parts_) return;
  std::sort(own.wanted.begin(), own.wanted.end(), [](const WantedLeaf& a, const WantedLeaf& b) {
    return std::tie(a.distance_sq, a.key) < std::tie(b.distance_sq, b.key);
  });
  size_t kept = 0;
  parts = 0;
  for (; kept < std::min<size_t>(own.wanted.size(), max_leaves_); ++kept) {
    parts += PartsToSend(own.wanted[kept].id.index);
    if (parts > max_parts_) break;
  }
  own.over_limit += own.wanted.size() - kept;
  own.wanted.resize(kept);
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
  for (auto& parts : own.next) parts.clear();
  for (int cls = 0; cls < kReplicationClasses; ++cls) KeepOrForget(viewer, cls, own, now);
  for (const WantedLeaf& wanted : own.wanted) {
    if (std::exchange(own.mark[wanted.id.index], 0) != 0) Add(viewer, wanted, own, now);
  }
  // Leaves that cannot be forgotten yet come on top of the wanted ones.
  if (!viewer.SetParts(own.next)) {
    ++own.over_limit;
    viewer.refresh = true;
  }
}

void InterestFinder::KeepOrForget(Viewer& viewer, int cls, Scratch& own, core::Tick now) const {
  const auto parts = viewer.parts();
  for (size_t at = viewer.group_begin(cls), end = at; at < viewer.group_end(cls); at = end) {
    const aoi::LeafId leaf = parts[at].leaf;
    while (end < viewer.group_end(cls) && parts[end].leaf == leaf) ++end;
    const auto its_parts = parts.subspan(at, end - at);
    const bool dead = octree_.Find(leaf) == nullptr;
    const uint32_t mark = dead ? 0 : std::exchange(own.mark[leaf.index], 0);
    if (mark == 0) {
      const bool known = std::any_of(its_parts.begin(), its_parts.end(),
                                     [](const ViewerPart& part) { return part.may_hold; });
      if (!known || viewer.Drop(leaf, its_parts[0].key, now)) continue;
      viewer.refresh = true;
      for (ViewerPart& part : its_parts) {
        part.dead = dead;
        own.next[static_cast<size_t>(cls)].push_back(part);
      }
      continue;
    }
    const int wanted =
        std::min(ClassFor(own.wanted[mark - 1].distance_sq, cls), kReplicationClasses - 1);
    for (ViewerPart& part : its_parts) {
      if (wanted != cls) part.sent = 0;  // bases of another class are of no use
      own.next[static_cast<size_t>(wanted)].push_back(part);
    }
    AppendParts(viewer, leaf, wanted, its_parts.size(), its_parts[0].may_hold, now,
                own.next[static_cast<size_t>(wanted)]);
  }
}

void InterestFinder::Add(Viewer& viewer, const WantedLeaf& wanted, Scratch& own,
                         core::Tick now) const {
  const int cls = ClassFor(wanted.distance_sq, kReplicationClasses);
  if (cls == kReplicationClasses) return;  // only within the hysteresis of what is held
  const Viewer::Leaf admitted = viewer.Admit(wanted.id, wanted.key);
  if (admitted == Viewer::Leaf::kNotYet) {
    viewer.refresh = true;
    return;
  }
  AppendParts(viewer, wanted.id, cls, 0, admitted == Viewer::Leaf::kHeldBefore, now,
              own.next[static_cast<size_t>(cls)]);
}

// The leaf's parts from number `first` on, which the client has not been sent yet.
void InterestFinder::AppendParts(Viewer& viewer, aoi::LeafId id, int cls, size_t first,
                                 bool may_hold, core::Tick now,
                                 std::vector<ViewerPart>& out) const {
  if (PartsToSend(id.index) == first) return;
  const aoi::Leaf& leaf = *octree_.Find(id);
  for (uint32_t part_id = leaf.first_part; part_id != aoi::Part::kNone;) {
    const aoi::Part& part = octree_.part(part_id);
    if (part.number >= first && part.number < kMaxLeafParts && out.size() < out.capacity()) {
      out.push_back({.key = leaf.key,
                     .leaf = id,
                     .part_id = part_id,
                     .last_sent = static_cast<uint32_t>(now),
                     .number = static_cast<uint8_t>(part.number),
                     .may_hold = may_hold});
    }
    part_id = part.next;
  }
  viewer.late |= static_cast<uint8_t>(1u << static_cast<unsigned>(cls));
}

bool InterestFinder::HasNewParts(const Viewer& viewer, size_t at, int cls) const {
  const aoi::LeafId leaf = viewer.parts()[at].leaf;
  const size_t last = at + PartsToSend(leaf.index) - 1;
  return last >= viewer.group_end(cls) || viewer.parts()[last].leaf != leaf;
}

bool InterestFinder::TakeNewParts(Viewer& viewer, size_t at, int cls, int worker, core::Tick now) {
  auto& more = scratch_[static_cast<size_t>(worker)].next[0];
  more.clear();
  const ViewerPart first = viewer.parts()[at];
  size_t known = 1;
  while (at + known < viewer.group_end(cls) && viewer.parts()[at + known].leaf == first.leaf)
    ++known;
  AppendParts(viewer, first.leaf, cls, known, first.may_hold, now, more);
  return viewer.InsertParts(at + known, cls, more);
}

}  // namespace bluemarble::replication
