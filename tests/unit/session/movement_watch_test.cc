#include "session/movement_watch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace bluemarble::session {
namespace {

constexpr MovementRules kRules{.max_speed_mps = 7, .acceleration_mps2 = 20, .tick_hz = 30};

struct Watch : testing::Test {
  Watch() { watch.Reset(body); }
  /// One tick at that speed, if the watch lets it be.
  MovementBreach Go(double mps) {
    body.velocity = {mps, 0, 0};
    body.position.x += mps / kRules.tick_hz;
    const MovementBreach breach = watch.Check(body, kRules);
    if (breach != MovementBreach::kNone) body = watch.last();
    return breach;
  }
  void Accelerate(double mps) {
    for (double speed = body.velocity.x; speed < mps; speed += 0.6)
      ASSERT_EQ(Go(speed), MovementBreach::kNone);
  }
  world::Body body;
  MovementWatch watch;
};

TEST_F(Watch, AnHonestRunOfAnyLengthIsNoBreach) {
  Accelerate(7);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(Go(7), MovementBreach::kNone) << i;
  EXPECT_NEAR(watch.way_m(), 14, 0.1);
}

TEST_F(Watch, ManySmallStepsTooFastBecomeABreachWithinTwoSeconds) {
  Accelerate(8);
  int ticks = 0;
  while (Go(8) == MovementBreach::kNone) ASSERT_LT(++ticks, 2 * kRules.tick_hz);
  EXPECT_LE(watch.way_m(), 7 * 2 + MovementWatch::kSlackM);
  // However long it is tried, no two seconds have more way than the bound.
  double farthest = 0;
  for (int i = 0; i < 500; ++i) {
    Go(8);
    farthest = std::max(farthest, watch.way_m());
  }
  EXPECT_LE(farthest, 7 * 2 + MovementWatch::kSlackM);
}

TEST_F(Watch, AJumpIsATeleportAndTheBodyBelongsBack) {
  Accelerate(3);
  const world::Body before = body;
  body.position.x += 50;
  EXPECT_EQ(watch.Check(body, kRules), MovementBreach::kTeleport);
  EXPECT_EQ(watch.last().position, before.position);
}

TEST_F(Watch, APositionThatIsNoNumberIsATeleport) {
  body.position.y = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(watch.Check(body, kRules), MovementBreach::kTeleport);
}

TEST_F(Watch, FullSpeedFromRestIsABreachButStoppingAtOnceIsNot) {
  EXPECT_EQ(Go(7), MovementBreach::kAcceleration);
  body = watch.last();
  Accelerate(7);
  EXPECT_EQ(Go(0), MovementBreach::kNone);  // a wall
}

TEST_F(Watch, WhatTheGameMovesItselfIsNoBreachAfterAReset) {
  body.position.x += 5000;
  watch.Reset(body);
  EXPECT_EQ(Go(0.5), MovementBreach::kNone);
}

}  // namespace
}  // namespace bluemarble::session
