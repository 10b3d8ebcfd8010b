#include "app/zone_orders.h"

#include <gtest/gtest.h>

#include <thread>

namespace bluemarble::app {
namespace {

TEST(ZoneOrders, AreTakenOnceAndInTheirOrder) {
  ZoneOrders orders;
  EXPECT_TRUE(orders.Take().empty());
  ASSERT_TRUE(orders.Give({7, 100}));
  ASSERT_TRUE(orders.Give({7, 0}));
  const auto taken = orders.Take();
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken[0].refused_ticks, 100u);
  EXPECT_EQ(taken[1].refused_ticks, 0u);
  EXPECT_TRUE(orders.Take().empty());
}

TEST(ZoneOrders, AreRefusedWhenTooManyWait) {
  ZoneOrders orders;
  for (size_t i = 0; i < ZoneOrders::kMost; ++i)
    ASSERT_TRUE(orders.Give({static_cast<int64_t>(i), 1}));
  EXPECT_FALSE(orders.Give({1, 1}));
  EXPECT_EQ(orders.Take().size(), ZoneOrders::kMost);
  EXPECT_TRUE(orders.Give({1, 1}));
}

TEST(ZoneOrders, AreNotLostBetweenThreads) {
  constexpr int64_t kOrders = 20'000;
  ZoneOrders orders;
  std::thread giver([&] {
    for (int64_t i = 1; i <= kOrders; ++i)
      while (!orders.Give({i, 1})) std::this_thread::yield();
  });
  int64_t next = 1;
  while (next <= kOrders)
    for (const session::BanOrder& ban : orders.Take()) ASSERT_EQ(ban.account_id, next++);
  giver.join();
}

TEST(ZoneOrders, ABanIsRememberedAsLongAsATokenFromBeforeItLives) {
  constexpr int64_t kNow = 1'700'000'000'000'000, kForEver = INT64_MAX, kSecond = 1'000'000;
  EXPECT_EQ(RefusedTicks(0, kNow, 60, 30), 0u);
  EXPECT_EQ(RefusedTicks(kForEver, kNow, 60, 30), 90u * 30);
  EXPECT_EQ(RefusedTicks(kNow + 9 * kSecond, kNow, 60, 30), 10u * 30) << "not beyond its own end";
  EXPECT_EQ(RefusedTicks(kNow - kSecond, kNow, 60, 30), 30u) << "lifted is something else";
}

}  // namespace
}  // namespace bluemarble::app
