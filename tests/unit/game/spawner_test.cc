#include "game/spawner.h"

#include <gtest/gtest.h>

namespace bluemarble::game {
namespace {

TEST(Spawner, EverythingLiesNearACentreInsideTheRange) {
  const auto range = geo::LongitudeRange::Make(-60, 60);
  const GameSettings settings;
  const auto centres = CentresIn(settings, *range);
  for (const Spawn& spawn : Populate(settings, *range, 5)) {
    double nearest = 1e9;
    for (const auto& centre : centres) {
      nearest = std::min(nearest, Length(spawn.body.position - geo::ToEcef(centre)));
    }
    EXPECT_LE(nearest, settings.scatter_radius_m + 0.1);
    EXPECT_TRUE(range->Contains(spawn.body.position));
  }
}

TEST(Spawner, TheSameSeedPlacesTheSame) {
  const geo::LongitudeRange earth;
  const auto a = Populate({}, earth, 5);
  const auto b = Populate({}, earth, 5);
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].body.position, b[i].body.position);
}

TEST(Spawner, ARangeWithoutCentresGetsOneInItsMiddle) {
  const auto range = geo::LongitudeRange::Make(-179, -170);
  const auto centres = CentresIn({}, *range);
  ASSERT_EQ(centres.size(), 1u);
  EXPECT_TRUE(range->ContainsLongitude(centres[0].lon_deg));
}

TEST(Spawner, CentresAreParsedStrictly) {
  EXPECT_TRUE(ParseCentre("2.35, 48.85").ok());
  for (const char* bad : {"", "2.35", "2.35,", "a,b", "2.35,95", "2.35,48.85,3", "nan,1"}) {
    EXPECT_FALSE(ParseCentre(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace bluemarble::game
