#include "services/items/in_flight.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>
#include <vector>

#include "core/hash.h"
#include "services/items/trades.h"

namespace bluemarble::items {
namespace {

InFlight ActionOf(int64_t player_id, int key) {
  InFlight action;
  action.request.player_id = player_id;
  action.request.key[0] = static_cast<std::byte>(key);
  return action;
}

TEST(InFlightTable, FindsAnActionByItsNumberUntilItIsRemoved) {
  InFlightTable table(2);
  InFlight& first = table.Add(ActionOf(1, 1), 10);
  const uint64_t id = first.request.request_id;
  EXPECT_EQ(table.Find(id), &first);
  table.Remove(first);
  EXPECT_EQ(table.Find(id), nullptr);
  const InFlight& second = table.Add(ActionOf(1, 2), 11);  // the same place, another number
  EXPECT_NE(second.request.request_id, id);
  EXPECT_EQ(table.Find(id), nullptr);
  EXPECT_EQ(table.Find(table.NextRequestId()), nullptr);
  table.Add(ActionOf(1, 3), 11);
  EXPECT_TRUE(table.full());
}

TEST(InFlightTable, KnowsWhichKeysAreUnderWay) {
  InFlightTable table(8);
  InFlight& action = table.Add(ActionOf(1, 5), 10);
  EXPECT_TRUE(table.Contains(1, action.request.key));
  EXPECT_FALSE(table.Contains(2, action.request.key));
  EXPECT_FALSE(table.Contains(1, action.request.key, &action));
  const auto key = action.request.key;
  table.Remove(action);
  EXPECT_FALSE(table.Contains(1, key));
}

TEST(InFlightTable, TellsOnceOfEachThatIsOverdueAndStillUnderWay) {
  InFlightTable table(3000);
  InFlight* early = &table.Add(ActionOf(1, 1), 10);
  table.Add(ActionOf(2, 1), 10);
  for (int i = 0; i < 2000; ++i) table.Add(ActionOf(3, 1), 20);
  table.Remove(*early);
  int told = 0;
  const auto count = [&](InFlight& action) {
    EXPECT_FALSE(action.told_unknown);
    action.told_unknown = true;
    ++told;
  };
  table.TellOverdue(9, count);
  EXPECT_EQ(told, 0);
  table.TellOverdue(10, count);
  EXPECT_EQ(told, 1);
  table.TellOverdue(15, count);
  EXPECT_EQ(told, 1);
  table.TellOverdue(20, count);
  EXPECT_EQ(told, 2001);
  table.Add(ActionOf(4, 1), 30);
  table.TellOverdue(30, count);
  EXPECT_EQ(told, 2002);
}

TEST(InFlightTable, KnowsTheKeysOfThousandsThatComeAndGoInAnyOrder) {
  constexpr int kSlots = 500;
  InFlightTable table(kSlots);
  std::vector<InFlight*> added;
  core::Random random(7);
  std::map<std::pair<int64_t, int>, int> expected;
  const auto key_of = [](int key) { return ActionOf(0, key).request.key; };
  for (int i = 0; i < 20'000; ++i) {
    if (!table.full() && random.Chance(added.size() < 400 ? 0.6 : 0.4)) {
      const auto player = static_cast<int64_t>(random.Below(40));
      const int key = static_cast<int>(random.Below(20));
      added.push_back(&table.Add(ActionOf(player, key), 1));
      ++expected[{player, key}];
    } else if (!added.empty()) {
      std::swap(added[random.Below(added.size())], added.back());
      const InFlight& gone = *added.back();
      --expected[{gone.request.player_id, static_cast<int>(gone.request.key[0])}];
      table.Remove(*added.back());
      added.pop_back();
    }
    const auto player = static_cast<int64_t>(random.Below(40));
    const int key = static_cast<int>(random.Below(20));
    ASSERT_EQ(table.Contains(player, key_of(key)), (expected[{player, key}] > 0)) << i;
    if (added.empty()) continue;
    const InFlight& one = *added[random.Below(added.size())];
    const int same = expected[{one.request.player_id, static_cast<int>(one.request.key[0])}];
    ASSERT_EQ(table.Contains(one.request.player_id, one.request.key, &one), same > 1) << i;
  }
}

// With a look at every slot this takes many minutes, and the test's time limit ends it.
TEST(KeySearch, OneOfTwentyThousandIsFoundWithoutALookAtAll) {
  constexpr int kSlots = 20'000;
  InFlightTable table(kSlots);
  Trades trades(kSlots);
  Offer offer;
  offer.state = OfferState::kStanding;
  for (int i = 0; i < kSlots; ++i) {
    table.Add(ActionOf(i, 1), 1);
    offer.from = i;
    ASSERT_NE(trades.Add(offer), nullptr);
  }
  const auto unknown = ActionOf(0, 2).request.key;
  for (int64_t i = 0; i < 1'000'000; ++i) {
    ASSERT_FALSE(table.Contains(i, unknown));
    ASSERT_EQ(trades.FindByKey(i, unknown), nullptr);
    ASSERT_EQ(trades.CountOf(i, 1).offers, i < kSlots ? 1u : 0u);
  }
}

TEST(Trades, AnOfferIsFoundByNumberAndKeyAndCountedUntilItIsRemoved) {
  Trades trades(4);
  Offer offer;
  offer.state = OfferState::kStanding;
  offer.from = 1;
  offer.to = 2;
  offer.key[0] = std::byte{7};
  Offer* kept = trades.Add(offer);
  ASSERT_NE(kept, nullptr);
  const uint64_t id = kept->id;
  EXPECT_EQ(trades.Find(id), kept);
  EXPECT_EQ(trades.FindByKey(1, offer.key), kept);
  EXPECT_EQ(trades.FindByKey(2, offer.key), nullptr);
  EXPECT_TRUE(trades.CountOf(1, 2).to_the_same);
  EXPECT_EQ(trades.CountOf(1, 3).offers, 1u);
  EXPECT_FALSE(trades.CountOf(1, 3).to_the_same);
  trades.Remove(*kept);
  EXPECT_EQ(trades.Find(id), nullptr);
  EXPECT_EQ(trades.FindByKey(1, offer.key), nullptr);
  EXPECT_NE(trades.Add(offer)->id, id);
  EXPECT_EQ(trades.Find(0), nullptr);
}

}  // namespace
}  // namespace bluemarble::items
