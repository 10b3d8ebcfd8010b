/// How any body of the game moves: the motion step shared with the client. Pure functions; run on
/// tick workers.
#pragma once

#include "geo/border.h"
#include "motion/step.h"
#include "world/components.h"

namespace bluemarble::game {

/// Advances `body` by one tick inside `range` (motion::StepInside).
void MoveBody(world::Body& body, const motion::MotionInput& input,
              const motion::MotionLimits& limits, double dt_s, const geo::LongitudeRange& range);

/// 0 idle, 1 walk, 2 run; see game::Animation.
uint8_t AnimationOf(geo::Vec3 velocity);

}  // namespace bluemarble::game
