/// The contract suites against SQLite and the simulated store.
#include "store_contract.h"

#include <gtest/gtest.h>

#include "embedded_backends.h"
#include "random_groups.h"
#include "store_contract_items.h"

namespace bluemarble::persistence {
namespace {

using Backends = testing::Types<SqliteBackend, SimBackend>;

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Embedded, StoreContract, Backends);
INSTANTIATE_TYPED_TEST_SUITE_P(Embedded, StoreContractItems, Backends);

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
