/// The world for those who watch it from outside, the operators' consoles: every leaf's parts as
/// keyframes of one class, spread evenly over the ticks, and those of chosen places more often,
/// into a bounded ring. Reads the world, changes nothing of it; without watchers it does nothing.
/// Write: the zone thread, between ticks. Ring: one reading thread. The rest: any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "aoi/octree.h"
#include "bluemarble/wire.h"
#include "core/byte_ring.h"
#include "core/counters.h"
#include "core/ids.h"
#include "geo/grid.h"
#include "protocol/part_codec.h"
#include "world/world.h"

namespace bluemarble::replication {

struct FeedSettings {
  uint32_t leaf_hz = 1;   ///< How often a leaf comes. Too low: a stale map; too high: CPU.
  uint32_t focus_hz = 5;  ///< The same of leaves in a focus.
  /// Towards the reader. Too low: leaves are dropped and come later; too high: only memory.
  size_t ring_bytes = 2u << 20;
};

inline constexpr ReplicationClass kFeedClass = ReplicationClass::kVisual;

/// What is before the payload of a record.
struct FeedHead {
  uint64_t key = 0;                   ///< Of the leaf.
  uint32_t tick = 0;                  ///< Low bits.
  uint16_t members = 0, players = 0;  ///< Of the part.
  uint8_t number = 0;                 ///< Of the part within the leaf.
  uint8_t parts = 0;                  ///< Of the leaf; more than 255 count as 255.
  std::array<uint8_t, 6> unused{};
};
static_assert(sizeof(FeedHead) == 24);

/// A ball around a place that somebody looks at closely.
struct FeedFocus {
  geo::GridPoint centre;
  int64_t radius_cm = 0;
};

struct FeedStats {
  core::Counter leaves, members;
  core::Counter dropped;  ///< Parts that the ring had no room for.
};

class WorldFeed {
 public:
  static constexpr size_t kMaxFocuses = 16;
  static constexpr size_t kMaxFocusLeaves = 4096;

  /// Allocates everything here.
  WorldFeed(const FeedSettings& settings, int tick_hz, const world::World& world,
            const aoi::Octree& octree);

  void Watch(bool on) { watched_.store(on, std::memory_order_relaxed); }
  /// Replaces all; those beyond kMaxFocuses are left out. One thread at a time.
  void SetFocuses(std::span<const FeedFocus> focuses);
  /// This tick's share. O(leaves of it).
  void Write(core::Tick now) noexcept;
  /// Records: FeedHead and payload.
  core::ByteRing& ring() { return ring_; }
  const FeedStats& stats() const { return stats_; }

 private:
  void TakeFocuses();
  void WriteFocuses(core::Tick now);
  void WriteLeaf(uint32_t index, const aoi::Leaf& leaf, core::Tick now);

  const int tick_hz_;
  const uint32_t period_, focus_period_;  // ticks
  const world::World& world_;
  const aoi::Octree& octree_;
  core::ByteRing ring_;
  std::atomic<bool> watched_{false};
  // Four numbers a focus; odd changes_: being written.
  std::array<std::atomic<int64_t>, 4 * kMaxFocuses> wanted_{};
  std::atomic<size_t> wanted_count_{0};
  std::atomic<uint64_t> changes_{0};
  // The zone thread's.
  uint64_t taken_changes_ = 0;
  std::vector<FeedFocus> focuses_;
  std::vector<aoi::LeafId> focus_leaves_;
  std::vector<uint32_t> written_;  // by leaf index: low bits of the tick
  protocol::PartState part_;
  FeedStats stats_;
};

}  // namespace bluemarble::replication
