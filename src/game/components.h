/// Components that only the game knows. Plain data, one world::ComponentPool each.
#pragma once

#include <cstdint>

#include "core/ids.h"
#include "geo/vec3.h"
#include "motion/step.h"
#include "world/schedule.h"

namespace bluemarble::game {

/// What a player wants this tick; written in the Receive phase from the input buffer.
struct PlayerControl {
  motion::MotionInput input;
};

/// A wandering animal: walks or rests until `decide_at`, then chooses anew.
struct Animal {
  geo::Vec3 home;
  motion::MotionInput input;
  core::Tick decide_at = 0;
};

inline constexpr world::ColumnMask kPlayerColumn = 1u << world::kFirstGameColumn;
inline constexpr world::ColumnMask kAnimalColumn = 1u << (world::kFirstGameColumn + 1);

/// Values of Vitals::animation.
enum class Animation : uint8_t { kIdle = 0, kWalk = 1, kRun = 2 };

}  // namespace bluemarble::game
