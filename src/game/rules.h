/// The game as the zone sees it: its components, its systems in their order, and what it does when
/// entities appear and go. What a studio replaces. Owned by the zone thread.
#pragma once

#include <cstdint>

#include "core/ids.h"
#include "core/result.h"
#include "core/worker_pool.h"
#include "game/animals.h"
#include "game/components.h"
#include "game/game_settings.h"
#include "game/player_motion.h"
#include "geo/border.h"
#include "world/component_pool.h"
#include "world/schedule.h"
#include "world/world.h"

namespace bluemarble::game {

class Rules {
 public:
  /// `world` and `range` must outlive this. Players are at most `max_players`.
  Rules(const GameSettings& settings, const geo::LongitudeRange& range, world::World& world,
        uint32_t max_players, int tick_hz, uint64_t seed);
  Rules(const Rules&) = delete;
  Rules& operator=(const Rules&) = delete;

  /// Creates the animals and nodes of a new start. kFull names the setting. Once, before the first
  /// tick.
  core::Status Populate();
  core::Status AddPlayer(core::EntityId id);
  /// Before the entity is destroyed, whatever it is.
  void Forget(core::EntityId id);
  /// Input of this tick; kept until set again.
  void SetInput(core::EntityId id, const motion::MotionInput& input);

  /// Runs all systems for tick `now`.
  void Simulate(core::Tick now, core::WorkerPool& workers);

  const GameSettings& settings() const { return settings_; }
  uint32_t animals() const { return animals_.size(); }
  uint64_t Hash() const;

 private:
  const GameSettings settings_;
  const geo::LongitudeRange& range_;
  world::World& world_;
  const uint64_t seed_;
  world::ComponentPool<PlayerControl> players_;
  world::ComponentPool<Animal> animals_;
  PlayerMotion player_motion_;
  AnimalWandering animal_wandering_;
  world::Schedule schedule_;
};

}  // namespace bluemarble::game
