/// The entity store: dense columns per component, looked up by sparse set, handle = index +
/// generation. No allocation after construction, no virtual calls, no I/O. Owned by the zone
/// thread; within a parallel system, workers may write different rows of the columns that the
/// system declares. Rows are dense 0..count()-1; Destroy moves the last row into the hole. Creation
/// and destruction happen only between systems, in a sorted order (Commands), so rows are the same
/// on any worker count.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/ids.h"
#include "core/result.h"
#include "world/components.h"

namespace bluemarble::world {

struct WorldSettings {
  /// Entities that can live at once, all kinds. Default 100,000. Too low: creation fails with kFull
  /// and logins are refused; too high: about 1.5 kB of memory each.
  uint32_t max_entities = 100'000;
};

class World {
 public:
  explicit World(const WorldSettings& settings);

  /// kFull names world.max_entities. Freed indices are reused oldest first with the next generation
  /// (never 0 bits: generation starts at 1 and skips 0 on wrap).
  core::Result<core::EntityId> Create(Kind kind, const Body& body, const Vitals& vitals);
  core::Status Destroy(core::EntityId id);
  bool Alive(core::EntityId id) const;

  uint32_t count() const { return static_cast<uint32_t>(ids_.size()); }
  uint32_t capacity() const { return capacity_; }

  /// Row of a living entity; kNoRow otherwise. O(1).
  static constexpr uint32_t kNoRow = 0xffffffffu;
  uint32_t RowOf(core::EntityId id) const;

  std::span<const core::EntityId> ids() const { return ids_; }
  std::span<const Kind> kinds() const { return kinds_; }
  std::span<Body> bodies() { return bodies_; }
  std::span<const Body> bodies() const { return bodies_; }
  std::span<Vitals> vitals() { return vitals_; }
  std::span<const Vitals> vitals() const { return vitals_; }

  /// Order-independent of nothing: rows are deterministic, so this hashes them in row order.
  uint64_t Hash() const;

 private:
  uint32_t capacity_;
  std::vector<core::EntityId> ids_;
  std::vector<Kind> kinds_;
  std::vector<Body> bodies_;
  std::vector<Vitals> vitals_;
  std::vector<uint32_t> row_of_index_;
  std::vector<uint16_t> generation_of_index_;
  std::vector<uint32_t> free_;  // ring of free indices, oldest first
  uint32_t free_head_ = 0;
  uint32_t free_count_ = 0;
};

}  // namespace bluemarble::world
