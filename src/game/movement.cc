#include "game/movement.h"

#include "game/components.h"

namespace bluemarble::game {

void MoveBody(world::Body& body, const motion::MotionInput& input,
              const motion::MotionLimits& limits, double dt_s, const geo::LongitudeRange& range) {
  const motion::MotionState next = motion::Step(
      {body.position, body.velocity, body.ground_height_m, body.yaw}, input, limits, dt_s);
  body.yaw = next.yaw;
  if (next.position == body.position && next.velocity == body.velocity) return;
  body.position = next.position;
  body.velocity = next.velocity;
  if (range.whole_earth() || range.DepthInside(body.position) >= kWallDepthM) return;
  body.position = range.ClampInside(body.position, kWallDepthM);
  body.velocity = {};
}

uint8_t AnimationOf(geo::Vec3 velocity) {
  constexpr double kWalkFrom2 = 0.1 * 0.1;  // slower than this nobody sees a step
  constexpr double kRunFrom2 = 3.0 * 3.0;   // people change from walking to running at 2-3 m/s
  const double speed2 = LengthSquared(velocity);
  if (speed2 < kWalkFrom2) return static_cast<uint8_t>(Animation::kIdle);
  return static_cast<uint8_t>(speed2 < kRunFrom2 ? Animation::kWalk : Animation::kRun);
}

}  // namespace bluemarble::game
