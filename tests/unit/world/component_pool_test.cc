#include "world/component_pool.h"

#include <gtest/gtest.h>

namespace bluemarble::world {
namespace {

core::EntityId Id(uint32_t index, uint32_t generation = 1) {
  return core::EntityId::Make(index, generation);
}

TEST(ComponentPool, FindsAddsAndRemoves) {
  ComponentPool<int> pool(4, 10);
  ASSERT_TRUE(pool.Add(Id(3), 30).ok());
  ASSERT_TRUE(pool.Add(Id(7), 70).ok());
  EXPECT_EQ(*pool.Find(Id(7)), 70);
  EXPECT_TRUE(pool.Remove(Id(3)));
  EXPECT_EQ(pool.Find(Id(3)), nullptr);
  EXPECT_EQ(*pool.Find(Id(7)), 70);
  EXPECT_FALSE(pool.Remove(Id(3)));
}

TEST(ComponentPool, AnOldGenerationHasNoComponent) {
  ComponentPool<int> pool(4, 10);
  ASSERT_TRUE(pool.Add(Id(3, 2), 30).ok());
  EXPECT_EQ(pool.Find(Id(3, 1)), nullptr);
  EXPECT_FALSE(pool.Remove(Id(3, 1)));
}

TEST(ComponentPool, RefusesASecondOneAndMoreThanItsCapacity) {
  ComponentPool<int> pool(1, 10);
  ASSERT_TRUE(pool.Add(Id(3), 1).ok());
  EXPECT_EQ(pool.Add(Id(3), 2).code(), core::Code::kConflict);
  EXPECT_EQ(pool.Add(Id(4), 2).code(), core::Code::kFull);
  EXPECT_EQ(pool.Add(Id(10), 2).code(), core::Code::kInvalid);
}

}  // namespace
}  // namespace bluemarble::world
