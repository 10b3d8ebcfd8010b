// Stacks in one inventory: split and merge.
#include "services/items/actions.h"

namespace bluemarble::items {

using persistence::Refusal;

Refusal ItemActions::Plan(Inventory& own, const protocol::Split& what, InFlight& plan) {
  const HeldItem* item = nullptr;
  if (const Refusal refusal = CheckHeld(own, what.item_id, item); refusal != Refusal::kNone)
    return refusal;
  if (what.quantity == 0 || what.quantity >= item->quantity) return Refusal::kBadAmount;
  if (own.items.size() + own.incoming >= settings_.game.max_items) return Refusal::kInventoryFull;
  persistence::ItemChange& change =
      plan.Add(persistence::ItemOp::kSplit, {item->definition, item->quantity});
  change.item_id = item->item_id;
  change.expected_version = item->version;
  change.from_holder = change.to_holder = own.player_id;
  change.definition = item->definition;
  change.quantity = what.quantity;
  plan.own_incoming = 1;
  return Refusal::kNone;
}

Refusal ItemActions::Plan(Inventory& own, const protocol::Merge& what, InFlight& plan) {
  if (what.item_id == what.from_item_id) return Refusal::kInvalid;
  const HeldItem* item = nullptr;
  const HeldItem* from = nullptr;
  if (const Refusal refusal = CheckHeld(own, what.item_id, item); refusal != Refusal::kNone)
    return refusal;
  if (const Refusal refusal = CheckHeld(own, what.from_item_id, from); refusal != Refusal::kNone)
    return refusal;
  const game::ItemDefinition* definition = catalogue_.Find(item->definition);
  // How many of an unknown kind make a stack is not known either.
  if (item->definition != from->definition || definition == nullptr) return Refusal::kInvalid;
  const uint64_t sum = uint64_t{item->quantity} + from->quantity;
  if (sum > definition->max_stack) return Refusal::kBadAmount;
  persistence::ItemChange& change =
      plan.Add(persistence::ItemOp::kMerge, {item->definition, static_cast<uint32_t>(sum)});
  change.item_id = item->item_id;
  change.expected_version = item->version;
  change.other_item_id = from->item_id;
  change.other_version = from->version;
  change.from_holder = change.to_holder = own.player_id;
  return Refusal::kNone;
}

}  // namespace bluemarble::items
