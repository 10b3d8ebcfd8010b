// Many traders under every fault that there is (T-52, the persistence part): whole zones on a
// simulated clock, network and disk, each from one seed. BLUEMARBLE_SEEDS says how many seeds.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "durable_checker.h"
#include "support/sim_world.h"
#include "trader.h"

namespace bluemarble::support {
namespace {

SimWorldOptions Market(uint64_t seed) {
  SimWorldOptions options{.seed = seed, .zone = SmallZone(), .faults = {}, .workers = 1};
  options.faults = {
      .loss = 0.1, .duplicate = 0.02, .latency_ns = 20'000'000, .jitter_ns = 40'000'000};
  options.zone.game.animals = options.zone.game.resource_nodes = 2;
  options.zone.game.reach_m = options.zone.game.trade_reach_m = 1000;
  options.zone.game.trade_offer_s = 2;
  options.zone.game.max_items = 12;
  options.zone.session.action_burst = 200;
  return options;
}

struct Totals {
  uint64_t told_ok = 0, told_refused = 0, late = 0, repeated = 0, disagreements = 0;
  uint64_t trades_done = 0;
};

/// Nothing new; until everybody is connected and everything is answered.
std::string ComeToRest(SimWorld& world, std::vector<Trader>& traders) {
  world.store().set_faults({});
  world.store().set_away(false);
  constexpr int kPatienceTicks = 1500;
  for (int i = 0; i < kPatienceTicks; ++i) {
    bool waiting = world.zone().items().in_flight() != 0;
    for (Trader& trader : traders) {
      trader.Connect(world);
      trader.Rest();
      waiting = waiting || trader.waiting() || !trader.playing();
    }
    world.Step();
    if (!waiting && i > 60) return "";
  }
  return "it does not come to rest";
}

void AddTo(Totals& totals, const app::Zone& zone) {
  totals.late += zone.item_stats().late.Get();
  totals.repeated += zone.item_stats().repeated.Get();
  totals.disagreements += zone.item_stats().disagreements.Get();
  totals.trades_done += zone.item_stats().offers_done.Get();
}

/// One seed's life; the first thing that did not hold, or empty.
std::string Live(uint64_t seed, Totals& totals) {
  constexpr int kTicks = 600;
  constexpr size_t kTraders = 8;
  SimWorld world(Market(seed));
  core::Random random(core::HashCombine(seed, 0x74726164));
  std::vector<Trader> traders;
  for (size_t i = 0; i < kTraders; ++i)
    traders.emplace_back("t" + std::to_string(i), core::HashCombine(seed, i));
  int away_for = 0;
  for (int i = 0; i < kTicks; ++i) {
    if (random.Chance(0.02)) {
      world.store().set_faults({.unavailable = random.Chance(0.3) ? 0.3 : 0,
                                .unknown_applied = random.Chance(0.5) ? 0.2 : 0,
                                .unknown_lost = random.Chance(0.5) ? 0.2 : 0,
                                .reconnect_fails = random.Chance(0.3) ? 0.7 : 0});
    }
    if (away_for == 0 && random.Chance(0.003)) away_for = 1 + static_cast<int>(random.Below(60));
    world.store().set_away(away_for != 0);
    away_for = std::max(0, away_for - 1);
    if (random.Chance(0.004)) {
      AddTo(totals, world.zone());
      world.store().set_faults({});  // a start waits for its store
      world.store().set_away(false);
      if (random.Chance(0.5)) {
        world.CrashAndRestart();
      } else {
        world.StopAndRestart();
      }
      for (Trader& trader : traders) trader.Forget();
    }
    for (Trader& trader : traders) {
      if (random.Chance(0.03)) trader.Connect(world);
      if (random.Chance(0.002) && trader.playing()) trader.player()->core().Quit();
      if (random.Chance(0.002) && trader.playing()) world.network().Vanish(trader.player()->link());
      trader.Act(world, traders, 0.1);
    }
    world.Step();
  }
  std::string problem = ComeToRest(world, traders);
  if (problem.empty()) problem = CheckConserved(world.store());
  if (problem.empty()) problem = CheckMemory(world.zone(), world.store());
  std::vector<ToldAction> told;
  for (const Trader& trader : traders) {
    for (const ToldAction& action : trader.told()) {
      told.push_back(action);
      ++(action.outcome == ActionOutcome::kOk ? totals.told_ok : totals.told_refused);
    }
  }
  if (problem.empty()) problem = CheckTold(world.store(), told);
  AddTo(totals, world.zone());
  return problem;
}

TEST(DurableWorld, NothingAcknowledgedIsLostAndNothingIsMadeOrLostUnderAnyFault) {
  const char* asked = std::getenv("BLUEMARBLE_SEEDS");
  const uint64_t seeds = asked != nullptr ? std::strtoull(asked, nullptr, 10) : 40;
  Totals totals;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    ASSERT_EQ(Live(seed, totals), "") << "seed " << seed;
  }
  // That the faults did what they are for.
  EXPECT_GT(totals.told_ok, 20 * seeds);
  EXPECT_GT(totals.told_refused, 5 * seeds);
  EXPECT_GT(totals.trades_done, seeds);
  EXPECT_GT(totals.repeated, seeds);
  EXPECT_GT(totals.late, seeds / 4);
  EXPECT_EQ(totals.disagreements, 0u);
  RecordProperty("told_ok", static_cast<int>(totals.told_ok));
  printf("seeds=%lu ok=%lu refused=%lu trades=%lu repeated=%lu late=%lu\n", seeds, totals.told_ok,
         totals.told_refused, totals.trades_done, totals.repeated, totals.late);
}

std::vector<uint64_t> HashesOf(uint64_t seed, int workers) {
  SimWorldOptions options = Market(seed);
  options.workers = workers;
  SimWorld world(options);
  std::vector<Trader> traders;
  for (size_t i = 0; i < 6; ++i)
    traders.emplace_back("t" + std::to_string(i), core::HashCombine(seed, i));
  std::vector<uint64_t> hashes;
  for (int i = 0; i < 200; ++i) {
    for (Trader& trader : traders) {
      trader.Connect(world);
      trader.Act(world, traders, 0.2);
    }
    world.Step();
    hashes.push_back(world.zone().Hash());
  }
  EXPECT_GT(world.zone().item_stats().answers[1][0].Get(), 0u);
  return hashes;
}

TEST(DurableWorld, TheSameSeedGivesTheSameWorldOnAnyNumberOfWorkers) {
  const auto one = HashesOf(3, 1);
  EXPECT_EQ(one, HashesOf(3, 1));
  EXPECT_EQ(one, HashesOf(3, 3));
  EXPECT_NE(one, HashesOf(4, 1));
}

}  // namespace
}  // namespace bluemarble::support
