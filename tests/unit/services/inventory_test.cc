#include "services/items/inventory.h"

#include <gtest/gtest.h>

#include "services/items/amounts.h"
#include "services/items/catalogue_json.h"

namespace bluemarble::items {
namespace {

session::Session SessionOf(uint32_t index, int64_t player_id) {
  session::Session session;
  session.id = {index, 1};
  session.player_id = player_id;
  session.epoch = 4;
  return session;
}

TEST(Inventories, AreFoundByPlayerSessionAndEntityUntilTheyAreClosed) {
  Inventories inventories(8, 4);
  const HeldItem rows[] = {{9, 1, 1, 5, false}, {3, 2, 1, 6, false}};
  Inventory& mine = inventories.Open(SessionOf(2, 77), 50, rows);
  EXPECT_EQ(mine.items.front().item_id, 3);
  EXPECT_EQ(inventories.OfPlayer(77), &mine);
  EXPECT_EQ(inventories.OfSession({2, 1}), &mine);
  EXPECT_EQ(inventories.OfSession({2, 2}), nullptr);
  EXPECT_EQ(inventories.OfEntity({5}), nullptr);
  inventories.Enter(mine, {5});
  EXPECT_EQ(inventories.OfEntity({5}), &mine);
  inventories.Close(mine);
  EXPECT_EQ(inventories.OfPlayer(77), nullptr);
  EXPECT_EQ(inventories.OfEntity({5}), nullptr);
  EXPECT_EQ(inventories.size(), 0u);
}

TEST(Inventories, TheLastLoginOfAPlayerIsTheOneThatCounts) {
  Inventories inventories(8, 4);
  inventories.Open(SessionOf(2, 77), 50, {});
  Inventory& newer = inventories.Open(SessionOf(3, 77), 60, {});
  EXPECT_EQ(inventories.OfPlayer(77), &newer);
  EXPECT_EQ(inventories.OfSession({2, 1}), nullptr);
  EXPECT_EQ(inventories.size(), 1u);
}

TEST(Inventory, KeepsItsItemsInOrderAndEachOnce) {
  Inventory inventory;
  for (const int64_t id : {5, 1, 9, 5}) inventory.Put({id, id * 10, 1, 1, false});
  ASSERT_EQ(inventory.items.size(), 3u);
  EXPECT_EQ(inventory.items[1].item_id, 5);
  EXPECT_TRUE(inventory.Take(5));
  EXPECT_FALSE(inventory.Take(5));
  EXPECT_EQ(inventory.Find(9)->version, 90);
  EXPECT_EQ(inventory.Find(5), nullptr);
}

TEST(Inventories, TheHashFollowsWhatIsHeldAndWhatIsReserved) {
  Inventories inventories(8, 4);
  Inventory& mine = inventories.Open(SessionOf(0, 77), 50, {});
  const uint64_t empty = inventories.Hash();
  mine.Put({5, 1, 1, 1, false});
  const uint64_t one = inventories.Hash();
  EXPECT_NE(one, empty);
  mine.Find(5)->reserved = true;
  EXPECT_NE(inventories.Hash(), one);
}

TEST(Amounts, OfOneActionAreFromZeroToTheLargestInt32) {
  EXPECT_TRUE(IsAmount(0));
  EXPECT_TRUE(IsAmount(2'147'483'647));
  EXPECT_FALSE(IsAmount(2'147'483'648));
  EXPECT_FALSE(IsAmount(-1));
  EXPECT_TRUE(MayReceive(kMaxBalance - kMaxAmount, kMaxAmount));
  EXPECT_FALSE(MayReceive(kMaxBalance, 1));
}

TEST(CatalogueJson, ListsTheItemsByNumberAndEscapesTheirTitles) {
  const game::Catalogue catalogue(
      {{2, "sword", "A \"sharp\" \\ sword", 1, 0, 0}, {1, "bread", "Bread", 20, 3, 1}});
  EXPECT_EQ(CatalogueJson(catalogue),
            "{\"items\":[{\"id\":1,\"name\":\"bread\",\"title\":\"Bread\",\"max_stack\":20},"
            "{\"id\":2,\"name\":\"sword\",\"title\":\"A \\\"sharp\\\" \\\\ sword\","
            "\"max_stack\":1}]}\n");
}

}  // namespace
}  // namespace bluemarble::items
