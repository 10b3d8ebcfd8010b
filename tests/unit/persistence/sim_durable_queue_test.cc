#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/hash.h"
#include "fixture.h"
#include "support/sim_durable_queue.h"
#include "support/sim_store.h"

namespace bluemarble::support {
namespace {

using persistence::Completion;
using persistence::Outcome;
using persistence::Refusal;

struct WorldRun {
  std::vector<std::pair<core::Tick, Completion>> completions;
  uint64_t answered_ok = 0;
};

void AcceptedOrBlocked(const core::Status& status) {
  EXPECT_TRUE(status.ok() || status.code() == core::Code::kUnavailable) << status.ToString();
}

// A little zone: ten players log in again and again, sample and move, over a store that fails at
// random.
WorldRun RunWorld(uint64_t seed) {
  persistence::ManualClock clock;
  SimStore store(seed);
  store.set_faults(
      {.unavailable = 0.05, .unknown_applied = 0.05, .unknown_lost = 0.05, .reconnect_fails = 0.3});
  SimDurableQueueOptions options;
  options.seed = seed;
  SimDurableQueue queue(store, clock, options);
  core::Random random(seed);
  std::map<int64_t, persistence::PlayerRow> rows;
  std::map<int64_t, int64_t> confirmed;
  WorldRun run;
  uint64_t request_id = 1;
  for (core::Tick tick = 1; tick <= 600; ++tick) {
    clock.now_ns += 33'333'333;
    queue.Advance(tick);
    Completion completion;
    while (queue.NextCompletion(completion)) {
      run.completions.emplace_back(tick, completion);
      const persistence::PlayerRow& row = completion.row;
      if (completion.outcome == Outcome::kOk) {
        ++run.answered_ok;
        EXPECT_GT(row.version, confirmed[row.player_id]) << "seed " << seed;
        confirmed[row.player_id] = row.version;
      }
      if (row.player_id != 0) rows[row.player_id] = row;
    }
    if (random.Chance(0.2)) {
      persistence::LoginRequest login;
      login.request_id = request_id++;
      login.tick = tick;
      login.name = persistence::PlayerName::From("P" + std::to_string(random.Below(10)));
      AcceptedOrBlocked(queue.RequestLogin(login));
    }
    std::vector<persistence::PositionSave> saves;
    for (auto& [id, row] : rows) {
      if (random.Chance(0.1)) {
        persistence::PlayerEventRequest sample;
        sample.request_id = request_id++;
        sample.player_id = id;
        sample.epoch = row.epoch;
        sample.expected_version = row.version;
        sample.tick = tick;
        AcceptedOrBlocked(queue.AppendEvent(sample));
      }
      if (random.Chance(0.5))
        saves.push_back({id, row.epoch, tick, persistence::StateAt(static_cast<double>(tick))});
    }
    EXPECT_TRUE(queue.SavePositions(saves).ok());
  }
  store.CrashAndReopen();
  for (const auto& [id, version] : confirmed) {
    const auto events = store.ReadEvents(persistence::AggregateType::kPlayer, id, 1, 1'000'000);
    EXPECT_GE(static_cast<int64_t>(events->size()), version) << "seed " << seed;
    for (size_t i = 0; i < events->size(); ++i) {
      EXPECT_EQ((*events)[i].version, static_cast<int64_t>(i) + 1) << "seed " << seed;
    }
  }
  return run;
}

TEST(SimDurableQueue, NothingAnsweredIsLostOrDoubledOverManySeeds) {
  uint64_t answered = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) answered += RunWorld(seed).answered_ok;
  EXPECT_GT(answered, 1000u);
}

TEST(SimDurableQueue, EqualSeedsGiveEqualCompletionsAtEqualTicks) {
  const WorldRun first = RunWorld(7);
  EXPECT_EQ(first.completions, RunWorld(7).completions);
  EXPECT_NE(first.completions, RunWorld(8).completions);
}

TEST(SimDurableQueue, CompletionsTakeTicks) {
  persistence::ManualClock clock;
  SimStore store;
  SimDurableQueueOptions options;
  options.min_delay_ticks = options.max_delay_ticks = 3;
  SimDurableQueue queue(store, clock, options);
  persistence::LoginRequest login;
  login.name = persistence::PlayerName::From("Ada");
  ASSERT_TRUE(queue.RequestLogin(login).ok());
  Completion completion;
  for (core::Tick tick = 1; tick < 4; ++tick) {
    queue.Advance(tick);
    EXPECT_FALSE(queue.NextCompletion(completion)) << tick;
  }
  queue.Advance(4);
  EXPECT_TRUE(queue.NextCompletion(completion));
}

TEST(SimDurableQueue, AFullGroupIsRefusedAndNamesTheSetting) {
  persistence::ManualClock clock;
  SimStore store;
  SimDurableQueueOptions options;
  options.settings.max_group = 1;
  SimDurableQueue queue(store, clock, options);
  EXPECT_TRUE(queue.RequestLogin({}).ok());
  const auto status = queue.RequestLogin({});
  EXPECT_EQ(status.code(), core::Code::kFull);
  EXPECT_NE(status.ToString().find("persistence.queue_bytes"), std::string::npos);
}

}  // namespace
}  // namespace bluemarble::support
