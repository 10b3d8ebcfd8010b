#include "aoi/wish_queue.h"

#include <gtest/gtest.h>

namespace bluemarble::aoi {
namespace {

TEST(WishQueue, KeepsTheOrderOfJoiningAndTheFirstTick) {
  WishQueue queue(8);
  queue.Wish(5, 1);
  queue.Wish(2, 1);
  queue.Wish(5, 9);
  EXPECT_EQ(queue.front(), 5u);
  EXPECT_EQ(queue.since(5), 1u);
  EXPECT_EQ(queue.after(5), 2u);
  EXPECT_EQ(queue.after(2), WishQueue::kNone);
}

TEST(WishQueue, WhoLeavesAndReturnsIsLast) {
  WishQueue queue(8);
  for (const uint32_t i : {1u, 2u, 3u}) queue.Wish(i, i);
  queue.Drop(1);
  queue.Drop(1);
  queue.Drop(7);
  queue.Wish(1, 4);
  EXPECT_EQ(queue.front(), 2u);
  EXPECT_EQ(queue.after(3), 1u);
  EXPECT_EQ(queue.since(1), 4u);
}

TEST(WishQueue, MiddleAndLastLeaveCleanly) {
  WishQueue queue(8);
  for (const uint32_t i : {1u, 2u, 3u}) queue.Wish(i, 0);
  queue.Drop(2);
  EXPECT_EQ(queue.after(1), 3u);
  queue.Drop(3);
  EXPECT_EQ(queue.after(1), WishQueue::kNone);
  queue.Drop(1);
  EXPECT_EQ(queue.front(), WishQueue::kNone);
  queue.Wish(0, 5);
  EXPECT_EQ(queue.front(), 0u);
}

}  // namespace
}  // namespace bluemarble::aoi
