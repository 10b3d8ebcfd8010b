#include "game/movement.h"

#include "game/components.h"

namespace bluemarble::game {

void MoveBody(world::Body& body, const motion::MotionInput& input,
              const motion::MotionLimits& limits, double dt_s, const geo::LongitudeRange& range) {
  const motion::MotionState next = motion::StepInside(
      {body.position, body.velocity, body.ground_height_m, body.yaw}, input, limits, dt_s, range);
  body.position = next.position;
  body.velocity = next.velocity;
  body.yaw = next.yaw;
}

uint8_t AnimationOf(geo::Vec3 velocity) {
  constexpr double kWalkFrom2 = 0.1 * 0.1;  // slower than this nobody sees a step
  constexpr double kRunFrom2 = 3.0 * 3.0;   // people change from walking to running at 2-3 m/s
  const double speed2 = LengthSquared(velocity);
  if (speed2 < kWalkFrom2) return static_cast<uint8_t>(Animation::kIdle);
  return static_cast<uint8_t>(speed2 < kRunFrom2 ? Animation::kWalk : Animation::kRun);
}

}  // namespace bluemarble::game
