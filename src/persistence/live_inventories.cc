#include "persistence/live_inventories.h"

#include <algorithm>
#include <utility>

#include "core/log.h"

namespace bluemarble::persistence {

LiveInventories::Stripe& LiveInventories::StripeOf(int64_t player_id) {
  return stripes_[static_cast<uint64_t>(player_id) % kStripes];
}
const LiveInventories::Stripe& LiveInventories::StripeOf(int64_t player_id) const {
  return stripes_[static_cast<uint64_t>(player_id) % kStripes];
}

std::optional<Inventory> LiveInventories::Find(int64_t player_id) const {
  const Stripe& stripe = StripeOf(player_id);
  const std::lock_guard lock(stripe.mutex);
  const auto found = stripe.entries.find(player_id);
  if (found == stripe.entries.end()) return std::nullopt;
  return found->second.inventory;
}

size_t LiveInventories::Size() const {
  size_t size = 0;
  for (const Stripe& stripe : stripes_) {
    const std::lock_guard lock(stripe.mutex);
    size += stripe.entries.size();
  }
  return size;
}

void LiveInventories::Apply(const DurableWrite& write, const WriteResult& result) {
  if (result.refusal == Refusal::kNotOwner) {
    for (const Owner& owner : write.owners) Remove(owner.player_id);
    for (const PlayerUpdate& update : write.updates) Remove(update.player_id);
  }
  if (result.outcome != Outcome::kOk || result.repeated || result.seq == 0) return;
  if (write.login) {
    Staged& staged = Stage(result.row.player_id);
    staged = {true, true, true, result.seq, {result.gold, result.items}};
    return;
  }
  for (const ItemChange& change : write.items) {
    if (change.op == ItemOp::kCreate) continue;
    Take(change.from_holder, change.item_id, change.expected_version, result.seq);
    if (change.op == ItemOp::kMerge)
      Take(change.from_holder, change.other_item_id, change.other_version, result.seq);
  }
  for (const ItemRow& row : result.changed) {
    if (row.quantity != 0) Give(row, result.seq);
  }
  for (const Posting& posting : write.postings) Pay(posting, result.seq);
  for (const PlayerUpdate& update : write.updates) {
    if (update.kind == EventKind::kLogout) Remove(update.player_id);
  }
}

void LiveInventories::Remove(int64_t player_id) {
  Staged& staged = Stage(player_id);
  staged.known = false;
  staged.now = {};
}

// Only this thread writes the entries, so that it may read them without their locks.
LiveInventories::Staged& LiveInventories::Stage(int64_t player_id) {
  const auto [at, fresh] = staged_.try_emplace(player_id);
  if (fresh) {
    const auto& entries = StripeOf(player_id).entries;
    const auto found = entries.find(player_id);
    at->second.known = found != entries.end();
    if (at->second.known) at->second.now = found->second.inventory;
  }
  return at->second;
}

// Null: nothing to change, be it that the holder is no player or that he is not known.
LiveInventories::Staged* LiveInventories::StageChange(int64_t holder, int64_t seq) {
  if (holder <= 0) return nullptr;  // the world, escrow, a system account
  Staged& staged = Stage(holder);
  staged.changed = true;
  staged.seq = seq;
  return staged.known ? &staged : nullptr;
}

void LiveInventories::Take(int64_t holder, int64_t item_id, int64_t version, int64_t seq) {
  Staged* staged = StageChange(holder, seq);
  if (staged == nullptr) return;
  auto& items = staged->now.items;
  const auto found = std::ranges::lower_bound(items, item_id, {}, &ItemRow::item_id);
  if (found == items.end() || found->item_id != item_id || found->version != version)
    return Misfit(*staged);
  items.erase(found);
}

void LiveInventories::Give(const ItemRow& row, int64_t seq) {
  Staged* staged = StageChange(row.holder, seq);
  if (staged == nullptr) return;
  auto& items = staged->now.items;
  const auto at = std::ranges::lower_bound(items, row.item_id, {}, &ItemRow::item_id);
  if (at != items.end() && at->item_id == row.item_id) return Misfit(*staged);
  items.insert(at, row);
}

void LiveInventories::Pay(const Posting& posting, int64_t seq) {
  Staged* staged = StageChange(posting.account_id, seq);
  if (staged == nullptr) return;
  int64_t& gold = staged->now.gold;
  if (__builtin_add_overflow(gold, posting.amount, &gold) || gold < 0) Misfit(*staged);
}

void LiveInventories::Misfit(Staged& staged) {
  core::Log(core::LogLevel::kError, "live_inventory_misfit", "seq={}", staged.seq);
  misfits_.Add();
  staged.known = false;
  staged.now = {};
}

void LiveInventories::Erase(int64_t player_id) {
  Stripe& stripe = StripeOf(player_id);
  const auto found = stripe.entries.find(player_id);
  if (found == stripe.entries.end()) return;
  by_login_.erase(found->second.login);
  const std::lock_guard lock(stripe.mutex);
  stripe.entries.erase(found);
}

void LiveInventories::Show(int64_t player_id, Staged& staged) {
  Stripe& stripe = StripeOf(player_id);
  uint64_t login = 0;
  if (const auto found = stripe.entries.find(player_id); found != stripe.entries.end())
    login = found->second.login;
  if (staged.login || login == 0) {
    by_login_.erase(login);
    by_login_.emplace(login = ++logins_, player_id);
  }
  const std::lock_guard lock(stripe.mutex);
  stripe.entries[player_id] = {std::move(staged.now), login};
}

std::span<const LiveInventories::Change> LiveInventories::Publish() {
  for (auto& [player_id, staged] : staged_) {
    if (!staged.known) {
      Erase(player_id);
    } else if (staged.changed) {
      Show(player_id, staged);
    }
  }
  while (by_login_.size() > max_players_) Erase(by_login_.begin()->second);
  changes_.clear();
  for (const auto& [player_id, staged] : staged_) {
    if (!staged.changed) continue;
    const auto& entries = StripeOf(player_id).entries;
    const auto found = entries.find(player_id);
    changes_.push_back(
        {player_id, staged.seq, found == entries.end() ? nullptr : &found->second.inventory});
  }
  staged_.clear();
  return changes_;
}

void LiveInventories::Clear() {
  staged_.clear();
  by_login_.clear();
  changes_.clear();
  for (Stripe& stripe : stripes_) {
    const std::lock_guard lock(stripe.mutex);
    stripe.entries.clear();
  }
}

}  // namespace bluemarble::persistence
