#include "tools/zonebot/steering.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace bluemarble::zonebot {
namespace {

constexpr double kWalkMps = 1.4;
constexpr double kArrivedM = 1.0;
constexpr double kMaxPauseS = 3.0;
constexpr double kPauseChance = 0.3;
constexpr double kWalkDecisionS = 0.5;
constexpr double kFollowDecisionS = 0.1;
constexpr double kPullPerS = 2.0;  // of the distance to where the trace says
constexpr double kStandingMps = 0.05;
constexpr double kZigzagS = 0.5, kSprintS = 3;
constexpr double kTurnsPerS = 0.25;

double YawTurns(double east, double north) {
  const double turns = std::atan2(east, north) / (2 * std::numbers::pi);
  return turns < 0 ? turns + 1 : turns;
}

}  // namespace

Steering::Steering(const BotPlan& plan, const Trace& trace, uint64_t seed)
    : plan_(plan), trace_(trace), random_(seed) {
  NextWaypoint();
}

double Steering::interval_s() const {
  return plan_.agent == SIZE_MAX && plan_.style == WalkStyle::kWalk ? kWalkDecisionS
                                                                    : kFollowDecisionS;
}

PlayerInput Steering::Decide(geo::Vec3 position, double max_speed_mps, double elapsed_s) {
  if (plan_.agent != SIZE_MAX) return Follow(position, max_speed_mps, elapsed_s);
  if (plan_.style == WalkStyle::kAfk) return {};
  if (plan_.style == WalkStyle::kWalk) return Walk(position, max_speed_mps, elapsed_s);
  return Run(position, elapsed_s);
}

PlayerInput Steering::Run(geo::Vec3 position, double elapsed_s) {
  PlayerInput input;
  input.yaw_turns = yaw_turns_;
  if (plan_.style == WalkStyle::kSprint && elapsed_s < pause_until_s_) return input;
  const geo::LocalFrame frame = geo::FrameAt(position);
  const geo::Vec3 home = plan_.centre - position;
  if (Length(home) > plan_.walk_radius_m) {
    yaw_turns_ = YawTurns(Dot(home, frame.east), Dot(home, frame.north));
  } else if (plan_.style == WalkStyle::kCircle) {
    yaw_turns_ += kTurnsPerS * (elapsed_s - turned_s_);
    turned_s_ = elapsed_s;
  } else if (elapsed_s >= turned_s_ + (plan_.style == WalkStyle::kZigzag ? kZigzagS : kSprintS)) {
    turned_s_ = elapsed_s;
    yaw_turns_ += random_.Chance(0.5) ? 0.25 : 0.75;
    if (plan_.style == WalkStyle::kSprint) pause_until_s_ = elapsed_s + kMaxPauseS * random_.Unit();
  }
  yaw_turns_ -= std::floor(yaw_turns_);
  input.yaw_turns = yaw_turns_;
  input.move_east = std::sin(2 * std::numbers::pi * yaw_turns_);
  input.move_north = std::cos(2 * std::numbers::pi * yaw_turns_);
  return input;
}

PlayerInput Steering::Walk(geo::Vec3 position, double max_speed_mps, double elapsed_s) {
  PlayerInput input;
  input.yaw_turns = yaw_turns_;
  if (elapsed_s < pause_until_s_) return input;
  if (Length(waypoint_ - position) < kArrivedM) {
    NextWaypoint();
    if (plan_.pauses && random_.Chance(kPauseChance)) {
      pause_until_s_ = elapsed_s + kMaxPauseS * random_.Unit();
      return input;
    }
  }
  const geo::LocalFrame frame = geo::FrameAt(position);
  const geo::Vec3 way = waypoint_ - position;
  const double east = Dot(way, frame.east), north = Dot(way, frame.north);
  const double scale =
      std::min(1.0, kWalkMps / max_speed_mps) / std::max(std::hypot(east, north), 1e-9);
  input.move_east = east * scale;
  input.move_north = north * scale;
  input.yaw_turns = yaw_turns_ = YawTurns(east, north);
  return input;
}

PlayerInput Steering::Follow(geo::Vec3 position, double max_speed_mps, double elapsed_s) const {
  const TracePoint wanted = trace_.At(plan_.agent, elapsed_s);
  const geo::Vec3 way = Offset(plan_.centre, wanted.east_m, wanted.north_m) - position;
  const geo::LocalFrame frame = geo::FrameAt(position);
  double east = wanted.east_mps + kPullPerS * Dot(way, frame.east);
  double north = wanted.north_mps + kPullPerS * Dot(way, frame.north);
  PlayerInput input;
  const double speed = std::hypot(east, north);
  if (speed < kStandingMps) return input;
  const double scale = std::min(1.0, max_speed_mps / speed) / max_speed_mps;
  input.move_east = east * scale;
  input.move_north = north * scale;
  input.yaw_turns = YawTurns(east, north);
  return input;
}

void Steering::NextWaypoint() {
  const double r = plan_.walk_radius_m * std::sqrt(random_.Unit());
  const double angle = 2 * std::numbers::pi * random_.Unit();
  waypoint_ = Offset(plan_.centre, r * std::cos(angle), r * std::sin(angle));
}

}  // namespace bluemarble::zonebot
