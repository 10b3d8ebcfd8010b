#include "aoi/census.h"

#include <algorithm>
#include <bit>
#include <cassert>

#include "aoi/octree_impl.h"

namespace bluemarble::aoi {
namespace {

// Runs closer than this are one: testing a few members too many is cheaper than another run.
constexpr uint32_t kRunGap = 8;
// A block takes no further leaf from so many members on: more share what is around them, and test
// more that is around others only.
constexpr uint32_t kBlockMembers = 4;

// Taking a census is waiting for memory: what comes so many steps later is asked for already.
constexpr size_t kAhead = 12;
template <typename T>
void Fetch(const T* what) {
  __builtin_prefetch(what);
}

int64_t WidthOf(int level) { return int64_t{1} << (geo::kRootBits - level); }

// The smallest cell (not smaller than a leaf may be large) that is wider than the reach and the
// margins of two leaves: members within reach of each other are then in adjacent ones.
int CellLevel(const OctreeLimits& limits, int64_t reach_cm) {
  int level = limits.min_level;
  while (level > 0 && WidthOf(level) < reach_cm + WidthOf(limits.min_level) / 2) --level;
  return level;
}

Box Join(const Box& a, const Box& b) {
  Box box;
  for (size_t axis = 0; axis < 3; ++axis) {
    box.low[axis] = std::min(a.low[axis], b.low[axis]);
    box.high[axis] = std::max(a.high[axis], b.high[axis]);
  }
  return box;
}

}  // namespace

Census::Census(const Octree& octree, int64_t reach_cm)
    : octree_(octree),
      reach_cm_(reach_cm),
      cell_level_(CellLevel(octree.impl_->limits, reach_cm)),
      row_of_leaf_(octree.leaf_capacity(), kNone) {
  assert(0 <= reach_cm && reach_cm <= kMaxReachCm);
  const size_t capacity = octree.impl_->limits.max_entities;
  for (auto* column : {&x_, &y_, &z_, &row_low_[0], &row_low_[1], &row_low_[2], &row_high_[0],
                       &row_high_[1], &row_high_[2]}) {
    *column = std::make_unique_for_overwrite<int32_t[]>(capacity + kSiftSlack);
  }
  ids_ = std::make_unique_for_overwrite<core::EntityId[]>(capacity + kSiftSlack);
  block_of_ = std::make_unique_for_overwrite<uint32_t[]>(capacity);
  leaves_.reserve(octree.leaf_capacity());
  rows_.reserve(capacity);
  blocks_.reserve(capacity);
  cells_.reserve(capacity);
}

void Census::Take() {
  ++taken_;
  members_ = 0;
  rows_.clear();
  blocks_.clear();
  cells_.clear();
  const Octree::Impl& tree = *octree_.impl_;
  ListLeaves();
  for (size_t i = 0; i < leaves_.size(); ++i) {
    if (i + kAhead < leaves_.size())
      Fetch(&tree.parts[tree.leaves[leaves_[i + kAhead]].leaf.first_part]);
    AddLeaf(leaves_[i]);
  }
  AddPlaces();
}

void Census::ListLeaves() {
  leaves_.clear();
  const Octree::Impl& tree = *octree_.impl_;
  std::array<uint32_t, 7 * (geo::kMaxLevel + 1) + 1> stack;
  stack[0] = kRootNode;
  for (size_t depth = 1; depth > 0;) {
    const Octree::Impl::Node& node = tree.nodes[stack[--depth]];
    if (node.leaf != kNone) {
      row_of_leaf_[node.leaf] = kNone;
      Fetch(&tree.leaves[node.leaf]);
      leaves_.push_back(node.leaf);
      continue;
    }
    for (size_t octant = 8; octant-- > 0;) {
      if (node.children[octant] == kNone) continue;
      Fetch(&tree.nodes[node.children[octant]]);
      stack[depth++] = node.children[octant];
    }
  }
}

void Census::AddLeaf(uint32_t leaf) {
  const Octree::Impl& tree = *octree_.impl_;
  const Octree::Impl::LeafRecord& record = tree.leaves[leaf];
  if (record.leaf.members == 0) return;
  const geo::NodeKey cell = record.leaf.key.ancestor(cell_level_);
  const auto index = static_cast<uint32_t>(rows_.size());
  if (cells_.empty() || cells_.back().key != cell) cells_.push_back({cell, index, index});
  cells_.back().end = index + 1;
  row_of_leaf_[leaf] = index;
  const uint32_t first = members_;
  for (uint32_t id = record.leaf.first_part; id != kNone; id = tree.parts[id].next) {
    const Part& part = tree.parts[id];
    for (uint32_t left = part.occupied; left != 0; left &= left - 1) {
      ids_[members_++] = part.slots[static_cast<size_t>(std::countr_zero(left))].entity;
    }
  }
  rows_.push_back({{leaf, record.generation}, record.leaf.key, first, members_});
}

void Census::AddPlaces() {
  const Octree::Impl& tree = *octree_.impl_;
  uint32_t cell = 0;
  for (uint32_t index = 0; index < rows_.size(); ++index) {
    Row& row = rows_[index];
    Box box{{INT32_MAX, INT32_MAX, INT32_MAX}, {INT32_MIN, INT32_MIN, INT32_MIN}};
    for (uint32_t i = row.first; i < row.end; ++i) {
      if (i + kAhead < members_) Fetch(&tree.entities[ids_[i + kAhead].index()]);
      const geo::GridPoint at = tree.entities[ids_[i].index()].at;
      box = Join(box, {{at.x, at.y, at.z}, {at.x, at.y, at.z}});
      x_[i] = at.x;
      y_[i] = at.y;
      z_[i] = at.z;
    }
    for (size_t axis = 0; axis < 3; ++axis) {
      row_low_[axis][index] = box.low[axis];
      row_high_[axis][index] = box.high[axis];
    }
    if (index == cells_[cell].end) ++cell;
    JoinBlock(row, cell, box);
  }
}

void Census::JoinBlock(Row& row, uint32_t cell, const Box& box) {
  if (blocks_.empty() || blocks_.back().cell != cell || blocks_.back().members >= kBlockMembers) {
    blocks_.push_back({cell, 0, box});
  }
  row.block = static_cast<uint32_t>(blocks_.size() - 1);
  Block& block = blocks_.back();
  block.members += row.end - row.first;
  std::fill(&block_of_[row.first], &block_of_[row.end], row.block);
  block.box = Join(block.box, box);
}

Boxes Census::RowBoxes() const {
  return {{row_low_[0].get(), row_low_[1].get(), row_low_[2].get()},
          {row_high_[0].get(), row_high_[1].get(), row_high_[2].get()}};
}

Survey::Survey(const Census& census) : census_(census) {
  const size_t capacity = census.rows_.capacity();
  cell_runs_.reserve(27);
  rows_ = std::make_unique_for_overwrite<uint32_t[]>(capacity + kSiftSlack);
  runs_.reserve(capacity);
}

const Census::Row* Survey::RowOf(core::EntityId viewer) const {
  const Octree::Impl::EntityRecord* record = census_.octree_.impl_->Record(viewer);
  if (record == nullptr || record->leaf >= census_.row_of_leaf_.size()) return nullptr;
  const uint32_t row = census_.row_of_leaf_[record->leaf];
  return row < census_.rows_.size() ? &census_.rows_[row] : nullptr;
}

void Survey::LookAroundCell(uint32_t cell) {
  cell_ = cell;
  cell_runs_.clear();
  const int level = census_.cell_level_;
  const int64_t width = WidthOf(level);
  const geo::GridPoint corner = census_.cells_[cell].key.corner();
  std::array<uint32_t, 27> found;
  size_t count = 0;
  for (int offset = 0; offset < 27; ++offset) {
    const int64_t x = corner.x + (offset % 3 - 1) * width;
    const int64_t y = corner.y + (offset / 3 % 3 - 1) * width;
    const int64_t z = corner.z + (offset / 9 - 1) * width;
    const int64_t half = WidthOf(1);
    if (std::min({x, y, z}) < -half || std::max({x, y, z}) >= half) continue;
    const geo::GridPoint at{static_cast<int32_t>(x), static_cast<int32_t>(y),
                            static_cast<int32_t>(z)};
    const geo::NodeKey key = geo::NodeKey::At(at, level);
    const auto hit =
        std::lower_bound(census_.cells_.begin(), census_.cells_.end(), key,
                         [](const Census::Cell& a, geo::NodeKey wanted) { return a.key < wanted; });
    if (hit == census_.cells_.end() || hit->key != key) continue;
    found[count++] = static_cast<uint32_t>(hit - census_.cells_.begin());
  }
  std::sort(found.begin(), found.begin() + static_cast<ptrdiff_t>(count));
  for (size_t i = 0; i < count; ++i) {
    const Census::Cell& near = census_.cells_[found[i]];
    if (cell_runs_.empty() || cell_runs_.back().end != near.first) {
      cell_runs_.push_back({near.first, near.first});
    }
    cell_runs_.back().end = near.end;
  }
}

void Survey::LookAround(uint32_t index) {
  const bool same_tick = taken_ == census_.taken_;
  if (same_tick && block_ == index) return;
  const Census::Block& block = census_.blocks_[index];
  if (!same_tick || cell_ != block.cell) LookAroundCell(block.cell);
  taken_ = census_.taken_;
  block_ = index;
  const int64_t reach_sq = census_.reach_cm_ * census_.reach_cm_;
  const Boxes boxes = census_.RowBoxes();
  uint32_t* end = rows_.get();
  for (const Run& run : cell_runs_) end = sifts_.boxes(boxes, run, block.box, reach_sq, end);
  row_count_ = static_cast<uint32_t>(end - rows_.get());
  runs_.clear();
  for (uint32_t i = 0; i < row_count_; ++i) {
    const Census::Row& near = census_.rows_[rows_[i]];
    if (runs_.empty() || runs_.back().end + kRunGap < near.first) {
      runs_.push_back({near.first, near.end});
    }
    runs_.back().end = near.end;
  }
}

void Survey::Entities(size_t member, const std::array<int64_t, kRings>& radius_cm,
                      std::array<core::EntityId*, kRings>& out) {
  assert(member < census_.members_ && radius_cm.back() <= census_.reach_cm_);
  LookAround(census_.block_of_[member]);
  Sieve sieve{{census_.x_[member], census_.y_[member], census_.z_[member]}, {}};
  for (size_t i = 0; i < kRings; ++i) sieve.reach_sq[i] = radius_cm[i] * radius_cm[i];
  const Members members{census_.x_.get(), census_.y_.get(), census_.z_.get(), census_.ids_.get()};
  sifts_.members(members, runs_, sieve, out);
}

core::Status Survey::Leaves(core::EntityId viewer, int64_t radius_cm, int64_t near_cm,
                            std::vector<NearLeaf>& out) {
  const Census::Row* row = RowOf(viewer);
  if (row == nullptr) return {core::Code::kNotFound, "the entity was not counted"};
  LookAround(row->block);
  const geo::GridPoint at = census_.octree_.impl_->entities[viewer.index()].at;
  const auto radius_sq = static_cast<uint64_t>(radius_cm * radius_cm);
  const auto near_sq = static_cast<uint64_t>(near_cm * near_cm);
  for (uint32_t i = 0; i < row_count_; ++i) {
    const Census::Row& other = census_.rows_[rows_[i]];
    uint64_t nearest = UINT64_MAX;
    for (uint32_t m = other.first; m < other.end; ++m) {
      if (census_.ids_[m] == viewer) continue;
      nearest =
          std::min(nearest, SquaredSum(int64_t{census_.x_[m]} - at.x, int64_t{census_.y_[m]} - at.y,
                                       int64_t{census_.z_[m]} - at.z));
      if (nearest <= near_sq) break;
    }
    if (nearest > radius_sq) continue;
    if (out.size() == out.capacity()) return {core::Code::kFull, "the caller's list of leaves"};
    out.push_back({other.id, other.key, static_cast<int64_t>(nearest)});
  }
  return core::Status::Ok();
}

}  // namespace bluemarble::aoi
