/// Octree over the planet's integer grid. Its leaves are the unit of replication (DESIGN §4):
/// members sit in slots, 32 slots make a part, and a slot remembers since when its member is there,
/// so that a block can be coded against a base without membership history. Owned by the zone
/// thread; const queries may run on tick workers while nothing changes it.
///
/// Leaves live at levels min_level..max_level: one splits above `split_above` members and siblings
/// merge when together below `merge_below` for `merge_wait_ticks`; at most
/// `max_restructures_per_tick` of either per tick, oldest wish first, key order on ties. A member
/// stays in its leaf until it is a quarter of the leaf's width outside the cube (loose bounds). A
/// leaf keeps its parts for life, so one that a crowd has left almost empty is renewed after the
/// same wait: split, even below max_level, since a leaf of the same key could be shown only after
/// the old one was forgotten. Everything is deterministic; wherever
/// leaves or nodes are listed "in key order", the order is that of the depth-first walk, octants
/// ascending (a node's place on the Morton curve), since keys of different levels do not compare as
/// numbers.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/ids.h"
#include "core/result.h"
#include "geo/grid.h"

namespace bluemarble::aoi {

inline constexpr int kPartSlots = 32;

struct OctreeLimits {
  int min_level = 16;  ///< 328 m.
  /// 41 m; leaves of this level grow without splitting. Smaller ones make more members cross from
  /// leaf to leaf, and each crossing costs a full record.
  int max_level = 19;
  int split_above = 48;
  int merge_below = 16;
  int merge_wait_ticks = 60;  ///< 2 s at 30 Hz.
  int max_restructures_per_tick = 8;
  uint32_t max_entities = 100'000;  ///< world.max_entities
};

/// Index + generation of a leaf in the octree's pool: stays valid until the leaf splits, merges or
/// empties.
struct LeafId {
  uint32_t index = 0;
  uint32_t generation = 0;  ///< 0 is "none".
  friend constexpr auto operator<=>(const LeafId&, const LeafId&) = default;
};

struct Slot {
  core::EntityId entity;  ///< None: free.
  core::Tick since = 0;   ///< Tick at which this occupant took the slot.
};

/// 32 slots. A part keeps its number within the leaf for the leaf's life; `id` is its index in the
/// octree's part pool, unique among living parts, < Octree::part_capacity(): replication keys on
/// it.
struct Part {
  std::array<Slot, kPartSlots> slots;
  uint32_t occupied = 0;  ///< Bit i: slots[i] is taken.
  uint32_t id = 0;
  uint32_t next = kNone;  ///< Next part of the same leaf, or kNone.
  uint16_t number = 0;    ///< Slots number*32 .. number*32+31 of the leaf.
  static constexpr uint32_t kNone = 0xffffffffu;
};

struct Leaf {
  geo::NodeKey key;
  core::Tick created = 0;
  uint32_t members = 0;
  uint32_t first_part = Part::kNone;
};

/// Where an entity sits.
struct Place {
  LeafId leaf;
  uint16_t slot = 0;
  friend constexpr bool operator==(const Place&, const Place&) = default;
};

/// Somebody who came into a leaf.
struct Arrival {
  core::EntityId entity;
  geo::GridPoint at;
  LeafId leaf;
  bool few = false;  ///< The leaf is new or nearly empty: viewers near may not watch it at all.
};

/// A node's destruction, in the order it happened this tick; viewers are told to drop the leaf.
struct LeafGone {
  geo::NodeKey key;
  LeafId id;
};

/// cm², of a leaf's loose box: from `at` to its nearest place, and between its place and that of
/// another leaf that are farthest from each other, saturated far beyond any reach.
int64_t NearestSquared(geo::NodeKey leaf, geo::GridPoint at);
int64_t FarthestSquared(geo::NodeKey leaf, geo::NodeKey other);

class Octree {
 public:
  /// Allocates everything here; nothing allocates afterwards.
  explicit Octree(const OctreeLimits& limits);
  ~Octree();
  Octree(const Octree&) = delete;
  Octree& operator=(const Octree&) = delete;

  /// kFull names the setting, or says that a smallest leaf holds its 32,768; kConflict when the
  /// entity or an older generation of its index is already in; kInvalid for places outside the root
  /// cube. The occupant of a slot is the one of base tick B exactly when `since` <= B.
  core::Status Insert(core::EntityId entity, geo::GridPoint at, core::Tick now);
  /// kNotFound when this generation of the entity is not in.
  core::Status Remove(core::EntityId entity, core::Tick now);
  /// O(1) while within the leaf's loose bounds, else O(depth). True when the leaf changed. Without
  /// effect for an entity that is not in, a place outside the root cube or a full smallest leaf.
  bool Move(core::EntityId entity, geo::GridPoint to, core::Tick now);
  /// True when Move would relink: lets workers test in parallel before the serial relinking.
  bool WouldRelink(core::EntityId entity, geo::GridPoint to) const;
  /// Splits, merges and frees empty leaves; once a tick after all moves. Entities then have new
  /// places.
  void Restructure(core::Tick now);

  /// Leaves destroyed since the last ClearGone (by split, merge or emptying).
  std::span<const LeafGone> gone() const;
  /// More were destroyed than the list holds (two per entity): ask Find about every leaf instead.
  bool gone_lost() const;
  /// Who came, since the last ClearGone, into leaves that viewers near may not watch yet, or only
  /// from afar: those that have few members, and for who moved there those of at most 64. So many
  /// as fit 256; what is beyond is counted.
  std::span<const Arrival> arrivals() const;
  uint64_t arrivals_lost() const;
  /// Forgets gone() and arrivals().
  void ClearGone();

  /// Null when `id` no longer lives.
  const Leaf* Find(LeafId id) const;
  /// The leaf of that index below leaves_touched(); null when none lives there. To go through all
  /// of them, a slice at a time.
  const Leaf* AtIndex(uint32_t leaf_index) const;
  uint32_t leaves_touched() const;
  const Part& part(uint32_t part_id) const;
  /// How many parts a living leaf has; they are never taken from it.
  uint32_t parts_of(uint32_t leaf_index) const;
  /// A leaf is asked about soon.
  void Prefetch(uint32_t leaf_index) const;
  /// {LeafId{}, 0} when the entity is not in.
  Place PlaceOf(core::EntityId entity) const;
  geo::GridPoint PositionOf(core::EntityId entity) const;

  /// Appends to `out` (not past its capacity; then returns kFull) every leaf whose loose box comes
  /// within `radius_cm` of `centre`, in key order. kInvalid when `centre` is outside the root cube;
  /// a negative radius finds nothing. Const, thread-safe beside other queries. Cost: O(leaves found
  /// + depth).
  core::Status QueryLeaves(geo::GridPoint centre, int64_t radius_cm,
                           std::vector<LeafId>& out) const;
  /// Exact: every entity within `radius_cm` of `centre` (grid distance), in leaf order then slot
  /// order.
  core::Status QueryEntities(geo::GridPoint centre, int64_t radius_cm,
                             std::vector<core::EntityId>& out) const;

  uint32_t entities() const;
  uint32_t leaves() const;
  uint32_t part_capacity() const;
  uint32_t leaf_capacity() const;  ///< LeafId.index < this.
  /// Hash of the whole structure, for determinism checks.
  uint64_t StructureHash() const;
  /// Walks everything and returns the first broken invariant (tests).
  core::Status CheckInvariants() const;

 private:
  friend class Census;
  friend class Survey;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bluemarble::aoi
