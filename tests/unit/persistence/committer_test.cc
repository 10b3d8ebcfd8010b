#include "persistence/committer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "fixture.h"
#include "gated_store.h"
#include "support/sim_store.h"

namespace bluemarble::persistence {
namespace {

class CommitterTest : public testing::Test {
 protected:
  core::SystemClock clock_;
  TempFolder folder_;
  PersistenceSettings settings_;
};

TEST_F(CommitterTest, EveryAcceptedRequestIsAnsweredInOrderAndDurable) {
  constexpr uint64_t kLogins = 300;
  {
    Committer committer(settings_, OpenOrNull(folder_.path(), clock_), clock_);
    committer.Start();
    uint64_t answered = 0;
    std::vector<PositionSave> saves;
    Completion completion;
    auto drain = [&] {
      while (committer.NextCompletion(completion)) {
        if (completion.kind != CompletionKind::kLogin) continue;
        EXPECT_EQ(completion.request_id, answered);
        EXPECT_EQ(completion.outcome, Outcome::kOk);
        saves.push_back({completion.row.player_id, completion.row.epoch, 50, StateAt(8)});
        ++answered;
      }
    };
    for (uint64_t i = 0; i < kLogins; ++i) {
      ASSERT_TRUE(committer.RequestLogin(LoginOf(i, "P" + std::to_string(i))).ok());
      drain();
    }
    while (answered < kLogins) drain();
    ASSERT_TRUE(committer.SavePositions(saves).ok());
    ASSERT_TRUE(committer.ReserveTicks(900).ok());
    const StopReport report = committer.Stop(10'000);
    EXPECT_EQ(report.requests_unwritten, 0u);
    EXPECT_EQ(report.positions_unwritten, 0u);
    EXPECT_FALSE(report.timed_out);
    EXPECT_EQ(committer.stats().positions_saved.Get(), kLogins);
    EXPECT_EQ(WaitForOne(committer).reserved_tick, 900u);
    EXPECT_FALSE(committer.ready());
    EXPECT_EQ(committer.ReserveTicks(901).code(), core::Code::kDenied);
  }
  auto store = OpenOrNull(folder_.path(), clock_);
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(store->CountPlayers().value(), kLogins);
  EXPECT_EQ(store->LoadPlayer("P7")->state, StateAt(8));
  EXPECT_EQ(store->meta().reserved_tick, 900u);
}

TEST_F(CommitterTest, WhatComesDuringACommitGoesIntoOneGroup) {
  auto gate = std::make_shared<GatedStore::Gate>();
  gate->closed = true;
  Committer committer(
      settings_, std::make_unique<GatedStore>(std::make_unique<support::SimStore>(), gate), clock_);
  committer.Start();
  ASSERT_TRUE(committer.RequestLogin(LoginOf(0, "First")).ok());
  gate->entered.wait(0);
  for (uint64_t i = 1; i <= 20; ++i) {
    ASSERT_TRUE(committer.RequestLogin(LoginOf(i, "P" + std::to_string(i))).ok());
  }
  gate->closed = false;
  gate->closed.notify_all();
  for (uint64_t i = 0; i <= 20; ++i) EXPECT_EQ(WaitForOne(committer).request_id, i);
  EXPECT_EQ(committer.stats().commits.Get(), 2u);
  EXPECT_EQ(committer.stats().group_writes.max(), 20u);
}

TEST_F(CommitterTest, AFullQueueIsRefusedNamesTheSettingAndIsNotReady) {
  auto gate = std::make_shared<GatedStore::Gate>();
  gate->closed = true;
  settings_.queue_bytes = 64 << 10;
  settings_.stall_ms = 60'000;
  Committer committer(
      settings_, std::make_unique<GatedStore>(std::make_unique<support::SimStore>(), gate), clock_);
  committer.Start();
  EXPECT_TRUE(committer.ready());
  ASSERT_TRUE(committer.RequestLogin(LoginOf(0, "First")).ok());
  gate->entered.wait(0);
  core::Status status;
  uint64_t accepted = 1;
  while ((status = committer.RequestLogin(LoginOf(accepted, "P" + std::to_string(accepted)))).ok())
    ++accepted;
  EXPECT_EQ(status.code(), core::Code::kFull);
  EXPECT_NE(status.ToString().find("persistence.queue_bytes"), std::string::npos);
  EXPECT_FALSE(committer.ready());
  EXPECT_EQ(committer.refused_full(), 1u);
  gate->closed = false;
  gate->closed.notify_all();
  for (uint64_t i = 0; i < accepted; ++i) EXPECT_EQ(WaitForOne(committer).request_id, i);
  EXPECT_TRUE(committer.ready());
}

TEST_F(CommitterTest, CompletionsThatTheZoneDoesNotFetchHoldBackRequestsAndNoneIsLost) {
  settings_.queue_bytes = 64 << 10;
  settings_.max_group = 10;
  Committer committer(settings_, std::make_unique<support::SimStore>(), clock_);
  committer.Start();
  uint64_t accepted = 0;
  uint64_t full = 0;
  while (full < 100'000) {
    if (committer.RequestLogin(LoginOf(accepted, "P" + std::to_string(accepted))).ok()) {
      ++accepted;
    } else {
      ++full;
    }
  }
  for (uint64_t i = 0; i < accepted; ++i) EXPECT_EQ(WaitForOne(committer).request_id, i);
}

TEST_F(CommitterTest, StopReportsWhatAnUnavailableStoreDidNotTake) {
  auto store = std::make_unique<support::SimStore>();
  support::SimStore& sim = *store;
  const PlayerRow row = CommitOne(sim, Login(1, "Ada")).row;
  sim.set_away(true);
  Committer committer(settings_, std::move(store), clock_);
  committer.Start();
  const PositionSave save{row.player_id, 1, 20, StateAt(2)};
  ASSERT_TRUE(committer.SavePositions({&save, 1}).ok());
  const StopReport report = committer.Stop(100);
  EXPECT_FALSE(report.timed_out);
  EXPECT_EQ(report.positions_unwritten, 1u);
}

TEST_F(CommitterTest, StopDoesNotWaitForAStoreThatNeverReturns) {
  auto gate = std::make_shared<GatedStore::Gate>();
  gate->closed = true;
  {
    Committer committer(settings_,
                        std::make_unique<GatedStore>(std::make_unique<support::SimStore>(), gate),
                        clock_);
    committer.Start();
    ASSERT_TRUE(committer.RequestLogin(LoginOf(0, "First")).ok());
    gate->entered.wait(0);
    EXPECT_TRUE(committer.Stop(50).timed_out);
  }
  gate->closed = false;
  gate->closed.notify_all();
  while (gate.use_count() > 1) std::this_thread::yield();
}

TEST_F(CommitterTest, AFailedStoreIsToldAndTakesNoMore) {
  class BrokenStore final : public Store {
   public:
    const StoreMeta& meta() const override { return meta_; }
    core::Status Commit(const CommitGroup&, std::span<WriteResult>, CommitReport&) override {
      return {core::Code::kUnknown, "the disk failed during a commit"};
    }
    core::Status Reconnect() override { return {core::Code::kInternal, "restart"}; }
    core::Result<std::optional<WriteResult>> FindResult(const IdempotencyKey&) override {
      return Away();
    }
    core::Result<PlayerRow> LoadPlayer(std::string_view) override { return Away(); }
    core::Result<uint64_t> CountPlayers() override { return Away(); }
    core::Result<std::vector<EventRow>> ReadEvents(AggregateType, int64_t, int64_t,
                                                   size_t) override {
      return Away();
    }
    core::Result<std::vector<ItemRow>> LoadWorldItems(int64_t, size_t) override { return Away(); }
    // The thread may look for old rows before the first request comes: that must not find it away.
    core::Status Maintain(int64_t) override { return core::Status::Ok(); }
    core::Result<uint64_t> PurgeKeys(int64_t, size_t) override { return uint64_t{0}; }
    core::Result<uint64_t> PurgeNotes(int64_t, size_t) override { return uint64_t{0}; }

   private:
    static core::Status Away() { return {core::Code::kUnavailable, "broken"}; }
    StoreMeta meta_;
  };
  Committer committer(settings_, std::make_unique<BrokenStore>(), clock_);
  committer.Start();
  ASSERT_TRUE(committer.RequestLogin(LoginOf(1, "Ada")).ok());
  EXPECT_EQ(WaitForOne(committer).outcome, Outcome::kUnknown);
  EXPECT_TRUE(committer.failed());
  EXPECT_FALSE(committer.ready());
  EXPECT_EQ(committer.RequestLogin(LoginOf(2, "Bob")).code(), core::Code::kDenied);
}

}  // namespace
}  // namespace bluemarble::persistence
