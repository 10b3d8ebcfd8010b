#include "client/inventory.h"

#include <algorithm>
#include <utility>

namespace bluemarble::client {
namespace {

using Items = std::vector<InventoryItem>;

Items::iterator Place(Items& items, int64_t item_id) {
  return std::lower_bound(items.begin(), items.end(), item_id,
                          [](const InventoryItem& item, int64_t id) { return item.item_id < id; });
}

void Remove(Items& items, int64_t item_id) {
  const auto place = Place(items, item_id);
  if (place != items.end() && place->item_id == item_id) items.erase(place);
}

void Put(Items& items, const protocol::Item& item) {
  const InventoryItem put{item.item_id, item.definition, item.quantity};
  const auto place = Place(items, item.item_id);
  if (place != items.end() && place->item_id == item.item_id) {
    *place = put;
  } else {
    items.insert(place, put);
  }
}

}  // namespace

void Inventory::OnUpdate(const protocol::InventoryUpdate& update) {
  if (update.whole) {
    next_.clear();
    assembling_ = true;
  } else if (!assembling_) {
    if (!known_) return;
    next_ = items_;
    assembling_ = true;
  }
  for (int64_t id : update.gone) Remove(next_, id);
  for (const protocol::Item& item : update.items) Put(next_, item);
  if (!update.complete) return;
  items_.swap(next_);
  gold_ = update.gold;
  assembling_ = false;
  known_ = true;
}

void Inventory::OnOffered(const protocol::TradeOffered& offered) {
  TradeOffer offer;
  offer.trade_id = offered.trade_id;
  offer.entity_id = offered.entity_id;
  for (const protocol::Item& item : offered.get)
    offer.get.push_back({item.item_id, item.definition, item.quantity});
  offer.get_gold = offered.get_gold;
  offer.give_items = offered.give_item_ids;
  offer.give_gold = offered.give_gold;
  OnClosed({offered.trade_id, ActionReason::kNone});
  offers_.push_back(std::move(offer));
}

void Inventory::OnClosed(const protocol::TradeClosed& closed) {
  std::erase_if(offers_,
                [&](const TradeOffer& offer) { return offer.trade_id == closed.trade_id; });
}

}  // namespace bluemarble::client
