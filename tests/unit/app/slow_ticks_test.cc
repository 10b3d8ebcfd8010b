#include "app/slow_ticks.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "app/metrics_bytes.h"
#include "core/alloc_counter.h"
#include "protocol/control.h"

namespace bluemarble::app {
namespace {

constexpr int kSlowHz = 10;
constexpr SlowSettings kSlowSettings{.history_s = 2, .slow_ms = 0, .incidents = 3};
constexpr size_t kHistoryTicks = 20;

class StillClock final : public core::Clock {
 public:
  int64_t NowNs() const override { return 0; }
  int64_t WallUs() const override { return wall_us; }
  int64_t wall_us = 1'000'000;
};

class Ticks {
 public:
  explicit Ticks(const SlowSettings& settings = kSlowSettings) : slow(settings, kSlowHz, clock) {}

  void Run(int ticks, uint32_t total_us = 5'000) {
    for (int i = 0; i < ticks; ++i) {
      TickRecord record{.tick = ++tick, .values = {}};
      record[TickField::kPeriodUs] = 100'000;
      record[TickField::kTotalUs] = total_us;
      slow.Add(record);
    }
  }
  static uint32_t SlowIn(const SlowIncident& incident) {
    uint32_t count = 0;
    for (const TickRecord& record : incident.ticks) count += record[TickField::kSlow];
    return count;
  }

  StillClock clock;
  SlowTicks slow;
  core::Tick tick = 0;
};

TEST(SlowTicks, KeepsNothingWhileTicksFitTheirPeriod) {
  Ticks ticks;
  ticks.Run(100, 100'000);
  EXPECT_TRUE(ticks.slow.Read().empty());
  EXPECT_EQ(ticks.slow.stats().slow_ticks.Get(), 0u);
}

TEST(SlowTicks, KeepsTheTicksBeforeASlowOneAndThoseThatCatchUp) {
  Ticks ticks;
  ticks.Run(50);
  ticks.clock.wall_us = 7'000'000;
  ticks.Run(1, 300'000);
  ticks.Run(1, 350'000);
  ticks.Run(1, 120'000);
  ticks.clock.wall_us = 9'000'000;
  EXPECT_TRUE(ticks.slow.Read().empty());  // goes on
  ticks.Run(1);
  const auto incidents = ticks.slow.Read();
  ASSERT_EQ(incidents.size(), 1u);
  EXPECT_EQ(incidents[0].wall_us, 7'000'000);
  EXPECT_EQ(incidents[0].slow_ticks, 3u);
  EXPECT_EQ(incidents[0].worst.tick, 52u);
  ASSERT_EQ(incidents[0].ticks.size(), kHistoryTicks);
  for (size_t i = 0; i < kHistoryTicks; ++i) EXPECT_EQ(incidents[0].ticks[i].tick, 35 + i);
  EXPECT_EQ(Ticks::SlowIn(incidents[0]), 3u);
  EXPECT_EQ(incidents[0].ticks[16][TickField::kSlow], 1u);
}

TEST(SlowTicks, TheFirstTicksOfAZoneMayBeSlow) {
  Ticks ticks;
  ticks.Run(1, 200'000);
  ticks.Run(1);
  ASSERT_EQ(ticks.slow.Read().size(), 1u);
  EXPECT_EQ(ticks.slow.Read()[0].ticks.size(), 2u);
}

TEST(SlowTicks, ABadMinuteKeepsItsBeginningAndItsWorstTick) {
  Ticks ticks;
  ticks.Run(30);
  ticks.Run(1, 101'000);
  ticks.Run(15);
  for (int i = 0; i < 60; ++i) {
    ticks.Run(1, i == 40 ? 900'000 : 150'000);
    ticks.Run(9);
  }
  const auto incidents = ticks.slow.Read();
  ASSERT_EQ(incidents.size(), 1u);
  EXPECT_EQ(ticks.slow.stats().incidents.Get(), 1u);
  EXPECT_EQ(incidents[0].slow_ticks, 61u);
  EXPECT_EQ(incidents[0].worst[TickField::kTotalUs], 900'000u);
  EXPECT_EQ(incidents[0].ticks.back().tick, 32u);
  EXPECT_EQ(Ticks::SlowIn(incidents[0]), 1u);
}

TEST(SlowTicks, AZoneThatStaysSlowIsSeenWhileItIs) {
  Ticks ticks;
  ticks.Run(30);
  ticks.Run(200, 150'000);
  const auto incidents = ticks.slow.Read();
  ASSERT_EQ(incidents.size(), 1u);
  EXPECT_EQ(incidents[0].slow_ticks, 200u);
  EXPECT_EQ(Ticks::SlowIn(incidents[0]), kHistoryTicks / 2 + 1);  // the other half is from before
}

TEST(SlowTicks, TheLastIncidentsAreKeptOldestFirst) {
  Ticks ticks;
  for (int i = 0; i < 5; ++i) {
    ticks.Run(kHistoryTicks + 1);
    ticks.Run(1, 200'000 + static_cast<uint32_t>(i));
  }
  ticks.Run(1);
  const auto incidents = ticks.slow.Read();
  ASSERT_EQ(incidents.size(), 3u);
  for (uint32_t i = 0; i < 3; ++i) EXPECT_EQ(incidents[i].worst[TickField::kTotalUs], 200'002u + i);
  EXPECT_EQ(ticks.slow.stats().incidents.Get(), 5u);
}

TEST(SlowTicks, TheLimitMayBeSet) {
  SlowSettings settings = kSlowSettings;
  settings.slow_ms = 20;
  Ticks ticks(settings);
  ticks.Run(5, 20'000);
  EXPECT_EQ(ticks.slow.stats().slow_ticks.Get(), 0u);
  ticks.Run(5, 20'001);
  EXPECT_EQ(ticks.slow.stats().slow_ticks.Get(), 5u);
}

TEST(SlowTicks, WithoutHistoryNothingIsRecorded) {
  SlowSettings settings = kSlowSettings;
  settings.history_s = 0;
  Ticks ticks(settings);
  ticks.Run(3, 900'000);
  EXPECT_TRUE(ticks.slow.Read().empty());
}

TEST(SlowTicks, TheZoneThreadAllocatesNothing) {
  if (!core::CountsAllocations()) GTEST_SKIP() << "sanitizers bring their own operator new";
  Ticks ticks;
  const uint64_t before = core::ThreadAllocations();
  for (int i = 0; i < 10; ++i) {
    ticks.Run(kHistoryTicks + 5);
    ticks.Run(3, 200'000);
  }
  EXPECT_EQ(core::ThreadAllocations() - before, 0u);
  EXPECT_EQ(ticks.slow.stats().incidents.Get(), 10u);
}

TEST(SlowTicks, WhoReadsMeanwhileSeesWholeIncidents) {
  Ticks ticks;
  std::atomic<bool> done{false};
  std::atomic<uint64_t> wrong{0}, seen{0};
  std::thread reader([&] {
    do {
      for (const SlowIncident& incident : ticks.slow.Read()) {
        seen.fetch_add(1);
        for (size_t i = 1; i < incident.ticks.size(); ++i)
          if (incident.ticks[i].tick != incident.ticks[i - 1].tick + 1) wrong.fetch_add(1);
      }
    } while (!done.load());
  });
  while (seen.load() < 1000) {
    ticks.Run(kHistoryTicks + 1);
    ticks.Run(2, 200'000);
  }
  done = true;
  reader.join();
  EXPECT_EQ(wrong.load(), 0u);
}

TEST(MetricsBytes, MessagesAreNamedAsTheyAreEncoded) {
  const std::vector<std::pair<protocol::ServerControl, std::string>> messages = {
      {protocol::Welcome{}, "welcome"},           {protocol::Refused{}, "refused"},
      {protocol::ServerGoodbye{}, "goodbye"},     {protocol::ActionResult{}, "action"},
      {protocol::InventoryUpdate{}, "inventory"}, {protocol::TradeOffered{}, "trade_offered"},
      {protocol::TradeClosed{}, "trade_closed"},  {protocol::ChatHeard{}, "chat_heard"},
      {protocol::ChatRefused{}, "chat_refused"}};
  ASSERT_EQ(messages.size(), std::variant_size_v<protocol::ServerControl>);
  for (const auto& [message, name] : messages)
    EXPECT_EQ(MessageFieldName(net::MessageField(protocol::Encode(message).at(0))), name);
}

}  // namespace
}  // namespace bluemarble::app
