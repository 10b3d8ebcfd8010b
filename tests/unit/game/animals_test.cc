#include <gtest/gtest.h>

#include "game/rules.h"

namespace bluemarble::game {
namespace {

struct Herd {
  explicit Herd(uint64_t seed, int workers = 1, uint32_t count = 300)
      : world({.max_entities = 1000}),
        pool(workers),
        rules(Settings(count), range, world, 8, 30, seed) {
    EXPECT_TRUE(rules.Populate().ok());
  }
  static GameSettings Settings(uint32_t count) {
    GameSettings settings;
    settings.animals = count;
    settings.resource_nodes = 10;
    return settings;
  }
  void Run(int ticks) {
    for (int i = 0; i < ticks; ++i) rules.Simulate(++tick, pool);
  }
  geo::LongitudeRange range;
  world::World world;
  core::WorkerPool pool;
  Rules rules;
  core::Tick tick = 0;
};

TEST(Animals, TheyWanderAndStayNearTheirHomes) {
  Herd herd(1);
  const std::vector<world::Body> homes(herd.world.bodies().begin(), herd.world.bodies().end());
  int away = 0;
  for (int i = 0; i < 60; ++i) {
    herd.Run(30);
    for (size_t row = 0; row < 300; ++row) {
      const double distance = Length(herd.world.bodies()[row].position - homes[row].position);
      // Beyond the radius they turn home at their next decision, at most six seconds later.
      ASSERT_LE(distance, 40 + 1.5 * 6 + 1);
      away += distance > 1 ? 1 : 0;
    }
  }
  EXPECT_GT(away, 1000);
}

TEST(Animals, NodesNeverMove) {
  Herd herd(1);
  const geo::Vec3 before = herd.world.bodies()[305].position;
  ASSERT_EQ(herd.world.kinds()[305], world::Kind::kResource);
  herd.Run(100);
  EXPECT_EQ(herd.world.bodies()[305].position, before);
}

TEST(Animals, TheWorldIsTheSameOnAnyWorkerCountAndDiffersBySeed) {
  const auto hash = [](uint64_t seed, int workers) {
    Herd herd(seed, workers, 900);
    herd.Run(200);
    return core::HashCombine(herd.world.Hash(), herd.rules.Hash());
  };
  const uint64_t one = hash(1, 1);
  EXPECT_EQ(one, hash(1, 2));
  EXPECT_EQ(one, hash(1, 4));
  EXPECT_NE(one, hash(2, 1));
}

}  // namespace
}  // namespace bluemarble::game
