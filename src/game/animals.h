/// The system of wandering animals: walk or rest for some seconds, choose anew by the world's
/// randomness, turn home when too far out.
#pragma once

#include <cstdint>

#include "core/ids.h"
#include "game/components.h"
#include "geo/border.h"
#include "motion/step.h"
#include "world/component_pool.h"
#include "world/schedule.h"
#include "world/world.h"

namespace bluemarble::game {

struct AnimalWandering {
  world::World& world;
  world::ComponentPool<Animal>& animals;
  const geo::LongitudeRange& range;
  motion::MotionLimits limits;
  double wander_radius_m = 0;
  double dt_s = 0;
  uint32_t tick_hz = 30;
  uint64_t seed = 0;
  core::Tick tick = 0;  ///< Set before each run.

  /// Reads and writes kAnimalColumn, writes kBodyColumn and kVitalsColumn of animals.
  void Run(world::RowRange rows);

 private:
  void Decide(core::EntityId id, const world::Body& body, Animal& animal) const;
};

}  // namespace bluemarble::game
