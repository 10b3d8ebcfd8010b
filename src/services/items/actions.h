/// The items service: every action of a player is checked in memory, what it touches is reserved,
/// the store is asked, and only the store's answer changes memory and tells the player (DESIGN §6).
/// An action that memory finds wrong is asked for as well, with the refusal, so that a repeat of
/// one that was done finds its answer by key. Exactly one ActionResult for each Action message.
/// Deterministic: what it does follows from messages and completions in their order. Owned by the
/// zone thread. The rules by subject: pick_up_and_drop.cc, gifts.cc, trading.cc, stacks.cc; whom a
/// refusal speaks against: suspicion.cc.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/log.h"
#include "game/catalogue.h"
#include "game/game_settings.h"
#include "persistence/durable_queue.h"
#include "protocol/control.h"
#include "services/items/ground_items.h"
#include "services/items/in_flight.h"
#include "services/items/inventory.h"
#include "services/items/item_stats.h"
#include "services/items/trades.h"
#include "session/action_handler.h"
#include "world/commands.h"
#include "world/world.h"

namespace bluemarble::items {

struct ItemSettings {
  game::GameSettings game;
  uint32_t sessions = 0;         ///< Places of the session table.
  uint32_t ground_capacity = 0;  ///< Items that may lie around as entities.
  int tick_hz = 30;
  uint32_t action_timeout_ms = 800;
  uint64_t seed = 1;
};

/// What it works with; all of it outlives it.
struct ItemParts {
  persistence::DurableQueue& store;
  world::World& world;
  world::Commands& commands;
};

class ItemActions final : public session::ActionHandler {
 public:
  /// `first_places`: where the world's first items lie.
  ItemActions(const ItemSettings& settings, game::Catalogue catalogue,
              std::vector<world::Body> first_places, const ItemParts& parts);

  /// The way to the players; before the first tick, and it outlives the ticks.
  void SendThrough(session::ControlSender& sender) { sender_ = &sender; }

  /// Before the tick's messages and completions.
  void BeginTick(core::Tick now) { now_ = now; }
  /// After them: offers that expire, answers that are overdue, the world's own items, entities.
  void EndReceive();
  void OnItemCreated(uint64_t order, const core::Result<core::EntityId>& entity) {
    ground_.OnCreated(order, entity);
  }

  void DescribeNewPlayer(persistence::LoginRequest& request) override;
  void OnLoginItem(const session::Session& session, const persistence::ItemRow& item) override;
  void OnLoaded(const session::Session& session, int64_t gold) override;
  void OnEntered(const session::Session& session) override;
  void OnResumed(const session::Session& session) override;
  void OnLeft(const session::Session& session) override;
  void OnAction(const session::Session& session, const protocol::Action& action) override;
  void OnDecline(const session::Session& session, const protocol::DeclineTrade& decline) override;
  void OnCompletion(const persistence::Completion& completion) override;

  const ItemStats& stats() const { return stats_; }
  const Inventories& inventories() const { return inventories_; }
  const GroundItems& ground() const { return ground_; }
  uint32_t in_flight() const { return in_flight_.size(); }
  /// The world's first items are all stored and those on the ground are loaded.
  bool world_ready() const { return world_loaded_ && mint_due_.empty(); }
  /// Of everything that it remembers; O(items).
  uint64_t Hash() const;

 private:
  using Refusal = persistence::Refusal;

  // Rules: fill in `plan` what is to change and what is reserved, or say why not.
  Refusal Plan(Inventory& own, const protocol::PickUp& what, InFlight& plan);
  Refusal Plan(Inventory& own, const protocol::Drop& what, InFlight& plan);
  Refusal Plan(Inventory& own, const protocol::Give& what, InFlight& plan);
  Refusal Plan(Inventory& own, const protocol::OfferTrade& what, InFlight& plan);
  Refusal Plan(Inventory& own, const protocol::AcceptTrade& what, InFlight& plan);
  Refusal Plan(Inventory& own, const protocol::Split& what, InFlight& plan);
  Refusal Plan(Inventory& own, const protocol::Merge& what, InFlight& plan);
  Refusal PlanTrade(Inventory& own, Inventory& other, const Offer& offer, InFlight& plan,
                    Refusal& others_fault);

  // What a refused action says of its player; nothing when a race explains it (suspicion.cc).
  Suspicion Suspect(const Inventory& own, const protocol::PickUp& what, Refusal refusal) const;
  Suspicion Suspect(const Inventory& own, const protocol::Drop& what, Refusal refusal) const;
  Suspicion Suspect(const Inventory& own, const protocol::Give& what, Refusal refusal) const;
  Suspicion Suspect(const Inventory& own, const protocol::OfferTrade& what, Refusal refusal) const;
  Suspicion Suspect(const Inventory& own, const protocol::AcceptTrade& what, Refusal refusal) const;
  Suspicion Suspect(const Inventory& own, const protocol::Split& what, Refusal refusal) const;
  Suspicion Suspect(const Inventory& own, const protocol::Merge& what, Refusal refusal) const;
  Suspicion SuspectToward(const Inventory& own, uint32_t entity_id, std::span<const int64_t> items,
                          Refusal refusal) const;
  bool OutOfAnyReach(const Inventory& own, uint32_t entity_id, double reach_m) const;
  bool IsOtherThan(uint32_t entity_id, world::Kind kind) const;

  Refusal FindOther(const Inventory& own, uint32_t entity_id, Inventory*& other);
  bool Within(core::EntityId a, core::EntityId b, double reach_m) const;
  /// May it leave `holder` now? The stack is the item's.
  Refusal CheckHeld(const Inventory& holder, int64_t item_id, const HeldItem*& item) const;
  void PlanMove(const HeldItem& item, int64_t from, int64_t to, InFlight& plan) const;

  /// Sends the plan to the store. False: not taken, nothing is reserved; the caller answers.
  bool Ask(const InFlight& plan);
  void OnActionDone(InFlight& action, const persistence::Completion& done);
  /// Counts, logs once a second at most, and tells the sessions whose rows may be at fault.
  void OnDisagreement(const InFlight& action, Refusal refusal);
  /// Sets or lifts the reservations of `action` on one player's things, and on the ground's.
  void Mark(const InFlight& action, int64_t player_id, bool reserved);
  void MarkAll(const InFlight& action, bool reserved);
  void Apply(const InFlight& action, const persistence::Completion& done);
  void ApplyItem(const InFlight& action, uint32_t index, const persistence::Completion& done);
  void PutTo(int64_t holder, const persistence::ItemRow& row);
  void TellChanges();

  void OnOfferDone(InFlight& action, const persistence::Completion& done);
  void OnAcceptDone(Offer& offer, const InFlight& action, const persistence::Completion& done);
  void Stand(Offer& offer);
  /// False: the offerer does not have any more what is offered.
  bool TellOffered(const Offer& offer, const Inventory& from);
  void StandAgain(Offer& offer);
  void Close(Offer& offer, Refusal reason);
  void AnswerOffer(Offer& offer, persistence::Outcome outcome, Refusal reason, bool repeated);
  void TellClosed(const Offer& offer, Refusal reason);
  void ExpireOffers();

  void TellOverdue(InFlight& action);
  void AnswerDone(const InFlight& action, const persistence::Completion& done);
  void Answer(const InFlight& action, persistence::Outcome outcome, Refusal reason, bool repeated,
              int64_t item_id);
  void Answer(session::SessionId session, ActionKind kind, const protocol::ActionKey& key,
              persistence::Outcome outcome, Refusal reason, bool repeated, int64_t item_id);
  void SendWhole(const Inventory& inventory);

  void AskForWorld();
  void Mint();
  void OnMinted(const InFlight& action, const persistence::Completion& done);
  void NoteDefinition(uint32_t definition);

  const ItemSettings settings_;
  const game::Catalogue catalogue_;
  const std::vector<world::Body> first_places_;
  const core::Tick timeout_ticks_;
  const core::Tick offer_ticks_;
  ItemParts parts_;
  session::ControlSender* sender_ = nullptr;
  ItemStats stats_;
  Inventories inventories_;
  GroundItems ground_;
  InFlightTable in_flight_;
  Trades trades_;
  core::Tick now_ = 0;

  std::vector<HeldItem> login_items_;  // of the login whose completions are coming in
  session::SessionId login_;

  struct Change {
    int64_t player_id = 0;
    int64_t item_id = 0;
  };
  std::vector<Change> changes_;  // scratch: of the completion being applied

  bool world_asked_ = false;
  bool world_loaded_ = false;
  std::vector<uint32_t> mint_due_;  // first items to ask for, as a stack
  uint32_t minting_ = 0;
  core::Tick mint_at_ = 0;
  std::vector<uint32_t> unknown_definitions_;
  core::RateLimit disagreement_log_;  // by ticks
};

}  // namespace bluemarble::items
