// Gifts: items and gold to another player, nothing in return.
#include <algorithm>

#include "services/items/actions.h"
#include "services/items/amounts.h"

namespace bluemarble::items {

using persistence::Refusal;

Refusal ItemActions::FindOther(const Inventory& own, uint32_t entity_id, Inventory*& other) {
  const core::EntityId entity{entity_id};
  other = inventories_.OfEntity(entity);
  if (other == nullptr)
    return parts_.world.Alive(entity) ? Refusal::kNoSuchItem : Refusal::kOffline;
  if (other->player_id == own.player_id) return Refusal::kInvalid;
  return Within(own.entity, entity, settings_.game.trade_reach_m) ? Refusal::kNone
                                                                  : Refusal::kTooFar;
}

Refusal ItemActions::Plan(Inventory& own, const protocol::Give& what, InFlight& plan) {
  if (!IsAmount(what.gold)) return Refusal::kBadAmount;
  if (what.gold == 0 && what.item_ids.empty()) return Refusal::kBadAmount;
  if (HasRepeats(what.item_ids)) return Refusal::kInvalid;
  Inventory* other = nullptr;
  if (const Refusal refusal = FindOther(own, what.entity_id, other); refusal != Refusal::kNone)
    return refusal;
  if (own.free_gold() < what.gold) return Refusal::kInsufficient;
  if (!MayReceive(other->gold, what.gold)) return Refusal::kBadAmount;
  for (const int64_t item_id : what.item_ids) {
    const HeldItem* item = nullptr;
    if (const Refusal refusal = CheckHeld(own, item_id, item); refusal != Refusal::kNone)
      return refusal;
    PlanMove(*item, own.player_id, other->player_id, plan);
  }
  if (!what.item_ids.empty() &&
      other->items.size() + other->incoming + what.item_ids.size() > settings_.game.max_items)
    return Refusal::kInventoryFull;
  plan.request.other_id = other->player_id;
  plan.request.other_epoch = other->epoch;
  plan.request.gold = what.gold;
  plan.own_gold = what.gold;
  plan.other_incoming = static_cast<uint32_t>(what.item_ids.size());
  return Refusal::kNone;
}

}  // namespace bluemarble::items
