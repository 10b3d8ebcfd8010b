#include "tools/zonebot/steering.h"

#include <gtest/gtest.h>

#include <cmath>

#include "motion/step.h"

namespace bluemarble::zonebot {
namespace {

constexpr double kMaxSpeedMps = 7;

// Steers a body with the shared motion step, as the server would, and calls `see` after each tick.
template <typename See>
void Drive(Steering& steering, geo::Vec3 start, int ticks, See see) {
  motion::MotionState state{start, {}, 0, 0};
  motion::MotionInput input;
  double decide_s = 0;
  for (int tick = 0; tick < ticks; ++tick) {
    const double now_s = tick / 30.0;
    if (now_s >= decide_s) {
      const PlayerInput wanted = steering.Decide(state.position, kMaxSpeedMps, now_s);
      input.move_east = static_cast<int8_t>(std::lround(wanted.move_east * 127));
      input.move_north = static_cast<int8_t>(std::lround(wanted.move_north * 127));
      decide_s = now_s + steering.interval_s();
    }
    state = motion::Step(state, input, {kMaxSpeedMps, 20}, 1.0 / 30);
    see(state, (tick + 1) / 30.0);
  }
}

TEST(Steering, WalksWithinItsRadiusAndKeepsMoving) {
  BotPlan plan;
  plan.centre = plan.spawn = geo::ToEcef({-74, 40.7, 0});
  plan.walk_radius_m = 25;
  const Trace trace;
  Steering steering(plan, trace, 3);
  double way_m = 0, farthest_m = 0;
  geo::Vec3 last = plan.spawn;
  Drive(steering, plan.spawn, 3600, [&](const motion::MotionState& state, double) {
    way_m += Length(state.position - last);
    last = state.position;
    farthest_m = std::max(farthest_m, Length(state.position - plan.centre));
  });
  EXPECT_GT(way_m, 100);
  EXPECT_LT(way_m, 1.5 * 120);
  EXPECT_LT(farthest_m, 26);
}

TEST(Steering, EachStyleMovesInItsOwnWayAndStaysAround) {
  const struct {
    WalkStyle style;
    double least_m, most_m;
  } cases[] = {{WalkStyle::kAfk, 0, 0},
               {WalkStyle::kSprint, 200, 750},
               {WalkStyle::kZigzag, 600, 840},
               {WalkStyle::kCircle, 780, 840}};
  for (const auto& test : cases) {
    BotPlan plan;
    plan.centre = plan.spawn = geo::ToEcef({-74, 40.7, 0});
    plan.walk_radius_m = 25;
    plan.style = test.style;
    const Trace trace;
    Steering steering(plan, trace, 3);
    double way_m = 0, farthest_m = 0;
    geo::Vec3 last = plan.spawn;
    Drive(steering, plan.spawn, 3600, [&](const motion::MotionState& state, double) {
      way_m += Length(state.position - last);
      last = state.position;
      farthest_m = std::max(farthest_m, Length(state.position - plan.centre));
    });
    EXPECT_GE(way_m, test.least_m) << static_cast<int>(test.style);
    EXPECT_LE(way_m, test.most_m + 1) << static_cast<int>(test.style);
    EXPECT_LT(farthest_m, 35) << static_cast<int>(test.style);
  }
}

TEST(Steering, FollowsATraceWithinDecimetres) {
  std::string text = "t_s,agent,x_m,y_m\n";
  for (int i = 0; i <= 320; ++i) {
    const double t = i / 16.0;
    text += std::to_string(t) + ",a," + std::to_string(1.3 * t) + "," +
            std::to_string(std::sin(t)) + "\n";
  }
  const auto trace = ParseTrace(text, "t.csv");
  ASSERT_TRUE(trace.ok());
  BotPlan plan;
  plan.centre = plan.spawn = geo::ToEcef({6.8, 51.2, 0});
  plan.agent = 0;
  Steering steering(plan, *trace, 1);
  double worst_m = 0;
  Drive(steering, plan.spawn, 1100, [&](const motion::MotionState& state, double now_s) {
    const TracePoint wanted = trace->At(0, now_s);
    worst_m = std::max(worst_m,
                       Length(state.position - Offset(plan.centre, wanted.east_m, wanted.north_m)));
  });
  EXPECT_LT(worst_m, 0.4);
}

}  // namespace
}  // namespace bluemarble::zonebot
