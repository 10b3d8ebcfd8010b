#include "motion/step.h"

#include <cmath>

#include "core/hash.h"
#include "geo/grid.h"

namespace bluemarble::motion {
namespace {

using geo::Vec3;

Vec3 WantedVelocity(const MotionInput& input, const geo::LocalFrame& frame, double max_speed_mps) {
  constexpr double kFull = 127.0;
  const double east = input.move_east;
  const double north = input.move_north;
  const double length2 = east * east + north * north;
  const double scale =
      length2 > kFull * kFull ? max_speed_mps / std::sqrt(length2) : max_speed_mps / kFull;
  return frame.east * (east * scale) + frame.north * (north * scale);
}

}  // namespace

MotionState Step(const MotionState& state, const MotionInput& input, const MotionLimits& limits,
                 double dt_s) {
  MotionState next = state;
  next.yaw = input.yaw;
  const bool wants_to_move = input.move_east != 0 || input.move_north != 0;
  if (!wants_to_move && state.velocity == Vec3{}) return next;

  const geo::LocalFrame frame = geo::FrameAt(state.position);
  const Vec3 wanted = WantedVelocity(input, frame, limits.max_speed_mps);
  const Vec3 current = state.velocity - frame.up * Dot(state.velocity, frame.up);
  const Vec3 change = wanted - current;
  const double change2 = LengthSquared(change);
  const double limit = limits.acceleration_mps2 * dt_s;
  next.velocity =
      change2 > limit * limit ? current + change * (limit / std::sqrt(change2)) : wanted;
  if (next.velocity == Vec3{}) return next;
  next.position = geo::WithHeight(state.position + next.velocity * dt_s, state.ground_height_m);
  return next;
}

MotionState StepInside(const MotionState& state, const MotionInput& input,
                       const MotionLimits& limits, double dt_s, const geo::LongitudeRange& range) {
  MotionState next = Step(state, input, limits, dt_s);
  if (range.whole_earth()) return next;
  if (next.position == state.position && next.velocity == state.velocity) return next;
  if (range.DepthInside(next.position) >= kWallDepthM) return next;
  next.position = range.ClampInside(next.position, kWallDepthM);
  next.velocity = {};
  return next;
}

uint16_t PositionDigest(Vec3 position) {
  const geo::GridPoint p = geo::ToGrid(position);
  const uint64_t hash =
      core::HashCombine(core::HashCombine(static_cast<uint32_t>(p.x), static_cast<uint32_t>(p.y)),
                        static_cast<uint32_t>(p.z));
  return static_cast<uint16_t>(hash);
}

}  // namespace bluemarble::motion
