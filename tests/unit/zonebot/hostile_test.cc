#include "tools/zonebot/hostile.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace bluemarble::zonebot {
namespace {

const std::vector<InventoryItem> kOwn = {{11, 1, 5}, {12, 2, 1}};
const std::vector<InventoryItem> kTheirs = {{21, 1, 1}};

HostileScene Scene() {
  return {.own = 100,
          .theirs = 200,
          .own_items = kOwn,
          .their_items = kTheirs,
          .own_gold = 50,
          .their_gold = 50};
}

// What an honest player could ask for must not be among them: it would be done.
bool Honest(const Action& a) {
  auto own = [](int64_t id) { return id == 11 || id == 12; };
  const bool items_own = std::all_of(a.items.begin(), a.items.end(), own) &&
                         std::set<int64_t>(a.items.begin(), a.items.end()).size() == a.items.size();
  const bool gold = a.gold >= 0 && a.gold <= 50;
  switch (a.kind) {
    case ActionKind::kPickUp: return a.entity_id == 300;
    case ActionKind::kDrop: return items_own;
    case ActionKind::kGive:
      return a.entity_id == 200 && items_own && gold && (!a.items.empty() || a.gold > 0);
    case ActionKind::kOfferTrade:
      return a.entity_id == 200 && items_own && gold && a.want_gold >= 0 &&
             a.want_items.size() <= 1 && (a.want_items.empty() || a.want_items[0] == 21);
    case ActionKind::kAcceptTrade: return false;
    case ActionKind::kSplit: return items_own && a.quantity > 0 && a.quantity < 5;
    case ActionKind::kMerge: return false;
  }
  return true;
}

TEST(HostileActions, NoneIsWhatAnHonestPlayerCouldAsk) {
  const auto list = HostileActions(Scene());
  EXPECT_GT(list.size(), 50u);
  for (const HostileAction& each : list) EXPECT_FALSE(Honest(each.action)) << each.what;
}

TEST(HostileActions, CoverEveryKindAndEveryBoundOfTheCatalogue) {
  std::set<ActionKind> kinds;
  std::set<int64_t> gold;
  std::set<std::string> names;
  for (const HostileAction& each : HostileActions(Scene())) {
    kinds.insert(each.action.kind);
    gold.insert(each.action.gold);
    EXPECT_TRUE(names.insert(each.what).second) << each.what;
  }
  EXPECT_EQ(kinds.size(), 7u);
  for (const int64_t sum : {int64_t{0}, int64_t{-1}, INT64_MAX, INT64_MIN})
    EXPECT_TRUE(gold.contains(sum)) << sum;
}

TEST(HostileActions, NeedNoItems) {
  HostileScene scene = Scene();
  scene.own_items = scene.their_items = {};
  EXPECT_GT(HostileActions(scene).size(), 20u);
}

}  // namespace
}  // namespace bluemarble::zonebot
