#include <algorithm>
#include <bit>

#include "aoi/octree_impl.h"
#include "core/hash.h"

namespace bluemarble::aoi {

int64_t NearestSquared(geo::NodeKey leaf, geo::GridPoint at) {
  const uint64_t squared = LooseBox::Of(leaf.corner(), leaf.width_cm()).DistanceSquared(at);
  return static_cast<int64_t>(std::min(squared, uint64_t{INT64_MAX}));
}

int64_t FarthestSquared(geo::NodeKey leaf, geo::NodeKey other) {
  constexpr int64_t kMostApart = int64_t{1} << 30;
  const LooseBox a = LooseBox::Of(leaf.corner(), leaf.width_cm()),
                 b = LooseBox::Of(other.corner(), other.width_cm());
  int64_t sum = 0;
  for (size_t axis = 0; axis < a.low.size(); ++axis) {
    const int64_t apart =
        std::max(a.low[axis] + a.size - b.low[axis], b.low[axis] + b.size - a.low[axis]);
    sum += std::min(apart, kMostApart) * std::min(apart, kMostApart);
  }
  return sum;
}

namespace {

using core::Code;

// Farther than any two points of the root cube, and its square fits 64 bits.
constexpr int64_t kReachesAll = (int64_t{1} << 32) - 1;

uint64_t DistanceSquared(geo::GridPoint a, geo::GridPoint b) {
  const int64_t x = int64_t{a.x} - b.x, y = int64_t{a.y} - b.y, z = int64_t{a.z} - b.z;
  return static_cast<uint64_t>(x * x) + static_cast<uint64_t>(y * y) + static_cast<uint64_t>(z * z);
}

uint64_t ReachSquared(int64_t radius_cm) {
  const auto reach = static_cast<uint64_t>(std::min(radius_cm, kReachesAll));
  return reach * reach;
}

}  // namespace

template <typename Visit>
void Octree::Impl::VisitLeaves(geo::GridPoint centre, int64_t radius_cm, Visit visit) const {
  if (radius_cm < 0) return;
  const uint64_t reach_squared = ReachSquared(radius_cm);
  struct Pending {
    uint32_t node;
    int32_t x, y, z;  // corner: cheaper to carry than to take from the key
    int level;
  };
  std::array<Pending, 7 * (geo::kMaxLevel + 1) + 1> stack;
  const geo::GridPoint root = geo::NodeKey::Root().corner();
  stack[0] = {kRootNode, root.x, root.y, root.z, 0};
  for (size_t depth = 1; depth > 0;) {
    const Pending at = stack[--depth];
    const Node& node = nodes[at.node];
    if (node.leaf != kNone) {
      if (leaves[node.leaf].box.DistanceSquared(centre) > reach_squared) continue;
      if (!visit(node.leaf)) return;
      continue;
    }
    const int64_t half = int64_t{1} << (geo::kRootBits - at.level - 1);
    for (int octant = 7; octant >= 0; --octant) {
      const uint32_t child = node.children[static_cast<size_t>(octant)];
      if (child == kNone) continue;
      const auto offset = [&](int bit) { return static_cast<int32_t>(octant & bit ? half : 0); };
      const geo::GridPoint corner{at.x + offset(1), at.y + offset(2), at.z + offset(4)};
      if (LooseBox::Of(corner, half).DistanceSquared(centre) > reach_squared) continue;
      stack[depth++] = {child, corner.x, corner.y, corner.z, at.level + 1};
    }
  }
}

core::Status Octree::QueryLeaves(geo::GridPoint centre, int64_t radius_cm,
                                 std::vector<LeafId>& out) const {
  if (!InRootCube(centre)) return {Code::kInvalid, "the centre is outside the root cube"};
  bool full = false;
  impl_->VisitLeaves(centre, radius_cm, [&](uint32_t leaf) {
    full = out.size() == out.capacity();
    if (!full) out.push_back({leaf, impl_->leaves[leaf].generation});
    return !full;
  });
  return full ? core::Status(Code::kFull, "the caller's list of leaves") : core::Status::Ok();
}

core::Status Octree::QueryEntities(geo::GridPoint centre, int64_t radius_cm,
                                   std::vector<core::EntityId>& out) const {
  if (!InRootCube(centre)) return {Code::kInvalid, "the centre is outside the root cube"};
  if (radius_cm < 0) return core::Status::Ok();
  const uint64_t reach_squared = ReachSquared(radius_cm);
  bool full = false;
  impl_->VisitLeaves(centre, radius_cm, [&](uint32_t leaf) {
    for (uint32_t id = impl_->leaves[leaf].leaf.first_part; id != kNone;) {
      const Part& part = impl_->parts[id];
      for (uint32_t left = part.occupied; left != 0; left &= left - 1) {
        const core::EntityId entity =
            part.slots[static_cast<size_t>(std::countr_zero(left))].entity;
        const geo::GridPoint at = impl_->entities[entity.index()].at;
        if (DistanceSquared(at, centre) > reach_squared) continue;
        full = out.size() == out.capacity();
        if (full) return false;
        out.push_back(entity);
      }
      id = part.next;
    }
    return true;
  });
  return full ? core::Status(Code::kFull, "the caller's list of entities") : core::Status::Ok();
}

uint64_t Octree::StructureHash() const {
  uint64_t hash = core::HashCombine(impl_->entity_count, impl_->leaves.used());
  const auto add = [&](uint64_t value) { hash = core::HashCombine(hash, value); };
  impl_->VisitLeaves({}, kReachesAll, [&](uint32_t leaf) {
    const Impl::LeafRecord& record = impl_->leaves[leaf];
    add(record.leaf.key.bits);
    add(record.leaf.created);
    add(uint64_t{record.generation} << 32 | leaf);
    for (uint32_t id = record.leaf.first_part; id != kNone; id = impl_->parts[id].next) {
      const Part& part = impl_->parts[id];
      add(uint64_t{part.occupied} << 32 | id);
      for (uint32_t left = part.occupied; left != 0; left &= left - 1) {
        const Slot& slot = part.slots[static_cast<size_t>(std::countr_zero(left))];
        const geo::GridPoint at = impl_->entities[slot.entity.index()].at;
        add(slot.entity.bits);
        add(slot.since);
        add(uint64_t{static_cast<uint32_t>(at.x)} << 32 | static_cast<uint32_t>(at.y));
        add(static_cast<uint32_t>(at.z));
      }
    }
    return true;
  });
  const auto add_wishes = [&](const WishQueue& wishes, auto key_of) {
    for (uint32_t i = wishes.front(); i != kNone; i = wishes.after(i)) {
      add(key_of(i).bits);
      add(wishes.since(i));
    }
  };
  const auto leaf_key = [&](uint32_t leaf) { return impl_->leaves[leaf].leaf.key; };
  add_wishes(impl_->split_wishes, leaf_key);
  add_wishes(impl_->renew_wishes, leaf_key);
  add_wishes(impl_->merge_wishes, [&](uint32_t node) { return impl_->nodes[node].key; });
  return hash;
}

const char* Octree::Impl::CheckLeaf(uint32_t leaf) const {
  const LeafRecord& record = leaves[leaf];
  const Leaf& state = record.leaf;
  const int level = state.key.level();
  if (record.box.low != LooseBox::Of(state.key.corner(), state.key.width_cm()).low) {
    return "a leaf's box is not its key's";
  }
  if (level < limits.min_level || level > geo::kMaxLevel) return "a leaf is at a wrong level";
  const bool crowded =
      state.members > static_cast<uint32_t>(limits.split_above) && level < limits.max_level;
  if (!record.dirty && state.members == 0) return "an empty leaf was forgotten";
  if (!record.dirty && crowded != split_wishes.Has(leaf)) return "a split wish is wrong";
  uint32_t members = 0, count = 0;
  bool before_hint = true;
  for (uint32_t id = state.first_part; id != kNone; id = parts[id].next, ++count) {
    const Part& part = parts[id];
    if (part.id != id || part.number != count) return "a part has a wrong id or number";
    if (id == record.free_hint) before_hint = false;
    if (before_hint && part.occupied != ~uint32_t{0}) return "a free slot lies before the hint";
    for (uint32_t bit = 0; bit < kPartSlots; ++bit) {
      const core::EntityId entity = part.slots[bit].entity;
      if ((part.occupied >> bit & 1) != static_cast<uint32_t>(entity.bits != 0)) {
        return "a slot and its occupied bit differ";
      }
      if (!entity) continue;
      ++members;
      const EntityRecord* place = Record(entity);
      if (place == nullptr || place->leaf != leaf || place->part != id || place->bit != bit) {
        return "an entity's place is not where its slot is";
      }
      if (!record.box.Contains(place->at)) return "a member is outside its leaf's loose bounds";
    }
  }
  if (members != state.members || count != record.parts) return "a leaf miscounts";
  return nullptr;
}

const char* Octree::Impl::CheckNode(uint32_t index, uint32_t& nodes_seen, uint32_t& parts_seen,
                                    uint32_t& members_seen) const {
  ++nodes_seen;
  const Node& node = nodes[index];
  uint32_t children = 0;
  bool settled = true;
  for (uint32_t octant = 0; octant < 8; ++octant) {
    const uint32_t child = node.children[octant];
    if (child == kNone) continue;
    ++children;
    if (nodes[child].parent != index ||
        nodes[child].key != node.key.child(static_cast<int>(octant))) {
      return "a child has a wrong parent or key";
    }
    if (nodes[child].leaf != kNone && leaves[nodes[child].leaf].dirty) settled = false;
    if (const char* broken = CheckNode(child, nodes_seen, parts_seen, members_seen)) return broken;
  }
  if (children != node.child_count) return "a node miscounts its children";
  if (node.leaf == kNone) {
    if (children == 0 && index != kRootNode) return "a node has neither leaf nor children";
    if (settled && children > 0 && merge_wishes.Has(index) != Mergeable(index)) {
      return "a merge wish is wrong";
    }
    return nullptr;
  }
  if (children != 0) return "a leaf has children";
  if (leaves[node.leaf].node != index || leaves[node.leaf].leaf.key != node.key) {
    return "a leaf is not its node's";
  }
  parts_seen += leaves[node.leaf].parts;
  members_seen += leaves[node.leaf].leaf.members;
  return CheckLeaf(node.leaf);
}

core::Status Octree::CheckInvariants() const {
  uint32_t nodes = 0, parts = 0, members = 0;
  if (const char* broken = impl_->CheckNode(kRootNode, nodes, parts, members)) {
    return {Code::kInternal, broken};
  }
  if (members != impl_->entity_count) return {Code::kInternal, "entities are miscounted"};
  if (parts != impl_->parts.used()) return {Code::kInternal, "parts are lost"};
  if (nodes != impl_->nodes.used()) return {Code::kInternal, "nodes are lost"};
  return core::Status::Ok();
}

}  // namespace bluemarble::aoi
