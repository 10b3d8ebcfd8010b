#include "replication/interest.h"

#include <bit>
#include <tuple>
#include <utility>

#include "core/hash.h"

namespace bluemarble::replication {
namespace {

// A leaf keeps its class, and its place in the view, until it is a tenth farther than the class
// reaches, and at most by the width of a small leaf: nobody is told what is beyond.
constexpr double kHysteresis = 1.1;
constexpr double kMostHysteresisCm =
    static_cast<double>(int64_t{1} << (geo::kRootBits - aoi::OctreeLimits().max_level));
constexpr size_t kLeafCapacity = 4096;
constexpr size_t kRefreshesPerChunk = 16;
// So many who are wanted out of turn are refreshed in a tick, or this part of all viewers.
constexpr size_t kFewWanted = 256;
constexpr size_t kWantedPart = 8;
// So many viewers are asked in a tick whether somebody concerns them who moved into another leaf: a
// millisecond. The others have their turn.
constexpr size_t kMostAsked = 2048;
// Viewers of one node of this level have their turns together (1.3 km), those of one sector those
// of the classes that are seen from far.
constexpr int kTurnLevel = 14;

double LeaveRadiusCm(double radius_m) {
  return std::min(radius_m * 100.0 * kHysteresis, radius_m * 100.0 + kMostHysteresisCm);
}

int64_t DistanceSquared(geo::GridPoint a, geo::GridPoint b) {
  const int64_t x = a.x - b.x, y = a.y - b.y, z = a.z - b.z;
  return x * x + y * y + z * z;
}

}  // namespace

InterestFinder::InterestFinder(const ReplicationSettings& settings, const aoi::Octree& octree,
                               uint32_t max_entities, int workers)
    : octree_(octree),
      census_(octree, static_cast<int64_t>(LeaveRadiusCm(settings.radius_m.back()))),
      max_leaves_(settings.max_leaves_per_viewer),
      max_parts_(Viewer::MaxParts(max_leaves_)),
      ticks_(settings.interest_ticks),
      reach_cm_(census_.reach_cm()),
      near_cm_(static_cast<int64_t>(settings.radius_m.front() * 100.0)),
      arrival_cm_(static_cast<int64_t>(LeaveRadiusCm(settings.radius_m[1]))),
      viewer_of_(max_entities, 0),
      wanted_(settings.max_viewers / 64 + 1),
      near_turns_(kTurnLevel, kNearTurns),
      far_turns_(geo::kSectorLevel, kFarTurns) {
  for (size_t i = 0; i < kReplicationClasses; ++i) {
    const double radius_cm = settings.radius_m[i] * 100.0;
    const double leave_cm = LeaveRadiusCm(settings.radius_m[i]);
    radius_sq_[i] = static_cast<int64_t>(radius_cm * radius_cm);
    leave_radius_sq_[i] = static_cast<int64_t>(leave_cm * leave_cm);
  }
  due_.reserve(2 * size_t{settings.max_viewers});
  around_arrival_.reserve(kLeafCapacity);
  for (int i = 0; i < workers; ++i) {
    Scratch& own = *scratch_.emplace_back(std::make_unique<Scratch>(census_));
    own.near.reserve(kLeafCapacity);
    own.mark.assign(octree.leaf_capacity(), 0);
    for (auto& parts : own.next) parts.reserve(max_parts_);
  }
}

void InterestFinder::AddViewer(ViewerSlot slot, core::EntityId own) {
  viewer_of_[own.index()] = slot + 1;
  ++viewers_;
  Want(slot);
}

void InterestFinder::RemoveViewer(core::EntityId own) {
  viewer_of_[own.index()] = 0;
  --viewers_;
}

InterestFinder::Limits InterestFinder::TakeLimits() {
  Limits sum = {.looks_put_off = std::exchange(looks_put_off_, 0)};
  for (auto& worker : scratch_) {
    sum.leaves += std::exchange(worker->over_limit, 0);
    sum.drops_full += std::exchange(worker->drops_full, 0);
  }
  return sum;
}

void InterestFinder::Refresh(std::span<const std::unique_ptr<Viewer>> viewers,
                             core::WorkerPool& workers, core::Tick now) {
  census_.Take();
  WantWhoIsNearArrivals(viewers);
  ListDue(now);
  const size_t chunks = (due_.size() + kRefreshesPerChunk - 1) / kRefreshesPerChunk;
  workers.Run(static_cast<int>(chunks), [&](int chunk, int worker) {
    const size_t first = static_cast<size_t>(chunk) * kRefreshesPerChunk;
    const size_t count = std::min(kRefreshesPerChunk, due_.size() - first);
    for (ViewerSlot slot : std::span(due_).subspan(first, count)) {
      if (viewers[slot] && viewers[slot]->active)
        RefreshOne(*viewers[slot], slot, *scratch_[static_cast<size_t>(worker)], now);
    }
  });
}

// Whether the viewer is told less of the arrival than it is near enough for: its class of the leaf
// is that of another member. A leaf that there was when it looked, and is not watched, is beyond a
// limit.
bool InterestFinder::SeesLessThanDue(const Viewer& viewer, const aoi::Arrival& arrival) const {
  const int watched = viewer.ClassOf(arrival.leaf);
  return ClassFor(DistanceSquared(octree_.PositionOf(viewer.own), arrival.at),
                  kReplicationClasses) < watched &&
         (watched < kReplicationClasses ||
          static_cast<int32_t>(static_cast<uint32_t>(octree_.Find(arrival.leaf)->created) -
                               viewer.looked) > 0);
}

// Wants the viewers near the arrival; who may see enough of it already is asked first. How many
// were asked.
size_t InterestFinder::WantWhoIsNear(const aoi::Arrival& arrival,
                                     std::span<const std::unique_ptr<Viewer>> viewers) {
  size_t asked = 0;
  around_arrival_.clear();
  // Should the list be too short, the others have their turn soon.
  (void)octree_.QueryLeaves(arrival.at, arrival_cm_, around_arrival_);
  for (aoi::LeafId id : around_arrival_) {
    const aoi::Leaf& leaf = *octree_.Find(id);
    if (!arrival.few && EachSeesEnough(leaf.key, arrival)) continue;
    for (uint32_t part_id = leaf.first_part; part_id != aoi::Part::kNone;) {
      const aoi::Part& part = octree_.part(part_id);
      for (uint32_t rest = part.occupied; rest != 0; rest &= rest - 1) {
        const auto slot = static_cast<size_t>(std::countr_zero(rest));
        const core::EntityId entity = part.slots[slot].entity;
        const uint32_t viewer = viewer_of_[entity.index()];
        if (viewer == 0 || entity == arrival.entity || Wanted(viewer - 1)) continue;
        asked += !arrival.few;
        if (arrival.few || SeesLessThanDue(*viewers[viewer - 1], arrival)) Want(viewer - 1);
      }
      part_id = part.next;
    }
  }
  return asked;
}

// Whoever is in the leaf: the whole of the arrival's is in the class of the arrival's distance.
bool InterestFinder::EachSeesEnough(geo::NodeKey leaf, const aoi::Arrival& arrival) const {
  const geo::NodeKey other = octree_.Find(arrival.leaf)->key;
  return ClassFor(aoi::FarthestSquared(leaf, other), kReplicationClasses) <=
         ClassFor(aoi::NearestSquared(leaf, arrival.at), kReplicationClasses);
}

// Those with few come first: nobody may watch their leaves at all.
void InterestFinder::WantWhoIsNearArrivals(std::span<const std::unique_ptr<Viewer>> viewers) {
  for (const aoi::Arrival& arrival : octree_.arrivals()) {
    if (arrival.few) WantWhoIsNear(arrival, viewers);
  }
  size_t asked = 0;
  for (const aoi::Arrival& arrival : octree_.arrivals()) {
    // Who watched a leaf that split since looks anyway.
    if (arrival.few || octree_.Find(arrival.leaf) == nullptr) continue;
    if (asked < kMostAsked) {
      asked += WantWhoIsNear(arrival, viewers);
    } else {
      ++arrivals_lost_;
    }
  }
}

// Along the curve, so that neighbours come one after the other; then the others, from where the
// last tick's ended.
void InterestFinder::ListDue(core::Tick now) {
  due_.clear();
  if (now % ticks_ == 0) {  // each leaf had its turn since
    near_turns_.Balance();
    far_turns_.Balance();
  }
  for (size_t leaf = 0; leaf < census_.leaves(); ++leaf) {
    if ((now + core::Mix64(census_.key_of(leaf).bits)) % ticks_ != 0) continue;
    const size_t before = due_.size();
    for (core::EntityId member : census_.members_of(leaf)) {
      const uint32_t viewer = viewer_of_[member.index()];
      if (viewer == 0) continue;
      due_.push_back(viewer - 1);
      wanted_[(viewer - 1) / 64].fetch_and(~(uint64_t{1} << (viewer - 1) % 64),
                                           std::memory_order_relaxed);
    }
    const auto its_viewers = static_cast<uint32_t>(due_.size() - before);
    near_turns_.Count(census_.key_of(leaf), its_viewers);
    far_turns_.Count(census_.key_of(leaf), its_viewers);
  }
  // Somebody who comes into a new leaf of a crowd concerns everybody in it: not all in this tick.
  const size_t most = due_.size() + std::max(kFewWanted, viewers_ / kWantedPart);
  for (size_t i = 0, first = next_wanted_; i < wanted_.size(); ++i) {
    const size_t word = (first + i) % wanted_.size();
    if (due_.size() < most) next_wanted_ = word + 1;
    if (due_.size() >= most) {
      looks_put_off_ +=
          static_cast<uint64_t>(std::popcount(wanted_[word].load(std::memory_order_relaxed)));
      continue;
    }
    uint64_t rest = wanted_[word].exchange(0, std::memory_order_relaxed);
    for (; rest != 0; rest &= rest - 1)
      due_.push_back(
          static_cast<ViewerSlot>(word * 64 + static_cast<size_t>(std::countr_zero(rest))));
  }
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

// The nearest leaves win, and of a leaf the parts that have a number on the wire.
size_t InterestFinder::CutToLimits(Scratch& own) const {
  size_t parts = 0;
  for (const aoi::NearLeaf& leaf : own.near) {
    parts += PartsToSend(leaf.id.index);
    if (octree_.parts_of(leaf.id.index) > kMaxLeafParts) ++own.over_limit;
  }
  if (own.near.size() <= max_leaves_ && parts <= max_parts_) return parts;
  std::sort(own.near.begin(), own.near.end(), [](const aoi::NearLeaf& a, const aoi::NearLeaf& b) {
    return std::tie(a.distance_sq, a.key) < std::tie(b.distance_sq, b.key);
  });
  size_t kept = 0;
  parts = 0;
  for (; kept < std::min<size_t>(own.near.size(), max_leaves_); ++kept) {
    const size_t its_parts = PartsToSend(own.near[kept].id.index);
    if (parts + its_parts > max_parts_) break;
    parts += its_parts;
  }
  own.over_limit += own.near.size() - kept;
  own.near.resize(kept);
  return parts;
}

void InterestFinder::RefreshOne(Viewer& viewer, ViewerSlot slot, Scratch& own, core::Tick now) {
  own.near.clear();
  own.kept_unwanted = false;
  const core::Status looked = own.survey.Leaves(viewer.own, reach_cm_, near_cm_, own.near);
  if (looked.code() == core::Code::kNotFound) {
    Want(slot);  // not indexed yet
    return;
  }
  if (!looked.ok()) ++own.over_limit;
  viewer.looked = static_cast<uint32_t>(now);
  const geo::GridPoint at = octree_.PositionOf(viewer.own);
  viewer.turn = static_cast<uint8_t>(near_turns_.Of(at) * kFarTurns + far_turns_.Of(at));
  const size_t near_parts = CutToLimits(own);
  // Leaves that cannot be forgotten yet would come on top of the wanted ones.
  if (viewer.free_drops() < viewer.parts().size() &&
      near_parts + viewer.parts().size() > max_parts_) {
    ++own.drops_full;
    Want(slot);
    return;
  }
  for (size_t i = 0; i < own.near.size(); ++i)
    own.mark[own.near[i].id.index] = static_cast<uint32_t>(i + 1);
  for (auto& parts : own.next) parts.clear();
  for (int cls = 0; cls < kReplicationClasses; ++cls) KeepOrForget(viewer, slot, cls, own, now);
  for (const aoi::NearLeaf& near : own.near) {
    if (std::exchange(own.mark[near.id.index], 0) != 0) Add(viewer, slot, near, own, now);
  }
  viewer.SetParts(own.next);
}

void InterestFinder::KeepOrForget(Viewer& viewer, ViewerSlot slot, int cls, Scratch& own,
                                  core::Tick now) {
  const auto parts = viewer.parts();
  for (size_t at = viewer.group_begin(cls), end = at; at < viewer.group_end(cls); at = end) {
    const aoi::LeafId leaf = parts[at].leaf;
    while (end < viewer.group_end(cls) && parts[end].leaf == leaf) ++end;
    const auto its_parts = parts.subspan(at, end - at);
    const bool lives = octree_.Find(leaf) != nullptr;
    const uint32_t mark = lives ? std::exchange(own.mark[leaf.index], 0) : 0;
    if (mark == 0) {
      const bool known = std::any_of(its_parts.begin(), its_parts.end(),
                                     [](const ViewerPart& part) { return part.may_hold; });
      if (!known || viewer.Drop(leaf, its_parts[0].key, now)) continue;
      ++own.drops_full;
      own.kept_unwanted = true;
      Want(slot);
      auto& kept = own.next[static_cast<size_t>(cls)];
      kept.insert(kept.end(), its_parts.begin(), its_parts.end());
      continue;
    }
    const int wanted =
        std::min(ClassFor(own.near[mark - 1].distance_sq, cls), kReplicationClasses - 1);
    for (ViewerPart& part : its_parts) {
      if (wanted != cls) part.sent = 0;  // bases of another class are of no use
      own.next[static_cast<size_t>(wanted)].push_back(part);
    }
    AppendParts(viewer, leaf, wanted, its_parts.size(), its_parts[0].may_hold, now,
                own.next[static_cast<size_t>(wanted)]);
  }
}

// An earlier leaf of that key is kept, since it could not be dropped.
bool InterestFinder::HasPartOf(geo::NodeKey key, const Scratch& own) {
  return own.kept_unwanted &&
         std::any_of(own.next.begin(), own.next.end(), [key](const auto& parts) {
           return std::any_of(parts.begin(), parts.end(),
                              [key](const ViewerPart& part) { return part.key == key; });
         });
}

void InterestFinder::Add(Viewer& viewer, ViewerSlot slot, const aoi::NearLeaf& near, Scratch& own,
                         core::Tick now) {
  const int cls = ClassFor(near.distance_sq, kReplicationClasses);
  if (cls == kReplicationClasses) return;  // only within the hysteresis of what is held
  const Viewer::Leaf admitted =
      HasPartOf(near.key, own) ? Viewer::Leaf::kNotYet : viewer.Admit(near.id, near.key);
  if (admitted == Viewer::Leaf::kNotYet) {
    Want(slot);
    return;
  }
  auto& parts = own.next[static_cast<size_t>(cls)];
  const size_t before = parts.size();
  AppendParts(viewer, near.id, cls, 0, admitted == Viewer::Leaf::kHeldBefore, now, parts);
  if (!viewer.HasDropAround(near.key)) return;
  for (ViewerPart& part : std::span(parts).subspan(before)) part.replaces = true;
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
  auto& more = scratch_[static_cast<size_t>(worker)]->next[0];
  more.clear();
  const ViewerPart first = viewer.parts()[at];
  size_t known = 1;
  while (at + known < viewer.group_end(cls) && viewer.parts()[at + known].leaf == first.leaf)
    ++known;
  AppendParts(viewer, first.leaf, cls, known, first.may_hold, now, more);
  return viewer.InsertParts(at + known, cls, more);
}

}  // namespace bluemarble::replication
