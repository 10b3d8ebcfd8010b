/// What octree.cc (membership), octree_restructure.cc (splits, merges) and octree_query.cc share.
/// Private to aoi/; owned by the Octree it belongs to.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "aoi/octree.h"
#include "aoi/pool.h"
#include "aoi/wish_queue.h"

namespace bluemarble::aoi {

inline constexpr uint32_t kNone = 0xffffffffu;

/// A leaf with this many members splits at once instead of in its turn, and at max_level takes no
/// more: Place::slot has 16 bits, and members that a split puts out of doors need room as well.
inline constexpr uint32_t kLeafFull = 32'768;
/// A leaf with this many members after one arrived may be one that nobody around watches yet: with
/// more, whoever is near watches it for another member's sake.
inline constexpr uint32_t kFewMembers = 2;
/// With more than these, whoever is near somebody that comes is about as near to another member.
inline constexpr uint32_t kManyMembers = 64;
/// Arrivals remembered per tick; what is beyond is noticed at the next turn of interest.
/// Moves into leaves that have more than a few come first in a tick, and leave room for the others.
inline constexpr size_t kMaxArrivals = 256, kMaxMovedArrivals = kMaxArrivals / 2;

/// A cube expanded by a quarter of its width on each side, centimetres; `high` is outside.
struct LooseBox {
  std::array<int64_t, 3> low;
  int64_t size;

  static LooseBox Of(geo::GridPoint corner, int64_t width) {
    const int64_t quarter = width / 4;
    return {{corner.x - quarter, corner.y - quarter, corner.z - quarter}, width + 2 * quarter};
  }
  bool Contains(geo::GridPoint p) const { return In(p.x, 0) && In(p.y, 1) && In(p.z, 2); }
  /// Squared distance from `p`. Both touch the root cube, so an axis adds at most 2^62 and the sum
  /// fits 64 bits unsigned (not signed).
  uint64_t DistanceSquared(geo::GridPoint p) const {
    return AxisSquared(p.x, 0) + AxisSquared(p.y, 1) + AxisSquared(p.z, 2);
  }

 private:
  bool In(int64_t v, size_t axis) const { return v >= low[axis] && v < low[axis] + size; }
  uint64_t AxisSquared(int64_t v, size_t axis) const {
    const int64_t below = low[axis] - v;
    const int64_t above = v - (low[axis] + size - 1);
    const int64_t off = below > 0 ? below : above > 0 ? above : 0;
    return static_cast<uint64_t>(off * off);
  }
};

bool InRootCube(geo::GridPoint p);

/// Where a node begins on the Morton curve; equal for a node and its first descendants only.
inline uint64_t CurveStart(geo::NodeKey key) {
  return key.bits << (3 * (geo::kMaxLevel - key.level()));
}

struct Octree::Impl {
  struct Node {
    geo::NodeKey key;
    uint32_t parent = kNone;
    uint32_t leaf = kNone;  ///< kNone: internal.
    uint32_t child_count = 0;
    std::array<uint32_t, 8> children;
  };
  struct LeafRecord {
    Leaf leaf;
    LooseBox box;
    uint32_t generation = 0;
    uint32_t node = kNone;  ///< kNone: dead.
    uint32_t last_part = kNone;
    uint32_t free_hint = kNone;  ///< Every part before this one is full.
    uint32_t parts = 0;
    bool dirty = false;  ///< Listed in `dirty`; kept over death, since the list holds indices.
  };
  struct EntityRecord {
    core::EntityId id;
    geo::GridPoint at;
    uint32_t leaf = kNone;
    uint32_t part = kNone;
    uint32_t bit = 0;
  };

  explicit Impl(const OctreeLimits& wanted);

  // octree.cc: membership.
  /// The record of an entity that is in, else null.
  const EntityRecord* Record(core::EntityId entity) const;
  /// The leaf for a position, created when there is none; splits one that is full.
  uint32_t LeafFor(geo::GridPoint at, core::Tick now);
  uint32_t Descend(geo::GridPoint at, core::Tick now);
  void Place(uint32_t leaf, core::EntityId entity, geo::GridPoint at, core::Tick now);
  void NoteArrival(core::EntityId entity, bool few);
  void Unplace(core::EntityId entity);
  uint32_t AppendPart(LeafRecord& record);
  uint32_t NewNode(uint32_t parent, int octant);
  uint32_t NewLeaf(uint32_t node, core::Tick now);
  void DestroyLeaf(uint32_t leaf);
  void MarkDirty(uint32_t leaf);

  // octree_restructure.cc.
  /// Makes `count` leaves and parts available; see the pools' capacities for why that cannot fail.
  void EnsureRoom(uint32_t count, core::Tick now);
  void JudgeDirty(core::Tick now);
  void Judge(uint32_t leaf, core::Tick now);
  bool GrantOldestWish(core::Tick now);
  void FreeEmpty(uint32_t leaf, core::Tick now);
  /// Frees `node` and its ancestors as far as they have no children.
  void FreeChildless(uint32_t node, core::Tick now);
  void FreeNode(uint32_t node);
  bool Mergeable(uint32_t node) const;
  void Split(uint32_t node, core::Tick now);
  void Merge(uint32_t node, core::Tick now);
  void Renew(uint32_t node, core::Tick now);
  void RenewInPlace(uint32_t node, core::Tick now);
  /// Appends the members of a leaf, in slot order, to `scratch`.
  void Collect(uint32_t leaf);

  // octree_query.cc.
  /// Calls visit(leaf index) for each leaf whose loose box is within reach, along the Morton curve,
  /// until it returns false.
  template <typename Visit>
  void VisitLeaves(geo::GridPoint centre, int64_t radius_cm, Visit visit) const;
  /// Counts what hangs below `node` into the last three; the first broken invariant, or null.
  const char* CheckNode(uint32_t node, uint32_t& nodes_seen, uint32_t& parts_seen,
                        uint32_t& members_seen) const;
  const char* CheckLeaf(uint32_t leaf) const;

  OctreeLimits limits;
  // A leaf without members lives until Restructure, or until the pool runs out: so no more than one
  // per entity must exist at a time, and one more while an entity moves. A node has a leaf below
  // it: no level has more nodes than there are leaves. Parts get an eighth to spare, so that
  // gathering half-empty ones, which visits every leaf, is rare.
  Pool<LeafRecord> leaves;
  Pool<Part> parts;
  Pool<Node> nodes;
  std::vector<EntityRecord> entities;  // by EntityId::index()
  uint32_t entity_count = 0;
  std::vector<uint32_t> dirty;  // leaves whose membership changed since the last Restructure
  WishQueue split_wishes;       // leaves
  WishQueue renew_wishes;       // leaves
  WishQueue merge_wishes;       // nodes
  std::vector<core::EntityId> scratch;
  std::vector<LeafGone> gone;
  std::vector<Arrival> arrivals;
  uint64_t arrivals_lost = 0;
  bool gone_lost = false;
};

inline constexpr uint32_t kRootNode = 0;

}  // namespace bluemarble::aoi
