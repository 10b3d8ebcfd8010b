// Which refusals an honest client cannot cause. It knows what it holds and what it sees, but late:
// things may just have gone, and everybody walks while a message travels. What such a race explains
// is no violation.
#include <algorithm>

#include "services/items/actions.h"
#include "services/items/amounts.h"

namespace bluemarble::items {

using persistence::Refusal;
using session::Violation;

namespace {

// A message that was lost twice is two seconds old; so may be what the player saw, and both may
// have walked apart.
constexpr double kRaceS = 4;
// No catalogue has larger stacks (game::kMaxStack is below).
constexpr uint32_t kNoStack = 1'000'000;

bool Gone(const Inventory& own, int64_t item_id) {
  return own.Find(item_id) == nullptr && !own.HadLately(item_id);
}
bool AnyGone(const Inventory& own, std::span<const int64_t> items) {
  return std::any_of(items.begin(), items.end(), [&](int64_t id) { return Gone(own, id); });
}

}  // namespace

bool ItemActions::OutOfAnyReach(const Inventory& own, uint32_t entity_id, double reach_m) const {
  const core::EntityId entity{entity_id};
  const double farthest_m = reach_m + kRaceS * settings_.game.player_limits.max_speed_mps;
  return parts_.world.Alive(entity) && !Within(own.entity, entity, farthest_m);
}

// A client sees the kind of whatever it sees.
bool ItemActions::IsOtherThan(uint32_t entity_id, world::Kind kind) const {
  const core::EntityId entity{entity_id};
  const world::World& world = parts_.world;
  if (entity.index() >= world.capacity()) return true;
  return world.Alive(entity) && world.kinds()[world.RowOf(entity)] != kind;
}

Suspicion ItemActions::Suspect(const Inventory& own, const protocol::PickUp& what,
                               Refusal refusal) const {
  if (refusal == Refusal::kTooFar && OutOfAnyReach(own, what.entity_id, settings_.game.reach_m))
    return Violation::kActionReach;
  if (refusal == Refusal::kNoSuchItem && IsOtherThan(what.entity_id, world::Kind::kItem))
    return Violation::kActionInvalid;
  return {};
}

Suspicion ItemActions::Suspect(const Inventory& own, const protocol::Drop& what, Refusal) const {
  return Gone(own, what.item_id) ? Suspicion(Violation::kActionOwnership) : std::nullopt;
}

Suspicion ItemActions::SuspectToward(const Inventory& own, uint32_t entity_id,
                                     std::span<const int64_t> items, Refusal refusal) const {
  if (refusal == Refusal::kInvalid) return Violation::kActionInvalid;
  if (refusal == Refusal::kTooFar && OutOfAnyReach(own, entity_id, settings_.game.trade_reach_m))
    return Violation::kActionReach;
  if (refusal == Refusal::kNoSuchItem && IsOtherThan(entity_id, world::Kind::kPlayer))
    return Violation::kActionInvalid;
  if (AnyGone(own, items)) return Violation::kActionOwnership;
  return {};
}

Suspicion ItemActions::Suspect(const Inventory& own, const protocol::Give& what,
                               Refusal refusal) const {
  if (!IsAmount(what.gold) || (what.gold == 0 && what.item_ids.empty()))
    return Violation::kActionAmount;
  return SuspectToward(own, what.entity_id, what.item_ids, refusal);
}

Suspicion ItemActions::Suspect(const Inventory& own, const protocol::OfferTrade& what,
                               Refusal refusal) const {
  if (!IsAmount(what.give_gold) || !IsAmount(what.want_gold)) return Violation::kActionAmount;
  return SuspectToward(own, what.entity_id, what.give_item_ids, refusal);
}

Suspicion ItemActions::Suspect(const Inventory& own, const protocol::AcceptTrade& what,
                               Refusal) const {
  const Offer* offer = trades_.Find(what.trade_id);
  return offer != nullptr && offer->to != own.player_id ? Suspicion(Violation::kActionOwnership)
                                                        : std::nullopt;
}

Suspicion ItemActions::Suspect(const Inventory& own, const protocol::Split& what, Refusal) const {
  if (what.quantity == 0 || what.quantity > kNoStack) return Violation::kActionAmount;
  return Gone(own, what.item_id) ? Suspicion(Violation::kActionOwnership) : std::nullopt;
}

Suspicion ItemActions::Suspect(const Inventory& own, const protocol::Merge& what, Refusal) const {
  if (what.item_id == what.from_item_id) return Violation::kActionInvalid;
  return Gone(own, what.item_id) || Gone(own, what.from_item_id)
             ? Suspicion(Violation::kActionOwnership)
             : std::nullopt;
}

}  // namespace bluemarble::items
