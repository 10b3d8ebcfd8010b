#include "persistence/connection_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "core/hash.h"

namespace bluemarble::persistence {
namespace {

using core::Code;

struct FakeConnection {
  explicit FakeConnection(std::atomic<int>& alive) : alive_(alive) { ++alive_; }
  ~FakeConnection() { --alive_; }
  std::atomic<int> users{0};
  bool good = true;

 private:
  std::atomic<int>& alive_;
};
using Pool = ConnectionPool<FakeConnection>;

struct Fixture {
  explicit Fixture(PoolLimits limits)
      : pool(
            limits,
            [this]() -> core::Result<std::unique_ptr<FakeConnection>> {
              ++made;
              if (failing) return core::Status(Code::kDenied, "no such password");
              return std::make_unique<FakeConnection>(alive);
            },
            [](FakeConnection& connection) { return connection.good; }) {}
  void AwaitWaiting(uint64_t count) {
    while (pool.stats().waiting.Get() != count) std::this_thread::yield();
  }

  std::atomic<int> alive{0}, made{0};
  std::atomic<bool> failing{false};
  Pool pool;
};

TEST(ConnectionPool, MakesConnectionsOnlyWhenNeededAndLendsThemAgain) {
  Fixture f({.connections = 3});
  EXPECT_EQ(f.made, 0);
  const FakeConnection* first = nullptr;
  {
    auto lease = f.pool.Acquire();
    ASSERT_TRUE(lease.ok());
    first = &**lease;
    EXPECT_EQ(f.pool.stats().in_use.Get(), 1u);
  }
  EXPECT_EQ(f.pool.stats().in_use.Get(), 0u);
  auto again = f.pool.Acquire();
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(&**again, first);
  EXPECT_EQ(f.made, 1);
}

TEST(ConnectionPool, RefusesWhenTheLineIsFullAndNamesTheSetting) {
  Fixture f({.connections = 1, .max_waiting = 0});
  auto lease = f.pool.Acquire();
  ASSERT_TRUE(lease.ok());
  const auto refused = f.pool.Acquire();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), Code::kFull);
  EXPECT_NE(refused.status().ToString().find("database.max_waiting"), std::string::npos);
  EXPECT_EQ(f.pool.stats().refused_full.Get(), 1u);
}

TEST(ConnectionPool, GivesUpAfterItsWaitAndNamesTheSetting) {
  Fixture f({.connections = 1, .max_waiting = 5, .wait_ms = 20});
  auto lease = f.pool.Acquire();
  ASSERT_TRUE(lease.ok());
  const auto refused = f.pool.Acquire();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), Code::kUnavailable);
  EXPECT_NE(refused.status().ToString().find("database.wait_ms"), std::string::npos);
  EXPECT_EQ(f.pool.stats().refused_wait.Get(), 1u);
  EXPECT_EQ(f.pool.stats().waiting.Get(), 0u);
  EXPECT_GE(f.pool.stats().wait_us.max(), 20'000u);
}

TEST(ConnectionPool, ServesTheLineInTheOrderOfArrival) {
  Fixture f({.connections = 1, .max_waiting = 10, .wait_ms = 60'000});
  auto lease = f.pool.Acquire();
  ASSERT_TRUE(lease.ok());
  std::mutex mutex;
  std::vector<int> order;
  std::vector<std::thread> threads;
  for (int i = 0; i < 5; ++i) {
    threads.emplace_back([&, i] {
      auto mine = f.pool.Acquire();
      ASSERT_TRUE(mine.ok());
      const std::lock_guard lock(mutex);
      order.push_back(i);
    });
    f.AwaitWaiting(static_cast<uint64_t>(i) + 1);
  }
  { const auto done = std::move(*lease); }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_EQ(f.made, 1);
}

TEST(ConnectionPool, GivesThePlaceOfABrokenConnectionToWhoWaits) {
  Fixture f({.connections = 1, .max_waiting = 1, .wait_ms = 60'000});
  auto lease = f.pool.Acquire();
  ASSERT_TRUE(lease.ok());
  auto waiting = std::async(std::launch::async, [&] { return f.pool.Acquire().ok(); });
  f.AwaitWaiting(1);
  lease->Drop();
  { const auto done = std::move(*lease); }
  EXPECT_TRUE(waiting.get());
  EXPECT_EQ(f.made, 2);
  EXPECT_EQ(f.alive, 1);
  EXPECT_EQ(f.pool.stats().broken.Get(), 1u);
}

TEST(ConnectionPool, TellsWhyNoConnectionCouldBeMadeAndTriesAgainLater) {
  Fixture f({.connections = 1, .max_waiting = 1});
  f.failing = true;
  for (int i = 0; i < 3; ++i) {
    const auto refused = f.pool.Acquire();
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.status().code(), Code::kDenied);
  }
  EXPECT_EQ(f.pool.stats().size.Get(), 0u);
  EXPECT_EQ(f.pool.stats().not_made.Get(), 3u);
  f.failing = false;
  EXPECT_TRUE(f.pool.Acquire().ok());
}

TEST(ConnectionPool, LendsNoIdleConnectionThatFailsItsCheck) {
  Fixture f({.connections = 2});
  {
    auto a = f.pool.Acquire();
    ASSERT_TRUE(a.ok());
    (*a)->good = false;
  }
  auto b = f.pool.Acquire();
  ASSERT_TRUE(b.ok());
  EXPECT_TRUE((*b)->good);
  EXPECT_EQ(f.alive, 1);
  EXPECT_EQ(f.pool.stats().size.Get(), 1u);
}

TEST(ConnectionPool, DropsIdleConnectionsOnRequestButNotLentOnes) {
  Fixture f({.connections = 2});
  auto kept = f.pool.Acquire();
  { auto idle = f.pool.Acquire(); }
  EXPECT_EQ(f.alive, 2);
  f.pool.DropIdle();
  EXPECT_EQ(f.alive, 1);
  EXPECT_EQ(f.pool.stats().size.Get(), 1u);
}

// Many threads, failures at random: never two users of one connection, never more connections than
// places, and at the end nothing is lost.
TEST(ConnectionPool, KeepsItsBoundsUnderManyThreads) {
  constexpr int kConnections = 3, kThreads = 8, kRounds = 2'000;
  const uint64_t seed = 20'261'121;
  Fixture f({.connections = kConnections, .max_waiting = 4, .wait_ms = 50});
  std::atomic<int> shared{0}, over{0}, served{0}, refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      core::Random random(seed + static_cast<uint64_t>(t));
      for (int i = 0; i < kRounds; ++i) {
        if (random.Chance(0.02)) f.failing = !f.failing;
        auto lease = f.pool.Acquire();
        if (!lease.ok()) {
          ++refused;
          continue;
        }
        if ((*lease)->users.fetch_add(1) != 0) ++shared;
        if (f.alive > kConnections) ++over;
        if (random.Chance(0.1)) std::this_thread::yield();
        (*lease)->users.fetch_sub(1);
        if (random.Chance(0.1)) lease->Drop();
        if (random.Chance(0.01)) f.pool.DropIdle();
        ++served;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(shared, 0) << "seed " << seed;
  EXPECT_EQ(over, 0) << "seed " << seed;
  EXPECT_EQ(served + refused, kThreads * kRounds);
  EXPECT_GT(served, kRounds);
  EXPECT_EQ(f.pool.stats().in_use.Get(), 0u);
  EXPECT_EQ(f.pool.stats().waiting.Get(), 0u);
  EXPECT_EQ(f.pool.stats().size.Get(), static_cast<uint64_t>(f.alive));
  f.failing = false;
  std::vector<Pool::Lease> all;
  for (int i = 0; i < kConnections; ++i) {
    auto lease = f.pool.Acquire();
    ASSERT_TRUE(lease.ok());
    all.push_back(std::move(*lease));
  }
}

}  // namespace
}  // namespace bluemarble::persistence
