// Items between the ground and the players, and the first items of a new world.
#include <algorithm>
#include <cstring>

#include "core/hash.h"
#include "core/log.h"
#include "services/items/actions.h"

namespace bluemarble::items {

using persistence::Outcome;
using persistence::Refusal;

bool ItemActions::Within(core::EntityId a, core::EntityId b, double reach_m) const {
  const world::World& world = parts_.world;
  if (!world.Alive(a) || !world.Alive(b)) return false;
  const geo::Vec3 distance =
      world.bodies()[world.RowOf(a)].position - world.bodies()[world.RowOf(b)].position;
  return LengthSquared(distance) <= reach_m * reach_m;
}

Refusal ItemActions::CheckHeld(const Inventory& holder, int64_t item_id,
                               const HeldItem*& item) const {
  item = holder.Find(item_id);
  if (item == nullptr) return Refusal::kNotHolder;
  return item->reserved ? Refusal::kBusy : Refusal::kNone;
}

void ItemActions::PlanMove(const HeldItem& item, int64_t from, int64_t to, InFlight& plan) const {
  persistence::ItemChange& change =
      plan.Add(persistence::ItemOp::kMove, {item.definition, item.quantity});
  change.item_id = item.item_id;
  change.expected_version = item.version;
  change.from_holder = from;
  change.to_holder = to;
}

Refusal ItemActions::Plan(Inventory& own, const protocol::PickUp& what, InFlight& plan) {
  const core::EntityId entity{what.entity_id};
  const GroundItem* item = ground_.Find(entity);
  if (item == nullptr) return Refusal::kNoSuchItem;
  if (!Within(own.entity, entity, settings_.game.reach_m)) return Refusal::kTooFar;
  if (item->reserved) return Refusal::kBusy;
  if (own.items.size() + own.incoming >= settings_.game.max_items) return Refusal::kInventoryFull;
  const persistence::ItemRow& row = item->row;
  PlanMove({row.item_id, row.version, row.definition, row.quantity, false},
           persistence::kHeldByWorld, own.player_id, plan);
  plan.entity = entity;
  plan.own_incoming = 1;
  return Refusal::kNone;
}

Refusal ItemActions::Plan(Inventory& own, const protocol::Drop& what, InFlight& plan) {
  const HeldItem* item = nullptr;
  if (const Refusal refusal = CheckHeld(own, what.item_id, item); refusal != Refusal::kNone)
    return refusal;
  // Whatever is dropped while the ground is being loaded might be loaded as well, and lie there
  // twice.
  if (!world_loaded_ || !ground_.HasRoom()) return Refusal::kUnavailable;
  plan.ground_place = true;
  PlanMove(*item, own.player_id, persistence::kHeldByWorld, plan);
  const world::Body& body = parts_.world.bodies()[parts_.world.RowOf(own.entity)];
  plan.request.items[0].place = {body.position.x, body.position.y, body.position.z,
                                 body.ground_height_m};
  return Refusal::kNone;
}

void ItemActions::AskForWorld() {
  if (!world_asked_) world_asked_ = parts_.store.RequestWorldItems(in_flight_.NextRequestId()).ok();
}

void ItemActions::Mint() {
  // The store's queue belongs to the players: a few at a time.
  constexpr uint32_t kAtOnce = 64;
  if (!world_loaded_ || now_ < mint_at_) return;
  for (; !mint_due_.empty() && minting_ < kAtOnce; mint_due_.pop_back()) {
    const uint32_t index = mint_due_.back();
    // The key says it all: the seed and the catalogue may change, the first items are made once.
    constexpr uint64_t kPurposeGround = 0x67726f756e64;  // "ground"
    const uint64_t bits = core::RandomBits(settings_.seed, 0, index, kPurposeGround);
    const game::ItemDefinition& item = *catalogue_.ChooseForGround(bits);
    constexpr uint32_t kMostInOneHeap = 5;
    const auto quantity = static_cast<uint32_t>(
        1 + core::Mix64(bits) % std::min<uint64_t>(item.max_stack, kMostInOneHeap));
    InFlight plan;
    plan.kind = ActionKind::kMint;
    plan.carries = true;
    const uint64_t key[2] = {kPurposeGround, index};
    std::memcpy(plan.request.key.data(), key, sizeof(key));
    plan.request.keep_key = 1;
    plan.request.digest = core::HashCombine(kPurposeGround, index);
    plan.request.tick = now_;
    const geo::Vec3& at = first_places_[index].position;
    persistence::ItemChange& change = plan.Add(persistence::ItemOp::kCreate, {item.id, quantity});
    change.definition = item.id;
    change.quantity = quantity;
    change.to_holder = persistence::kHeldByWorld;
    change.place = {at.x, at.y, at.z, first_places_[index].ground_height_m};
    if (!Ask(plan)) {
      mint_at_ = now_ + static_cast<core::Tick>(settings_.tick_hz);
      return;
    }
    ++minting_;
  }
}

void ItemActions::OnMinted(const InFlight& action, const persistence::Completion& done) {
  --minting_;
  const persistence::ActionRequest& request = action.request;
  uint64_t key[2];
  std::memcpy(key, request.key.data(), sizeof(key));
  if (done.outcome == Outcome::kOk) {
    if (done.repeated) return;  // made in an earlier run: loaded, if it still lies there
    stats_.minted.Add();
    persistence::ItemRow row;
    row.item_id = done.item.item_id;
    row.version = done.item.version;
    row.definition = request.items[0].definition;
    row.quantity = request.items[0].quantity;
    row.place = request.items[0].place;
    ground_.Add(row);
  } else if (done.refusal == Refusal::kUnavailable) {
    mint_due_.push_back(static_cast<uint32_t>(key[1]));
    mint_at_ = now_ + static_cast<core::Tick>(settings_.tick_hz);
  } else {
    core::Log(core::LogLevel::kError, "first_item_refused", "index={} outcome={} refusal={}",
              key[1], persistence::OutcomeName(done.outcome),
              persistence::RefusalName(done.refusal));
  }
}

}  // namespace bluemarble::items
