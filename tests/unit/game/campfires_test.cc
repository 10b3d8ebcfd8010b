// The worked example of docs/extending.md lives as the page says, and on any number of workers.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/unit/game/example/campfires.h"

namespace bluemarble::game {
namespace {

struct Camp {
  explicit Camp(int workers = 1)
      : world({.max_entities = 2000}),
        commands(2000),
        fires(world, commands, 1000, 90),
        pool(workers) {
    fires.AddTo(schedule);
  }
  core::EntityId Player() { return *world.Create(world::Kind::kPlayer, {}, {}); }
  /// A tick as app/zone.cc has it: structure, then systems. Returns how many fires went out.
  size_t Tick() {
    commands.Apply(
        world, [&](core::EntityId id) { fires.Forget(id); },
        [&](const world::Creation& wish, const core::Result<core::EntityId>& entity) {
          if (Campfires::IsOurs(wish)) fires.OnCreated(wish, entity);
        });
    schedule.Run(pool);
    return fires.TakeOut(++tick).size();
  }
  world::World world;
  world::Commands commands;
  Campfires fires;
  world::Schedule schedule;
  core::WorkerPool pool;
  core::Tick tick = 0;
};

TEST(Campfires, AFireIsLitBurnsDownAndIsToldOfOnce) {
  Camp camp;
  const core::EntityId player = camp.Player();
  ASSERT_TRUE(camp.fires.Light(player).ok());
  EXPECT_EQ(camp.fires.size(), 0u) << "not before the commands are applied";
  size_t out = 0;
  for (int i = 0; i < 89; ++i) out += camp.Tick();
  EXPECT_EQ(camp.fires.size(), 1u);
  EXPECT_EQ(out, 0u);
  EXPECT_EQ(camp.Tick(), 1u);
  EXPECT_EQ(camp.Tick(), 0u);
  EXPECT_EQ(camp.fires.size(), 0u);
  EXPECT_EQ(camp.world.count(), 1u) << "the player alone is left";
}

TEST(Campfires, WhoIsNotThereLightsNothingAndTooManyAreRefused) {
  Camp camp;
  const core::EntityId eager = camp.Player();
  ASSERT_TRUE(camp.fires.Light(eager).ok());
  EXPECT_EQ(camp.fires.Light(eager).code(), core::Code::kConflict);
  EXPECT_EQ(camp.fires.Light(core::EntityId{77}).code(), core::Code::kNotFound);
  for (int i = 0; i < 999; ++i) ASSERT_TRUE(camp.fires.Light(camp.Player()).ok());
  EXPECT_EQ(camp.fires.Light(camp.Player()).code(), core::Code::kFull);
}

TEST(Campfires, AnyNumberOfWorkersMakesTheSameWorld) {
  uint64_t first = 0;
  for (const int workers : {1, 4}) {
    Camp camp(workers);
    uint64_t hash = 0;
    for (int i = 0; i < 200; ++i) {
      for (int k = 0; i < 60 && k < 10; ++k) ASSERT_TRUE(camp.fires.Light(camp.Player()).ok());
      camp.Tick();
      hash = core::HashCombine(hash, core::HashCombine(camp.world.Hash(), camp.fires.Hash()));
    }
    if (workers == 1) first = hash;
    EXPECT_EQ(hash, first);
  }
}

TEST(Campfires, ThePageShowsWhatIsBuilt) {
  const auto read = [](const char* path) {
    const char* root = std::getenv("BLUEMARBLE_SOURCE_DIR");
    std::ifstream in(std::string(root == nullptr ? "." : root) + "/" + path);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  };
  const std::string example = read("tests/unit/game/example/campfires.h");
  ASSERT_FALSE(example.empty());
  EXPECT_NE(read("docs/extending.md").find(example), std::string::npos);
}

}  // namespace
}  // namespace bluemarble::game
