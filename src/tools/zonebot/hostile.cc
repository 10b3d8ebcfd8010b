#include "tools/zonebot/hostile.h"

#include <cstdint>
#include <utility>

namespace bluemarble::zonebot {
namespace {

constexpr int64_t kInt64Max = INT64_MAX, kInt64Min = INT64_MIN, kInt31 = int64_t{1} << 31;
constexpr uint32_t kNoEntity = 0xfffffffe;

class List {
 public:
  Action& Add(std::string what, ActionKind kind) {
    list_.push_back({std::move(what), {}});
    list_.back().action.kind = kind;
    return list_.back().action;
  }
  std::vector<HostileAction> Take() { return std::move(list_); }

 private:
  std::vector<HostileAction> list_;
};

void AddGold(List& list, const HostileScene& s) {
  const std::pair<const char*, int64_t> sums[] = {
      {"0", 0},
      {"-1", -1},
      {"2^31 more than there is",
       s.own_gold > INT64_MAX - kInt31 ? kInt64Max : s.own_gold + kInt31},
      {"2^63-1", kInt64Max},
      {"-2^63", kInt64Min}};
  for (const auto& [name, sum] : sums) {
    Action& give = list.Add(std::string("give gold ") + name, ActionKind::kGive);
    give.entity_id = s.theirs;
    give.gold = sum;
    if (sum == 0) continue;
    Action& offer = list.Add(std::string("offer gold ") + name, ActionKind::kOfferTrade);
    offer.entity_id = s.theirs;
    offer.gold = sum;
    offer.want_gold = 1;
  }
  for (const int64_t sum : {int64_t{-1}, kInt64Min}) {
    Action& offer = list.Add("want gold " + std::to_string(sum), ActionKind::kOfferTrade);
    offer.entity_id = s.theirs;
    offer.gold = s.own_gold > 0 ? 1 : 0;
    offer.want_gold = sum;
  }
  Action& both = list.Add("offer whose sums overflow", ActionKind::kOfferTrade);
  both.entity_id = s.theirs;
  both.gold = kInt64Max;
  both.want_gold = kInt64Min;
}

void AddPlaces(List& list, const HostileScene& s) {
  for (const uint32_t entity : {uint32_t{0}, s.own, s.theirs, kNoEntity})
    list.Add("pick up entity " + std::to_string(entity), ActionKind::kPickUp).entity_id = entity;
  Action& self = list.Add("give gold to self", ActionKind::kGive);
  self.entity_id = s.own;
  self.gold = 1;
  Action& nobody = list.Add("give gold to nobody", ActionKind::kGive);
  nobody.entity_id = kNoEntity;
  nobody.gold = 1;
  for (const uint64_t trade : {uint64_t{0}, uint64_t{1} << 63, UINT64_MAX})
    list.Add("accept trade " + std::to_string(trade), ActionKind::kAcceptTrade).trade_id = trade;
  Action& offer = list.Add("offer to self", ActionKind::kOfferTrade);
  offer.entity_id = s.own;
  offer.want_gold = 1;
}

void AddForeign(List& list, const HostileScene& s) {
  std::vector<std::pair<std::string, int64_t>> ids = {
      {"0", 0}, {"-1", -1}, {"2^63-1", kInt64Max}, {"-2^63", kInt64Min}};
  if (!s.their_items.empty()) ids.emplace_back("of another", s.their_items.front().item_id);
  for (const auto& [name, id] : ids) {
    list.Add("drop item " + name, ActionKind::kDrop).items = {id};
    Action& give = list.Add("give item " + name, ActionKind::kGive);
    give.entity_id = s.theirs;
    give.items = {id};
    Action& split = list.Add("split item " + name, ActionKind::kSplit);
    split.items = {id};
    split.quantity = 1;
    list.Add("merge item " + name, ActionKind::kMerge).items = {id, id};
    Action& offer = list.Add("offer item " + name, ActionKind::kOfferTrade);
    offer.entity_id = s.theirs;
    offer.items = {id};
  }
}

void AddOwn(List& list, const HostileScene& s) {
  const InventoryItem& item = s.own_items.front();
  for (const uint32_t quantity : {uint32_t{0}, item.quantity, item.quantity + 1, UINT32_MAX}) {
    Action& split =
        list.Add("split " + std::to_string(quantity) + " of " + std::to_string(item.quantity),
                 ActionKind::kSplit);
    split.items = {item.item_id};
    split.quantity = quantity;
  }
  list.Add("merge with itself", ActionKind::kMerge).items = {item.item_id, item.item_id};
  Action& self = list.Add("give item to self", ActionKind::kGive);
  self.entity_id = s.own;
  self.items = {item.item_id};
  Action& twice = list.Add("give one item twice", ActionKind::kGive);
  twice.entity_id = s.theirs;
  twice.items = {item.item_id, item.item_id};
  Action& back = list.Add("offer an item for itself", ActionKind::kOfferTrade);
  back.entity_id = s.theirs;
  back.items = {item.item_id};
  back.want_items = {item.item_id};
  Action& mixed = list.Add("give an own item with too much gold", ActionKind::kGive);
  mixed.entity_id = s.theirs;
  mixed.items = {item.item_id};
  mixed.gold = kInt64Max;
  if (!s.their_items.empty()) {
    Action& merge = list.Add("merge another's item into an own one", ActionKind::kMerge);
    merge.items = {item.item_id, s.their_items.front().item_id};
    Action& both = list.Add("give an own and another's item", ActionKind::kGive);
    both.entity_id = s.theirs;
    both.items = {item.item_id, s.their_items.front().item_id};
  }
  for (const InventoryItem& other : s.own_items)
    if (other.definition != item.definition) {
      list.Add("merge different things", ActionKind::kMerge).items = {item.item_id, other.item_id};
      break;
    }
}

}  // namespace

std::vector<HostileAction> HostileActions(const HostileScene& scene) {
  List list;
  AddGold(list, scene);
  AddPlaces(list, scene);
  AddForeign(list, scene);
  if (!scene.own_items.empty()) AddOwn(list, scene);
  return list.Take();
}

}  // namespace bluemarble::zonebot
