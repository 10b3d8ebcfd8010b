#include "services/accounts/attempt_limits.h"

#include <gtest/gtest.h>

namespace bluemarble::accounts {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

void Fail(AttemptLimits& limits, const std::string& name, const std::string& address, int times,
          int64_t now_ns) {
  for (int i = 0; i < times; ++i) limits.Failed(name, address, now_ns);
}

TEST(AttemptLimits, FiveTriesAreFreeThenTheWaitDoubles) {
  AttemptLimits limits;
  Fail(limits, "ann", "a", 4, 1);
  EXPECT_EQ(limits.WaitNs("ann", "a", 1), 0);
  int64_t now_ns = 1;
  for (int64_t wait_s = 1; wait_s <= 512; wait_s *= 2) {
    limits.Failed("ann", "a", now_ns);
    // What was forgiven meanwhile makes it a little shorter than the double.
    const int64_t wait_ns = limits.WaitNs("ann", "a", now_ns);
    EXPECT_LE(wait_ns, wait_s * kSecond);
    EXPECT_GT(wait_ns, wait_s * kSecond / 8);
    EXPECT_GT(limits.WaitNs("ann", "a", now_ns + wait_ns - 1), 0);
    EXPECT_EQ(limits.WaitNs("ann", "a", now_ns + wait_ns), 0);
  }
  Fail(limits, "ann", "a", 100, now_ns);
  EXPECT_EQ(limits.WaitNs("ann", "a", now_ns), AttemptLimits::kLongestWait_ns);
}

TEST(AttemptLimits, AStrangersFailuresNeverKeepTheOwnerOut) {
  AttemptLimits limits;
  Fail(limits, "ann", "stranger", 1000, 1);
  for (int i = 0; i < 1000; ++i) limits.Failed("ann", "bot" + std::to_string(i), 1);
  EXPECT_GT(limits.WaitNs("ann", "stranger", 1), 0);
  EXPECT_EQ(limits.WaitNs("ann", "owner", 1), 0);
}

TEST(AttemptLimits, ANameUnderAttackLeavesEachNewAddressOneFreeTry) {
  AttemptLimits limits;
  for (int i = 0; i < 60; ++i) limits.Failed("ann", "bot" + std::to_string(i), 1);
  EXPECT_EQ(limits.WaitNs("ann", "new", 1), 0);
  limits.Failed("ann", "new", 1);
  EXPECT_GT(limits.WaitNs("ann", "new", 1), 0);
  EXPECT_EQ(limits.WaitNs("bob", "new", 1), 0) << "only on that name";
}

TEST(AttemptLimits, OneThatTriesManyNamesWaitsWithAllOfThem) {
  AttemptLimits limits;
  for (int i = 0; i < 49; ++i) limits.Failed("name" + std::to_string(i), "a", 1);
  EXPECT_EQ(limits.WaitNs("fresh", "a", 1), 0);
  limits.Failed("name49", "a", 1);
  EXPECT_GT(limits.WaitNs("fresh", "a", 1), 0);
  EXPECT_EQ(limits.WaitNs("fresh", "b", 1), 0);
}

TEST(AttemptLimits, ASuccessForgivesThePairAndNotTheAddress) {
  AttemptLimits limits;
  Fail(limits, "ann", "a", 10, 1);
  limits.Succeeded("ann", "a");
  EXPECT_EQ(limits.WaitNs("ann", "a", 1), 0);
  Fail(limits, "ann", "a", 40, 1);
  limits.Succeeded("ann", "a");
  EXPECT_GT(limits.WaitNs("bob", "a", 1), 0);
}

TEST(AttemptLimits, TimeForgives) {
  AttemptLimits limits;
  Fail(limits, "ann", "a", 5, 1);
  const int64_t later_ns = 5 * 300 * kSecond + 2;
  Fail(limits, "ann", "a", 4, later_ns);
  EXPECT_EQ(limits.WaitNs("ann", "a", later_ns), 0);
}

TEST(AttemptLimits, MemoryIsBounded) {
  AttemptLimits limits(100);
  for (int i = 0; i < 10'000; ++i)
    limits.Failed("n" + std::to_string(i), "a" + std::to_string(i), i);
  EXPECT_EQ(limits.size(), 300u);
}

TEST(AttemptLimits, WhoeverFailsLastIsRememberedLongest) {
  AttemptLimits limits(100);
  for (int i = 0; i < 1000; ++i) {
    limits.Failed("other" + std::to_string(i), "b" + std::to_string(i), 1);
    limits.Failed("ann", "a", 1);
  }
  EXPECT_GT(limits.WaitNs("ann", "a", 1), 0);
}

}  // namespace
}  // namespace bluemarble::accounts
