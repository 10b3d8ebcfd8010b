#include "app/join_pace.h"

#include <gtest/gtest.h>

#include <map>

namespace bluemarble::app {
namespace {

constexpr int64_t kMs = 1'000'000;

TEST(JoinPace, LetsABurstThroughAndThenTheRate) {
  JoinPace pace(100, 10, 20'000);
  int let = 0;
  while (pace.Ask(0) == 0) ++let;
  EXPECT_EQ(let, 11);
  EXPECT_NE(pace.Ask(9 * kMs), 0);
  EXPECT_EQ(pace.Ask(11 * kMs), 0);
  EXPECT_NE(pace.Ask(11 * kMs), 0);
}

TEST(JoinPace, WhoKeepsTheTurnIsLetThrough) {
  constexpr int kCrowd = 2000;
  JoinPace pace(600, 256, 20'000);
  std::multimap<int64_t, int> coming;  // when, who
  for (int i = 0; i < kCrowd; ++i) coming.emplace(0, 0);
  int asked = 0;
  int64_t last_ns = 0;
  std::map<int64_t, int> let_by_second;
  while (!coming.empty()) {
    const auto [now_ns, tries] = *coming.begin();
    coming.erase(coming.begin());
    ++asked;
    last_ns = now_ns;
    if (const int wait_ms = pace.Ask(now_ns); wait_ms > 0) {
      ASSERT_LT(tries, 3);
      coming.emplace(now_ns + wait_ms * kMs, tries + 1);
    } else {
      ++let_by_second[now_ns / (1000 * kMs)];
    }
  }
  EXPECT_LE(last_ns, 5000 * kMs);
  EXPECT_LE(asked, 2 * kCrowd + kCrowd / 4);
  for (const auto& [second, let] : let_by_second) EXPECT_LE(let, 600 + 257) << second;
}

TEST(JoinPace, TurnsDoNotReachFartherThanToldEvenInAFlood) {
  JoinPace pace(10, 1, 5'000);
  for (int i = 0; i < 10'000; ++i) ASSERT_LE(pace.Ask(0), 5'000);
  EXPECT_LE(pace.Ask(5'000 * kMs), 5'000);
}

}  // namespace
}  // namespace bluemarble::app
