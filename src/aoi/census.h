/// Who is where at one tick, laid out for questions: the octree's leaves along the curve with the
/// members of each side by side, and cells so wide that whatever is within reach of one lies in the
/// 27 around it. The zone thread takes the census once a tick, after Restructure; from then until
/// the octree's next change any worker may ask about it, each through a Survey of its own. What
/// neighbours have in common is found once: the leaves around a cell for all its leaves, the runs
/// of members around a leaf for all its viewers, as long as a worker asks about them one after the
/// other. Answers are the same whoever asks and in whatever order: distances are exact.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "aoi/octree.h"
#include "aoi/sift.h"
#include "core/ids.h"
#include "core/result.h"
#include "geo/grid.h"

namespace bluemarble::aoi {

/// 10,737 km, half the root cube.
inline constexpr int64_t kMaxReachCm = int64_t{1} << 30;

class Census {
 public:
  /// `reach_cm` in [0, kMaxReachCm]: the longest distance that will be asked about. Allocates
  /// everything here.
  Census(const Octree& octree, int64_t reach_cm);

  /// Counts the octree's members. O(nodes + entities).
  void Take();

  /// Leaf after leaf along the curve, slots ascending: the order to ask in.
  std::span<const core::EntityId> members() const { return {ids_.get(), members_}; }
  int64_t reach_cm() const { return reach_cm_; }

  /// The same leaf by leaf.
  size_t leaves() const { return rows_.size(); }
  geo::NodeKey key_of(size_t leaf) const { return rows_[leaf].key; }
  std::span<const core::EntityId> members_of(size_t leaf) const {
    return members().subspan(rows_[leaf].first, rows_[leaf].end - rows_[leaf].first);
  }

 private:
  friend class Survey;

  struct Row {
    LeafId id;
    geo::NodeKey key;
    uint32_t first = 0, end = 0;  // members
    uint32_t block = 0;
  };
  // Rows of one cell, one after the other, that share what is around them.
  struct Block {
    uint32_t cell = 0;
    uint32_t members = 0;
    Box box;
  };
  struct Cell {
    geo::NodeKey key;
    uint32_t first = 0, end = 0;  // rows
  };

  Boxes RowBoxes() const;
  void ListLeaves();
  void AddLeaf(uint32_t leaf);
  void AddPlaces();
  void JoinBlock(Row& row, uint32_t cell, const Box& box);

  const Octree& octree_;
  int64_t reach_cm_;
  int cell_level_;
  uint64_t taken_ = 0;
  uint32_t members_ = 0;
  std::unique_ptr<int32_t[]> x_, y_, z_;  // columns of the members
  std::unique_ptr<core::EntityId[]> ids_;
  std::unique_ptr<uint32_t[]> block_of_;
  std::vector<uint32_t> leaves_;  // of the octree, along the curve
  std::vector<Row> rows_;
  std::array<std::unique_ptr<int32_t[]>, 3> row_low_, row_high_;  // what their members take up
  std::vector<Block> blocks_;
  std::vector<Cell> cells_;
  std::vector<uint32_t> row_of_leaf_;  // by leaf index
};

/// A leaf and how far its nearest member is.
struct NearLeaf {
  LeafId id;
  geo::NodeKey key;
  int64_t distance_sq = 0;  ///< cm²
};

/// One worker's questions about a census, and what it remembers between them.
class Survey {
 public:
  /// Allocates everything here.
  explicit Survey(const Census& census);

  /// Everybody within `radius_cm[2]` of the census' `member`, itself included: appends ids to
  /// `out[r]` by the ring they are in (0: within the first radius, 1: beyond it and within the
  /// second, ...), each in the census' order. Radii ascending, the last at most the reach. Every
  /// `out` needs room for all members and kSiftSlack more.
  void Entities(size_t member, const std::array<int64_t, kRings>& radius_cm,
                std::array<core::EntityId*, kRings>& out);

  /// Appends each leaf that has a member other than `viewer` within `radius_cm`, along the curve,
  /// with the squared distance of the nearest one, or of any within `near_cm` (then it looked no
  /// further). kNotFound when the entity was not counted, kFull at the list's capacity.
  core::Status Leaves(core::EntityId viewer, int64_t radius_cm, int64_t near_cm,
                      std::vector<NearLeaf>& out);

 private:
  const Census::Row* RowOf(core::EntityId viewer) const;
  void LookAround(uint32_t block);
  void LookAroundCell(uint32_t cell);

  const Census& census_;
  Sifts sifts_ = AllSifts().back();
  uint64_t taken_ = 0;          // the census that the rest is about
  uint32_t block_ = 0;          // whose surroundings rows_ and runs_ hold
  uint32_t cell_ = 0;           // of the block
  std::vector<Run> cell_runs_;  // of rows, around cell_
  uint32_t row_count_ = 0;
  std::unique_ptr<uint32_t[]> rows_;  // within reach of block_
  std::vector<Run> runs_;             // of members, within reach of block_ and some between them
};

}  // namespace bluemarble::aoi
