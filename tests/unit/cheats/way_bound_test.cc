#include "tools/cheats/way_bound.h"

#include <gtest/gtest.h>

namespace bluemarble::cheats {
namespace {

TEST(WayBound, FullSpeedHasNoExcess) {
  WayBound bound(7, 30);
  for (core::Tick tick = 1; tick <= 300; ++tick)
    bound.Add(tick, {7.0 / 30 * static_cast<double>(tick), 0, 0});
  EXPECT_NEAR(bound.excess_m(), 0, 1e-9);
  EXPECT_NEAR(bound.way_m(), 7.0 / 30 * 299, 1e-9);
}

TEST(WayBound, AJumpIsExcessAndStaysSoHoweverLongItStandsAfterwards) {
  WayBound bound(7, 30);
  bound.Add(1, {0, 0, 0});
  bound.Add(2, {5, 0, 0});
  for (core::Tick tick = 3; tick <= 300; ++tick) bound.Add(tick, {5, 0, 0});
  EXPECT_NEAR(bound.excess_m(), 5 - 7.0 / 30, 1e-9);
}

TEST(WayBound, ManySmallStepsTooFastAddUpWithinTwoSeconds) {
  WayBound bound(7, 30);
  for (core::Tick tick = 1; tick <= 300; ++tick)
    bound.Add(tick, {8.0 / 30 * static_cast<double>(tick), 0, 0});
  EXPECT_NEAR(bound.excess_m(), 2.0, 0.01);  // one metre a second, for two
}

TEST(WayBound, StatesThatCameOutOfOrderAreLeftOut) {
  WayBound bound(7, 30);
  bound.Add(10, {1, 0, 0});
  bound.Add(9, {100, 0, 0});
  EXPECT_EQ(bound.excess_m(), 0);
  EXPECT_EQ(bound.states(), 1u);
}

}  // namespace
}  // namespace bluemarble::cheats
