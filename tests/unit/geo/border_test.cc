#include "geo/border.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "sphere.h"

namespace bluemarble::geo {
namespace {

LongitudeRange Range(double lon_min, double lon_max) {
  auto range = LongitudeRange::Make(lon_min, lon_max);
  EXPECT_TRUE(range.ok()) << lon_min << " " << lon_max;
  return *range;
}

const std::array<LongitudeRange, 8> Ranges() {
  return {Range(-30, 60),   Range(170, -170), Range(-180, 0),  Range(0, 180),
          Range(-100, 150), Range(90, 40),    Range(10, -170), Range(12.345, 12.445)};
}

TEST(LongitudeRange, RefusesWhatIsNoRange) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const auto& [low, high] :
       {std::pair{nan, 0.0}, std::pair{0.0, nan}, std::pair{180.0, 0.0}, std::pair{-181.0, 0.0},
        std::pair{0.0, -180.0}, std::pair{0.0, 181.0}, std::pair{5.0, 5.0}}) {
    EXPECT_EQ(LongitudeRange::Make(low, high).status().code(), core::Code::kInvalid);
  }
}

TEST(LongitudeRange, WidthCountsOverTheAntimeridian) {
  EXPECT_EQ(Range(170, -170).width_deg(), 20);
  EXPECT_EQ(Range(-30, 60).width_deg(), 90);
  EXPECT_EQ(Range(90, 40).width_deg(), 310);
  EXPECT_EQ(LongitudeRange().width_deg(), 360);
}

TEST(LongitudeRange, TheWholeEarthHoldsEverythingAndClampsNothing) {
  for (const LongitudeRange& whole : {LongitudeRange(), Range(-180, 180)}) {
    EXPECT_TRUE(whole.whole_earth());
    for (const Geodetic& at : SpherePoints(200, 100)) {
      const Vec3 ecef = ToEcef(at);
      EXPECT_TRUE(whole.Contains(ecef));
      EXPECT_TRUE(whole.ContainsLongitude(at.lon_deg));
      EXPECT_EQ(whole.DepthInside(ecef), std::numeric_limits<double>::infinity());
      EXPECT_EQ(whole.ClampInside(ecef, 100), ecef);
    }
  }
}

TEST(LongitudeRange, SideTestsAgreeWithTheLongitude) {
  for (const LongitudeRange& range : Ranges()) {
    for (const Geodetic& at : SpherePoints(10'000, 1'000)) {
      if (std::fabs(at.lat_deg) > 89.9999) continue;
      const Vec3 ecef = ToEcef(at);
      if (std::fabs(range.DepthInside(ecef)) < 1e-6) continue;  // rounding decides on the line
      EXPECT_EQ(range.Contains(ecef), range.ContainsLongitude(at.lon_deg))
          << range.lon_min_deg() << ".." << range.lon_max_deg() << " at " << at.lon_deg;
    }
  }
}

TEST(LongitudeRange, TheLowerBorderIsInsideAndTheUpperOutside) {
  for (const auto& [low, high] :
       {std::pair{-90.0, 0.0}, std::pair{0.0, 90.0}, std::pair{90.0, 180.0}, std::pair{-180.0, 0.0},
        std::pair{0.0, 180.0}, std::pair{90.0, -90.0}, std::pair{0.0, -90.0}}) {
    const LongitudeRange range = Range(low, high);
    for (const double lat : {-60.0, 0.0, 60.0}) {
      EXPECT_TRUE(range.Contains(ToEcef({low, lat, 10}))) << low << " " << high;
      EXPECT_FALSE(range.Contains(ToEcef({high, lat, 10}))) << low << " " << high;
    }
    EXPECT_TRUE(range.ContainsLongitude(low));
    EXPECT_FALSE(range.ContainsLongitude(high));
  }
}

TEST(LongitudeRange, EveryPointBelongsToExactlyOneOfThreeShards) {
  for (const std::array<double, 3>& borders :
       {std::array{-30.0, 60.0, 170.0}, std::array{-180.0, -60.5, 60.3},
        std::array{1.1, 2.2, 3.3}}) {
    const std::array shards = {Range(borders[0], borders[1]), Range(borders[1], borders[2]),
                               Range(borders[2], borders[0] == -180 ? 180 : borders[0])};
    const auto expect_one = [&](const Vec3& p) {
      int holders = 0;
      for (const auto& shard : shards) holders += shard.Contains(p);
      EXPECT_EQ(holders, 1) << p.x << " " << p.y << " " << p.z;
    };
    for (const Geodetic& at : SpherePoints(5'000, 1'000)) expect_one(ToEcef(at));
    core::Random random(kSphereSeed);
    for (int i = 0; i < 5'000; ++i) {
      const double border = borders[random.Below(3)];
      expect_one(ToEcef({border + random.Range(-1, 1) * 1e-13, random.Range(-90, 90), 0}));
    }
  }
}

TEST(LongitudeRange, ThePolarAxisBelongsToLongitudeZero) {
  const Vec3 pole{0, 0, kPolarRadiusM};
  EXPECT_TRUE(Range(-30, 60).Contains(pole));
  EXPECT_TRUE(Range(0, 60).Contains(pole));
  EXPECT_FALSE(Range(-60, 0).Contains(pole * -1.0));
  EXPECT_FALSE(Range(170, -170).Contains(pole));
  EXPECT_TRUE(Range(170, 160).Contains(pole));
}

TEST(LongitudeRange, DepthIsTheDistanceToTheNearestBorder) {
  const LongitudeRange range = Range(-30, 60);
  const double metre_deg = 1.0 / 111'319.49;
  EXPECT_NEAR(range.DepthInside(ToEcef({-30 + 100 * metre_deg, 0, 0})), 100, 0.01);
  EXPECT_NEAR(range.DepthInside(ToEcef({-30 - 100 * metre_deg, 0, 0})), -100, 0.01);
  EXPECT_NEAR(range.DepthInside(ToEcef({60 - 100 * metre_deg, 0, 0})), 100, 0.01);
  EXPECT_NEAR(range.DepthInside(ToEcef({60 + 100 * metre_deg, 60, 0})), -50, 0.2);
  // Behind the axis the nearest point of both half-planes is the axis itself.
  EXPECT_NEAR(range.DepthInside(ToEcef({-165, 0, 0})), -kEquatorialRadiusM, 1e-6);
}

TEST(LongitudeRange, ClampingReachesTheDepthAtTheSameHeight) {
  core::Random random(kSphereSeed);
  for (const LongitudeRange& range : Ranges()) {
    for (const Geodetic& at : SpherePoints(5'000, 1'000)) {
      const Vec3 ecef = ToEcef(at);
      const double depth = random.Range(0, 100);
      const Vec3 clamped = range.ClampInside(ecef, depth);
      ASSERT_GE(range.DepthInside(clamped), depth) << at.lon_deg << " " << at.lat_deg;
      ASSERT_NEAR(HeightAt(clamped), HeightAt(ecef), 1e-4) << at.lon_deg << " " << at.lat_deg;
      ASSERT_EQ(range.ClampInside(clamped, depth), clamped);
      if (range.DepthInside(ecef) >= depth) {
        ASSERT_EQ(clamped, ecef);
      }
    }
  }
}

TEST(LongitudeRange, TheWallMovesAWalkerNoFurtherThanItStepped) {
  core::Random random(kSphereSeed);
  const LongitudeRange range = Range(-30, 60);
  for (int i = 0; i < 5'000; ++i) {
    const double border = random.Chance(0.5) ? -30 : 60;
    const Vec3 outside = ToEcef({border + random.Range(-1e-5, 1e-5), random.Range(-89, 89), 20});
    const double missing = 1.0 - range.DepthInside(outside);
    if (missing <= 0) continue;
    EXPECT_LT(Length(range.ClampInside(outside, 1.0) - outside), missing + 1e-4);
  }
}

}  // namespace
}  // namespace bluemarble::geo
