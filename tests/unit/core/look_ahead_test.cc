#include "core/look_ahead.h"

#include <gtest/gtest.h>

namespace bluemarble::core {
namespace {

TEST(LookAhead, GivesEachOneAgainAFewTurnsBeforeItsOwn) {
  LookAhead<int> coming;
  EXPECT_EQ(coming.Turn(), nullptr);
  for (int i = 0; i < coming.kFar; ++i) coming.Add(i);
  for (int turn = 0; turn < 100; ++turn) {
    const int* const near = coming.Turn();
    ASSERT_NE(near, nullptr);
    EXPECT_EQ(*near, turn + coming.kNear);
    coming.Add(turn + coming.kFar);
  }
}

TEST(LookAhead, NoneIsNearWhenFewWait) {
  LookAhead<int> coming;
  for (int i = 0; i < coming.kNear; ++i) coming.Add(i);
  for (int i = 0; i <= coming.kNear; ++i) EXPECT_EQ(coming.Turn(), nullptr);
  coming.Add(7);
  EXPECT_EQ(coming.Turn(), nullptr);
}

}  // namespace
}  // namespace bluemarble::core
