#include "trader.h"

#include <algorithm>
#include <cstring>

namespace bluemarble::support {

void Trader::Connect(SimWorld& world) {
  if (player_ != nullptr && !ended()) return;
  player_ = &world.Join(name_);
  player_->Stand();
  asked_again_ = false;
}

void Trader::TakeAnswers() {
  client::ClientCore& core = player_->core();
  ActionAnswer answer;
  while (core.actions().NextAnswer(answer)) {
    if (answer.outcome == ActionOutcome::kUnknown) continue;
    ToldAction told{core.welcome()->player_id, {}, answer.outcome};
    std::memcpy(told.key.data(), answer.key.data(), told.key.size());
    told_.push_back(told);
    std::erase_if(open_, [&](const Action& action) { return action.key == answer.key; });
  }
}

void Trader::Act(SimWorld& world, const std::vector<Trader>& others, double chance) {
  if (player_ == nullptr) return;
  if (player_->core().welcome() != nullptr) TakeAnswers();
  if (!playing() || !player_->core().inventory().known()) return;
  if (!asked_again_) {
    asked_again_ = true;
    for (Action action : open_) (void)player_->core().Act(action);
  }
  for (const TradeOffer& offer : player_->core().inventory().offers()) {
    if (!random_.Chance(0.1)) continue;
    if (random_.Chance(0.3)) {
      player_->core().DeclineTrade(offer.trade_id);
      break;
    }
    Action accept{.kind = ActionKind::kAcceptTrade, .trade_id = offer.trade_id};
    accept.key = player_->core().Act(accept);
    if (accept.key != ActionKey{}) open_.push_back(accept);
    break;
  }
  constexpr size_t kMostOpen = 6;
  if (!random_.Chance(chance) || open_.size() >= kMostOpen) return;
  const Trader& other = others[random_.Below(others.size())];
  Action action = Choose(world, other);
  action.key = player_->core().Act(action);
  if (action.key == ActionKey{}) return;
  open_.push_back(action);
  if (random_.Chance(0.1)) (void)player_->core().Act(action);  // doubled at once
}

void Trader::Rest() {
  if (player_ == nullptr || player_->core().welcome() == nullptr) return;
  TakeAnswers();
  if (!playing() || !player_->core().inventory().known()) return;
  if (!asked_again_) {
    asked_again_ = true;
    for (Action action : open_) (void)player_->core().Act(action);
  }
  const std::vector<TradeOffer> offers = player_->core().inventory().offers();
  for (const TradeOffer& offer : offers) player_->core().DeclineTrade(offer.trade_id);
}

Action Trader::Choose(SimWorld& world, const Trader& other) {
  const std::vector<InventoryItem>& own = player_->core().inventory().items();
  const auto any = [&](const std::vector<InventoryItem>& from) {
    return from.empty() ? int64_t{1} : from[random_.Below(from.size())].item_id;
  };
  Action action;
  action.entity_id = other.entity();
  switch (random_.Below(7)) {
    case 0:
    case 1: {
      action.kind = ActionKind::kPickUp;
      const auto ids = world.zone().items().ground().items().ids();
      action.entity_id = ids.empty() ? 77 : ids[random_.Below(ids.size())].bits;
      break;
    }
    case 2:
      action.kind = ActionKind::kDrop;
      action.items = {any(own)};
      break;
    case 3:
      action.kind = ActionKind::kGive;
      if (random_.Chance(0.6)) action.items = {any(own)};
      action.gold = static_cast<int64_t>(random_.Below(40));
      break;
    case 4:
      action.kind = ActionKind::kOfferTrade;
      if (random_.Chance(0.7)) action.items = {any(own)};
      if (other.playing() && random_.Chance(0.7))
        action.want_items = {any(other.player_->core().inventory().items())};
      action.gold = static_cast<int64_t>(random_.Below(30));
      action.want_gold = static_cast<int64_t>(random_.Below(30));
      break;
    case 5: {
      action.kind = ActionKind::kSplit;
      action.items = {any(own)};
      action.quantity = static_cast<uint32_t>(random_.Below(10));
      break;
    }
    default:
      action.kind = ActionKind::kMerge;
      action.items = {any(own), any(own)};
      for (const InventoryItem& a : own) {
        for (const InventoryItem& b : own) {
          if (a.item_id != b.item_id && a.definition == b.definition && random_.Chance(0.3))
            action.items = {a.item_id, b.item_id};
        }
      }
      break;
  }
  return action;
}

}  // namespace bluemarble::support
