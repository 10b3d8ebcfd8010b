#include "client/inventory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "core/hash.h"

namespace bluemarble::client {
namespace {

using protocol::InventoryUpdate;
using protocol::Item;

std::map<int64_t, std::pair<uint32_t, uint32_t>> Seen(const Inventory& inventory) {
  std::map<int64_t, std::pair<uint32_t, uint32_t>> seen;
  for (const InventoryItem& item : inventory.items())
    seen[item.item_id] = {item.definition, item.quantity};
  EXPECT_EQ(seen.size(), inventory.items().size());
  return seen;
}

TEST(Inventory, IsUnknownUntilTheLastMessageOfTheWhole) {
  Inventory inventory;
  EXPECT_FALSE(inventory.known());
  inventory.OnUpdate({true, false, {{3, 30, 1}}, {}, 0});
  inventory.OnUpdate({false, false, {{1, 10, 1}}, {}, 0});
  EXPECT_FALSE(inventory.known());
  EXPECT_TRUE(inventory.items().empty());
  inventory.OnUpdate({false, true, {{2, 20, 5}}, {}, 70});
  EXPECT_TRUE(inventory.known());
  EXPECT_EQ(inventory.gold(), 70);
  ASSERT_EQ(inventory.items().size(), 3u);
  EXPECT_EQ(inventory.items()[0].item_id, 1);
  EXPECT_EQ(inventory.items()[1].item_id, 2);
  EXPECT_EQ(inventory.items()[1].quantity, 5u);
  EXPECT_EQ(inventory.items()[2].definition, 30u);
}

TEST(Inventory, AnEmptyWholeIsKnownToo) {
  Inventory inventory;
  inventory.OnUpdate({true, true, {}, {}, 5});
  EXPECT_TRUE(inventory.known());
  EXPECT_TRUE(inventory.items().empty());
}

TEST(Inventory, ChangesWithWhatIsNewChangedAndGone) {
  Inventory inventory;
  inventory.OnUpdate({true, true, {{1, 10, 9}, {2, 20, 1}}, {}, 5});
  inventory.OnUpdate({false, true, {{1, 10, 4}, {3, 10, 5}}, {2}, 6});
  const std::map<int64_t, std::pair<uint32_t, uint32_t>> wanted = {{1, {10, 4}}, {3, {10, 5}}};
  EXPECT_EQ(Seen(inventory), wanted);
  EXPECT_EQ(inventory.gold(), 6);
}

TEST(Inventory, ALargeChangeIsSeenAtOnce) {
  Inventory inventory;
  inventory.OnUpdate({true, true, {{1, 10, 9}}, {}, 5});
  inventory.OnUpdate({false, false, {{2, 20, 1}}, {1}, 1});
  EXPECT_EQ(Seen(inventory).count(1), 1u);
  EXPECT_EQ(inventory.gold(), 5);
  inventory.OnUpdate({false, true, {{3, 20, 1}}, {}, 2});
  EXPECT_EQ(Seen(inventory).count(1), 0u);
  EXPECT_EQ(Seen(inventory).size(), 2u);
  EXPECT_EQ(inventory.gold(), 2);
}

TEST(Inventory, AWholeForgetsWhatWasKnownEvenHalfWay) {
  Inventory inventory;
  inventory.OnUpdate({true, true, {{1, 10, 9}}, {}, 5});
  inventory.OnUpdate({true, false, {{2, 20, 1}}, {}, 5});
  inventory.OnUpdate({true, true, {{3, 30, 1}}, {}, 5});
  const std::map<int64_t, std::pair<uint32_t, uint32_t>> wanted = {{3, {30, 1}}};
  EXPECT_EQ(Seen(inventory), wanted);
}

TEST(Inventory, AChangeBeforeTheWholeCountsForNothing) {
  Inventory inventory;
  inventory.OnUpdate({false, true, {{9, 1, 1}}, {}, 50});
  EXPECT_FALSE(inventory.known());
  EXPECT_EQ(inventory.gold(), 0);
  inventory.OnUpdate({true, true, {{1, 10, 9}}, {}, 5});
  EXPECT_EQ(Seen(inventory).size(), 1u);
}

TEST(Inventory, FollowsAModelThroughRandomChanges) {
  constexpr uint64_t kSeed = 3;
  core::Random random(kSeed);
  Inventory inventory;
  std::map<int64_t, std::pair<uint32_t, uint32_t>> model;
  inventory.OnUpdate({true, true, {}, {}, 0});
  for (int step = 0; step < 2'000; ++step) {
    InventoryUpdate update;
    update.gold = step;
    for (uint64_t n = random.Below(4); n > 0; --n) {
      const auto id = static_cast<int64_t>(random.Below(60));
      if (random.Chance(0.4)) {
        update.gone.push_back(id);
      } else {
        update.items.push_back({id, 7, static_cast<uint32_t>(1 + random.Below(99))});
      }
    }
    for (int64_t id : update.gone) model.erase(id);
    for (const Item& item : update.items) model[item.item_id] = {item.definition, item.quantity};
    inventory.OnUpdate(update);
    ASSERT_EQ(Seen(inventory), model) << "step " << step;
    ASSERT_TRUE(std::is_sorted(inventory.items().begin(), inventory.items().end(),
                               [](const auto& a, const auto& b) { return a.item_id < b.item_id; }));
  }
  EXPECT_EQ(inventory.gold(), 1'999);
}

TEST(TradeOffers, StandFromOfferedToClosed) {
  Inventory inventory;
  inventory.OnOffered({7, 70, {{1, 10, 2}}, 3, {4, 5}, 6});
  inventory.OnOffered({8, 80, {}, 0, {}, 0});
  ASSERT_EQ(inventory.offers().size(), 2u);
  const TradeOffer& first = inventory.offers()[0];
  EXPECT_EQ(first.trade_id, 7u);
  EXPECT_EQ(first.entity_id, 70u);
  ASSERT_EQ(first.get.size(), 1u);
  EXPECT_EQ(first.get[0].definition, 10u);
  EXPECT_EQ(first.get_gold, 3);
  EXPECT_EQ(first.give_items, (std::vector<int64_t>{4, 5}));
  EXPECT_EQ(first.give_gold, 6);
  inventory.OnClosed({7, ActionReason::kDeclined});
  ASSERT_EQ(inventory.offers().size(), 1u);
  EXPECT_EQ(inventory.offers()[0].trade_id, 8u);
  inventory.OnClosed({7, ActionReason::kNone});
  EXPECT_EQ(inventory.offers().size(), 1u);
}

TEST(TradeOffers, ToldTwiceStandOnce) {
  Inventory inventory;
  inventory.OnOffered({7, 70, {}, 1, {}, 0});
  inventory.OnOffered({7, 70, {}, 2, {}, 0});
  ASSERT_EQ(inventory.offers().size(), 1u);
  EXPECT_EQ(inventory.offers()[0].get_gold, 2);
}

}  // namespace
}  // namespace bluemarble::client
