#include "tools/zonebot/way_log.h"

#include <gtest/gtest.h>

namespace bluemarble::zonebot {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

// East at 2 m/s for `seconds`.
WayLog Walk(int64_t seconds) {
  WayLog way;
  for (int64_t t = 0; t <= seconds * 10; ++t)
    way.Add(t * kSecond / 10, static_cast<uint64_t>(t + 1), {static_cast<double>(t) * 0.2, 0, 0});
  return way;
}

TEST(WayLog, TellsHowFarBehindAPlaceOnTheWayIs) {
  const WayLog way = Walk(5);
  EXPECT_EQ(way.BehindNs({10, 0, 0}), 0);
  EXPECT_NEAR(static_cast<double>(*way.BehindNs({8.5, 0, 0})), 0.75e9, 1e8);
}

TEST(WayLog, KnowsOnlyTheLastTenSeconds) {
  const WayLog way = Walk(30);
  EXPECT_FALSE(way.BehindNs({20, 0, 0}).has_value());
  EXPECT_TRUE(way.BehindNs({41, 0, 0}).has_value());
}

TEST(WayLog, ADeadServersLastWordDoesNotAge) {
  WayLog way = Walk(5);
  for (int64_t t = 51; t < 80; ++t) way.Add(t * kSecond / 10, 51, {10, 0, 0});
  EXPECT_NEAR(static_cast<double>(*way.BehindNs({9, 0, 0})), 0.5e9, 1e8);
}

TEST(WayLog, DoesNotKnowAPlaceBesideTheWay) {
  EXPECT_FALSE(Walk(5).BehindNs({5, 1, 0}).has_value());
}

}  // namespace
}  // namespace bluemarble::zonebot
