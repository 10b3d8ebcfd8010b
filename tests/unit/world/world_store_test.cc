#include <gtest/gtest.h>

#include "world/world.h"

namespace bluemarble::world {
namespace {

TEST(World, FindsWhatItCreated) {
  World world({.max_entities = 4});
  const auto id = world.Create(Kind::kPlayer, {.position = {1, 2, 3}}, {.health = 7});
  ASSERT_TRUE(id.ok());
  ASSERT_TRUE(world.Alive(*id));
  EXPECT_EQ(world.bodies()[world.RowOf(*id)].position, (geo::Vec3{1, 2, 3}));
  EXPECT_EQ(world.vitals()[world.RowOf(*id)].health, 7);
}

TEST(World, RefusesMoreThanItsCapacityNamingTheSetting) {
  World world({.max_entities = 1});
  ASSERT_TRUE(world.Create(Kind::kAnimal, {}, {}).ok());
  const auto refused = world.Create(Kind::kAnimal, {}, {});
  EXPECT_EQ(refused.status().code(), core::Code::kFull);
  EXPECT_NE(std::string(refused.status().context()).find("world.max_entities"), std::string::npos);
}

TEST(World, AnOldHandleIsDeadAfterItsIndexWasReused) {
  World world({.max_entities = 1});
  const auto first = world.Create(Kind::kAnimal, {}, {});
  ASSERT_TRUE(world.Destroy(*first).ok());
  const auto second = world.Create(Kind::kAnimal, {}, {});
  EXPECT_EQ(first->index(), second->index());
  EXPECT_NE(*first, *second);
  EXPECT_FALSE(world.Alive(*first));
  EXPECT_EQ(world.Destroy(*first).code(), core::Code::kNotFound);
}

TEST(World, GenerationsSkipZeroOnWrap) {
  World world({.max_entities = 1});
  for (uint32_t i = 0; i < 2 * core::EntityId::kGenerationMask; ++i) {
    const auto id = world.Create(Kind::kAnimal, {}, {});
    ASSERT_NE(id->generation(), 0u);
    ASSERT_TRUE(world.Destroy(*id).ok());
  }
}

TEST(World, FreedIndicesComeBackOldestFirst) {
  World world({.max_entities = 3});
  const auto a = world.Create(Kind::kAnimal, {}, {});
  const auto b = world.Create(Kind::kAnimal, {}, {});
  const auto c = world.Create(Kind::kAnimal, {}, {});
  ASSERT_TRUE(world.Destroy(*b).ok());
  ASSERT_TRUE(world.Destroy(*a).ok());
  EXPECT_EQ(world.Create(Kind::kAnimal, {}, {})->index(), b->index());
  EXPECT_EQ(world.Create(Kind::kAnimal, {}, {})->index(), a->index());
  EXPECT_TRUE(world.Alive(*c));
}

TEST(World, TheHashSeesEveryField) {
  const auto hash = [](const Body& body, const Vitals& vitals, Kind kind) {
    World world({.max_entities = 2});
    (void)world.Create(kind, body, vitals);
    return world.Hash();
  };
  const uint64_t base = hash({}, {}, Kind::kAnimal);
  EXPECT_EQ(base, hash({}, {}, Kind::kAnimal));
  EXPECT_NE(base, hash({}, {}, Kind::kResource));
  EXPECT_NE(base, hash({.position = {0, 0, 1e-9}}, {}, Kind::kAnimal));
  EXPECT_NE(base, hash({.velocity = {1e-9, 0, 0}}, {}, Kind::kAnimal));
  EXPECT_NE(base, hash({.ground_height_m = 1}, {}, Kind::kAnimal));
  EXPECT_NE(base, hash({.yaw = 1}, {}, Kind::kAnimal));
  EXPECT_NE(base, hash({}, {.health = 99}, Kind::kAnimal));
  EXPECT_NE(base, hash({}, {.animation = 1}, Kind::kAnimal));
}

}  // namespace
}  // namespace bluemarble::world
