#include "client/own_player.h"

#include <gtest/gtest.h>

#include "geo/planet.h"

namespace bluemarble::client {
namespace {

constexpr int64_t kMs = 1'000'000;
const motion::MotionLimits kLimits{7.0, 20.0};
const motion::MotionInput kEast{.move_east = 127};

motion::MotionState Start() {
  motion::MotionState state;
  state.position = geo::ToEcef({13.4, 52.5, 0});
  return state;
}

class OwnPlayerTest : public ::testing::Test {
 protected:
  void SetUp() override { player_.Reset(100, Start(), kLimits, 30); }
  void Walk(core::Tick until) {
    for (core::Tick t = player_.newest_tick() + 1; t <= until; ++t)
      player_.StepTo(t, kEast, static_cast<double>(t) - 3);
  }
  OwnPlayer player_;
};

TEST_F(OwnPlayerTest, PredictsExactlyWhatTheSharedStepSays) {
  motion::MotionState expected = Start();
  Walk(140);
  for (int i = 0; i < 40; ++i) expected = motion::Step(expected, kEast, kLimits, 1.0 / 30);
  EXPECT_EQ(player_.newest(), expected);
}

TEST_F(OwnPlayerTest, FillsTicksThatWerePassedOverWithThePreviousCommand) {
  Walk(110);
  player_.StepTo(115, {}, 112);
  EXPECT_EQ(player_.CommandAt(114), kEast);
  EXPECT_EQ(player_.CommandAt(115), motion::MotionInput{});
  EXPECT_NE(player_.StateAt(113), nullptr);
}

TEST_F(OwnPlayerTest, TakesARightPredictionAsNoCorrection) {
  Walk(120);
  EXPECT_EQ(player_.OnExact(115, *player_.StateAt(115), 0), 0);
  EXPECT_EQ(player_.confirmed_tick(), 115u);
}

TEST_F(OwnPlayerTest, ReplaysTheCommandsAfterACorrection) {
  Walk(120);
  motion::MotionState truth = *player_.StateAt(110);
  truth.position = truth.position + geo::Vec3{0, 0, 0.5};
  const double error = player_.OnExact(110, truth, 0);
  EXPECT_NEAR(error, 0.5, 1e-9);
  for (int i = 0; i < 10; ++i) truth = motion::Step(truth, kEast, kLimits, 1.0 / 30);
  EXPECT_EQ(player_.newest(), truth);
  EXPECT_EQ(player_.OnExact(120, truth, 0), 0);
}

TEST_F(OwnPlayerTest, IgnoresAnExactStateOlderThanOneAlreadyKnown) {
  Walk(120);
  player_.OnConfirmed(115);
  const motion::MotionState before = player_.newest();
  EXPECT_EQ(player_.OnExact(112, Start(), 0), 0);
  EXPECT_EQ(player_.newest(), before);
}

TEST_F(OwnPlayerTest, AdoptsAStateAheadOfItsOwnCommands) {
  Walk(105);
  motion::MotionState truth = Start();
  player_.OnExact(130, truth, 0);
  EXPECT_EQ(player_.newest_tick(), 130u);
  EXPECT_EQ(player_.newest(), truth);
  EXPECT_EQ(player_.StateAt(105), nullptr);
}

// How far the drawn position is from the simulated one at moments after a correction by `error_m`.
double DrawnOff(OwnPlayer& player, int64_t at_ms) {
  const auto clock =
      static_cast<double>(player.newest_tick()) + 1;  // the newest step, not between two
  return Length(player.DrawnAt(clock, at_ms * kMs) - player.newest().position);
}

struct BlendCase {
  double error_m, at_start_m;
  int64_t gone_after_ms;
};
class OwnPlayerBlend : public OwnPlayerTest, public ::testing::WithParamInterface<BlendCase> {};

TEST_P(OwnPlayerBlend, DrawsCorrectionsBySize) {
  const BlendCase& c = GetParam();
  motion::MotionState truth = Start();  // at rest, so that the error stays what it is
  player_.StepTo(110, {}, 107);
  truth.position =
      geo::WithHeight(truth.position + geo::FrameAt(truth.position).east * c.error_m, 0);
  player_.OnExact(105, truth, 0);
  EXPECT_NEAR(DrawnOff(player_, 0), c.at_start_m, 1e-3);
  if (c.gone_after_ms > 0) {
    EXPECT_NEAR(DrawnOff(player_, c.gone_after_ms / 2), c.at_start_m / 2, 1e-3);
    EXPECT_GT(DrawnOff(player_, c.gone_after_ms - 10), 0);
  }
  EXPECT_EQ(DrawnOff(player_, c.gone_after_ms), 0);
}
INSTANTIATE_TEST_SUITE_P(Sizes, OwnPlayerBlend,
                         ::testing::Values(BlendCase{0.05, 0.05, 100}, BlendCase{0.5, 0.5, 200},
                                           BlendCase{0.99, 0.99, 200}, BlendCase{1.5, 0, 0}));

TEST_F(OwnPlayerTest, SurvivesAPauseLongerThanItsHistory) {
  Walk(110);
  player_.StepTo(10'000, kEast, 9'997);
  EXPECT_EQ(player_.newest_tick(), 10'000u);
  EXPECT_EQ(player_.StateAt(110), nullptr);
  Walk(10'100);
  EXPECT_NE(player_.StateAt(10'060), nullptr);
}

}  // namespace
}  // namespace bluemarble::client
