#include "ops/health.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace bluemarble::ops {
namespace {

class ManualClock final : public core::Clock {
 public:
  int64_t NowNs() const override { return now_ns; }
  int64_t WallUs() const override { return now_ns / 1000; }
  int64_t now_ns = 1'000'000'000;
};

constexpr int64_t kSecond = 1'000'000'000;

TEST(Health, IsNotReadyBeforeEveryComponentIs) {
  ManualClock clock;
  Health health(clock);
  HealthComponent& store = health.Add("store");
  HealthComponent& net = health.Add("net");
  EXPECT_FALSE(health.Ready(false).ok);
  store.Set(HealthState::kReady);
  EXPECT_FALSE(health.Ready(false).ok);
  store.Set(HealthState::kStarting);
  net.Set(HealthState::kReady);
  EXPECT_FALSE(health.Ready(false).ok);
  store.Set(HealthState::kReady);
  EXPECT_TRUE(health.Ready(false).ok);
  EXPECT_EQ(health.Ready(false).body, "{\"status\":\"ready\"}\n");
}

TEST(Health, StaysReadyWhenDegradedAndSaysWhy) {
  ManualClock clock;
  Health health(clock);
  health.Add("store").Set(HealthState::kDegraded, "database \"away\"");
  const HealthReport report = health.Ready(true);
  EXPECT_TRUE(report.ok);
  EXPECT_EQ(nlohmann::json::parse(report.body),
            (nlohmann::json{
                {"status", "degraded"},
                {"components",
                 {{{"name", "store"}, {"state", "degraded"}, {"reason", "database \"away\""}}}}}));
}

TEST(Health, IsNotReadyWhileDraining) {
  ManualClock clock;
  Health health(clock);
  HealthComponent& sessions = health.Add("sessions");
  sessions.Set(HealthState::kReady);
  sessions.Set(HealthState::kNotReady, "draining");
  EXPECT_FALSE(health.Ready(false).ok);
  EXPECT_EQ(health.Ready(false).body, "{\"status\":\"not_ready\"}\n");
  EXPECT_TRUE(health.Live().ok);
}

TEST(Health, IsAliveWhileTheLoopBeats) {
  ManualClock clock;
  Health health(clock);
  HealthComponent& tick = health.AddSupervised("tick", kSecond);
  tick.Set(HealthState::kReady);
  clock.now_ns += 10 * kSecond;
  EXPECT_TRUE(health.Live().ok) << "before the first beat nothing is supervised";
  tick.Beat();
  clock.now_ns += kSecond;
  EXPECT_TRUE(health.Live().ok);
  EXPECT_EQ(health.Live().body, "ok\n");
}

TEST(Health, IsNeitherAliveNorReadyWhenTheLoopIsSilent) {
  ManualClock clock;
  Health health(clock);
  HealthComponent& tick = health.AddSupervised("tick", kSecond);
  tick.Set(HealthState::kReady);
  tick.Beat();
  clock.now_ns += 3 * kSecond;
  EXPECT_FALSE(health.Live().ok);
  EXPECT_EQ(health.Live().body, "tick has been silent for 3000 ms\n");
  EXPECT_FALSE(health.Ready(false).ok);
  tick.Beat();
  EXPECT_TRUE(health.Live().ok);
  EXPECT_TRUE(health.Ready(false).ok);
}

}  // namespace
}  // namespace bluemarble::ops
