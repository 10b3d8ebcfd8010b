/// Items on the ground: rows of the store held by nobody, and the entities that show them. All are
/// loaded at start, then the world's first items are made, each once for ever. Owned by the zone
/// thread; allocates only while loading and when a tick changes more than any before.
#pragma once

#include <cstdint>
#include <vector>

#include "core/ids.h"
#include "game/catalogue.h"
#include "persistence/durable_queue.h"
#include "services/items/item_stats.h"
#include "world/commands.h"
#include "world/component_pool.h"
#include "world/world.h"

namespace bluemarble::items {

struct GroundItem {
  persistence::ItemRow row;
  bool reserved = false;  ///< Somebody is picking it up.
};

class GroundItems {
 public:
  /// At most `capacity` become entities.
  GroundItems(uint32_t capacity, world::World& world, world::Commands& commands, ItemStats& stats);

  /// An item lies there now; its entity comes when there is room for it, usually in this tick.
  void Add(const persistence::ItemRow& row);
  /// It is not on the ground any more.
  void Remove(core::EntityId entity);
  /// Null when that entity is no item on the ground.
  GroundItem* Find(core::EntityId entity) { return items_.Find(entity); }

  /// Is there room for one more (world.max_entities)?
  bool HasRoom() const;
  /// Keeps it.
  void ReservePlace() { ++reserved_places_; }
  void ReleasePlace() { --reserved_places_; }

  /// Asks for the entities that are due; before Commands::Apply.
  void RequestEntities();
  /// Is this creation one of ours?
  static bool IsItem(uint64_t order) { return (order & kOrderBit) != 0; }
  void OnCreated(uint64_t order, const core::Result<core::EntityId>& entity);

  const world::ComponentPool<GroundItem>& items() const { return items_; }
  uint64_t Hash() const;

  /// Creations and destructions that it asks for in one tick, at most.
  static constexpr uint32_t kChangesPerTick = 1024;

 private:
  // Sessions number their creations by slot and generation, far below.
  static constexpr uint64_t kOrderBit = uint64_t{1} << 63;

  world::World& world_;
  world::Commands& commands_;
  ItemStats& stats_;
  world::ComponentPool<GroundItem> items_;
  std::vector<persistence::ItemRow> waiting_;  // without an entity, oldest first
  uint32_t asked_ = 0;                         // of waiting_, in this tick
  std::vector<core::EntityId> removed_;        // entities that are to go
  uint32_t reserved_places_ = 0;
  bool full_logged_ = false;
};

}  // namespace bluemarble::items
