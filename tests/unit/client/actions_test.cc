#include "client/actions.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

namespace bluemarble::client {
namespace {

constexpr int64_t kMs = 1'000'000;

ActionKey Key(uint8_t first) {
  ActionKey key{};
  key[0] = first;
  return key;
}

protocol::ActionResult Result(const ActionKey& key, ActionOutcome outcome,
                              ActionReason reason = ActionReason::kNone) {
  protocol::ActionResult result;
  std::memcpy(result.key.data(), key.data(), key.size());
  result.outcome = outcome;
  result.reason = reason;
  return result;
}

class ActionsTest : public ::testing::Test {
 protected:
  static Action DropOf(int64_t item) { return {.kind = ActionKind::kDrop, .items = {item}}; }
  ActionKey Take(int64_t item) {
    Action action = DropOf(item);
    EXPECT_TRUE(actions_.Take(action).ok());
    return action.key;
  }

  uint8_t drawn_ = 0;
  Actions actions_{[this] { return Key(++drawn_); }, 1000};
  ActionAnswer answer_;
};

TEST_F(ActionsTest, DrawsAKeyForEachActionAndKeepsTheCallersOwn) {
  EXPECT_EQ(Take(5), Key(1));
  EXPECT_EQ(Take(5), Key(2));
  Action old = DropOf(6);
  old.key = Key(99);
  ASSERT_TRUE(actions_.Take(old).ok());
  EXPECT_EQ(old.key, Key(99));
  ASSERT_EQ(actions_.unanswered().size(), 3u);
  EXPECT_EQ(actions_.unanswered()[2].key, Key(99));
}

TEST_F(ActionsTest, AnAnswerEndsTheActionThatItNames) {
  const ActionKey first = Take(1), second = Take(2), third = Take(3);
  actions_.OnResult(Result(second, ActionOutcome::kRefused, ActionReason::kTooFar), 0);
  ASSERT_EQ(actions_.unanswered().size(), 2u);
  EXPECT_EQ(actions_.unanswered()[0].key, first);
  EXPECT_EQ(actions_.unanswered()[1].key, third);
  ASSERT_TRUE(actions_.NextAnswer(answer_));
  EXPECT_EQ(answer_.key, second);
  EXPECT_EQ(answer_.outcome, ActionOutcome::kRefused);
  EXPECT_EQ(answer_.reason, ActionReason::kTooFar);
  EXPECT_FALSE(actions_.NextAnswer(answer_));
}

TEST_F(ActionsTest, TellsEverythingOfAnAnswer) {
  auto result = Result(Take(1), ActionOutcome::kOk);
  result.text = "done";
  result.repeated = true;
  result.item_id = 77;
  actions_.OnResult(result, 0);
  ASSERT_TRUE(actions_.NextAnswer(answer_));
  EXPECT_EQ(answer_.text, "done");
  EXPECT_TRUE(answer_.repeated);
  EXPECT_EQ(answer_.item_id, 77);
}

TEST_F(ActionsTest, AnswersComeInTheOrderOfTheServer) {
  const ActionKey first = Take(1), second = Take(2);
  actions_.OnResult(Result(second, ActionOutcome::kOk), 0);
  actions_.OnResult(Result(first, ActionOutcome::kOk), 0);
  ASSERT_TRUE(actions_.NextAnswer(answer_));
  EXPECT_EQ(answer_.key, second);
  ASSERT_TRUE(actions_.NextAnswer(answer_));
  EXPECT_EQ(answer_.key, first);
}

TEST_F(ActionsTest, ASecondAnswerToTheSameActionIsDropped) {
  const ActionKey key = Take(1);
  actions_.OnResult(Result(key, ActionOutcome::kOk), 0);
  actions_.OnResult(Result(key, ActionOutcome::kOk), 0);
  actions_.OnResult(Result(Key(200), ActionOutcome::kOk), 0);
  ASSERT_TRUE(actions_.NextAnswer(answer_));
  EXPECT_FALSE(actions_.NextAnswer(answer_));
}

TEST_F(ActionsTest, AnUnknownOutcomeIsAskedForAgainUntilItIsKnown) {
  const ActionKey key = Take(1);
  EXPECT_EQ(actions_.NextDueNs(), INT64_MAX);
  for (int64_t start : {0, 5'000, 10'000}) {
    actions_.OnResult(Result(key, ActionOutcome::kUnknown), start * kMs);
    ASSERT_EQ(actions_.unanswered().size(), 1u);
    EXPECT_EQ(actions_.NextDueNs(), (start + 1000) * kMs);
    EXPECT_EQ(actions_.NextResend((start + 999) * kMs), nullptr);
    const Action* again = actions_.NextResend((start + 1000) * kMs);
    ASSERT_NE(again, nullptr);
    EXPECT_EQ(again->key, key);
    EXPECT_EQ(actions_.NextResend((start + 3000) * kMs), nullptr);  // the answer is awaited
  }
  actions_.OnResult(Result(key, ActionOutcome::kOk), 20'000 * kMs);
  EXPECT_TRUE(actions_.unanswered().empty());
  EXPECT_EQ(actions_.NextDueNs(), INT64_MAX);
}

TEST_F(ActionsTest, AnUnknownOutcomeIsToldOnceAndThenWhatItBecame) {
  const ActionKey key = Take(1);
  actions_.OnResult(Result(key, ActionOutcome::kUnknown), 0);
  ASSERT_TRUE(actions_.NextAnswer(answer_));
  EXPECT_EQ(answer_.outcome, ActionOutcome::kUnknown);
  actions_.OnResult(Result(key, ActionOutcome::kUnknown), 2000 * kMs);
  EXPECT_FALSE(actions_.NextAnswer(answer_));
  actions_.OnResult(Result(key, ActionOutcome::kOk), 4000 * kMs);
  ASSERT_TRUE(actions_.NextAnswer(answer_));
  EXPECT_EQ(answer_.outcome, ActionOutcome::kOk);
}

TEST_F(ActionsTest, WhatTheCallerSendsAgainIsToldAgainWhenUnknown) {
  const ActionKey key = Take(1);
  actions_.OnResult(Result(key, ActionOutcome::kUnknown), 0);
  ASSERT_TRUE(actions_.NextAnswer(answer_));
  Action again = actions_.unanswered()[0];
  again.entity_id = 12;
  ASSERT_TRUE(actions_.Take(again).ok());
  ASSERT_EQ(actions_.unanswered().size(), 1u);
  EXPECT_EQ(actions_.unanswered()[0].entity_id, 12u);
  EXPECT_EQ(actions_.NextDueNs(), INT64_MAX);  // it is under way
  actions_.OnResult(Result(key, ActionOutcome::kUnknown), 500 * kMs);
  EXPECT_TRUE(actions_.NextAnswer(answer_));
}

TEST_F(ActionsTest, AnAnswerNotTakenGivesWayToANewerOneOfItsAction) {
  const ActionKey key = Take(1);
  actions_.OnResult(Result(key, ActionOutcome::kUnknown), 0);
  actions_.OnResult(Result(key, ActionOutcome::kOk), 0);
  ASSERT_TRUE(actions_.NextAnswer(answer_));
  EXPECT_EQ(answer_.outcome, ActionOutcome::kOk);
  EXPECT_FALSE(actions_.NextAnswer(answer_));
}

TEST_F(ActionsTest, WhatWaitedThroughAnOutageComesBackSpaced) {
  for (int i = 0; i < 10; ++i) actions_.OnResult(Result(Take(i), ActionOutcome::kUnknown), 0);
  std::vector<int64_t> sent_ms;
  std::set<ActionKey> keys;
  for (int64_t ms = 0; ms < 10'000; ms += 10) {
    while (const Action* again = actions_.NextResend(ms * kMs)) {
      sent_ms.push_back(ms);
      keys.insert(again->key);
    }
  }
  EXPECT_EQ(keys.size(), 10u);
  ASSERT_EQ(sent_ms.size(), 10u);
  for (size_t i = 1; i < sent_ms.size(); ++i) EXPECT_EQ(sent_ms[i] - sent_ms[i - 1], 250) << i;
}

TEST_F(ActionsTest, AnAnswerToOneDoesNotStopTheOthersRepetition) {
  const ActionKey first = Take(1), second = Take(2);
  actions_.OnResult(Result(second, ActionOutcome::kUnknown), 0);
  actions_.OnResult(Result(first, ActionOutcome::kOk), 0);
  const Action* again = actions_.NextResend(1000 * kMs);
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(again->key, second);
}

TEST_F(ActionsTest, NeverSendsAgainByItselfWhenTheOptionIsZero) {
  Actions actions([this] { return Key(++drawn_); }, 0);
  Action action = DropOf(1);
  ASSERT_TRUE(actions.Take(action).ok());
  actions.OnResult(Result(action.key, ActionOutcome::kUnknown), 0);
  EXPECT_EQ(actions.NextDueNs(), INT64_MAX);
  EXPECT_EQ(actions.NextResend(INT64_MAX - 1), nullptr);
  EXPECT_EQ(actions.unanswered().size(), 1u);
}

TEST_F(ActionsTest, RefusesTheSixtyFifthUntilAnswersAreTaken) {
  ActionKey first{};
  for (int i = 0; i < 64; ++i) {
    const ActionKey key = Take(i);
    if (i == 0) first = key;
  }
  Action more = DropOf(99);
  EXPECT_EQ(actions_.Take(more).code(), core::Code::kFull);
  actions_.OnResult(Result(first, ActionOutcome::kOk), 0);
  EXPECT_EQ(actions_.Take(more).code(), core::Code::kFull);
  Action again = actions_.unanswered()[5];
  EXPECT_TRUE(actions_.Take(again).ok());
  ASSERT_TRUE(actions_.NextAnswer(answer_));
  EXPECT_TRUE(actions_.Take(more).ok());
}

TEST_F(ActionsTest, RefusesWhatIsMalformed) {
  const Action cases[] = {
      {.kind = ActionKind{0}},
      {.kind = ActionKind{8}},
      {.kind = ActionKind::kDrop},
      {.kind = ActionKind::kDrop, .items = {1, 2}},
      {.kind = ActionKind::kSplit, .quantity = 1},
      {.kind = ActionKind::kMerge, .items = {1}},
      {.kind = ActionKind::kGive, .items = std::vector<int64_t>(9, 1)},
      {.kind = ActionKind::kOfferTrade, .items = std::vector<int64_t>(9, 1)},
      {.kind = ActionKind::kOfferTrade, .want_items = std::vector<int64_t>(9, 1)},
  };
  for (Action action : cases)
    EXPECT_EQ(actions_.Take(action).code(), core::Code::kInvalid) << int(action.kind);
  EXPECT_TRUE(actions_.unanswered().empty());
}

TEST_F(ActionsTest, RefusesWithoutRandomness) {
  Actions actions([] { return ActionKey{}; }, 1000);
  Action action = DropOf(1);
  EXPECT_EQ(actions.Take(action).code(), core::Code::kUnavailable);
  EXPECT_TRUE(actions.unanswered().empty());
}

TEST(ActionKeys, OfTheOperatingSystemDoNotRepeat) {
  std::set<ActionKey> keys;
  for (int i = 0; i < 1000; ++i) keys.insert(RandomActionKey());
  EXPECT_EQ(keys.size(), 1000u);
  EXPECT_FALSE(keys.contains(ActionKey{}));
}

TEST(ActionMessages, CarryTheFieldsOfTheirKind) {
  Action action{.kind = ActionKind::kPickUp,
                .key = Key(9),
                .entity_id = 1,
                .items = {2, 3},
                .gold = 4,
                .want_items = {5},
                .want_gold = 6,
                .trade_id = 7,
                .quantity = 8};
  const auto as = [&](ActionKind kind) {
    action.kind = kind;
    return ToMessage(action).what;
  };
  EXPECT_EQ(std::get<protocol::PickUp>(as(ActionKind::kPickUp)), protocol::PickUp{1});
  EXPECT_EQ(std::get<protocol::Drop>(as(ActionKind::kDrop)), protocol::Drop{2});
  EXPECT_EQ(std::get<protocol::Give>(as(ActionKind::kGive)), (protocol::Give{1, {2, 3}, 4}));
  EXPECT_EQ(std::get<protocol::OfferTrade>(as(ActionKind::kOfferTrade)),
            (protocol::OfferTrade{1, {2, 3}, 4, {5}, 6}));
  EXPECT_EQ(std::get<protocol::AcceptTrade>(as(ActionKind::kAcceptTrade)),
            protocol::AcceptTrade{7});
  EXPECT_EQ(std::get<protocol::Split>(as(ActionKind::kSplit)), (protocol::Split{2, 8}));
  EXPECT_EQ(std::get<protocol::Merge>(as(ActionKind::kMerge)), (protocol::Merge{2, 3}));
  EXPECT_EQ(ToMessage(action).key[0], std::byte{9});
}

}  // namespace
}  // namespace bluemarble::client
