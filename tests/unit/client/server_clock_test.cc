#include "client/server_clock.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/hash.h"

namespace bluemarble::client {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kTickNs = 1'000'000'000 / 30;

TEST(ServerClock, FollowsTheFastestArrivalUnderJitter) {
  constexpr uint64_t kSeed = 3;
  SCOPED_TRACE(kSeed);
  core::Random random(kSeed);
  ServerClock clock;
  const int64_t start = 5'000'000'000;
  clock.Reset(1000, start + 60 * kMs, 30);  // Welcome came 60 ms late
  for (int i = 1; i < 300; ++i) {
    const int64_t now = start + i * kTickNs + static_cast<int64_t>(random.Below(40)) * kMs;
    clock.OnSnapshot(1000 + static_cast<core::Tick>(i), now);
    clock.Advance(now);
  }
  EXPECT_NEAR(clock.TickAt(start + 300 * kTickNs), 1300.0, 0.15);
  EXPECT_GT(clock.jitter_ticks(), 0.5);
}

TEST(ServerClock, NeverGoesBackWhenTheServerStalls) {
  ServerClock clock;
  clock.Reset(0, 0, 30);
  double last = 0;
  for (int i = 1; i < 400; ++i) {
    const int64_t stall = i > 100 ? 300 * kMs : 0;
    const int64_t now = i * kTickNs + stall;
    clock.OnSnapshot(static_cast<core::Tick>(i), now);
    clock.Advance(now);
    ASSERT_GE(clock.TickAt(now), last) << i;
    last = clock.TickAt(now);
  }
  EXPECT_NEAR(last, 399.0, 0.2);
}

TEST(ServerClock, StaysWithAServerThatRunsAtHalfItsRate) {
  ServerClock clock;
  clock.Reset(0, 0, 30);
  double last = 0;
  for (int i = 1; i < 400; ++i) {
    const int64_t now = i * kTickNs;
    const auto tick = static_cast<core::Tick>(i < 100 ? i : i < 250 ? 100 + (i - 100) / 2 : i - 75);
    clock.OnSnapshot(tick, now);
    clock.Advance(now);
    ASSERT_LT(clock.TickAt(now), static_cast<double>(tick) + 7) << i;  // within the input buffer
    ASSERT_GE(clock.TickAt(now), last) << i;
    last = clock.TickAt(now);
    if (i > 150 && i < 250) {
      ASSERT_NEAR(clock.TickAt(now), static_cast<double>(tick), 4) << i;
    }
  }
  EXPECT_NEAR(last, 399 - 75, 0.2);
}

TEST(ServerClock, SlewsInsteadOfJumping) {
  ServerClock clock;
  clock.Reset(0, 0, 30);
  double last = 0;
  for (int i = 1; i < 200; ++i) {
    const int64_t now = i * kTickNs;
    const int64_t shift = i > 100 ? 3 : 0;  // the path became 100 ms shorter
    clock.OnSnapshot(static_cast<core::Tick>(i + shift), now);
    clock.Advance(now);
    ASSERT_LT(clock.TickAt(now) - last, 1.6) << i;
    last = clock.TickAt(now);
  }
  EXPECT_NEAR(last, 202.0, 0.2);
}

}  // namespace
}  // namespace bluemarble::client
