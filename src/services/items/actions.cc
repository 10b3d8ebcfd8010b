// The way of every action: message, plan, store, completion, answer.
#include "services/items/actions.h"

#include <algorithm>
#include <utility>

#include "core/hash.h"
#include "core/log.h"
#include "persistence/store.h"

namespace bluemarble::items {

using persistence::Completion;
using persistence::CompletionKind;
using persistence::Outcome;
using persistence::Refusal;

namespace {

core::Tick TicksOf(uint32_t ms, int hz) {
  return std::max<core::Tick>(1, uint64_t{ms} * static_cast<uint64_t>(hz) / 1000);
}

uint32_t MostInFlight(const ItemSettings& settings) {
  // The queue to the store is the bound that players meet; this one only keeps memory in hand.
  constexpr uint32_t kPerSession = 4, kMore = 1024, kMost = 1'000'000;
  return std::min(settings.sessions * kPerSession + kMore, kMost);
}

ActionKind KindOf(const protocol::Action& action) {
  return static_cast<ActionKind>(action.what.index() + 1);
}
static_assert(std::is_same_v<std::variant_alternative_t<0, decltype(protocol::Action::what)>,
                             protocol::PickUp> &&
              std::is_same_v<std::variant_alternative_t<6, decltype(protocol::Action::what)>,
                             protocol::Merge>);

constexpr int64_t kSecondNs = 1'000'000'000;

// What the store says of an item that lay on the ground, whoever bent down for it.
bool IsOfTheItem(Refusal refusal) {
  return refusal == Refusal::kNotHolder || refusal == Refusal::kVersion;
}

const char* TextOf(Refusal reason) {
  switch (reason) {
    case Refusal::kNone: return "";
    case Refusal::kVersion: return "somebody changed it in between";
    case Refusal::kNotOwner: return "this server does not own the player";
    case Refusal::kNotFound: return "no such player";
    case Refusal::kKeyReused: return "the key belongs to another action";
    case Refusal::kUnavailable: return "the database is away or busy, try again later";
    case Refusal::kInvalid: return "the action makes no sense";
    case Refusal::kNotHolder: return "the item is not there";
    case Refusal::kInsufficient: return "not enough gold";
    case Refusal::kTooFar: return "too far away";
    case Refusal::kInventoryFull: return "nothing more can be carried";
    case Refusal::kBusy: return "part of another action under way";
    case Refusal::kOffline: return "the other player is not here";
    case Refusal::kDeclined: return "declined, or not valid any more";
    case Refusal::kBadAmount: return "a quantity that cannot be";
    case Refusal::kNoSuchItem: return "there is no such thing";
  }
  return "refused";
}

}  // namespace

const char* ActionKindName(ActionKind kind) {
  switch (kind) {
    case ActionKind::kMint: return "mint";
    case ActionKind::kPickUp: return "pick_up";
    case ActionKind::kDrop: return "drop";
    case ActionKind::kGive: return "give";
    case ActionKind::kOfferTrade: return "offer_trade";
    case ActionKind::kAcceptTrade: return "accept_trade";
    case ActionKind::kSplit: return "split";
    case ActionKind::kMerge: return "merge";
  }
  return "unknown";
}

ItemActions::ItemActions(const ItemSettings& settings, game::Catalogue catalogue,
                         std::vector<world::Body> first_places, const ItemParts& parts)
    : settings_(settings),
      catalogue_(std::move(catalogue)),
      first_places_(std::move(first_places)),
      timeout_ticks_(TicksOf(settings.action_timeout_ms, settings.tick_hz)),
      offer_ticks_(TicksOf(settings.game.trade_offer_s * 1000, settings.tick_hz)),
      parts_(parts),
      inventories_(settings.sessions, settings.game.max_items),
      ground_(settings.ground_capacity, parts.world, parts.commands, stats_),
      in_flight_(MostInFlight(settings)),
      trades_(settings.sessions * settings.game.max_offers),
      disagreement_log_(kSecondNs) {
  login_items_.reserve(settings.game.max_items);
  changes_.reserve(4 * persistence::kMaxItemChanges);
  if (catalogue_.ChooseForGround(0) == nullptr) return;
  for (size_t i = first_places_.size(); i-- > 0;) mint_due_.push_back(static_cast<uint32_t>(i));
}

void ItemActions::EndReceive() {
  AskForWorld();
  Mint();
  if (trades_.size() != 0) ExpireOffers();
  if (now_ > timeout_ticks_)
    in_flight_.TellOverdue(now_ - timeout_ticks_, [this](InFlight& late) { TellOverdue(late); });
  ground_.RequestEntities();
  stats_.in_flight.Set(in_flight_.size());
  stats_.inventories.Set(inventories_.size());
}

void ItemActions::DescribeNewPlayer(persistence::LoginRequest& request) {
  request.starting_gold = settings_.game.starting_gold;
  size_t count = 0;
  for (const game::ItemDefinition& item : catalogue_.items()) {
    if (item.starter != 0 && count < request.starters.size())
      request.starters[count++] = {item.id, item.starter};
  }
}

void ItemActions::OnLoginItem(const session::Session& session, const persistence::ItemRow& item) {
  if (!(session.id == login_)) login_items_.clear();  // of a login that came to nothing
  login_ = session.id;
  NoteDefinition(item.definition);
  login_items_.push_back({item.item_id, item.version, item.definition, item.quantity, false});
}

void ItemActions::OnLoaded(const session::Session& session, int64_t gold) {
  if (!(session.id == login_)) login_items_.clear();
  inventories_.Open(session, gold, login_items_);
  login_items_.clear();
  login_ = {};
  // What an older session of the player had begun after this login was asked for is still under
  // way: the store does it after the login, so it concerns these things.
  in_flight_.ForEach(
      [&](const InFlight& action) { Mark(action, session.player_id, /*reserved=*/true); });
}

void ItemActions::OnEntered(const session::Session& session) {
  Inventory* inventory = inventories_.OfSession(session.id);
  if (inventory == nullptr) return;
  inventories_.Enter(*inventory, session.entity);
  SendWhole(*inventory);
}

void ItemActions::OnResumed(const session::Session& session) {
  const Inventory* inventory = inventories_.OfSession(session.id);
  if (inventory == nullptr) return;
  SendWhole(*inventory);
  trades_.ForEach([&](Offer& offer) {
    if (offer.state != OfferState::kStanding || !(offer.to_session == session.id)) return;
    const Inventory* from = inventories_.OfSession(offer.from_session);
    // What cannot be told stands until somebody tries it, as for everybody who was told before.
    if (from != nullptr) (void)TellOffered(offer, *from);
  });
}

void ItemActions::OnLeft(const session::Session& session) {
  Inventory* inventory = inventories_.OfSession(session.id);
  if (inventory == nullptr) return;
  inventories_.Close(*inventory);
  trades_.ForEach([&](Offer& offer) {
    if (!(offer.from_session == session.id) && !(offer.to_session == session.id)) return;
    if (offer.state == OfferState::kProbing) offer.spoiled = Refusal::kOffline;
    if (offer.state != OfferState::kStanding) return;
    stats_.offers_dropped.Add();
    Close(offer, Refusal::kOffline);
  });
}

void ItemActions::OnAction(const session::Session& session, const protocol::Action& action) {
  Inventory* own = inventories_.OfSession(session.id);
  if (own == nullptr) return;
  InFlight plan;
  plan.session = session.id;
  plan.kind = KindOf(action);
  plan.request.player_id = own->player_id;
  plan.request.epoch = own->epoch;
  plan.request.key = action.key;
  plan.request.digest = std::max<uint64_t>(protocol::DigestOf(action), 1);  // 0: not given
  plan.request.tick = now_;
  Refusal refusal = Refusal::kNone;
  if (in_flight_.Contains(own->player_id, action.key) ||
      trades_.FindByKey(own->player_id, action.key) != nullptr) {
    refusal = Refusal::kBusy;  // unless the first one's answer, which comes before, is found by key
  } else {
    refusal = std::visit([&](const auto& what) { return Plan(*own, what, plan); }, action.what);
  }
  if (refusal != Refusal::kNone) {
    InFlight question;
    question.session = plan.session;
    question.kind = plan.kind;
    question.trade_id = plan.kind == ActionKind::kOfferTrade ? plan.trade_id : 0;
    question.request.player_id = plan.request.player_id;
    question.request.epoch = plan.request.epoch;
    question.request.key = plan.request.key;
    question.request.digest = plan.request.digest;
    question.request.tick = now_;
    question.request.refuse_with = refusal;
    if (refusal != Refusal::kBusy)
      question.suspicion =
          std::visit([&](const auto& what) { return Suspect(*own, what, refusal); }, action.what);
    plan = question;
  } else {
    plan.carries = true;
  }
  if (Ask(plan)) return;
  if (Offer* offer = trades_.Find(plan.trade_id)) {
    if (plan.kind == ActionKind::kOfferTrade) trades_.Remove(*offer);
    if (plan.kind == ActionKind::kAcceptTrade) offer->state = OfferState::kStanding;
  }
  // Who asks again while the first one is under way must not hear that nothing happened.
  if (in_flight_.Contains(plan.request.player_id, plan.request.key)) {
    Answer(plan, Outcome::kUnknown, Refusal::kNone, false, 0);
  } else {
    Answer(plan, Outcome::kRefused, Refusal::kUnavailable, false, 0);
  }
}

bool ItemActions::Ask(const InFlight& plan) {
  if (in_flight_.full()) {
    stats_.queue_refused.Add();
    return false;
  }
  InFlight& kept = in_flight_.Add(plan, now_);
  if (!parts_.store.RequestAction(kept.request).ok()) {
    in_flight_.Remove(kept);
    stats_.queue_refused.Add();
    return false;
  }
  MarkAll(kept, /*reserved=*/true);
  return true;
}

void ItemActions::OnCompletion(const Completion& completion) {
  if (completion.kind == CompletionKind::kWorldItem) {
    NoteDefinition(completion.item.definition);
    ground_.Add(completion.item);
  } else if (completion.kind == CompletionKind::kWorldItemsEnd) {
    world_loaded_ = true;
  } else if (InFlight* action = in_flight_.Find(completion.request_id)) {
    OnActionDone(*action, completion);
  }
}

void ItemActions::OnActionDone(InFlight& action, const Completion& done) {
  if (action.told_unknown) stats_.late.Add();
  // An outcome that stays unknown comes only from a store that has failed for good. It leaves
  // memory unsure: what it touches stays reserved, a player's things until the next login loads
  // them anew, the ground's until the restart that such a store needs anyway.
  if (done.outcome != Outcome::kUnknown) MarkAll(action, /*reserved=*/false);
  if (action.carries && done.outcome == Outcome::kRefused && !done.repeated &&
      done.refusal != Refusal::kUnavailable && done.refusal != Refusal::kKeyReused) {
    OnDisagreement(action, done.refusal);
  }
  // A repeat of something done long ago is refused by memory, and found by the store.
  if (action.suspicion && done.outcome == Outcome::kRefused && !done.repeated &&
      done.refusal == action.request.refuse_with)
    sender_->Report(action.session, *action.suspicion);
  if (action.kind == ActionKind::kMint) {
    OnMinted(action, done);
  } else if (action.kind == ActionKind::kOfferTrade) {
    OnOfferDone(action, done);
  } else {
    // Found by key: it was done before, and what memory holds was loaded or changed since then.
    if (action.carries && done.outcome == Outcome::kOk && !done.repeated) Apply(action, done);
    // An operator took it from the ground, or its rows are damaged: nobody else shall reach for it
    // in vain.
    if (action.kind == ActionKind::kPickUp && action.carries && !done.repeated &&
        (IsOfTheItem(done.refusal) || done.refusal == persistence::Refusal::kInvalid)) {
      ground_.Remove(action.entity);
    }
    if (!action.told_unknown) AnswerDone(action, done);
    if (Offer* offer = trades_.Find(action.trade_id)) OnAcceptDone(*offer, action, done);
  }
  in_flight_.Remove(action);
}

void ItemActions::OnDisagreement(const InFlight& action, Refusal refusal) {
  stats_.disagreements.Add();
  const int64_t now_ns = static_cast<int64_t>(now_) * kSecondNs / settings_.tick_hz;
  if (disagreement_log_.Allow(now_ns)) {
    core::Log(core::LogLevel::kWarn, "store_disagrees",
              "action={} player={} other={} tick={} refusal={} not_logged={}",
              ActionKindName(action.kind), action.request.player_id, action.request.other_id, now_,
              persistence::RefusalName(refusal), disagreement_log_.suppressed());
  }
  // The item's rows are at fault, or an operator took it: not the player who bends down for it.
  if (action.kind == ActionKind::kPickUp && IsOfTheItem(refusal)) return;
  const persistence::ActionRequest& request = action.request;
  const auto tell = [&](int64_t player_id, int64_t partner) {
    if (const Inventory* inventory = inventories_.OfPlayer(player_id); player_id != 0 && inventory)
      sender_->OnDisagreement(inventory->session, partner);
  };
  if (refusal == Refusal::kInsufficient && request.gold != 0)
    return tell(request.gold > 0 ? request.player_id : request.other_id, 0);
  tell(request.player_id, request.other_id);
  tell(request.other_id, request.player_id);
}

void ItemActions::MarkAll(const InFlight& action, bool reserved) {
  if (!action.carries) return;
  Mark(action, action.request.player_id, reserved);
  if (action.request.other_id != 0) Mark(action, action.request.other_id, reserved);
  if (GroundItem* item = ground_.Find(action.entity)) item->reserved = reserved;
  if (action.ground_place) reserved ? ground_.ReservePlace() : ground_.ReleasePlace();
}

void ItemActions::Mark(const InFlight& action, int64_t player_id, bool reserved) {
  const persistence::ActionRequest& request = action.request;
  const bool own = request.player_id == player_id;
  if (!action.carries || player_id == 0 || (!own && request.other_id != player_id)) return;
  Inventory* inventory = inventories_.OfPlayer(player_id);
  if (inventory == nullptr) return;
  const int64_t gold = own ? action.own_gold : action.other_gold;
  const uint32_t incoming = own ? action.own_incoming : action.other_incoming;
  inventory->reserved_gold += reserved ? gold : -gold;
  inventory->incoming += reserved ? incoming : 0 - incoming;
  for (uint32_t i = 0; i < request.changes; ++i) {
    const persistence::ItemChange& change = request.items[i];
    if (change.from_holder != player_id) continue;
    if (HeldItem* item = inventory->Find(change.item_id)) item->reserved = reserved;
    if (HeldItem* item = inventory->Find(change.other_item_id)) item->reserved = reserved;
  }
}

void ItemActions::Apply(const InFlight& action, const Completion& done) {
  changes_.clear();
  const persistence::ActionRequest& request = action.request;
  for (uint32_t i = 0; i < request.changes; ++i) ApplyItem(action, i, done);
  if (request.gold != 0) {
    if (Inventory* own = inventories_.OfPlayer(request.player_id)) own->gold -= request.gold;
    if (Inventory* other = inventories_.OfPlayer(request.other_id)) other->gold += request.gold;
    changes_.push_back({request.player_id, 0});
    changes_.push_back({request.other_id, 0});
  }
  TellChanges();
}

void ItemActions::ApplyItem(const InFlight& action, uint32_t index, const Completion& done) {
  const persistence::ItemChange& change = action.request.items[index];
  const Stack& stack = action.stacks[index];
  const int64_t from = change.from_holder;
  persistence::ItemRow row;
  row.item_id = change.item_id;
  row.version = change.expected_version + 1;
  row.holder = change.to_holder;
  row.definition = stack.definition;
  row.quantity = stack.quantity;
  row.place = change.place;
  Inventory* holder = inventories_.OfPlayer(from);
  switch (change.op) {
    case persistence::ItemOp::kMove:
      if (from == persistence::kHeldByWorld) ground_.Remove(action.entity);
      if (holder != nullptr) holder->Take(change.item_id);
      changes_.push_back({from, change.item_id});
      break;
    case persistence::ItemOp::kSplit: {
      persistence::ItemRow part = row;
      part.item_id = done.item.item_id;
      part.version = done.item.version;
      part.quantity = change.quantity;
      PutTo(from, part);
      row.quantity -= change.quantity;
      break;
    }
    case persistence::ItemOp::kMerge:
      if (holder != nullptr) holder->Take(change.other_item_id);
      changes_.push_back({from, change.other_item_id});
      break;  // the stack is that of both together
    case persistence::ItemOp::kCreate:
    case persistence::ItemOp::kDestroy: return;
  }
  PutTo(change.to_holder, row);
}

void ItemActions::PutTo(int64_t holder, const persistence::ItemRow& row) {
  if (holder == persistence::kHeldByWorld) {
    ground_.Add(row);
    return;
  }
  if (Inventory* inventory = inventories_.OfPlayer(holder))
    inventory->Put({row.item_id, row.version, row.definition, row.quantity, false});
  changes_.push_back({holder, row.item_id});
}

void ItemActions::NoteDefinition(uint32_t definition) {
  if (catalogue_.Find(definition) != nullptr) return;
  stats_.unknown_definitions.Add();
  constexpr size_t kMostNamed = 64;
  if (unknown_definitions_.size() >= kMostNamed ||
      std::find(unknown_definitions_.begin(), unknown_definitions_.end(), definition) !=
          unknown_definitions_.end()) {
    return;
  }
  unknown_definitions_.push_back(definition);
  core::Log(core::LogLevel::kWarn, "unknown_item_definition",
            "definition={} reason=\"stored items of a kind that the catalogue does not have; they "
            "are kept\"",
            definition);
}

uint64_t ItemActions::Hash() const {
  uint64_t hash = core::HashCombine(inventories_.Hash(), ground_.Hash());
  return core::HashCombine(hash, uint64_t{in_flight_.size()} << 32 | trades_.size());
}

// --- answers ---

void ItemActions::TellOverdue(InFlight& action) {
  if (action.kind == ActionKind::kMint) return;
  action.told_unknown = true;
  Offer* offer = trades_.Find(action.trade_id);
  if (offer != nullptr && offer->state == OfferState::kClosing) {
    AnswerOffer(*offer, Outcome::kUnknown, Refusal::kNone, false);
  } else {
    Answer(action, Outcome::kUnknown, Refusal::kNone, false, 0);
  }
}

void ItemActions::Answer(const InFlight& action, Outcome outcome, Refusal reason, bool repeated,
                         int64_t item_id) {
  Answer(action.session, action.kind, action.request.key, outcome, reason, repeated, item_id);
}

void ItemActions::AnswerDone(const InFlight& action, const Completion& done) {
  // A passing refusal says nothing of the same action that was asked for before and is still under
  // way (a group in doubt is answered after those that waited behind it).
  const bool passing =
      done.outcome == Outcome::kRefused && !done.repeated && !persistence::IsFinal(done.refusal);
  if (passing && in_flight_.Contains(action.request.player_id, action.request.key, &action)) {
    Answer(action, Outcome::kUnknown, Refusal::kNone, false, 0);
  } else {
    Answer(action, done.outcome, done.refusal, done.repeated != 0, done.item.item_id);
  }
}

void ItemActions::Answer(session::SessionId session, ActionKind kind,
                         const protocol::ActionKey& key, Outcome outcome, Refusal reason,
                         bool repeated, int64_t item_id) {
  stats_.answers[static_cast<size_t>(kind)][static_cast<size_t>(outcome)].Add();
  if (outcome == Outcome::kRefused) stats_.refusals[static_cast<size_t>(reason)].Add();
  if (repeated) stats_.repeated.Add();
  if (inventories_.OfSession(session) == nullptr) {
    stats_.lost_answers.Add();
    return;
  }
  protocol::ActionResult result;
  result.key = key;
  result.outcome = static_cast<ActionOutcome>(outcome);
  result.reason = static_cast<ActionReason>(reason);
  result.text = outcome == Outcome::kUnknown ? "not known yet, ask again" : TextOf(reason);
  result.repeated = repeated;
  result.item_id = item_id;
  sender_->SendTo(session, result);
}

void ItemActions::SendWhole(const Inventory& inventory) {
  protocol::InventoryUpdate update;
  update.whole = true;
  size_t at = 0;
  do {
    update.items.clear();
    for (; at < inventory.items.size() && update.items.size() < protocol::kItemsPerUpdate; ++at) {
      const HeldItem& item = inventory.items[at];
      update.items.push_back({item.item_id, item.definition, item.quantity});
    }
    update.complete = at == inventory.items.size();
    update.gold = inventory.gold;
    sender_->SendTo(inventory.session, update);
    update.whole = false;
  } while (!update.complete);
}

void ItemActions::TellChanges() {
  std::sort(changes_.begin(), changes_.end(), [](const Change& a, const Change& b) {
    return std::pair(a.player_id, a.item_id) < std::pair(b.player_id, b.item_id);
  });
  for (size_t at = 0; at < changes_.size();) {
    const int64_t player_id = changes_[at].player_id;
    const Inventory* inventory = inventories_.OfPlayer(player_id);
    protocol::InventoryUpdate update;
    for (; at < changes_.size() && changes_[at].player_id == player_id; ++at) {
      const int64_t item_id = changes_[at].item_id;
      if (inventory == nullptr || item_id == 0) continue;
      if (const HeldItem* item = inventory->Find(item_id)) {
        update.items.push_back({item->item_id, item->definition, item->quantity});
      } else {
        update.gone.push_back(item_id);
      }
    }
    // Before it is in play nothing has been told that could change.
    if (inventory == nullptr || !inventory->entity) continue;
    update.gold = inventory->gold;
    sender_->SendTo(inventory->session, update);
  }
}

}  // namespace bluemarble::items
