#include "tools/zonebot/placing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace bluemarble::zonebot {
namespace {

// Population i + 1 in city i, spread over the globe.
std::vector<City> ManyCities(size_t count) {
  std::vector<City> cities;
  for (size_t i = 0; i < count; ++i)
    cities.push_back({-180 + 360.0 * static_cast<double>(i) / static_cast<double>(count), 50,
                      static_cast<double>(i + 1)});
  return cities;
}

Options Of(Scenario scenario, int players) {
  Options options;
  options.scenario = scenario;
  options.players = players;
  return options;
}

TEST(Placing, PutsTwentyFivePlayersAroundEachCity) {
  const auto cities = ManyCities(100);
  const auto plans = PlanBots(Of(Scenario::kCities, 1000), cities, {});
  ASSERT_TRUE(plans.ok());
  ASSERT_EQ(plans->size(), 1000u);
  std::set<std::pair<double, double>> centres;
  for (const BotPlan& plan : *plans) {
    EXPECT_LE(Length(plan.spawn - plan.centre), kCityRadiusM + 0.1);
    EXPECT_NEAR(geo::HeightAt(plan.spawn), 0, 0.01);
    centres.insert({plan.centre.x, plan.centre.y});
  }
  EXPECT_EQ(centres.size(), 40u);
}

TEST(Placing, DrawsCitiesByPopulationAndEachOnce) {
  const auto cities = ManyCities(100);
  size_t large = 0, drawn = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const auto draw = DrawCities(cities, 10, seed);
    EXPECT_EQ(std::set<size_t>(draw.begin(), draw.end()).size(), 10u);
    for (const size_t city : draw) large += city >= 50 ? 1 : 0;
    drawn += draw.size();
  }
  // Three quarters of the people live in the larger half; drawn without replacement a little less.
  EXPECT_NEAR(static_cast<double>(large) / static_cast<double>(drawn), 0.74, 0.04);
}

TEST(Placing, RefusesMorePlayersThanThereAreCitiesFor) {
  EXPECT_FALSE(PlanBots(Of(Scenario::kCities, 1000), ManyCities(39), {}).ok());
}

TEST(Placing, SpreadsPlayersAtTheWantedDensity) {
  const auto plans = PlanBots(Of(Scenario::kSpread, 3000), {}, {});
  ASSERT_TRUE(plans.ok());
  // Around players well inside, so that the disc of 1,000 m is full.
  double sum = 0;
  int counted = 0;
  geo::Vec3 middle;
  for (const BotPlan& plan : *plans)
    middle += plan.spawn * (1.0 / static_cast<double>(plans->size()));
  for (const BotPlan& plan : *plans) {
    if (Length(plan.spawn - middle) > 3000) continue;
    ++counted;
    for (const BotPlan& other : *plans) sum += Length(other.spawn - plan.spawn) < 1000 ? 1 : 0;
  }
  ASSERT_GT(counted, 500);
  EXPECT_NEAR(sum / counted, 150, 8);
}

TEST(Placing, KeepsACrowdWithinItsRadius) {
  Options options = Of(Scenario::kCrowd, 500);
  options.radius_m = 25;
  options.anchor = GeoPosition{179.9999, -16.5, 0};
  const auto plans = PlanBots(options, {}, {});
  ASSERT_TRUE(plans.ok());
  double farthest = 0;
  for (const BotPlan& plan : *plans)
    farthest = std::max(farthest, Length(plan.spawn - plan.centre));
  EXPECT_LE(farthest, 25.01);
  EXPECT_GT(farthest, 23);
}

TEST(Placing, IsTheSameForTheSameSeedOnly) {
  Options options = Of(Scenario::kCrowd, 10);
  const auto a = PlanBots(options, {}, {}), b = PlanBots(options, {}, {});
  EXPECT_EQ((*a)[3].spawn, (*b)[3].spawn);
  options.seed = 2;
  EXPECT_NE((*PlanBots(options, {}, {}))[3].spawn.x, (*a)[3].spawn.x);
}

TEST(Placing, MakesAPlayerOfEachAgentAndCopiesTwoKilometresApart) {
  const auto trace = ParseTrace("t_s,agent,x_m,y_m\n0,a,1,0\n0,b,2,0\n1,b,2,1\n", "t.csv");
  Options options;
  options.scenario = Scenario::kTrace;
  options.anchor = GeoPosition{13.4, 52.5, 0};
  options.copies = 3;
  const auto plans = PlanBots(options, {}, *trace);
  ASSERT_TRUE(plans.ok());
  ASSERT_EQ(plans->size(), 6u);
  EXPECT_NEAR(Length((*plans)[1].spawn - (*plans)[0].spawn), 1, 1e-3);
  EXPECT_NEAR(Length((*plans)[2].spawn - (*plans)[0].spawn), kCopySpacingM, 1);
}

TEST(Placing, RefusesABadCitiesFileWithLineAndColumn) {
  EXPECT_EQ(ParseCities("lon_deg,lat_deg,population\n1,2,3\n1,2,many\n", "c.csv").status().detail(),
            "c.csv:3:3: not a number");
  EXPECT_EQ(ParseCities("name\n", "c.csv").status().detail().substr(0, 9), "c.csv:1:1");
  EXPECT_EQ(ParseCities("lon_deg,lat_deg,population\n1,99,3\n", "c.csv").status().detail(),
            "c.csv:2:1: not a place on Earth");
}

TEST(Placing, PutsTradersInGroupsThatReachEachOtherAndSeeNobodyElse) {
  Options options = Of(Scenario::kTrade, 20);
  options.group = 8;
  const auto plans = PlanBots(options, {}, {});
  ASSERT_TRUE(plans.ok());
  for (size_t i = 0; i < plans->size(); ++i)
    for (size_t j = 0; j < i; ++j) {
      const double distance_m = Length((*plans)[i].spawn - (*plans)[j].spawn);
      if (i / 8 == j / 8)
        EXPECT_LE(distance_m, 2 * kGroupRadiusM + 0.01);
      else
        EXPECT_GT(distance_m, 1000);
    }
}

TEST(Placing, PutsAllOfARaceInOnePlace) {
  const auto plans = PlanBots(Of(Scenario::kRace, 200), {}, {});
  ASSERT_TRUE(plans.ok());
  for (const BotPlan& plan : *plans)
    EXPECT_LE(Length(plan.spawn - plans->front().spawn), 2 * kGroupRadiusM + 0.01);
}

}  // namespace
}  // namespace bluemarble::zonebot
