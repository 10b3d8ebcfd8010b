#include "replication/turns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "core/hash.h"

namespace bluemarble::replication {
namespace {

constexpr int kLevel = 14;
constexpr uint32_t kWays = 12;

struct Town {
  geo::GridPoint at;
  uint32_t viewers = 0;
};

// Towns of very different sizes, far from each other, none larger than a region.
std::vector<Town> Towns(int count) {
  core::Random random(7);
  std::vector<Town> towns;
  for (int i = 0; i < count; ++i) {
    const auto far = [&] { return static_cast<int32_t>(random.Below(1u << 30)) - (1 << 29); };
    towns.push_back({{far(), far(), far()}, 20 + static_cast<uint32_t>(random.Below(100))});
  }
  return towns;
}

void Count(Turns& turns, const std::vector<Town>& towns) {
  for (const Town& town : towns) turns.Count(geo::NodeKey::At(town.at, 17), town.viewers);
}

std::array<uint32_t, kWays> Loads(const Turns& turns, const std::vector<Town>& towns) {
  std::array<uint32_t, kWays> loads{};
  for (const Town& town : towns) loads[turns.Of(town.at)] += town.viewers;
  return loads;
}

uint32_t Gap(const std::array<uint32_t, kWays>& loads) {
  const auto [least, most] = std::ranges::minmax(loads);
  return most - least;
}

TEST(Turns, ComeOutAboutEvenHoweverTheWorldIsSettled) {
  Turns turns(kLevel, kWays);
  const std::vector<Town> towns = Towns(80);
  uint32_t viewers = 0;
  for (const Town& town : towns) viewers += town.viewers;
  const uint32_t before = Gap(Loads(turns, towns));
  for (int cycle = 0; cycle < 20; ++cycle) {
    Count(turns, towns);
    turns.Balance();
  }
  const uint32_t mean = viewers / kWays;
  EXPECT_GT(before, mean / 2);
  EXPECT_LE(Gap(Loads(turns, towns)), mean / 8);
}

TEST(Turns, StayWhenTheyAreEven) {
  Turns turns(kLevel, kWays);
  const std::vector<Town> towns = Towns(80);
  for (int cycle = 0; cycle < 20; ++cycle) {
    Count(turns, towns);
    turns.Balance();
  }
  const auto settled = Loads(turns, towns);
  Count(turns, towns);
  turns.Balance();
  EXPECT_EQ(Loads(turns, towns), settled);
}

TEST(Turns, MoveFewRegionsAtOnce) {
  Turns turns(kLevel, kWays);
  const std::vector<Town> towns = Towns(300);
  std::vector<uint32_t> before;
  for (const Town& town : towns) before.push_back(turns.Of(town.at));
  Count(turns, towns);
  turns.Balance();
  int moved = 0;
  for (size_t i = 0; i < towns.size(); ++i) moved += turns.Of(towns[i].at) != before[i] ? 1 : 0;
  EXPECT_GT(moved, 0);
  EXPECT_LE(moved, 24);  // eight buckets; some hold two or three of these towns
}

TEST(Turns, LeaveARegionAloneThatHasAllTheViewers) {
  Turns turns(kLevel, kWays);
  const Town crowd{{1'000'000, 2'000'000, 3'000'000}, 5'000};
  const uint32_t before = turns.Of(crowd.at);
  Count(turns, {crowd});
  turns.Balance();
  EXPECT_EQ(turns.Of(crowd.at), before);
}

TEST(Turns, AreSharedByNeighbours) {
  const Turns turns(kLevel, kWays);
  const geo::NodeKey region = geo::NodeKey::At({10'000'000, 20'000'000, 30'000'000}, kLevel);
  const geo::GridPoint low = region.corner();
  const auto width = static_cast<int32_t>(region.width_cm());
  EXPECT_EQ(turns.Of(low), turns.Of({low.x + width - 1, low.y + width - 1, low.z + width - 1}));
}

}  // namespace
}  // namespace bluemarble::replication
