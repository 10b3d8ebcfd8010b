#include "persistence/commit_pipeline.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "persistence/journal.h"
#include "pipeline_fixture.h"
#include "sim_disk.h"

namespace bluemarble::persistence {
namespace {

using CommitPipelineTest = PipelineTest;

TEST_F(CommitPipelineTest, AnswersInOrderOfArrival) {
  for (uint64_t i = 0; i < 5; ++i) AcceptLogin(i, "P" + std::to_string(i));
  AcceptTicks(700);
  EXPECT_TRUE(pipeline_.due());
  const auto completions = Commit();
  ASSERT_EQ(completions.size(), 6u);
  for (uint64_t i = 0; i < 5; ++i) EXPECT_EQ(completions[i].request_id, i);
  EXPECT_EQ(completions[5].kind, CompletionKind::kTicksReserved);
  EXPECT_EQ(completions[5].reserved_tick, 700u);
  EXPECT_EQ(stats_.commits.Get(), 1u);
  EXPECT_EQ(stats_.writes_ok.Get(), 5u);
  EXPECT_FALSE(pipeline_.due());
  EXPECT_TRUE(pipeline_.idle());
}

TEST_F(CommitPipelineTest, OnlyTheNewestPositionOfAPlayerIsWritten) {
  const PlayerRow row = LoggedIn();
  AcceptSave(row.player_id, 20, 2);
  AcceptSave(row.player_id, 22, 4);
  AcceptSave(row.player_id, 21, 3);
  EXPECT_EQ(pipeline_.positions_waiting(), 1u);
  pipeline_.Commit();
  EXPECT_EQ(store_.LoadPlayer("Ada")->state, StateAt(4));
  EXPECT_EQ(stats_.positions_saved.Get(), 1u);
  EXPECT_EQ(stats_.positions_coalesced.Get(), 2u);
}

// A pipeline whose positions are in a journal.
class CommitPositionsTest : public PipelineTest {
 protected:
  void Advance(int64_t ms) { clock_.now_ns += ms * kMsNs; }
  const int64_t wait_ms_ = settings_.position_group_ms;
  const core::Tick ticks_ = 700;
  SimFolder folder_;
  Journal journal_{settings_, "zone", std::make_unique<SimJournalDisk>(folder_), clock_};
  CommitPipeline journaled_{settings_, store_, clock_, stats_, &journal_, &cache_};
};

TEST_F(CommitPositionsTest, WaitForACommonTransactionAndDelayNoWrite) {
  const PlayerRow ada = LoggedIn("Ada"), bob = LoggedIn("Bob");
  const auto save = [&](const PlayerRow& row, core::Tick tick, double x) {
    std::vector<std::byte> body(sizeof(uint64_t) + sizeof(PositionSave));
    const PositionSave position{row.player_id, row.epoch, tick, StateAt(x)};
    std::memcpy(body.data() + sizeof(uint64_t), &position, sizeof(position));
    ASSERT_TRUE(journaled_.Accept(Record(RequestKind::kPositions, body)));
  };
  save(ada, 20, 2);
  EXPECT_EQ(journaled_.due_in_ns(), wait_ms_ * kMsNs);
  Advance(wait_ms_ - 1);
  save(bob, 21, 3);
  ASSERT_TRUE(
      journaled_.Accept(Record(RequestKind::kReserveTicks, std::as_bytes(std::span(&ticks_, 1)))));
  EXPECT_TRUE(journaled_.due());
  journaled_.Commit();
  EXPECT_EQ(stats_.commits.Get(), 3u) << "two logins, and the reservation alone";
  EXPECT_EQ(journaled_.positions_waiting(), 2u);
  EXPECT_NE(store_.LoadPlayer("Ada")->state, StateAt(2));
  EXPECT_EQ(journaled_.due_in_ns(), kMsNs);
  Advance(1);
  EXPECT_TRUE(journaled_.due());
  journaled_.Commit();
  EXPECT_EQ(stats_.commits.Get(), 4u);
  EXPECT_EQ(store_.LoadPlayer("Ada")->state, StateAt(2));
  EXPECT_EQ(store_.LoadPlayer("Bob")->state, StateAt(3));
  EXPECT_TRUE(journaled_.idle());

  save(ada, 30, 4);
  EXPECT_FALSE(journaled_.due());
  journaled_.Hurry();
  EXPECT_TRUE(journaled_.due());
  journaled_.Commit();
  EXPECT_EQ(store_.LoadPlayer("Ada")->state, StateAt(4));
}

TEST_F(CommitPipelineTest, AwayRefusesTransactionalAtOnceAndKeepsPositionsAndTicks) {
  const PlayerRow row = LoggedIn();
  store_.set_away(true);
  AcceptLogin(1, "Bob");
  AcceptSave(row.player_id, 20, 2);
  AcceptTicks(700);
  auto completions = Commit();
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_EQ(completions[0].outcome, Outcome::kRefused);
  EXPECT_EQ(completions[0].refusal, Refusal::kUnavailable);
  EXPECT_EQ(stats_.refusals[static_cast<size_t>(Refusal::kUnavailable)].Get(), 1u);
  EXPECT_EQ(stats_.away.Get(), 1u);
  EXPECT_TRUE(IsBlocked(stats_, clock_.now_ns, settings_.stall_ms));
  EXPECT_FALSE(pipeline_.due());
  EXPECT_GT(pipeline_.due_in_ns(), 0);

  AcceptLogin(2, "Cid");
  EXPECT_TRUE(pipeline_.due());
  EXPECT_EQ(Commit().at(0).refusal, Refusal::kUnavailable);

  store_.set_away(false);
  clock_.now_ns += pipeline_.due_in_ns();
  ASSERT_TRUE(pipeline_.due());
  completions = Commit();
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_EQ(completions[0].kind, CompletionKind::kTicksReserved);
  EXPECT_EQ(store_.LoadPlayer("Ada")->state, StateAt(2));
  EXPECT_EQ(stats_.away.Get(), 0u);
  EXPECT_FALSE(IsBlocked(stats_, clock_.now_ns, settings_.stall_ms));
}

TEST_F(CommitPipelineTest, AStoreThatIsAwayIsLookedForAlthoughNothingWaits) {
  store_.set_away(true);
  AcceptLogin(1, "Ada");
  Commit();
  ASSERT_TRUE(pipeline_.idle());
  ASSERT_GT(pipeline_.due_in_ns(), 0);
  clock_.now_ns += pipeline_.due_in_ns();
  Commit();
  EXPECT_EQ(stats_.away.Get(), 1u);
  store_.set_away(false);
  clock_.now_ns += pipeline_.due_in_ns();
  Commit();
  EXPECT_EQ(stats_.away.Get(), 0u);
  EXPECT_EQ(pipeline_.due_in_ns(), -1);
}

TEST_F(CommitPipelineTest, WhatTheFirstAttemptDidIsNoRepeatWhenItsAnswerWasLost) {
  LoseAnswers();
  AcceptLogin(1, "Ada", 50);
  EXPECT_TRUE(Commit().empty());
  EXPECT_EQ(stats_.in_doubt.Get(), 1u);
  Mend();
  ASSERT_TRUE(pipeline_.due());
  const auto completions = Commit();
  ASSERT_EQ(completions.size(), 3u);
  EXPECT_EQ(completions[0].kind, CompletionKind::kItem);
  EXPECT_EQ(completions[1].kind, CompletionKind::kItem);
  const Completion& login = completions[2];
  EXPECT_EQ(login.outcome, Outcome::kOk);
  EXPECT_EQ(login.created, 1);
  EXPECT_EQ(login.repeated, 0);
  EXPECT_EQ(login.gold, 50);
  EXPECT_EQ(login.row.version, 2);
  EXPECT_EQ(store_.LoadPlayer("Ada")->version, 2);
  EXPECT_EQ(store_.items().size(), 2u);
}

TEST_F(CommitPipelineTest, ATrueRepeatStaysOneWhenTheAnswerWasLost) {
  const PlayerRow row = LoggedIn();
  ActionRequest request = ActionOf(1, row, 77);
  Add(request, Create(7, 2, row.player_id));
  AcceptAction(request);
  const Completion first = Commit().at(0);
  ASSERT_EQ(first.outcome, Outcome::kOk);
  EXPECT_EQ(first.repeated, 0);
  LoseAnswers();
  request.request_id = 2;
  AcceptAction(request);
  ActionRequest fresh = ActionOf(3, row, 78);
  Add(fresh, Create(7, 2, row.player_id));
  AcceptAction(fresh);
  EXPECT_TRUE(Commit().empty());
  Mend();
  const auto completions = Commit();
  ASSERT_EQ(completions.size(), 2u);
  EXPECT_EQ(completions[0].repeated, 1);
  EXPECT_EQ(completions[0].item.item_id, first.item.item_id);
  EXPECT_EQ(completions[1].outcome, Outcome::kOk);
  EXPECT_EQ(completions[1].repeated, 0);
  EXPECT_EQ(completions[1].item.quantity, 2u);
  EXPECT_EQ(store_.items().size(), 2u);
}

TEST_F(CommitPipelineTest, ALostRequestIsCommittedAgain) {
  LoseRequests();
  AcceptLogin(1, "Ada");
  EXPECT_TRUE(Commit().empty());
  Mend();
  const auto completions = Commit();
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_EQ(completions[0].outcome, Outcome::kOk);
  EXPECT_EQ(completions[0].repeated, 0);
}

TEST_F(CommitPipelineTest, TheAttemptThatTookEffectAnswersAfterSeveralLosses) {
  const PlayerRow row = LoggedIn();
  ActionRequest request = ActionOf(1, row, 1);
  Add(request, Create(7, 2, row.player_id));
  AcceptAction(request);
  LoseRequests();
  EXPECT_TRUE(Commit().empty());
  LoseAnswers();
  EXPECT_TRUE(Commit().empty());
  clock_.now_ns += pipeline_.due_in_ns();
  EXPECT_TRUE(Commit().empty());
  Mend();
  EXPECT_GT(pipeline_.due_in_ns(), 0) << "doubt after doubt is not a busy loop";
  clock_.now_ns += pipeline_.due_in_ns();
  const auto completions = Commit();
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_EQ(completions[0].outcome, Outcome::kOk);
  EXPECT_EQ(completions[0].repeated, 0);
  EXPECT_EQ(store_.items().size(), 1u);
  EXPECT_EQ(stats_.in_doubt.Get(), 1u);
}

TEST_F(CommitPipelineTest, WhatComesAfterADoubtWaitsBehindItInOrder) {
  LoseAnswers();
  AcceptLogin(1, "Ada");
  Commit();
  store_.set_away(true);
  Mend();
  Commit();
  AcceptLogin(2, "Bob");
  EXPECT_FALSE(pipeline_.due());
  EXPECT_TRUE(Commit().empty());
  store_.set_away(false);
  clock_.now_ns += pipeline_.due_in_ns();
  auto completions = Commit();
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_EQ(completions[0].request_id, 1u);
  ASSERT_TRUE(pipeline_.due());
  completions = Commit();
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_EQ(completions[0].request_id, 2u);
  EXPECT_EQ(completions[0].outcome, Outcome::kOk);
}

TEST_F(CommitPipelineTest, WhatWaitsTooLongBehindADoubtIsRefusedButNotTheDoubtful) {
  LoseAnswers();
  AcceptLogin(1, "Ada");
  Commit();
  store_.set_away(true);
  Mend();
  AcceptLogin(2, "Bob");
  EXPECT_TRUE(Commit().empty());
  clock_.now_ns += settings_.stall_ms * kMsNs / 2;
  AcceptLogin(3, "Cid");
  EXPECT_TRUE(Commit().empty());
  clock_.now_ns += settings_.stall_ms * kMsNs / 2;
  EXPECT_TRUE(pipeline_.due()) << "the refusal does not wait for the next try";
  auto completions = Commit();
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_EQ(completions[0].request_id, 2u);
  EXPECT_EQ(completions[0].refusal, Refusal::kUnavailable);
  EXPECT_EQ(stats_.timed_out.Get(), 1u);
  clock_.now_ns += settings_.stall_ms * kMsNs / 2;
  EXPECT_EQ(Commit().at(0).request_id, 3u);
  store_.set_away(false);
  clock_.now_ns += 1000 * kMsNs;
  completions = Commit();
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_EQ(completions[0].request_id, 1u);
  EXPECT_EQ(completions[0].outcome, Outcome::kOk);
  EXPECT_EQ(store_.CountPlayers().value(), 1u);
}

TEST_F(CommitPipelineTest, ADoubtThatLastsBlocksNewRequests) {
  store_.set_faults({.unknown_lost = 1});
  AcceptLogin(1, "Ada");
  Commit();
  EXPECT_FALSE(IsBlocked(stats_, clock_.now_ns, settings_.stall_ms));
  clock_.now_ns += (settings_.stall_ms + 1) * kMsNs;
  EXPECT_TRUE(IsBlocked(stats_, clock_.now_ns, settings_.stall_ms));
  Mend();
  Commit();
  EXPECT_FALSE(IsBlocked(stats_, clock_.now_ns, settings_.stall_ms));
}

TEST_F(CommitPipelineTest, ACallThatLastsBlocksNewRequests) {
  stats_.in_call_since_ns.Set(1000);
  const int64_t late_ns = 1000 + settings_.stall_ms * kMsNs;
  EXPECT_FALSE(IsBlocked(stats_, late_ns, settings_.stall_ms));
  EXPECT_TRUE(IsBlocked(stats_, late_ns + 1, settings_.stall_ms));
  LoggedIn();
  EXPECT_EQ(stats_.in_call_since_ns.Get(), 0u);
}

TEST_F(CommitPipelineTest, AShardThatWasTakenOverIsLostForGood) {
  LoggedIn();
  store_.TakeOver();
  AcceptLogin(1, "Bob");
  const auto completions = Commit();
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_EQ(completions[0].refusal, Refusal::kUnavailable);
  EXPECT_TRUE(pipeline_.failed());
  EXPECT_EQ(stats_.lost_ownership.Get(), 1u);
  EXPECT_EQ(stats_.failed.Get(), 1u);
}

TEST_F(CommitPipelineTest, AFullGroupAsksForACommitFirst) {
  settings_.max_group = 2;
  CommitPipeline small(settings_, store_, clock_, stats_);
  LoginRequest request;
  request.name = PlayerName::From("Ada");
  const auto record = Record(RequestKind::kLogin, std::as_bytes(std::span(&request, 1)));
  EXPECT_TRUE(small.Accept(record));
  EXPECT_FALSE(small.full());
  EXPECT_TRUE(small.Accept(record));
  EXPECT_TRUE(small.full());
}

TEST_F(CommitPipelineTest, WhatWaitsIsDescribedByItsKey) {
  AcceptLogin(0x2a, "Ada");
  std::vector<std::string> lines;
  pipeline_.Describe(lines, 10);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0], "kind=login player=0 key=01000000000000002a00000000000000");
  pipeline_.Describe(lines, 1);
  EXPECT_EQ(lines.size(), 1u);
}

TEST_F(CommitPipelineTest, NoClientsKeyIsTheOneOfItsOwnEvents) {
  const PlayerRow row = LoggedIn();
  AcceptEvent(7, row, EventKind::kLogout, 20);
  std::vector<std::string> lines;
  pipeline_.Describe(lines, 10);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0], fmt::format("kind=logout player={} key=ffffffffffffffff0700000000000000",
                                  row.player_id));
  ASSERT_EQ(Commit().at(0).outcome, Outcome::kOk);

  // Every key that the zone may have given to the next logout, taken by the client before.
  const uint64_t runs[] = {1, ~uint64_t{0}};
  for (const uint64_t run : runs) {
    ActionRequest request = ActionOf(run == 1 ? 8 : 9, row, 0);
    const uint64_t key[] = {run, 10};
    std::memcpy(request.key.data(), key, sizeof(key));
    request.refuse_with = Refusal::kTooFar;
    AcceptAction(request);
    ASSERT_EQ(Commit().at(0).refusal, Refusal::kTooFar);
  }
  PlayerRow after = row;
  ++after.version;
  AcceptEvent(10, after, EventKind::kLogout, 30);
  EXPECT_EQ(Commit().at(0).outcome, Outcome::kOk);
  // A login of the same number is another request as well.
  AcceptLogin(10, "Bob");
  EXPECT_EQ(Commit().back().outcome, Outcome::kOk);
}

TEST_F(CommitPipelineTest, RecordsThatAreNoneAreRefused) {
  std::vector<std::byte> record(3);
  EXPECT_FALSE(pipeline_.Accept(record));
  record.resize(kRequestHeadBytes + 5);
  for (uint8_t kind = 0; kind < 8; ++kind) {
    record[0] = std::byte{kind};
    EXPECT_FALSE(pipeline_.Accept(record)) << int{kind};
  }
  ActionRequest request;
  request.changes = 2;
  auto action = Record(RequestKind::kAction, UsedBytes(request));
  action.pop_back();
  EXPECT_FALSE(pipeline_.Accept(action));
}

TEST_F(CommitPipelineTest, MaintenanceForgetsKeysPastTheirRetention) {
  LoggedIn();
  EXPECT_EQ(store_.keys(), 1u);
  pipeline_.Maintain();
  EXPECT_EQ(store_.keys(), 1u);
  clock_.now_ns += int64_t{settings_.key_retention_s + 1} * 1'000'000'000;
  pipeline_.Maintain();
  EXPECT_EQ(store_.keys(), 0u);
}

TEST_F(CommitPipelineTest, AWallClockThatIsSetForwardForgetsNoKeyOfAMomentAgo) {
  LoggedIn();
  clock_.wall_jump_us = int64_t{settings_.key_retention_s + 10} * 1'000'000;
  clock_.now_ns += 120'000'000'000;
  pipeline_.Maintain();
  EXPECT_EQ(store_.keys(), 1u);
}

TEST_F(CommitPipelineTest, AnIdleCommitterFindsOutThatItsShardIsAnothers) {
  LoggedIn();
  pipeline_.Maintain();
  store_.TakeOver();
  clock_.now_ns += 900'000'000;
  pipeline_.Maintain();
  EXPECT_FALSE(pipeline_.failed());
  clock_.now_ns += 200'000'000;
  pipeline_.Maintain();
  EXPECT_TRUE(pipeline_.failed());
  EXPECT_EQ(stats_.lost_ownership.Get(), 1u);
}

TEST_F(CommitPipelineTest, AnIdleCommitterFindsOutThatItsStoreIsAway) {
  LoggedIn();
  pipeline_.Maintain();
  store_.set_away(true);
  clock_.now_ns += 1'100'000'000;
  pipeline_.Maintain();
  EXPECT_EQ(stats_.away.Get(), 1u);
}

}  // namespace
}  // namespace bluemarble::persistence
