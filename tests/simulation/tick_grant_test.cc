// How long a zone goes on without its store.
#include <gtest/gtest.h>

#include "support/sim_world.h"

namespace bluemarble::support {
namespace {

TEST(TickGrant, AZoneAsksForEnoughTicksToOutliveADatabaseThatIsAwayForTwelveHours) {
  app::ZoneSettings settings = SmallZone();
  const auto hour = 3600 * static_cast<core::Tick>(settings.tick.hz);
  SimStore store;
  SimClock clock;
  SimNetwork network(1);
  core::WorkerPool workers(1);
  SimDurableQueue queue(store, clock, {.seed = 1, .settings = settings.persistence});
  app::Zone zone(settings, {.first = 1, .last = 6 * hour}, {network, queue, workers, clock});
  ASSERT_TRUE(zone.Populate().ok());
  ASSERT_FALSE(zone.MayRun(12 * hour));
  core::Tick tick = 0;
  while (tick < 60) {
    clock.now_ns += 1'000'000'000 / settings.tick.hz;
    queue.Advance(++tick);
    zone.RunTick({.tick = tick, .scheduled_ns = clock.now_ns, .stopping = false});
  }
  // At the worst half of a grant is left, just before the next one is asked for.
  EXPECT_TRUE(zone.MayRun(tick + 23 * hour));
  EXPECT_FALSE(zone.MayRun(tick + 25 * hour));
  EXPECT_GE(store.meta().reserved_tick, tick + 23 * hour) << "and the store knows it";
  EXPECT_EQ(app::TicksOfGrant(settings.tick.hz) / 2, 12 * hour);
}

}  // namespace
}  // namespace bluemarble::support
