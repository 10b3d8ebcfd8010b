#include "tools/zonebot/action_book.h"

#include <gtest/gtest.h>

namespace bluemarble::zonebot {
namespace {

using News = ActionBook::News;
constexpr int64_t kMs = 1'000'000;

ActionKey KeyOf(uint8_t number) {
  ActionKey key{};
  key[0] = number;
  return key;
}
Action Drop(uint8_t number) {
  Action action;
  action.key = KeyOf(number);
  action.items = {number};
  return action;
}
ActionAnswer Answer(uint8_t number, ActionOutcome outcome,
                    ActionReason reason = ActionReason::kNone) {
  ActionAnswer answer;
  answer.key = KeyOf(number);
  answer.outcome = outcome;
  answer.reason = reason;
  return answer;
}
ActionAnswer Ok(uint8_t number) { return Answer(number, ActionOutcome::kOk); }
ActionAnswer Refused(uint8_t number, ActionReason reason) {
  return Answer(number, ActionOutcome::kRefused, reason);
}
ActionAnswer Unknown(uint8_t number) { return Answer(number, ActionOutcome::kUnknown); }

TEST(ActionBook, SettlesWithTheFirstOkAndKnowsItsRepeats) {
  ActionBook book;
  book.Begin(Drop(1), Op::kDrop, SIZE_MAX, 3, 10 * kMs);
  const auto told = book.OnAnswer(Ok(1), 25 * kMs);
  EXPECT_EQ(told.news, News::kOk);
  EXPECT_EQ(told.took_ns, 15 * kMs);
  EXPECT_TRUE(book.open().empty());
  EXPECT_EQ(book.OnAnswer(Ok(1), 26 * kMs).news, News::kSame);
  ASSERT_NE(book.newest_done(), nullptr);
  EXPECT_EQ(book.newest_done()->key, KeyOf(1));
}

TEST(ActionBook, SeesAnAnswerThatContradictsTheFirst) {
  ActionBook book;
  book.Begin(Drop(1), Op::kDrop, SIZE_MAX, 2, 0);
  book.OnAnswer(Ok(1), 0);
  EXPECT_EQ(book.OnAnswer(Refused(1, ActionReason::kNotHolder), 0).news, News::kChanged);
  book.Begin(Drop(2), Op::kDrop, SIZE_MAX, 1, 0);
  book.OnAnswer(Refused(2, ActionReason::kTooFar), 0);
  EXPECT_EQ(book.OnAnswer(Ok(2), 0).news, News::kChanged);
}

TEST(ActionBook, ARepeatRefusedBecauseTheStoreIsAwayContradictsNothing) {
  ActionBook book;
  book.Begin(Drop(1), Op::kDrop, SIZE_MAX, 1, 0);
  book.OnAnswer(Ok(1), 0);
  EXPECT_EQ(book.OnAnswer(Refused(1, ActionReason::kUnavailable), 0).news, News::kSame);
}

TEST(ActionBook, ATemporaryRefusalIsFinalOnlyForASingleCopy) {
  ActionBook book;
  book.Begin(Drop(1), Op::kDrop, SIZE_MAX, 1, 0);
  EXPECT_EQ(book.OnAnswer(Refused(1, ActionReason::kUnavailable), 0).news, News::kRefused);

  book.Begin(Drop(2), Op::kDrop, SIZE_MAX, 2, 0);
  EXPECT_EQ(book.OnAnswer(Refused(2, ActionReason::kUnavailable), 0).news, News::kNothing);
  ASSERT_NE(book.Due(250 * kMs), nullptr);
  EXPECT_EQ(book.OnAnswer(Ok(2), 0).news, News::kOk);

  book.Begin(Drop(3), Op::kDrop, SIZE_MAX, 2, 0);
  const auto told = book.OnAnswer(Refused(3, ActionReason::kNotHolder), 0);
  EXPECT_EQ(told.news, News::kRefused);
  EXPECT_EQ(told.reason, ActionReason::kNotHolder);
  EXPECT_EQ(book.last_settled()->key, KeyOf(3));
}

TEST(ActionBook, AsksAgainForWhatIsUnknownEverMoreSlowly) {
  ActionBook book;
  book.Begin(Drop(1), Op::kDrop, SIZE_MAX, 1, 0);
  EXPECT_EQ(book.Due(60'000 * kMs), nullptr);
  EXPECT_EQ(book.OnAnswer(Unknown(1), 0).news, News::kUnknown);
  EXPECT_EQ(book.Due(249 * kMs), nullptr);
  OpenAction* due = book.Due(250 * kMs);
  ASSERT_NE(due, nullptr);
  book.Again(*due, 1, 250 * kMs);
  EXPECT_EQ(book.Due(60'000 * kMs), nullptr);
  EXPECT_EQ(book.OnAnswer(Unknown(1), 300 * kMs).news, News::kNothing);
  EXPECT_EQ(book.Due(799 * kMs), nullptr);
  EXPECT_NE(book.Due(800 * kMs), nullptr);
}

TEST(ActionBook, WhatIsInDoubtIsNotSettledByATemporaryRefusal) {
  ActionBook book;
  book.Begin(Drop(1), Op::kDrop, SIZE_MAX, 1, 0);
  ASSERT_EQ(book.OnLost(5 * kMs).size(), 1u);
  EXPECT_TRUE(book.OnLost(6 * kMs).empty());
  OpenAction* due = book.Due(6 * kMs);
  ASSERT_NE(due, nullptr);
  book.Again(*due, 1, 6 * kMs);
  EXPECT_EQ(book.OnAnswer(Refused(1, ActionReason::kUnavailable), 7 * kMs).news, News::kNothing);
  ASSERT_EQ(book.open().size(), 1u);
  due = book.Due(2000 * kMs);
  ASSERT_NE(due, nullptr);
  book.Again(*due, 1, 2000 * kMs);
  const auto told = book.OnAnswer(Refused(1, ActionReason::kNotHolder), 2001 * kMs);
  EXPECT_EQ(told.news, News::kRefused);
  EXPECT_TRUE(told.doubtful);
}

TEST(ActionBook, ATemporaryRefusalOfOneCopyIsStillOpenAfterAReconnect) {
  ActionBook book;
  book.Begin(Drop(1), Op::kDrop, SIZE_MAX, 2, 0);
  book.OnAnswer(Refused(1, ActionReason::kUnavailable), 0);
  book.OnLost(kMs);
  OpenAction* due = book.Due(kMs);
  ASSERT_NE(due, nullptr);
  book.Again(*due, 1, kMs);
  EXPECT_EQ(book.OnAnswer(Ok(1), 2 * kMs).news, News::kOk);
}

TEST(ActionBook, KnowsWhatIsInActionsUnderWay) {
  ActionBook book;
  Action offer = Drop(1);
  offer.kind = ActionKind::kOfferTrade;
  offer.want_items = {9};
  book.Begin(offer, Op::kOffer, 4, 1, 0);
  EXPECT_TRUE(book.Holds(1));
  EXPECT_TRUE(book.Holds(9));
  EXPECT_FALSE(book.Holds(2));
  EXPECT_TRUE(book.offering());
  book.OnAnswer(Refused(1, ActionReason::kDeclined), 0);
  EXPECT_FALSE(book.offering());
  EXPECT_FALSE(book.Holds(1));
}

TEST(ActionBook, TellsAnAnswerToNothingApart) {
  ActionBook book;
  EXPECT_EQ(book.OnAnswer(Ok(1), 0).news, News::kStray);
}

}  // namespace
}  // namespace bluemarble::zonebot
