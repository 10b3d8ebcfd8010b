#include "services/items/inventory.h"

#include <algorithm>

#include "core/hash.h"

namespace bluemarble::items {
namespace {

bool Before(const HeldItem& item, int64_t item_id) { return item.item_id < item_id; }

}  // namespace

HeldItem* Inventory::Find(int64_t item_id) {
  const auto at = std::lower_bound(items.begin(), items.end(), item_id, Before);
  return at != items.end() && at->item_id == item_id ? &*at : nullptr;
}

const HeldItem* Inventory::Find(int64_t item_id) const {
  return const_cast<Inventory*>(this)->Find(item_id);
}

void Inventory::Put(const HeldItem& item) {
  const auto at = std::lower_bound(items.begin(), items.end(), item.item_id, Before);
  if (at != items.end() && at->item_id == item.item_id) {
    *at = item;
  } else {
    items.insert(at, item);
  }
}

bool Inventory::Take(int64_t item_id) {
  const HeldItem* found = Find(item_id);
  if (found == nullptr) return false;
  items.erase(items.begin() + (found - items.data()));
  gone[gone_at++ % kLately] = item_id;
  return true;
}

bool Inventory::HadLately(int64_t item_id) const {
  return std::find(gone.begin(), gone.end(), item_id) != gone.end();
}

Inventories::Inventories(uint32_t sessions, uint32_t max_items)
    : max_items_(max_items), slots_(sessions) {
  by_player_.reserve(sessions);
  by_entity_.reserve(sessions);
}

Inventory& Inventories::Open(const session::Session& session, int64_t gold,
                             std::span<const HeldItem> items) {
  if (Inventory* older = OfPlayer(session.player_id)) Close(*older);
  Inventory& inventory = slots_[session.id.index];
  if (inventory.player_id != 0) Close(inventory);
  inventory.player_id = session.player_id;
  inventory.epoch = session.epoch;
  inventory.session = session.id;
  inventory.gold = gold;
  // One more than it may hold, so that a row too many costs no allocation in the tick.
  inventory.items.reserve(std::max<size_t>(max_items_, items.size()) + 1);
  inventory.items.assign(items.begin(), items.end());
  std::sort(inventory.items.begin(), inventory.items.end(),
            [](const HeldItem& a, const HeldItem& b) { return a.item_id < b.item_id; });
  by_player_[session.player_id] = session.id.index;
  used_ = std::max(used_, session.id.index + 1);
  return inventory;
}

void Inventories::Enter(Inventory& inventory, core::EntityId entity) {
  inventory.entity = entity;
  by_entity_[entity.bits] = inventory.session.index;
}

void Inventories::Close(Inventory& inventory) {
  by_player_.erase(inventory.player_id);
  by_entity_.erase(inventory.entity.bits);
  std::vector<HeldItem> kept = std::move(inventory.items);
  kept.clear();
  inventory = {};
  inventory.items = std::move(kept);
}

Inventory* Inventories::OfPlayer(int64_t player_id) {
  const auto found = by_player_.find(player_id);
  return found != by_player_.end() ? &slots_[found->second] : nullptr;
}

Inventory* Inventories::OfSession(session::SessionId session) {
  if (session.index >= slots_.size()) return nullptr;
  Inventory& inventory = slots_[session.index];
  return inventory.player_id != 0 && inventory.session == session ? &inventory : nullptr;
}

Inventory* Inventories::OfEntity(core::EntityId entity) {
  const auto found = by_entity_.find(entity.bits);
  return entity && found != by_entity_.end() ? &slots_[found->second] : nullptr;
}

uint64_t Inventories::Hash() const {
  uint64_t hash = by_player_.size();
  const auto add = [&hash](auto value) {
    hash = core::HashCombine(hash, static_cast<uint64_t>(value));
  };
  for (const Inventory& inventory : slots()) {
    if (inventory.player_id == 0) continue;
    add(inventory.player_id);
    add(inventory.gold);
    add(inventory.reserved_gold);
    add(inventory.incoming);
    for (const HeldItem& item : inventory.items) {
      add(item.item_id);
      add(item.version);
      add(uint64_t{item.definition} << 32 | item.quantity);
      add(item.reserved ? 1 : 0);
    }
  }
  return hash;
}

}  // namespace bluemarble::items
