/// How any body of the game moves: the shared motion step, then the shard's border as a wall. Pure
/// functions; run on tick workers.
#pragma once

#include "geo/border.h"
#include "motion/step.h"
#include "world/components.h"

namespace bluemarble::game {

/// Bodies stop this far inside the border, so that rounding to the centimetre cannot carry them
/// over it.
inline constexpr double kWallDepthM = 0.05;

/// Advances `body` by one tick and keeps it inside `range`; at the wall its velocity ends.
void MoveBody(world::Body& body, const motion::MotionInput& input,
              const motion::MotionLimits& limits, double dt_s, const geo::LongitudeRange& range);

/// 0 idle, 1 walk, 2 run; see game::Animation.
uint8_t AnimationOf(geo::Vec3 velocity);

}  // namespace bluemarble::game
