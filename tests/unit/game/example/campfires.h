/// Campfires, the worked example of docs/extending.md: players light them, they burn down, and the
/// game is told when one goes out. Owned by the zone thread; Burn's workers touch their own rows.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "core/hash.h"
#include "core/ids.h"
#include "core/result.h"
#include "core/worker_pool.h"
#include "world/commands.h"
#include "world/component_pool.h"
#include "world/schedule.h"
#include "world/world.h"

namespace bluemarble::game {

/// The component: plain data, only of entities that are fires.
struct Campfire {
  core::EntityId lit_by;
  uint32_t ticks_left = 0;
};
/// The column's number, for the schedule: the first that game/components.h does not use.
inline constexpr world::ColumnMask kCampfireColumn = 1u << (world::kFirstGameColumn + 2);

/// The event: what has happened in a tick, by value, for whoever tells players or writes history.
struct CampfireOut {
  core::EntityId fire;
  core::EntityId lit_by;
  core::Tick tick = 0;
};

class Campfires {
 public:
  Campfires(world::World& world, world::Commands& commands, uint32_t capacity, uint32_t burn_ticks)
      : world_(world),
        commands_(commands),
        burn_ticks_(burn_ticks),
        fires_(capacity, world.capacity()) {
    waiting_.reserve(capacity);
    out_.reserve(capacity);
  }

  /// The command: a player wants a fire at its feet. Nothing appears before the commands are
  /// applied, in an order that no thread can influence. kFull: too many fires, or wishes.
  core::Status Light(core::EntityId player) {
    const uint32_t row = world_.RowOf(player);
    if (row == world::World::kNoRow) return {core::Code::kNotFound, "no such player"};
    if (std::find(waiting_.begin(), waiting_.end(), player) != waiting_.end())
      return {core::Code::kConflict, "is lighting one"};
    if (fires_.size() + waiting_.size() == fires_.capacity())
      return {core::Code::kFull, "campfires"};
    world::Creation wish{.order = kOrder | player.bits,
                         .kind = world::Kind::kResource,
                         .body = world_.bodies()[row],
                         .vitals = {}};
    wish.body.velocity = {};
    if (core::Status noted = commands_.Create(wish); !noted.ok()) return noted;
    waiting_.push_back(player);
    return {};
  }

  /// Of the creations that Commands::Apply reports: is it ours? The high bits of `order` say whose.
  static bool IsOurs(const world::Creation& wish) { return (wish.order & kOrderMask) == kOrder; }
  void OnCreated(const world::Creation& wish, const core::Result<core::EntityId>& fire) {
    const core::EntityId player{static_cast<uint32_t>(wish.order)};
    std::erase(waiting_, player);
    if (fire.ok()) (void)fires_.Add(*fire, {.lit_by = player, .ticks_left = burn_ticks_});
  }
  /// Before an entity goes, whatever it is.
  void Forget(core::EntityId id) { fires_.Remove(id); }

  /// The system: reads and writes kCampfireColumn of its own rows, nothing else. Fires that are out
  /// are found afterwards, on one thread, since events have an order.
  void Burn(world::RowRange rows) {
    for (Campfire& fire : fires_.values().subspan(rows.begin, rows.end - rows.begin))
      if (fire.ticks_left > 0) --fire.ticks_left;
  }
  void AddTo(world::Schedule& schedule) {
    schedule.Add(
        {.name = "campfires",
         .reads = kCampfireColumn,
         .writes = kCampfireColumn,
         .context = this,
         .rows = [](const void* c) { return static_cast<const Campfires*>(c)->size(); },
         .run = [](void* c, world::RowRange rows) { static_cast<Campfires*>(c)->Burn(rows); }});
  }

  /// After the schedule has run. The events are valid until the next call.
  std::span<const CampfireOut> TakeOut(core::Tick now) {
    out_.clear();
    for (uint32_t row = 0; row < fires_.size(); ++row) {
      if (fires_.values()[row].ticks_left > 0) continue;
      const core::EntityId fire = fires_.ids()[row];
      // Destroyed when commands are applied next; a full list leaves it for the tick after.
      if (commands_.Destroy(fire).ok()) out_.push_back({fire, fires_.values()[row].lit_by, now});
    }
    return out_;
  }

  uint32_t size() const { return fires_.size(); }
  /// Whatever a system changes belongs into the world's hash: a replay compares it.
  uint64_t Hash() const {
    return fires_.Hash(
        [](const Campfire& fire) { return core::HashCombine(fire.lit_by.bits, fire.ticks_left); });
  }

 private:
  static constexpr uint64_t kOrderMask = 0xffff'ffff'0000'0000;
  static constexpr uint64_t kOrder = 0x4649'5245'0000'0000;  // not the zone's own

  world::World& world_;
  world::Commands& commands_;
  const uint32_t burn_ticks_;
  world::ComponentPool<Campfire> fires_;
  std::vector<core::EntityId> waiting_;
  std::vector<CampfireOut> out_;
};

}  // namespace bluemarble::game
