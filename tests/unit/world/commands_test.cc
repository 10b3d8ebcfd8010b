#include "world/commands.h"

#include <gtest/gtest.h>

#include <vector>

namespace bluemarble::world {
namespace {

TEST(Commands, CreationsHappenInOrderOfTheirKeyWhoeverAskedFirst) {
  World world({.max_entities = 8});
  Commands commands(8);
  for (const uint64_t order : {5u, 1u, 3u}) {
    ASSERT_TRUE(
        commands.Create({.order = order, .kind = Kind::kAnimal, .body = {}, .vitals = {}}).ok());
  }
  std::vector<uint64_t> orders;
  commands.Apply(
      world, [](core::EntityId) {},
      [&](const Creation& wish, const core::Result<core::EntityId>& id) {
        EXPECT_TRUE(id.ok());
        orders.push_back(wish.order);
      });
  EXPECT_EQ(orders, (std::vector<uint64_t>{1, 3, 5}));
}

TEST(Commands, AnEntityIsDestroyedOnceHoweverOftenItWasAskedFor) {
  World world({.max_entities = 8});
  Commands commands(8);
  const auto id = world.Create(Kind::kAnimal, {}, {});
  ASSERT_TRUE(commands.Destroy(*id).ok());
  ASSERT_TRUE(commands.Destroy(*id).ok());
  int destroyed = 0;
  const auto apply = [&] {
    commands.Apply(
        world, [&](core::EntityId) { ++destroyed; },
        [](const Creation&, const core::Result<core::EntityId>&) {});
  };
  apply();
  apply();
  EXPECT_EQ(destroyed, 1);
  EXPECT_EQ(world.count(), 0u);
}

TEST(Commands, MoreThanTheCapacityIsRefusedAndTheRestStands) {
  World world({.max_entities = 8});
  Commands commands(2);
  EXPECT_TRUE(commands.Create({.order = 1, .kind = Kind::kAnimal, .body = {}, .vitals = {}}).ok());
  EXPECT_TRUE(commands.Create({.order = 2, .kind = Kind::kAnimal, .body = {}, .vitals = {}}).ok());
  EXPECT_EQ(commands.Create({.order = 3, .kind = Kind::kAnimal, .body = {}, .vitals = {}}).code(),
            core::Code::kFull);
  commands.Apply(
      world, [](core::EntityId) {}, [](const Creation&, const core::Result<core::EntityId>&) {});
  EXPECT_EQ(world.count(), 2u);
}

}  // namespace
}  // namespace bluemarble::world
