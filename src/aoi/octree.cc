#include "aoi/octree.h"

#include <algorithm>
#include <bit>
#include <cassert>

#include "aoi/octree_impl.h"

namespace bluemarble::aoi {
namespace {

constexpr int64_t kRootHalf = int64_t{1} << (geo::kRootBits - 1);

OctreeLimits Sane(OctreeLimits limits) {
  assert(0 <= limits.min_level && limits.min_level <= limits.max_level);
  assert(limits.max_level <= geo::kMaxLevel);
  assert(0 < limits.merge_below && limits.merge_below <= limits.split_above);
  assert(limits.max_entities > 0 && limits.max_entities <= core::EntityId::kIndexMask + 1);
  return limits;
}

uint32_t LeafCapacity(const OctreeLimits& limits) { return limits.max_entities + 1; }

uint32_t NodeCapacity(const OctreeLimits& limits) {
  const uint64_t leaves = LeafCapacity(limits);
  uint64_t nodes = 0;
  for (int level = 0; level <= geo::kMaxLevel; ++level) {  // renewed leaves go deeper
    nodes += std::min(leaves, uint64_t{1} << (3 * level));
  }
  return static_cast<uint32_t>(nodes);
}

}  // namespace

bool InRootCube(geo::GridPoint p) {
  const auto in = [](int32_t v) { return v >= -kRootHalf && v < kRootHalf; };
  return in(p.x) && in(p.y) && in(p.z);
}

Octree::Impl::Impl(const OctreeLimits& wanted)
    : limits(Sane(wanted)),
      leaves(LeafCapacity(limits)),
      parts(LeafCapacity(limits) + limits.max_entities / 8 + 64),
      nodes(NodeCapacity(limits)),
      entities(limits.max_entities),
      split_wishes(leaves.capacity()),
      renew_wishes(leaves.capacity()),
      merge_wishes(nodes.capacity()) {
  dirty.reserve(leaves.capacity());
  scratch.reserve(limits.max_entities);
  gone.reserve(2 * size_t{leaves.capacity()});
  arrivals.reserve(kMaxArrivals);
  const uint32_t root = nodes.Take();
  assert(root == kRootNode);
  nodes[root].key = geo::NodeKey::Root();
  nodes[root].children.fill(kNone);
}

const Octree::Impl::EntityRecord* Octree::Impl::Record(core::EntityId entity) const {
  if (!entity || entity.index() >= entities.size()) return nullptr;
  const EntityRecord& record = entities[entity.index()];
  return record.id == entity ? &record : nullptr;
}

uint32_t Octree::Impl::LeafFor(geo::GridPoint at, core::Tick now) {
  for (;;) {
    EnsureRoom(1, now);
    const uint32_t leaf = Descend(at, now);
    const LeafRecord& record = leaves[leaf];
    if (record.leaf.members < kLeafFull || record.leaf.key.level() >= limits.max_level) return leaf;
    Split(record.node, now);
  }
}

uint32_t Octree::Impl::Descend(geo::GridPoint at, core::Tick now) {
  const uint64_t path = geo::NodeKey::At(at, geo::kMaxLevel).bits;
  uint32_t node = kRootNode;
  for (int level = 0;; ++level) {
    if (nodes[node].leaf != kNone) return nodes[node].leaf;
    // Childless: just made on the way down, or the root of an empty tree.
    if (nodes[node].child_count == 0 && level >= limits.min_level) return NewLeaf(node, now);
    const auto octant = static_cast<int>(path >> (3 * (geo::kMaxLevel - 1 - level)) & 7);
    const uint32_t child = nodes[node].children[static_cast<size_t>(octant)];
    node = child != kNone ? child : NewNode(node, octant);
  }
}

void Octree::Impl::Place(uint32_t leaf, core::EntityId entity, geo::GridPoint at, core::Tick now) {
  LeafRecord& record = leaves[leaf];
  uint32_t part_id = record.free_hint;
  while (part_id != kNone && parts[part_id].occupied == ~uint32_t{0}) part_id = parts[part_id].next;
  if (part_id == kNone) part_id = AppendPart(record);
  record.free_hint = part_id;

  Part& part = parts[part_id];
  const auto bit = static_cast<uint32_t>(std::countr_one(part.occupied));
  part.occupied |= uint32_t{1} << bit;
  part.slots[bit] = {entity, now};
  ++record.leaf.members;
  entities[entity.index()] = {entity, at, leaf, part_id, bit};
  if (record.leaf.members <= kFewMembers) NoteArrival(entity, true);
  MarkDirty(leaf);
}

void Octree::Impl::NoteArrival(core::EntityId entity, bool few) {
  if (arrivals.size() >= (few ? kMaxArrivals : kMaxMovedArrivals)) {
    ++arrivals_lost;
    return;
  }
  const EntityRecord& record = entities[entity.index()];
  arrivals.push_back({entity, record.at, {record.leaf, leaves[record.leaf].generation}, few});
}

void Octree::Impl::Unplace(core::EntityId entity) {
  const EntityRecord& place = entities[entity.index()];
  LeafRecord& record = leaves[place.leaf];
  Part& part = parts[place.part];
  part.occupied &= ~(uint32_t{1} << place.bit);
  part.slots[place.bit] = {};
  --record.leaf.members;
  if (part.number < parts[record.free_hint].number) record.free_hint = place.part;
  MarkDirty(place.leaf);
}

uint32_t Octree::Impl::AppendPart(LeafRecord& record) {
  const uint32_t id = parts.Take();
  assert(record.parts < 65'536 / kPartSlots);
  parts[id] = Part{};
  parts[id].id = id;
  parts[id].number = static_cast<uint16_t>(record.parts++);
  (record.last_part == kNone ? record.leaf.first_part : parts[record.last_part].next) = id;
  record.last_part = id;
  return id;
}

uint32_t Octree::Impl::NewNode(uint32_t parent, int octant) {
  const uint32_t node = nodes.Take();
  nodes[node] = {nodes[parent].key.child(octant), parent, kNone, 0, {}};
  nodes[node].children.fill(kNone);
  nodes[parent].children[static_cast<size_t>(octant)] = node;
  ++nodes[parent].child_count;
  return node;
}

uint32_t Octree::Impl::NewLeaf(uint32_t node, core::Tick now) {
  const uint32_t leaf = leaves.Take();
  LeafRecord& record = leaves[leaf];
  const bool dirty_already = record.dirty;
  const uint32_t generation = record.generation + 1 == 0 ? 1 : record.generation + 1;
  record = LeafRecord{};
  record.leaf = {nodes[node].key, now, 0, Part::kNone};
  record.box = LooseBox::Of(record.leaf.key.corner(), record.leaf.key.width_cm());
  record.generation = generation;
  record.node = node;
  record.dirty = dirty_already;
  nodes[node].leaf = leaf;
  return leaf;
}

void Octree::Impl::DestroyLeaf(uint32_t leaf) {
  LeafRecord& record = leaves[leaf];
  if (gone.size() < gone.capacity()) {
    gone.push_back({record.leaf.key, {leaf, record.generation}});
  } else {
    gone_lost = true;
  }
  for (uint32_t part = record.leaf.first_part; part != kNone;) {
    const uint32_t next = parts[part].next;
    parts.Give(part);
    part = next;
  }
  split_wishes.Drop(leaf);
  renew_wishes.Drop(leaf);
  nodes[record.node].leaf = kNone;
  record.node = kNone;
  leaves.Give(leaf);
}

void Octree::Impl::MarkDirty(uint32_t leaf) {
  if (leaves[leaf].dirty) return;
  leaves[leaf].dirty = true;
  dirty.push_back(leaf);
}

Octree::Octree(const OctreeLimits& limits) : impl_(std::make_unique<Impl>(limits)) {}
Octree::~Octree() = default;

core::Status Octree::Insert(core::EntityId entity, geo::GridPoint at, core::Tick now) {
  using core::Code;
  if (!entity || !InRootCube(at)) return {Code::kInvalid, "no entity, or a place outside the grid"};
  if (entity.index() >= impl_->limits.max_entities) return {Code::kFull, "world.max_entities"};
  if (impl_->entities[entity.index()].id) {
    return {Code::kConflict, "the entity, or an older one of its index, is in the octree"};
  }
  const uint32_t leaf = impl_->LeafFor(at, now);
  if (impl_->leaves[leaf].leaf.members >= kLeafFull) {
    return {Code::kFull, "32,768 entities in one smallest leaf of the octree"};
  }
  impl_->Place(leaf, entity, at, now);
  ++impl_->entity_count;
  return core::Status::Ok();
}

core::Status Octree::Remove(core::EntityId entity, core::Tick) {
  if (impl_->Record(entity) == nullptr) {
    return {core::Code::kNotFound, "the entity is not in the octree"};
  }
  impl_->Unplace(entity);
  impl_->entities[entity.index()] = {};
  --impl_->entity_count;
  return core::Status::Ok();
}

bool Octree::Move(core::EntityId entity, geo::GridPoint to, core::Tick now) {
  if (impl_->Record(entity) == nullptr || !InRootCube(to)) return false;
  Impl::EntityRecord& record = impl_->entities[entity.index()];
  if (impl_->leaves[record.leaf].box.Contains(to)) {
    record.at = to;
    return false;
  }
  const uint32_t leaf = impl_->LeafFor(to, now);
  if (impl_->leaves[leaf].leaf.members >= kLeafFull) return false;
  impl_->Unplace(entity);
  impl_->Place(leaf, entity, to, now);
  const uint32_t members = impl_->leaves[leaf].leaf.members;
  if (members > kFewMembers && members <= kManyMembers) impl_->NoteArrival(entity, false);
  return true;
}

bool Octree::WouldRelink(core::EntityId entity, geo::GridPoint to) const {
  const Impl::EntityRecord* record = impl_->Record(entity);
  return record != nullptr && InRootCube(to) && !impl_->leaves[record->leaf].box.Contains(to);
}

std::span<const Arrival> Octree::arrivals() const { return impl_->arrivals; }
uint64_t Octree::arrivals_lost() const { return impl_->arrivals_lost; }

std::span<const LeafGone> Octree::gone() const { return impl_->gone; }
bool Octree::gone_lost() const { return impl_->gone_lost; }
void Octree::ClearGone() {
  impl_->gone.clear();
  impl_->arrivals.clear();
  impl_->gone_lost = false;
}

const Leaf* Octree::Find(LeafId id) const {
  if (id.index >= impl_->leaves.touched()) return nullptr;
  const Impl::LeafRecord& record = impl_->leaves[id.index];
  return record.node != kNone && record.generation == id.generation ? &record.leaf : nullptr;
}

const Leaf* Octree::AtIndex(uint32_t leaf_index) const {
  const Impl::LeafRecord& record = impl_->leaves[leaf_index];
  return record.node != kNone ? &record.leaf : nullptr;
}
uint32_t Octree::leaves_touched() const { return impl_->leaves.touched(); }

const Part& Octree::part(uint32_t part_id) const { return impl_->parts[part_id]; }

void Octree::Prefetch(uint32_t leaf_index) const { __builtin_prefetch(&impl_->leaves[leaf_index]); }

uint32_t Octree::parts_of(uint32_t leaf_index) const { return impl_->leaves[leaf_index].parts; }

Place Octree::PlaceOf(core::EntityId entity) const {
  const Impl::EntityRecord* record = impl_->Record(entity);
  if (record == nullptr) return {};
  const uint32_t slot = impl_->parts[record->part].number * uint32_t{kPartSlots} + record->bit;
  return {{record->leaf, impl_->leaves[record->leaf].generation}, static_cast<uint16_t>(slot)};
}

geo::GridPoint Octree::PositionOf(core::EntityId entity) const {
  const Impl::EntityRecord* record = impl_->Record(entity);
  return record != nullptr ? record->at : geo::GridPoint{};
}

uint32_t Octree::entities() const { return impl_->entity_count; }
uint32_t Octree::leaves() const { return impl_->leaves.used(); }
uint32_t Octree::part_capacity() const { return impl_->parts.capacity(); }
uint32_t Octree::leaf_capacity() const { return impl_->leaves.capacity(); }

}  // namespace bluemarble::aoi
