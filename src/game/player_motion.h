/// The system that moves players: each one's command of this tick through the shared motion step,
/// which is also the validation: no command can ask for more than the limits allow.
#pragma once

#include "game/components.h"
#include "geo/border.h"
#include "motion/step.h"
#include "world/component_pool.h"
#include "world/schedule.h"
#include "world/world.h"

namespace bluemarble::game {

struct PlayerMotion {
  world::World& world;
  const world::ComponentPool<PlayerControl>& players;
  const geo::LongitudeRange& range;
  motion::MotionLimits limits;
  double dt_s = 0;

  /// Reads kPlayerColumn, writes kBodyColumn and kVitalsColumn of players.
  void Run(world::RowRange rows);
};

}  // namespace bluemarble::game
