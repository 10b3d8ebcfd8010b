// Trades: an offer is kept until the other player accepts it, declines it, leaves, or time is up.
// Its answers are stored under the offer's own key: a trade that is done under both players' keys,
// a refusal under the offerer's.
#include <algorithm>

#include "persistence/store.h"
#include "services/items/actions.h"
#include "services/items/amounts.h"

namespace bluemarble::items {

using persistence::Completion;
using persistence::Outcome;
using persistence::Refusal;

Refusal ItemActions::Plan(Inventory& own, const protocol::OfferTrade& what, InFlight& plan) {
  if (!IsAmount(what.give_gold) || !IsAmount(what.want_gold)) return Refusal::kBadAmount;
  const bool no_items = what.give_item_ids.empty() && what.want_item_ids.empty();
  if (no_items && what.give_gold == what.want_gold) return Refusal::kBadAmount;
  Offer offer;
  offer.gives = static_cast<uint32_t>(what.give_item_ids.size());
  offer.wants = static_cast<uint32_t>(what.want_item_ids.size());
  std::array<int64_t, 2 * kMaxTradeItems> all{};
  std::copy(what.give_item_ids.begin(), what.give_item_ids.end(), all.begin());
  std::copy(what.want_item_ids.begin(), what.want_item_ids.end(), all.begin() + offer.gives);
  if (HasRepeats(std::span(all).first(offer.gives + offer.wants))) return Refusal::kInvalid;
  Inventory* other = nullptr;
  if (const Refusal refusal = FindOther(own, what.entity_id, other); refusal != Refusal::kNone)
    return refusal;
  if (own.gold < what.give_gold) return Refusal::kInsufficient;
  for (const int64_t item_id : what.give_item_ids) {
    if (own.Find(item_id) == nullptr) return Refusal::kNotHolder;
  }
  for (const int64_t item_id : what.want_item_ids) {
    if (other->Find(item_id) == nullptr) return Refusal::kNotHolder;
  }
  const Trades::Count count = trades_.CountOf(own.player_id, other->player_id);
  if (count.to_the_same || count.offers >= settings_.game.max_offers) return Refusal::kBusy;

  offer.state = OfferState::kProbing;
  offer.from = own.player_id;
  offer.to = other->player_id;
  offer.from_session = own.session;
  offer.to_session = other->session;
  offer.key = plan.request.key;
  offer.digest = plan.request.digest;
  offer.owed = 1;
  std::copy(what.give_item_ids.begin(), what.give_item_ids.end(), offer.give.begin());
  std::copy(what.want_item_ids.begin(), what.want_item_ids.end(), offer.want.begin());
  offer.give_gold = what.give_gold;
  offer.want_gold = what.want_gold;
  const Offer* kept = trades_.Add(offer);
  if (kept == nullptr) return Refusal::kUnavailable;
  plan.trade_id = kept->id;
  // Only a question: the same offer may have been answered before, over another connection.
  return Refusal::kBusy;
}

void ItemActions::OnOfferDone(InFlight& action, const Completion& done) {
  const bool unheard_of =
      done.outcome == Outcome::kRefused && done.refusal == Refusal::kBusy && !done.repeated;
  Offer* offer = trades_.Find(action.trade_id);
  if (offer != nullptr && offer->state == OfferState::kClosing) {
    // The refusal that this asked to be stored; or what had been stored before it.
    AnswerOffer(*offer, done.outcome, done.refusal, done.repeated != 0);
    trades_.Remove(*offer);
    return;
  }
  if (offer != nullptr) {  // the question whether the key is new
    if (unheard_of && !action.told_unknown) {
      Stand(*offer);
      return;
    }
    // Told unknown: the client asks again, as if nothing had been offered.
    trades_.Remove(*offer);
  } else if (unheard_of && !action.told_unknown) {
    // A repetition: it is answered with the first one, if that still stands.
    Offer* first = trades_.FindByKey(action.request.player_id, action.request.key);
    if (first != nullptr && first->digest == action.request.digest) {
      ++first->owed;
      return;
    }
    if (first != nullptr) {
      Answer(action, Outcome::kRefused, Refusal::kKeyReused, false, 0);
      return;
    }
  }
  if (!action.told_unknown) AnswerDone(action, done);
}

void ItemActions::Stand(Offer& offer) {
  if (offer.spoiled != Refusal::kNone) {
    Close(offer, offer.spoiled);
    return;
  }
  offer.state = OfferState::kStanding;
  offer.expires = now_ + offer_ticks_;
  stats_.offers_made.Add();
  const Inventory* from = inventories_.OfSession(offer.from_session);
  if (from == nullptr || inventories_.OfSession(offer.to_session) == nullptr) {
    Close(offer, Refusal::kOffline);
    return;
  }
  if (!TellOffered(offer, *from)) Close(offer, Refusal::kNotHolder);
}

bool ItemActions::TellOffered(const Offer& offer, const Inventory& from) {
  protocol::TradeOffered offered;
  offered.trade_id = offer.id;
  offered.entity_id = from.entity.bits;
  for (const int64_t item_id : offer.given()) {
    const HeldItem* item = from.Find(item_id);
    if (item == nullptr) return false;
    offered.get.push_back({item_id, item->definition, item->quantity});
  }
  offered.get_gold = offer.give_gold;
  offered.give_item_ids.assign(offer.wanted().begin(), offer.wanted().end());
  offered.give_gold = offer.want_gold;
  sender_->SendTo(offer.to_session, offered);
  return true;
}

Refusal ItemActions::Plan(Inventory& own, const protocol::AcceptTrade& what, InFlight& plan) {
  Offer* offer = trades_.Find(what.trade_id);
  if (offer == nullptr || !(offer->to_session == own.session)) return Refusal::kNoSuchItem;
  if (offer->state == OfferState::kProbing) return Refusal::kNoSuchItem;
  if (offer->state == OfferState::kAccepting) return Refusal::kBusy;
  if (offer->state == OfferState::kClosing) return Refusal::kDeclined;
  Inventory* other = inventories_.OfSession(offer->from_session);
  if (other == nullptr) return Refusal::kOffline;
  if (!Within(own.entity, other->entity, settings_.game.trade_reach_m)) return Refusal::kTooFar;
  Refusal others_fault = Refusal::kNone;
  const Refusal refusal = PlanTrade(own, *other, *offer, plan, others_fault);
  if (others_fault != Refusal::kNone) {
    stats_.offers_dropped.Add();
    Close(*offer, others_fault);
    return Refusal::kDeclined;
  }
  if (refusal != Refusal::kNone) return refusal;
  plan.trade_id = offer->id;
  offer->state = OfferState::kAccepting;
  return Refusal::kNone;
}

Refusal ItemActions::PlanTrade(Inventory& own, Inventory& other, const Offer& offer, InFlight& plan,
                               Refusal& others_fault) {
  const HeldItem* item = nullptr;
  for (const int64_t item_id : offer.wanted()) {
    if (const Refusal refusal = CheckHeld(own, item_id, item); refusal != Refusal::kNone)
      return refusal;
    PlanMove(*item, own.player_id, other.player_id, plan);
  }
  for (const int64_t item_id : offer.given()) {
    const Refusal refusal = CheckHeld(other, item_id, item);
    if (refusal == Refusal::kNotHolder) others_fault = refusal;
    if (refusal != Refusal::kNone) return refusal;
    PlanMove(*item, other.player_id, own.player_id, plan);
  }
  if (own.free_gold() < offer.want_gold) return Refusal::kInsufficient;
  if (other.gold < offer.give_gold) others_fault = Refusal::kInsufficient;
  if (other.free_gold() < offer.give_gold) return Refusal::kBusy;
  if (!MayReceive(own.gold, offer.give_gold) || !MayReceive(other.gold, offer.want_gold))
    return Refusal::kBadAmount;
  const uint32_t own_more = offer.gives > offer.wants ? offer.gives - offer.wants : 0;
  const uint32_t other_more = offer.wants > offer.gives ? offer.wants - offer.gives : 0;
  const auto fits = [this](const Inventory& inventory, uint32_t more) {
    return more == 0 ||
           inventory.items.size() + inventory.incoming + more <= settings_.game.max_items;
  };
  if (!fits(own, own_more)) return Refusal::kInventoryFull;
  if (!fits(other, other_more)) {
    others_fault = Refusal::kInventoryFull;
    return Refusal::kInventoryFull;
  }
  persistence::ActionRequest& request = plan.request;
  request.other_id = other.player_id;
  request.other_epoch = other.epoch;
  request.other_key = offer.key;
  request.other_digest = offer.digest;
  request.gold = offer.want_gold - offer.give_gold;
  plan.own_gold = offer.want_gold;
  plan.other_gold = offer.give_gold;
  plan.own_incoming = own_more;
  plan.other_incoming = other_more;
  return Refusal::kNone;
}

void ItemActions::OnAcceptDone(Offer& offer, const InFlight& action, const Completion& done) {
  if (!action.carries || offer.state != OfferState::kAccepting) return;
  if (done.outcome == Outcome::kUnknown) return;
  if (done.outcome == Outcome::kOk && !done.repeated) {
    stats_.offers_done.Add();
    AnswerOffer(offer, Outcome::kOk, Refusal::kNone, false);
    TellClosed(offer, Refusal::kNone);
    trades_.Remove(offer);
  } else if (!done.repeated && persistence::IsFinal(done.refusal)) {
    stats_.offers_dropped.Add();  // stored under the offer's key as well
    AnswerOffer(offer, Outcome::kRefused, done.refusal, false);
    TellClosed(offer, done.refusal);
    trades_.Remove(offer);
  } else {
    StandAgain(offer);
  }
}

void ItemActions::StandAgain(Offer& offer) {
  offer.state = OfferState::kStanding;
  if (inventories_.OfSession(offer.from_session) != nullptr &&
      inventories_.OfSession(offer.to_session) != nullptr)
    return;
  stats_.offers_dropped.Add();
  Close(offer, Refusal::kOffline);
}

void ItemActions::Close(Offer& offer, Refusal reason) {
  offer.state = OfferState::kClosing;
  TellClosed(offer, reason);
  InFlight question;
  question.kind = ActionKind::kOfferTrade;
  question.trade_id = offer.id;
  question.session = offer.from_session;
  question.request.player_id = offer.from;
  question.request.key = offer.key;
  question.request.digest = offer.digest;
  question.request.tick = now_;
  question.request.refuse_with = reason;
  if (Ask(question)) return;
  AnswerOffer(offer, Outcome::kRefused, Refusal::kUnavailable, false);
  trades_.Remove(offer);
}

void ItemActions::AnswerOffer(Offer& offer, Outcome outcome, Refusal reason, bool repeated) {
  for (; offer.owed != 0; --offer.owed) {
    Answer(offer.from_session, ActionKind::kOfferTrade, offer.key, outcome, reason, repeated, 0);
  }
}

void ItemActions::TellClosed(const Offer& offer, Refusal reason) {
  sender_->SendTo(offer.to_session,
                  protocol::TradeClosed{offer.id, static_cast<ActionReason>(reason)});
}

void ItemActions::ExpireOffers() {
  uint32_t open = 0;
  trades_.ForEach([&](Offer& offer) {
    if (offer.state == OfferState::kStanding && now_ >= offer.expires) {
      stats_.offers_expired.Add();
      Close(offer, Refusal::kDeclined);
    }
    if (offer.state == OfferState::kStanding) ++open;
  });
  stats_.offers_open.Set(open);
}

void ItemActions::OnDecline(const session::Session& session,
                            const protocol::DeclineTrade& decline) {
  const Inventory* own = inventories_.OfSession(session.id);
  if (own == nullptr) return;
  Offer* offer = decline.trade_id != 0 ? trades_.Find(decline.trade_id)
                                       : trades_.FindByKey(own->player_id, decline.key);
  // It may have crossed with the end of the offer.
  if (offer == nullptr) return;
  const bool offerer = offer->from_session == session.id;
  if (!offerer && !(offer->to_session == session.id)) return;
  if (offer->state == OfferState::kProbing && offerer) offer->spoiled = Refusal::kDeclined;
  if (offer->state != OfferState::kStanding) return;
  stats_.offers_declined.Add();
  Close(*offer, Refusal::kDeclined);
}

}  // namespace bluemarble::items
