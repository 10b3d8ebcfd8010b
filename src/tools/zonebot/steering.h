/// What a bot's player wants: walking between random points around a centre, running about there,
/// or following an agent of a trace. One per bot, used by the thread that polls it.
#pragma once

#include <cstdint>

#include "bluemarble/client.h"
#include "core/hash.h"
#include "tools/zonebot/placing.h"
#include "tools/zonebot/trace.h"

namespace bluemarble::zonebot {

class Steering {
 public:
  /// `plan` and `trace` must outlive it.
  Steering(const BotPlan& plan, const Trace& trace, uint64_t seed);

  /// The input from now on, for a player at `position`. `elapsed_s`: since the replay's start, the
  /// same for all.
  PlayerInput Decide(geo::Vec3 position, double max_speed_mps, double elapsed_s);
  /// False while an agent of a trace stands because it was recorded at other times only.
  bool Recorded(double elapsed_s) const {
    return plan_.agent == SIZE_MAX || trace_.Recorded(plan_.agent, elapsed_s);
  }
  /// When to decide again after the last time, seconds.
  double interval_s() const;

 private:
  PlayerInput Walk(geo::Vec3 position, double max_speed_mps, double elapsed_s);
  PlayerInput Run(geo::Vec3 position, double elapsed_s);
  PlayerInput Follow(geo::Vec3 position, double max_speed_mps, double elapsed_s) const;
  void NextWaypoint();

  const BotPlan& plan_;
  const Trace& trace_;
  core::Random random_;
  geo::Vec3 waypoint_;
  double pause_until_s_ = 0;
  double yaw_turns_ = 0;
  double turned_s_ = 0;
};

}  // namespace bluemarble::zonebot
