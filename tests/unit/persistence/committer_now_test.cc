/// The committer as others than the zone see it: stalls, administrators' writes, journal.
#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "gated_store.h"
#include "persistence/journal.h"
#include "sim_disk.h"
#include "support/sim_store.h"

namespace bluemarble::persistence {
namespace {

// With the clock's time: a key as old as those of the fixture would be forgotten at once.
DurableWrite LoginNow(uint64_t number, const std::string& name) {
  DurableWrite write = Login(number, name);
  write.at_us = 0;
  return write;
}

class CommitterNowTest : public testing::Test {
 protected:
  std::unique_ptr<Store> Gated() {
    auto sim = std::make_unique<support::SimStore>();
    sim_ = sim.get();
    return std::make_unique<GatedStore>(std::move(sim), gate_);
  }
  /// A login is inside the store's Commit when this returns.
  void Stall(Committer& committer) {
    gate_->closed = true;
    const int before = gate_->entered;
    ASSERT_TRUE(committer.RequestLogin(LoginOf(77, "Stalled")).ok());
    gate_->entered.wait(before);
  }
  ManualClock clock_;
  PersistenceSettings settings_;
  std::shared_ptr<GatedStore::Gate> gate_ = std::make_shared<GatedStore::Gate>();
  support::SimStore* sim_ = nullptr;
};

/// May be read and moved by different threads.
class SharedClock final : public core::Clock {
 public:
  int64_t NowNs() const override { return now_ns.load(); }
  int64_t WallUs() const override { return 1'700'000'000'000'000 + now_ns.load() / 1000; }
  std::atomic<int64_t> now_ns{1};
};

TEST_F(CommitterNowTest, AStalledStoreRefusesAtOnceAndTakesPositionsAndTicks) {
  SharedClock clock;
  Committer committer(settings_, Gated(), clock);
  committer.Start();
  Stall(committer);
  EXPECT_TRUE(committer.RequestLogin(LoginOf(2, "Bob")).ok()) << "not stalled yet";
  clock.now_ns += int64_t{settings_.stall_ms + 1} * 1'000'000;
  EXPECT_EQ(committer.RequestLogin(LoginOf(3, "Cid")).code(), core::Code::kUnavailable);
  EXPECT_EQ(committer.RequestAction({}).code(), core::Code::kUnavailable);
  EXPECT_EQ(committer.AppendEvent({}).code(), core::Code::kUnavailable);
  EXPECT_EQ(committer.refused_unavailable(), 3u);
  EXPECT_EQ(committer.CommitNow(LoginNow(1, "Dan"), 1000).status().code(),
            core::Code::kUnavailable);
  const PositionSave save{1, 1, 20, StateAt(2)};
  EXPECT_TRUE(committer.SavePositions({&save, 1}).ok());
  EXPECT_TRUE(committer.ReserveTicks(900).ok());
  gate_->Open();
  EXPECT_EQ(WaitForOne(committer).request_id, 77u);
  EXPECT_EQ(WaitForOne(committer).request_id, 2u);
  EXPECT_EQ(WaitForOne(committer).kind, CompletionKind::kTicksReserved);
  EXPECT_TRUE(committer.RequestLogin(LoginOf(4, "Eve")).ok());
  EXPECT_EQ(WaitForOne(committer).request_id, 4u);
}

TEST_F(CommitterNowTest, AnActionWithTooManyChangesIsOurMistake) {
  Committer committer(settings_, Gated(), clock_);
  ActionRequest request;
  request.changes = kMaxItemChanges + 1;
  EXPECT_EQ(committer.RequestAction(request).code(), core::Code::kInvalid);
}

TEST_F(CommitterNowTest, AWriteFromAnotherThreadIsAnsweredToItAlone) {
  Committer committer(settings_, Gated(), clock_);
  committer.Start();
  core::Result<WriteResult> result(core::Code::kInternal, "not run");
  std::thread([&] { result = committer.CommitNow(LoginNow(1, "Ada"), 10'000); }).join();
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_EQ(result->outcome, Outcome::kOk);
  EXPECT_TRUE(result->created);
  const auto again = committer.CommitNow(LoginNow(1, "Ada"), 10'000);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->repeated);
  const auto bad = committer.CommitNow(LoginNow(2, ""), 10'000);
  ASSERT_TRUE(bad.ok());
  EXPECT_EQ(bad->refusal, Refusal::kInvalid);
  Completion completion;
  EXPECT_FALSE(committer.NextCompletion(completion));
}

TEST_F(CommitterNowTest, ManyWritersAreAllAnsweredBesideTheZone) {
  core::SystemClock clock;
  Committer committer(settings_, Gated(), clock);
  committer.Start();
  std::atomic<int> ok{0};
  std::vector<std::thread> writers;
  for (uint64_t w = 0; w < 4; ++w) {
    writers.emplace_back([&, w] {
      for (uint64_t i = 0; i < 50; ++i) {
        const uint64_t number = 1000 + w * 1000 + i;
        ok += committer.CommitNow(LoginNow(number, "W" + std::to_string(number)), 60'000).ok();
      }
    });
  }
  for (uint64_t i = 0; i < 200; ++i) {
    ASSERT_TRUE(committer.RequestLogin(LoginOf(i, "P" + std::to_string(i))).ok());
    EXPECT_EQ(WaitForOne(committer).request_id, i);
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(ok, 200);
  EXPECT_EQ(sim_->CountPlayers().value(), 400u);
}

TEST_F(CommitterNowTest, AWriteThatTheStoreHasNotAnsweredInTimeIsUnknown) {
  Committer committer(settings_, Gated(), clock_);
  committer.Start();
  gate_->closed = true;
  core::Code code = core::Code::kUnavailable;
  while (code == core::Code::kUnavailable)  // the thread has not looked yet
    code = committer.CommitNow(LoginNow(1, "Ada"), 50).status().code();
  EXPECT_EQ(code, core::Code::kUnknown);
  gate_->Open();
  const auto again = committer.CommitNow(LoginNow(1, "Ada"), 10'000);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->repeated) << "it happened once, later";
}

TEST_F(CommitterNowTest, AWriteThatNobodyTookInTimeDidNotHappen) {
  Committer committer(settings_, Gated(), clock_);
  committer.Start();
  Stall(committer);
  EXPECT_EQ(committer.CommitNow(LoginNow(1, "Ada"), 50).status().code(), core::Code::kUnavailable);
  gate_->Open();
  EXPECT_EQ(WaitForOne(committer).request_id, 77u);
  const auto again = committer.CommitNow(LoginNow(1, "Ada"), 10'000);
  ASSERT_TRUE(again.ok());
  EXPECT_FALSE(again->repeated);
}

TEST_F(CommitterNowTest, MoreWritersThanTheQueueHoldsAreToldSo) {
  Committer committer(settings_, Gated(), clock_);
  committer.Start();
  Stall(committer);
  std::atomic<int> full{0}, ended{0};
  std::vector<std::thread> writers;
  for (uint64_t w = 0; w < 70; ++w) {
    writers.emplace_back([&, w] {
      const auto result = committer.CommitNow(LoginNow(w + 1, "W" + std::to_string(w)), 60'000);
      full += result.status().code() == core::Code::kFull;
      ended += 1;
      ended.notify_all();
    });
  }
  while (ended < 6) ended.wait(ended);
  gate_->Open();
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(full, 6);
  EXPECT_EQ(sim_->CountPlayers().value(), 65u);
}

TEST_F(CommitterNowTest, StopAnswersWhoWaits) {
  const core::SystemClock clock;  // the deadline must pass
  Committer committer(settings_, Gated(), clock);
  sim_->set_away(true);
  committer.Start();
  ASSERT_TRUE(committer.ReserveTicks(5).ok());
  while (committer.stats().away.Get() == 0) std::this_thread::yield();
  EXPECT_EQ(committer.CommitNow(LoginNow(1, "Ada"), 10'000).status().code(),
            core::Code::kUnavailable);
  EXPECT_FALSE(committer.Stop(50).timed_out);
  EXPECT_EQ(committer.CommitNow(LoginNow(2, "Bob"), 10'000).status().code(),
            core::Code::kUnavailable);
}

TEST_F(CommitterNowTest, AShardTakenByAnotherProcessIsTold) {
  Committer committer(settings_, Gated(), clock_);
  // Before the start: an idle committer finds out by itself and takes nothing any more.
  ASSERT_TRUE(committer.RequestLogin(LoginOf(1, "Ada")).ok());
  sim_->TakeOver();
  EXPECT_FALSE(committer.lost_ownership());
  committer.Start();
  EXPECT_EQ(WaitForOne(committer).refusal, Refusal::kUnavailable);
  EXPECT_TRUE(committer.lost_ownership());
  EXPECT_TRUE(committer.failed());
}

TEST_F(CommitterNowTest, TheJournalHoldsWhatTheDatabaseDoesNotAndForgetsTheRest) {
  SimFolder folder;
  settings_.position_group_ms = 0;
  Journal journal(settings_, "zone", std::make_unique<SimJournalDisk>(folder), clock_);
  journal.Begin(1);
  Committer committer(settings_, Gated(), clock_, &journal);
  committer.Start();
  ASSERT_TRUE(committer.RequestLogin(LoginOf(1, "Ada")).ok());
  const PlayerRow row = WaitForOne(committer).row;
  const PositionSave save{row.player_id, row.epoch, 20, StateAt(2)};
  ASSERT_TRUE(committer.SavePositions({&save, 1}).ok());
  ASSERT_TRUE(committer.ReserveTicks(40).ok());
  EXPECT_EQ(WaitForOne(committer).reserved_tick, 40u);
  journal.Take();
  EXPECT_TRUE(journal.Pass());
  EXPECT_TRUE(folder.files.empty()) << "committed before it was written";
  EXPECT_EQ(journal.live().Find(row.player_id)->state, StateAt(2));
  Stall(committer);
  const PositionSave newer{row.player_id, row.epoch, 25, StateAt(3)};
  ASSERT_TRUE(committer.SavePositions({&newer, 1}).ok());
  journal.Take();
  EXPECT_TRUE(journal.Pass());
  EXPECT_EQ(folder.files.size(), 1u);
  gate_->Open();
  EXPECT_EQ(WaitForOne(committer).request_id, 77u);
  PlayerEventRequest logout;
  logout.request_id = 2;
  logout.player_id = row.player_id;
  logout.epoch = row.epoch;
  logout.expected_version = row.version;
  logout.tick = 30;
  logout.kind = EventKind::kLogout;
  ASSERT_TRUE(committer.AppendEvent(logout).ok());
  EXPECT_EQ(WaitForOne(committer).outcome, Outcome::kOk);
  journal.Take();
  EXPECT_EQ(journal.live().Size(), 0u);
}

}  // namespace
}  // namespace bluemarble::persistence
