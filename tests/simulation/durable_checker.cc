#include "durable_checker.h"

#include <fmt/format.h>

#include <set>
#include <tuple>

namespace bluemarble::support {
namespace {

using persistence::AggregateType;
using persistence::Cause;
using CauseKey = std::pair<int64_t, std::array<std::byte, 16>>;

bool CauseOf(const persistence::EventRow& event, CauseKey& out) {
  Cause cause;
  persistence::ItemRow item;
  int64_t balance = 0, amount = 0;
  const bool read =
      event.aggregate_type == AggregateType::kItem
          ? persistence::DecodeItemEvent(event.payload, item, cause)
          : event.aggregate_type == AggregateType::kAccount &&
                persistence::DecodeAccountEvent(event.payload, balance, amount, cause);
  out = {cause.player_id, cause.key};
  return read;
}

}  // namespace

std::string CheckConserved(const SimStore& store) {
  int64_t gold = 0;
  for (const auto& [id, account] : store.accounts()) {
    gold += account.balance;
    if (id > 0 && account.balance < 0) return fmt::format("player {} owes gold", id);
  }
  if (gold != 0) return fmt::format("balances sum to {}", gold);
  std::map<uint32_t, int64_t> there;
  for (const auto& [id, item] : store.items()) {
    there[item.definition] += item.quantity;
    if (item.quantity == 0) return fmt::format("item {} is nothing", id);
    if (item.holder > 0 && !store.players().contains(item.holder))
      return fmt::format("item {} is held by nobody", id);
  }
  for (const auto& [definition, supply] : store.supply()) {
    if (there[definition] != supply.created - supply.destroyed) {
      return fmt::format("definition {}: {} there, {} made, {} destroyed", definition,
                         there[definition], supply.created, supply.destroyed);
    }
  }
  for (const auto& [definition, count] : there) {
    if (!store.supply().contains(definition)) return fmt::format("{} has no supply", definition);
  }
  return "";
}

std::string CheckTold(SimStore& store, const std::vector<ToldAction>& told) {
  std::map<CauseKey, int> events_of;
  std::set<std::tuple<CauseKey, AggregateType, int64_t>> seen;
  for (const persistence::EventRow& event : store.events()) {
    CauseKey cause;
    if (!CauseOf(event, cause) || cause.first == 0) continue;
    ++events_of[cause];
    if (!seen.insert({cause, event.aggregate_type, event.aggregate_id}).second)
      return fmt::format("player {}: an action changed {} twice", cause.first, event.aggregate_id);
  }
  for (const ToldAction& action : told) {
    const auto stored = store.FindResult({action.player_id, action.key});
    if (!stored.ok()) return "the store does not answer";
    const bool done = *stored && (**stored).outcome == persistence::Outcome::kOk;
    if (action.outcome == ActionOutcome::kOk && !done)
      return fmt::format("player {}: an action that was told ok is not there", action.player_id);
    if (action.outcome == ActionOutcome::kRefused &&
        (done || events_of.contains({action.player_id, action.key})))
      return fmt::format("player {}: an action that was refused happened", action.player_id);
  }
  return "";
}

std::string CheckMemory(const app::Zone& zone, const SimStore& store) {
  std::map<int64_t, std::vector<const persistence::ItemRow*>> held;
  for (const auto& [id, item] : store.items()) held[item.holder].push_back(&item);
  for (const items::Inventory& inventory : zone.items().inventories().slots()) {
    if (inventory.player_id == 0) continue;
    const int64_t player = inventory.player_id;
    if (inventory.reserved_gold != 0 || inventory.incoming != 0)
      return fmt::format("player {}: {} gold and {} places stay reserved", player,
                         inventory.reserved_gold, inventory.incoming);
    const auto account = store.accounts().find(player);
    if (account == store.accounts().end() || account->second.balance != inventory.gold)
      return fmt::format("player {}: {} gold in memory", player, inventory.gold);
    if (held[player].size() != inventory.items.size())
      return fmt::format("player {}: {} items in memory, {} stored", player, inventory.items.size(),
                         held[player].size());
    for (size_t i = 0; i < inventory.items.size(); ++i) {
      const items::HeldItem& item = inventory.items[i];
      const persistence::ItemRow& row = *held[player][i];
      if (item.reserved) return fmt::format("item {} stays reserved", item.item_id);
      if (item.item_id != row.item_id || item.version != row.version ||
          item.definition != row.definition || item.quantity != row.quantity) {
        return fmt::format("player {}: item {} version {} x{} in memory, {} version {} x{} stored",
                           player, item.item_id, item.version, item.quantity, row.item_id,
                           row.version, row.quantity);
      }
    }
  }
  std::map<int64_t, const items::GroundItem*> ground;
  for (const items::GroundItem& item : zone.items().ground().items().values()) {
    if (item.reserved) return fmt::format("item {} on the ground stays reserved", item.row.item_id);
    if (!ground.emplace(item.row.item_id, &item).second)
      return fmt::format("item {} lies there twice", item.row.item_id);
  }
  if (ground.size() != held[persistence::kHeldByWorld].size())
    return fmt::format("{} items on the ground, {} stored", ground.size(),
                       held[persistence::kHeldByWorld].size());
  for (const persistence::ItemRow* row : held[persistence::kHeldByWorld]) {
    const auto found = ground.find(row->item_id);
    if (found == ground.end() || !(found->second->row == *row))
      return fmt::format("item {} on the ground is not as stored", row->item_id);
  }
  return "";
}

}  // namespace bluemarble::support
