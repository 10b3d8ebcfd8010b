#include "persistence/commit_pipeline.h"

#include <gtest/gtest.h>

#include <vector>

#include "fixture.h"
#include "support/sim_store.h"

namespace bluemarble::persistence {
namespace {

class CommitPipelineTest : public testing::Test {
 protected:
  template <typename T>
  void Accept(RequestKind kind, const std::vector<T>& items) {
    std::vector<std::byte> record(kRequestHeadBytes);
    record[0] = static_cast<std::byte>(kind);
    const auto body = std::as_bytes(std::span(items));
    record.insert(record.end(), body.begin(), body.end());
    ASSERT_TRUE(pipeline_.Accept(record));
  }
  void AcceptLogin(uint64_t request_id, std::string_view name) {
    LoginRequest request;
    request.request_id = request_id;
    request.tick = 10;
    request.initial = StateAt(1);
    request.name = PlayerName::From(name);
    Accept(RequestKind::kLogin, std::vector{request});
  }
  void AcceptSave(int64_t player_id, core::Tick tick, double x, int64_t epoch = 1) {
    Accept(RequestKind::kPositions,
           std::vector<PositionSave>{{player_id, epoch, tick, StateAt(x)}});
  }
  std::vector<Completion> Completions() {
    std::vector<Completion> all;
    for (; pipeline_.Front() != nullptr; pipeline_.Pop()) all.push_back(*pipeline_.Front());
    return all;
  }
  PlayerRow LoggedIn() {
    AcceptLogin(1000, "Ada");
    pipeline_.Commit();
    return Completions().at(0).row;
  }
  ManualClock clock_;
  support::SimStore store_;
  CommitStats stats_;
  CommitPipeline pipeline_{PersistenceSettings{}, store_, clock_, stats_};
};

TEST_F(CommitPipelineTest, AnswersInOrderOfArrival) {
  for (uint64_t i = 0; i < 5; ++i) AcceptLogin(i, "P" + std::to_string(i));
  Accept(RequestKind::kReserveTicks, std::vector<core::Tick>{700});
  EXPECT_TRUE(pipeline_.due());
  pipeline_.Commit();
  const auto completions = Completions();
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

TEST_F(CommitPipelineTest, AwayRefusesTransactionalAtOnceAndKeepsPositionsAndTicks) {
  const PlayerRow row = LoggedIn();
  store_.set_away(true);
  AcceptLogin(1, "Bob");
  AcceptSave(row.player_id, 20, 2);
  Accept(RequestKind::kReserveTicks, std::vector<core::Tick>{700});
  pipeline_.Commit();
  auto completions = Completions();
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_EQ(completions[0].outcome, Outcome::kRefused);
  EXPECT_EQ(completions[0].refusal, Refusal::kUnavailable);
  EXPECT_EQ(stats_.away.Get(), 1u);
  EXPECT_FALSE(pipeline_.due());
  EXPECT_GT(pipeline_.due_in_ns(), 0);

  AcceptLogin(2, "Cid");
  EXPECT_TRUE(pipeline_.due());
  pipeline_.Commit();
  EXPECT_EQ(Completions().at(0).refusal, Refusal::kUnavailable);

  store_.set_away(false);
  clock_.now_ns += pipeline_.due_in_ns();
  ASSERT_TRUE(pipeline_.due());
  pipeline_.Commit();
  completions = Completions();
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_EQ(completions[0].kind, CompletionKind::kTicksReserved);
  EXPECT_EQ(store_.LoadPlayer("Ada")->state, StateAt(2));
  EXPECT_EQ(stats_.away.Get(), 0u);
}

TEST_F(CommitPipelineTest, ALostAnswerIsFoundByKeyAndHappensOnce) {
  support::SimStoreFaults faults;
  faults.unknown_applied = 1;
  store_.set_faults(faults);
  AcceptLogin(1, "Ada");
  pipeline_.Commit();
  EXPECT_TRUE(Completions().empty());
  store_.set_faults({});
  ASSERT_TRUE(pipeline_.due());
  pipeline_.Commit();
  const auto completions = Completions();
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_EQ(completions[0].outcome, Outcome::kOk);
  EXPECT_EQ(completions[0].created, 1);
  EXPECT_EQ(completions[0].repeated, 1);
  EXPECT_EQ(completions[0].row.version, 2);
  EXPECT_EQ(store_.LoadPlayer("Ada")->version, 2);
}

TEST_F(CommitPipelineTest, ALostRequestIsCommittedAgain) {
  support::SimStoreFaults faults;
  faults.unknown_lost = 1;
  store_.set_faults(faults);
  AcceptLogin(1, "Ada");
  pipeline_.Commit();
  store_.set_faults({});
  pipeline_.Commit();
  const auto completions = Completions();
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_EQ(completions[0].outcome, Outcome::kOk);
  EXPECT_EQ(completions[0].repeated, 0);
}

TEST_F(CommitPipelineTest, WhatIsInDoubtIsNotRefusedWhileTheStoreIsAway) {
  support::SimStoreFaults faults;
  faults.unknown_applied = 1;
  store_.set_faults(faults);
  AcceptLogin(1, "Ada");
  pipeline_.Commit();
  store_.set_faults({});
  store_.set_away(true);
  pipeline_.Commit();
  AcceptLogin(2, "Bob");
  EXPECT_FALSE(pipeline_.due());
  pipeline_.Commit();
  EXPECT_TRUE(Completions().empty());
  store_.set_away(false);
  clock_.now_ns += pipeline_.due_in_ns();
  pipeline_.Commit();
  const auto completions = Completions();
  ASSERT_EQ(completions.size(), 2u);
  EXPECT_EQ(completions[0].outcome, Outcome::kOk);
  EXPECT_EQ(completions[1].outcome, Outcome::kOk);
}

TEST_F(CommitPipelineTest, AFullGroupAsksForACommitFirst) {
  PersistenceSettings settings;
  settings.max_group = 2;
  CommitPipeline small(settings, store_, clock_, stats_);
  LoginRequest request;
  request.name = PlayerName::From("Ada");
  std::vector<std::byte> record(kRequestHeadBytes);
  record[0] = static_cast<std::byte>(RequestKind::kLogin);
  const auto body = std::as_bytes(std::span(&request, 1));
  record.insert(record.end(), body.begin(), body.end());
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

TEST_F(CommitPipelineTest, RecordsThatAreNoneAreRefused) {
  std::vector<std::byte> record(3);
  EXPECT_FALSE(pipeline_.Accept(record));
  record.resize(kRequestHeadBytes + 5);
  for (uint8_t kind = 0; kind < 6; ++kind) {
    record[0] = std::byte{kind};
    EXPECT_FALSE(pipeline_.Accept(record)) << int{kind};
  }
}

TEST_F(CommitPipelineTest, MaintenanceForgetsKeysPastTheirRetention) {
  LoggedIn();
  EXPECT_EQ(store_.keys(), 1u);
  pipeline_.Maintain();
  EXPECT_EQ(store_.keys(), 1u);
  clock_.now_ns += int64_t{86'401} * 1'000'000'000;
  pipeline_.Maintain();
  EXPECT_EQ(store_.keys(), 0u);
}

}  // namespace
}  // namespace bluemarble::persistence
