#include "tools/zonebot/choices.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

namespace bluemarble::zonebot {
namespace {

const std::vector<InventoryItem> kOwn = {{11, 1, 1}, {12, 2, 9}, {13, 2, 4}};
const std::vector<InventoryItem> kTheirs = {{21, 1, 1}, {22, 3, 2}};
const std::vector<uint32_t> kGround = {501, 502};

class Choices : public ::testing::Test {
 protected:
  Choices() : others_{{Neighbour{7, 700, kTheirs, 40}}} {}
  Situation Full() const {
    return {.items = kOwn, .gold = 30, .ground = kGround, .others = others_};
  }
  std::array<int, kOps> Count(const Situation& situation, int times) {
    std::array<int, kOps> counts{};
    for (int i = 0; i < times; ++i)
      if (const auto choice = Choose(situation, random_)) ++counts[static_cast<size_t>(choice->op)];
    return counts;
  }
  int Of(const std::array<int, kOps>& counts, Op op) { return counts[static_cast<size_t>(op)]; }

  std::vector<Neighbour> others_;
  core::Random random_{17};
};

bool Holds(std::span<const InventoryItem> items, int64_t id) {
  return std::any_of(items.begin(), items.end(),
                     [&](const InventoryItem& item) { return item.item_id == id; });
}

TEST_F(Choices, NothingIsDoneByWhoHasAndSeesNothing) {
  EXPECT_FALSE(Choose({}, random_));
  EXPECT_FALSE(Choose({.others = others_}, random_));
}

TEST_F(Choices, AllKindsAreMadeWhenAllArePossible) {
  TradeOffer offer;
  offer.trade_id = 5;
  Situation situation = Full();
  situation.offers = {&offer, 1};
  const auto counts = Count(situation, 2000);
  for (size_t op = 0; op < kOps; ++op) EXPECT_GT(counts[op], 0) << OpName(static_cast<Op>(op));
}

TEST_F(Choices, TheSameSeedChoosesTheSame) {
  core::Random first(3), second(3), other(core::Mix64(3));
  int differ = 0;
  for (int i = 0; i < 200; ++i) {
    const auto a = Choose(Full(), first), b = Choose(Full(), second), c = Choose(Full(), other);
    ASSERT_EQ(a->op, b->op);
    ASSERT_EQ(a->action.items, b->action.items);
    ASSERT_EQ(a->action.gold, b->action.gold);
    differ += a->op != c->op;
  }
  EXPECT_GT(differ, 0);
}

TEST_F(Choices, NameOnlyWhatIsHeldAndInReach) {
  for (int i = 0; i < 2000; ++i) {
    const auto choice = Choose(Full(), random_);
    ASSERT_TRUE(choice);
    const Action& action = choice->action;
    ASSERT_EQ(OpOf(action.kind), choice->op);
    for (const int64_t item : action.items) ASSERT_TRUE(Holds(kOwn, item));
    for (const int64_t item : action.want_items) ASSERT_TRUE(Holds(kTheirs, item));
    ASSERT_GE(action.gold, 0);
    ASSERT_LE(action.gold, 30);
    ASSERT_LE(action.want_gold, 40);
    switch (choice->op) {
      case Op::kPickUp:
        ASSERT_NE(std::find(kGround.begin(), kGround.end(), action.entity_id), kGround.end());
        break;
      case Op::kGive:
      case Op::kOffer:
        ASSERT_EQ(action.entity_id, 700u);
        ASSERT_EQ(choice->partner, 7u);
        ASSERT_TRUE(!action.items.empty() || action.gold > 0);
        break;
      case Op::kSplit:
        ASSERT_EQ(action.items, std::vector<int64_t>{12});
        ASSERT_GE(action.quantity, 1u);
        ASSERT_LT(action.quantity, 9u);
        break;
      case Op::kMerge: ASSERT_EQ(action.items, (std::vector<int64_t>{12, 13})); break;
      default: break;
    }
  }
}

TEST_F(Choices, WhoseOfferStandsMakesNoSecondOne) {
  Situation situation = Full();
  situation.offering = true;
  EXPECT_EQ(Of(Count(situation, 1000), Op::kOffer), 0);
}

TEST_F(Choices, OnlyAllowedKindsAreMade) {
  TradeOffer offer;
  offer.trade_id = 5;
  Situation situation = Full();
  situation.offers = {&offer, 1};
  situation.allowed = ParseOps("offer,accept").value();
  const auto counts = Count(situation, 1000);
  EXPECT_EQ(Of(counts, Op::kOffer) + Of(counts, Op::kAccept), 1000);
  EXPECT_GT(Of(counts, Op::kAccept), 0);
  situation.offers = {};
  EXPECT_EQ(Of(Count(situation, 100), Op::kOffer), 100);
}

TEST(ChoicesNames, AreReadBack) {
  EXPECT_EQ(ParseOps("pick_up,drop,give,offer,accept,split,merge,decline"), kAllOps);
  EXPECT_FALSE(ParseOps("").has_value());
  EXPECT_FALSE(ParseOps("offer,steal").has_value());
}

TEST_F(Choices, WhoHoldsMuchDropsMoreThanItPicksUp) {
  std::vector<InventoryItem> many;
  for (int64_t i = 0; i < 30; ++i) many.push_back({100 + i, static_cast<uint32_t>(i), 1});
  Situation situation = Full();
  situation.items = many;
  const auto counts = Count(situation, 1000);
  EXPECT_GT(Of(counts, Op::kDrop), 3 * Of(counts, Op::kPickUp));
}

}  // namespace
}  // namespace bluemarble::zonebot
