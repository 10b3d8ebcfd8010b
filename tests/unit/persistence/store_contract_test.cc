/// The contract suites against SQLite and the simulated store.
#include "store_contract.h"

#include <gtest/gtest.h>

#include "embedded_backends.h"
#include "random_groups.h"
#include "store_contract_items.h"
#include "store_contract_notes.h"

namespace bluemarble::persistence {
namespace {

using Backends = testing::Types<SqliteBackend, SimBackend>;

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Embedded, StoreContract, Backends);
INSTANTIATE_TYPED_TEST_SUITE_P(Embedded, StoreContractItems, Backends);
INSTANTIATE_TYPED_TEST_SUITE_P(Embedded, StoreContractNotes, Backends);

namespace {

TEST(RandomGroups, DoWhatTheRulesSayWithManySeeds) {
  std::map<Refusal, int> answers;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SimBackend backend;
    RandomGroups groups(backend, seed);
    groups.Run(60);
    for (const auto& [refusal, count] : groups.answers()) answers[refusal] += count;
  }
  for (Refusal refusal :
       {Refusal::kNone, Refusal::kVersion, Refusal::kNotHolder, Refusal::kInsufficient,
        Refusal::kBadAmount, Refusal::kInvalid, Refusal::kNotOwner, Refusal::kBusy}) {
    EXPECT_GT(answers[refusal], 10) << RefusalName(refusal);
  }
  EXPECT_GT(answers[Refusal::kNone], 5000) << "most of what is tried must be possible";
}

TEST(SimStore, LostAnswersLeaveNoGapInTheOrderAndNothingTwice) {
  support::SimStore store(5);
  PlayerRow row = CommitOne(store, Login(1, "Ada")).row;
  support::SimStoreFaults faults;
  faults.unavailable = faults.unknown_applied = faults.unknown_lost = 0.25;
  store.set_faults(faults);
  int lost = 0;
  for (uint64_t i = 0; i < 100; ++i) {
    const DurableWrite write = Sample(10 + i, row, row.version, 1, i);
    WriteResult result;
    CommitReport report;
    while (!store.Commit({{&write, 1}, {}, 0}, {&result, 1}, report).ok()) {
      ++lost;
      ASSERT_TRUE(store.Reconnect().ok());
    }
    ASSERT_EQ(result.outcome, Outcome::kOk);
    row.version = result.row.version;
  }
  EXPECT_GT(lost, 50);
  EXPECT_EQ(row.version, 102);
  ASSERT_EQ(store.events().size(), 102u);
  for (size_t i = 0; i < 102; ++i) EXPECT_EQ(store.events()[i].seq, static_cast<int64_t>(i) + 1);
}

TEST(SimStore, ACrashLosesOnlyPositionsThatNoSyncFollowed) {
  support::SimStore store;
  const PlayerRow row = CommitOne(store, Login(1, "Ada")).row;
  CommitReport report;
  const PositionSave first{row.player_id, 1, 20, StateAt(2)};
  ASSERT_TRUE(store.Commit({{}, {&first, 1}, 0}, {}, report).ok());
  CommitOne(store, Login(2, "Bob"));
  const PositionSave second{row.player_id, 1, 30, StateAt(3)};
  ASSERT_TRUE(store.Commit({{}, {&second, 1}, 0}, {}, report).ok());
  EXPECT_EQ(store.LoadPlayer("Ada")->state, StateAt(3));
  store.CrashAndReopen();
  EXPECT_EQ(store.LoadPlayer("Ada")->state, StateAt(2));
  EXPECT_EQ(store.LoadPlayer("Ada")->saved_tick, 20u);
  EXPECT_EQ(store.CountPlayers().value(), 2u);
}

}  // namespace
}  // namespace bluemarble::persistence
