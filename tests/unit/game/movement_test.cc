#include "game/movement.h"

#include <gtest/gtest.h>

#include "game/components.h"
#include "game/spawner.h"

namespace bluemarble::game {
namespace {

constexpr double kDt = 1.0 / 30;

TEST(Movement, TheBorderIsAWall) {
  const auto range = geo::LongitudeRange::Make(-60, 60);
  world::Body body = BodyAt({59.99995, 10, 0});
  for (int i = 0; i < 300; ++i) {
    MoveBody(body, {.move_east = 127}, {}, kDt, *range);
    ASSERT_TRUE(range->Contains(body.position));
  }
  EXPECT_NEAR(range->DepthInside(body.position), motion::kWallDepthM, 0.3);
  // And it is no glue: turning round leaves it.
  for (int i = 0; i < 60; ++i) MoveBody(body, {.move_east = -127}, {}, kDt, *range);
  EXPECT_GT(range->DepthInside(body.position), 5.0);
}

TEST(Movement, NoCommandIsFasterThanTheLimit) {
  const geo::LongitudeRange earth;
  world::Body body = BodyAt({10, 50, 0});
  const geo::Vec3 start = body.position;
  for (int i = 0; i < 60; ++i)
    MoveBody(body, {.move_east = 127, .move_north = -128}, {}, kDt, earth);
  EXPECT_LE(Length(body.position - start), 7.0 * 2 + 1e-6);
}

TEST(Movement, AnimationFollowsSpeed) {
  EXPECT_EQ(AnimationOf({0, 0, 0}), static_cast<uint8_t>(Animation::kIdle));
  EXPECT_EQ(AnimationOf({1.4, 0, 0}), static_cast<uint8_t>(Animation::kWalk));
  EXPECT_EQ(AnimationOf({0, 7, 0}), static_cast<uint8_t>(Animation::kRun));
}

}  // namespace
}  // namespace bluemarble::game
