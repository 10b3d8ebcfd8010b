/// Deferred structural changes: anyone in the tick, workers included, asks for creations and
/// destructions; the zone thread applies them between systems in an order that no thread can
/// influence (DESIGN §1): destructions by entity id, then creations by their order key. Fixed
/// capacity.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "core/ids.h"
#include "core/result.h"
#include "core/worker_pool.h"
#include "world/world.h"

namespace bluemarble::world {

/// One wish for an entity. `order` decides the sequence of creations and must be unique in the
/// tick.
struct Creation {
  uint64_t order = 0;
  Kind kind = Kind::kNone;
  Body body;
  Vitals vitals;
};

class Commands {
 public:
  /// At most `capacity` creations and as many destructions between two Apply calls.
  explicit Commands(uint32_t capacity);

  /// Any thread of the tick. kFull: the capacity; nothing was noted.
  core::Status Create(const Creation& creation);
  core::Status Destroy(core::EntityId id);

  /// Zone thread. Calls `destroyed(id)` before each entity goes (a second wish for it is ignored),
  /// then `created(creation, result)` for each creation. Allocates nothing.
  void Apply(World& world, core::FunctionRef<void(core::EntityId)> destroyed,
             core::FunctionRef<void(const Creation&, const core::Result<core::EntityId>&)> created);

 private:
  std::vector<Creation> creations_;
  std::vector<core::EntityId> destructions_;
  std::atomic<uint32_t> creation_count_{0};
  std::atomic<uint32_t> destruction_count_{0};
};

}  // namespace bluemarble::world
