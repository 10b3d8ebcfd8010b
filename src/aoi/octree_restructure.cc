#include <algorithm>
#include <bit>

#include "aoi/octree_impl.h"

namespace bluemarble::aoi {
namespace {

// A leaf keeps its parts for life (viewers know them by number), so a leaf that a crowd has left
// gets a successor when that many parts are less than a quarter full.
constexpr uint32_t kRenewFromParts = 4;

bool Wasteful(uint32_t members, uint32_t parts) {
  return parts >= kRenewFromParts && members * 4 < parts * uint32_t{kPartSlots};
}

}  // namespace

void Octree::Restructure(core::Tick now) {
  impl_->JudgeDirty(now);
  for (int i = 0; i < impl_->limits.max_restructures_per_tick; ++i) {
    if (!impl_->GrantOldestWish(now)) break;
  }
}

void Octree::Impl::JudgeDirty(core::Tick now) {
  std::erase_if(dirty, [&](uint32_t leaf) {
    leaves[leaf].dirty = false;
    return leaves[leaf].node == kNone;
  });
  std::sort(dirty.begin(), dirty.end(), [&](uint32_t a, uint32_t b) {
    return CurveStart(leaves[a].leaf.key) < CurveStart(leaves[b].leaf.key);
  });
  for (const uint32_t leaf : dirty) Judge(leaf, now);
  dirty.clear();
}

void Octree::Impl::Judge(uint32_t leaf, core::Tick now) {
  const Leaf& state = leaves[leaf].leaf;
  if (state.members == 0) return FreeEmpty(leaf, now);
  const bool crowded = state.members > static_cast<uint32_t>(limits.split_above) &&
                       state.key.level() < limits.max_level;
  split_wishes.Set(leaf, crowded, now);
  renew_wishes.Set(leaf, !crowded && Wasteful(state.members, leaves[leaf].parts), now);
  const uint32_t parent = nodes[leaves[leaf].node].parent;
  if (parent != kNone) merge_wishes.Set(parent, Mergeable(parent), now);
}

bool Octree::Impl::GrantOldestWish(core::Tick now) {
  struct Wish {
    core::Tick due;
    uint64_t curve;
    uint32_t node;
    void (Impl::*grant)(uint32_t, core::Tick);
  };
  Wish oldest{now + 1, 0, kNone, nullptr};
  const auto consider = [&](uint32_t node, core::Tick due, auto grant) {
    const uint64_t curve = CurveStart(nodes[node].key);
    if (due < oldest.due || (due == oldest.due && oldest.node != kNone && curve < oldest.curve)) {
      oldest = {due, curve, node, grant};
    }
  };
  const auto wait = static_cast<core::Tick>(limits.merge_wait_ticks);
  if (const uint32_t leaf = split_wishes.front(); leaf != kNone) {
    consider(leaves[leaf].node, split_wishes.since(leaf), &Impl::Split);
  }
  if (const uint32_t node = merge_wishes.front(); node != kNone) {
    consider(node, merge_wishes.since(node) + wait, &Impl::Merge);
  }
  if (const uint32_t leaf = renew_wishes.front(); leaf != kNone) {
    consider(leaves[leaf].node, renew_wishes.since(leaf) + wait, &Impl::Renew);
  }
  if (oldest.node == kNone) return false;
  (this->*oldest.grant)(oldest.node, now);
  return true;
}

bool Octree::Impl::Mergeable(uint32_t node) const {
  const Node& parent = nodes[node];
  if (parent.leaf != kNone || parent.key.level() < limits.min_level) return false;
  uint32_t members = 0;
  for (const uint32_t child : parent.children) {
    if (child == kNone) continue;
    if (nodes[child].leaf == kNone) return false;
    members += leaves[nodes[child].leaf].leaf.members;
  }
  return members < static_cast<uint32_t>(limits.merge_below);
}

void Octree::Impl::FreeEmpty(uint32_t leaf, core::Tick now) {
  const uint32_t node = leaves[leaf].node;
  DestroyLeaf(leaf);
  FreeChildless(node, now);
}

void Octree::Impl::FreeChildless(uint32_t node, core::Tick now) {
  while (node != kRootNode && nodes[node].child_count == 0) {
    const uint32_t parent = nodes[node].parent;
    FreeNode(node);
    node = parent;
  }
  if (nodes[node].child_count > 0) merge_wishes.Set(node, Mergeable(node), now);
}

void Octree::Impl::FreeNode(uint32_t node) {
  Node& parent = nodes[nodes[node].parent];
  parent.children[nodes[node].key.bits & 7] = kNone;
  --parent.child_count;
  merge_wishes.Drop(node);
  nodes.Give(node);
}

void Octree::Impl::EnsureRoom(uint32_t count, core::Tick now) {
  if (leaves.available() >= count && parts.available() >= count) return;
  for (const uint32_t leaf : dirty) {
    if (leaves[leaf].node != kNone && leaves[leaf].leaf.members == 0) FreeEmpty(leaf, now);
  }
  if (parts.available() >= count) return;
  for (uint32_t leaf = 0; leaf < leaves.touched(); ++leaf) {
    const LeafRecord& record = leaves[leaf];
    if (record.node == kNone) continue;
    if (record.parts * uint32_t{kPartSlots} >= record.leaf.members + kPartSlots) {
      RenewInPlace(record.node, now);
    }
  }
}

void Octree::Impl::Collect(uint32_t leaf) {
  for (uint32_t id = leaves[leaf].leaf.first_part; id != kNone; id = parts[id].next) {
    const Part& part = parts[id];
    for (uint32_t left = part.occupied; left != 0; left &= left - 1) {
      scratch.push_back(part.slots[static_cast<size_t>(std::countr_zero(left))].entity);
    }
  }
}

void Octree::Impl::Split(uint32_t node, core::Tick now) {
  EnsureRoom(leaves[nodes[node].leaf].leaf.members, now);
  scratch.clear();
  Collect(nodes[node].leaf);
  DestroyLeaf(nodes[node].leaf);
  const geo::NodeKey key = nodes[node].key;
  for (const core::EntityId entity : scratch) {
    const geo::GridPoint at = entities[entity.index()].at;
    const geo::NodeKey child = geo::NodeKey::At(at, key.level() + 1);
    uint32_t leaf;
    if (key.Contains(child)) {
      const auto octant = static_cast<int>(child.bits & 7);
      uint32_t child_node = nodes[node].children[static_cast<size_t>(octant)];
      if (child_node == kNone) child_node = NewNode(node, octant);
      leaf = nodes[child_node].leaf;
      if (leaf == kNone) leaf = NewLeaf(child_node, now);
    } else {
      // In the loose margin of the old cube, which the children's smaller margins may not reach.
      leaf = Descend(at, now);
    }
    Place(leaf, entity, at, now);
  }
  const uint32_t parent = nodes[node].parent;
  if (parent != kNone) merge_wishes.Drop(parent);
  FreeChildless(node, now);
}

void Octree::Impl::Merge(uint32_t node, core::Tick now) {
  merge_wishes.Drop(node);
  if (!Mergeable(node)) return;  // a split granted before it has put members here
  scratch.clear();
  for (const uint32_t child : nodes[node].children) {
    if (child == kNone) continue;
    Collect(nodes[child].leaf);
    DestroyLeaf(nodes[child].leaf);
    FreeNode(child);
  }
  const uint32_t leaf = NewLeaf(node, now);
  for (const core::EntityId entity : scratch) {
    Place(leaf, entity, entities[entity.index()].at, now);
  }
}

// Under other keys, as long as there are deeper ones: viewers are shown the old leaf until they
// hold those that take over from it. A key of its own can be used again only after they forgot it.
void Octree::Impl::Renew(uint32_t node, core::Tick now) {
  if (nodes[node].key.level() < geo::kMaxLevel) {
    Split(node, now);
  } else {
    RenewInPlace(node, now);
  }
}

void Octree::Impl::RenewInPlace(uint32_t node, core::Tick now) {
  scratch.clear();
  Collect(nodes[node].leaf);
  DestroyLeaf(nodes[node].leaf);
  const uint32_t leaf = NewLeaf(node, now);
  for (const core::EntityId entity : scratch) {
    Place(leaf, entity, entities[entity.index()].at, now);
  }
}

}  // namespace bluemarble::aoi
