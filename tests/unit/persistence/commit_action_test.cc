/// Actions, starters and world items through the commit pipeline.
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "pipeline_fixture.h"

namespace bluemarble::persistence {
namespace {

using CommitActionTest = PipelineTest;

TEST_F(CommitActionTest, ANewPlayersItemsComeBeforeItsLoginWithItsGold) {
  AcceptLogin(1, "Ada", 50);
  const auto completions = Commit();
  ASSERT_EQ(completions.size(), 3u);
  EXPECT_EQ(completions[0].kind, CompletionKind::kItem);
  EXPECT_EQ(completions[0].request_id, 1u);
  EXPECT_EQ(completions[0].item.definition, 7u);
  EXPECT_EQ(completions[0].item.quantity, 3u);
  EXPECT_EQ(completions[1].item.definition, 9u);
  EXPECT_EQ(completions[2].kind, CompletionKind::kLogin);
  EXPECT_EQ(completions[2].gold, 50);
  EXPECT_EQ(completions[2].item, ItemRow{});
  EXPECT_EQ(completions[0].item.holder, completions[2].row.player_id);
}

TEST_F(CommitActionTest, ATradeMovesItemsAndGoldAndAnswersBothKeys) {
  const PlayerRow ada = LoggedIn("Ada", 50);
  const PlayerRow bob = LoggedIn("Bob", 20);
  ItemRow item;
  for (const auto& [id, row] : store_.items()) {
    if (row.holder == ada.player_id) item = row;
  }
  ActionRequest trade = ActionOf(5, ada, 1);
  trade.other_id = bob.player_id;
  trade.other_epoch = bob.epoch;
  trade.other_key = Key(bob.player_id, 2).bytes;
  trade.other_digest = 4242;
  trade.gold = -15;
  Add(trade, Move(item, bob.player_id));
  AcceptAction(trade);
  const auto completions = Commit();
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_EQ(completions[0].kind, CompletionKind::kAction);
  EXPECT_EQ(completions[0].request_id, 5u);
  EXPECT_EQ(completions[0].outcome, Outcome::kOk);
  EXPECT_EQ(store_.items().at(item.item_id).holder, bob.player_id);
  EXPECT_EQ(Balance(ada), 65);
  EXPECT_EQ(Balance(bob), 5);

  ActionRequest others = ActionOf(6, bob, 2);
  others.digest = 4242;
  others.refuse_with = Refusal::kNoSuchItem;
  AcceptAction(others);
  const auto repeat = Commit();
  EXPECT_EQ(repeat.at(0).outcome, Outcome::kOk);
  EXPECT_EQ(repeat.at(0).repeated, 1);
}

TEST_F(CommitActionTest, TheCallersRefusalIsKeptUnderTheKey) {
  const PlayerRow ada = LoggedIn();
  ActionRequest request = ActionOf(1, ada, 1);
  request.refuse_with = Refusal::kTooFar;
  AcceptAction(request);
  EXPECT_EQ(Commit().at(0).refusal, Refusal::kTooFar);
  request.refuse_with = Refusal::kNone;
  Add(request, Create(7, 1, ada.player_id));
  AcceptAction(request);
  const auto again = Commit();
  EXPECT_EQ(again.at(0).refusal, Refusal::kTooFar);
  EXPECT_EQ(again.at(0).repeated, 1);
  EXPECT_EQ(stats_.refusals[static_cast<size_t>(Refusal::kTooFar)].Get(), 2u);
}

TEST_F(CommitActionTest, GoldMovesOnlyBetweenTwoPlayers) {
  const PlayerRow ada = LoggedIn("Ada", 50);
  const PlayerRow bob = LoggedIn("Bob", 50);
  ActionRequest to_nobody = ActionOf(1, ada, 1);
  to_nobody.gold = 5;
  ActionRequest from_zone;
  from_zone.request_id = 2;
  from_zone.key = Key(0, 1).bytes;
  from_zone.other_id = ada.player_id;
  from_zone.other_epoch = ada.epoch;
  from_zone.gold = 5;
  ActionRequest to_self = ActionOf(3, ada, 2);
  to_self.other_id = ada.player_id;
  to_self.other_epoch = ada.epoch;
  to_self.gold = 5;
  ActionRequest lowest = ActionOf(4, ada, 3);
  lowest.other_id = bob.player_id;
  lowest.other_epoch = bob.epoch;
  lowest.gold = std::numeric_limits<int64_t>::min();
  for (const ActionRequest& request : {to_nobody, from_zone, to_self, lowest})
    AcceptAction(request);
  const auto completions = Commit();
  ASSERT_EQ(completions.size(), 4u);
  for (const Completion& completion : completions)
    EXPECT_EQ(completion.refusal, Refusal::kBadAmount) << completion.request_id;
  EXPECT_EQ(Balance(ada), 50);
  EXPECT_EQ(Balance(bob), 50);
}

TEST_F(CommitActionTest, TheZoneItselfMayAct) {
  ActionRequest request;
  request.request_id = 9;
  request.key = Key(0, 1).bytes;
  request.digest = 1;
  Add(request, Create(7, 4, kHeldByWorld, PlaceAt(3)));
  AcceptAction(request);
  const auto completions = Commit();
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_EQ(completions[0].outcome, Outcome::kOk);
  EXPECT_EQ(completions[0].item.quantity, 4u);
}

TEST_F(CommitActionTest, WorldItemsComeInPagesInOrderWithTheRest) {
  constexpr int kItems = 300;  // more than a page
  for (uint64_t i = 0; i < kItems; ++i) {
    DurableWrite write = Action(i, {});
    write.items.push_back(Create(7, 1, kHeldByWorld, PlaceAt(1)));
    ASSERT_EQ(CommitOne(store_, write).outcome, Outcome::kOk);
  }
  AcceptLogin(1, "Ada");
  Accept(RequestKind::kWorldItems, uint64_t{55});
  AcceptLogin(2, "Bob");
  std::vector<Completion> all;
  while (pipeline_.due()) {
    for (const Completion& completion : Commit()) all.push_back(completion);
  }
  ASSERT_EQ(all.size(), kItems + 3u);
  EXPECT_EQ(all[0].request_id, 1u);
  EXPECT_EQ(all[1].request_id, 2u);
  int64_t last_id = 0;
  for (size_t i = 2; i < all.size() - 1; ++i) {
    ASSERT_EQ(all[i].kind, CompletionKind::kWorldItem);
    EXPECT_EQ(all[i].request_id, 55u);
    EXPECT_GT(all[i].item.item_id, last_id);
    last_id = all[i].item.item_id;
  }
  EXPECT_EQ(all.back().kind, CompletionKind::kWorldItemsEnd);
  EXPECT_EQ(all.back().request_id, 55u);
}

TEST_F(CommitActionTest, WorldItemsWaitForWhatWasAskedForBeforeThem) {
  LoseAnswers();
  AcceptLogin(1, "Ada");
  Commit();
  Mend();
  AcceptLogin(2, "Bob");  // waits behind the doubt
  Accept(RequestKind::kWorldItems, uint64_t{55});
  std::vector<Completion> all;
  while (pipeline_.due()) {
    for (const Completion& completion : Commit()) all.push_back(completion);
  }
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].request_id, 1u);
  EXPECT_EQ(all[1].request_id, 2u);
  EXPECT_EQ(all[2].kind, CompletionKind::kWorldItemsEnd);
}

TEST_F(CommitActionTest, WorldItemsAreReadWhenTheStoreIsBack) {
  store_.set_away(true);
  AcceptLogin(1, "Ada");
  Accept(RequestKind::kWorldItems, uint64_t{55});
  EXPECT_EQ(Commit().at(0).refusal, Refusal::kUnavailable);
  store_.set_away(false);
  ASSERT_GT(pipeline_.due_in_ns(), 0);
  clock_.now_ns += pipeline_.due_in_ns();
  const auto completions = Commit();
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_EQ(completions[0].kind, CompletionKind::kWorldItemsEnd);
  EXPECT_EQ(pipeline_.due_in_ns(), -1);
}

}  // namespace
}  // namespace bluemarble::persistence
