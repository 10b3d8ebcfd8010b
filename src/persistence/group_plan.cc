#include "persistence/group_plan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <unordered_map>

#include "core/log.h"
#include "geo/planet.h"

namespace bluemarble::persistence {
namespace {

template <typename T>
void SortUnique(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

/// What one write does to an item, an account, a supply: decided in full before anything is
/// applied, so that there is nothing to undo.
struct ItemEffect {
  EventKind kind = EventKind::kItemMoved;
  ItemRow before;  ///< Quantity 0: it is made by this.
  ItemRow after;   ///< Quantity 0: it is gone; the version is its last event's.
};
struct AccountEffect {
  AccountRow after;
  int64_t amount = 0;
};

/// What a repeat will be told: of an update, its version.
WriteResult AsStored(const DurableWrite& write, const WriteResult& result) {
  WriteResult stored;
  stored.outcome = result.outcome;
  stored.refusal = result.refusal;
  stored.created = result.created;
  stored.repeated = true;
  if (write.login || result.outcome != Outcome::kOk) {
    stored.row = result.row;
  } else {
    stored.row.player_id = result.row.player_id;
    stored.row.version = result.row.version;
  }
  stored.item.item_id = result.item.item_id;
  stored.item.version = result.item.version;
  return stored;
}

class Planner {
 public:
  Planner(std::span<const DurableWrite> writes, const std::string& shard_id, GroupRows& rows,
          GroupChanges& changes);
  void Decide(const DurableWrite& write, WriteResult& result);
  void Finish();

 private:
  void Refuse(const DurableWrite& write, Refusal refusal, WriteResult& result);
  void Remember(const DurableWrite& write, const WriteResult& result);

  void DecideLogin(const DurableWrite& write, WriteResult& result);
  void CreatePlayer(const DurableWrite& write, WriteResult& result);
  void Held(int64_t player_id, WriteResult& result) const;

  Refusal CheckOwner(int64_t player_id, int64_t epoch) const;
  int64_t EpochOf(int64_t player_id) const;
  Refusal CheckPlayers(const DurableWrite& write, WriteResult& result) const;
  Refusal FindItem(int64_t item_id, int64_t version, int64_t holder, const ItemRow*& found) const;
  Refusal PlanItem(const ItemChange& change);
  ItemRow NewItem(uint32_t definition, uint32_t quantity, int64_t holder, const ItemPlace& place);
  void PlanCreation(const ItemRow& item);
  Refusal PlanPosting(const Posting& posting);
  bool Conserves() const;

  void ApplyEffects(const DurableWrite& write);
  void ApplyUpdate(const DurableWrite& write, const PlayerUpdate& update);
  PlayerChange& Touch(const PlayerRow& row);
  void AddEvent(const DurableWrite& write, AggregateType type, int64_t id, int64_t version,
                int64_t player_id, EventKind kind, std::vector<std::byte> payload);

  const std::string& shard_id_;
  const int64_t prefix_;
  GroupRows& rows_;
  GroupChanges& changes_;
  // Of the group, by id, with the version as read.
  std::map<int64_t, PlayerChange> players_;
  std::map<int64_t, RowChange<ItemRow>> items_;
  std::map<int64_t, int64_t> account_versions_;
  std::map<uint32_t, SupplyChange> supply_;
  std::unordered_map<int64_t, std::set<int64_t>> held_;  // items of players; with logins only
  bool has_logins_ = false;
  // Of the write being decided.
  std::vector<ItemEffect> item_effects_;
  std::vector<AccountEffect> account_effects_;
  std::vector<SupplyChange> supply_effects_;
  int64_t next_item_ = 0;
};

Planner::Planner(std::span<const DurableWrite> writes, const std::string& shard_id, GroupRows& rows,
                 GroupChanges& changes)
    : shard_id_(shard_id),
      prefix_(ShardPrefix(shard_id) << kPlayerNumberBits),
      rows_(rows),
      changes_(changes) {
  has_logins_ = std::any_of(writes.begin(), writes.end(),
                            [](const DurableWrite& write) { return write.login.has_value(); });
  if (!has_logins_) return;
  for (const auto& [id, item] : rows_.items) {
    if (item.holder > 0) held_[item.holder].insert(id);
  }
}

void Planner::Decide(const DurableWrite& write, WriteResult& result) {
  result = {};
  if (const auto known = rows_.keys.find(write.key); known != rows_.keys.end()) {
    if (known->second.digest != RequestDigest(write))
      return Refuse(write, Refusal::kKeyReused, result);
    result = known->second.result;
    result.repeated = true;
    // What was lost with the first answer: the player's things, as they are now.
    if (write.login && result.outcome == Outcome::kOk) Held(result.row.player_id, result);
    return;
  }
  if (write.also.player_id != 0 && rows_.keys.contains(write.also))
    return Refuse(write, Refusal::kKeyReused, result);
  if (!CheckWrite(write).ok()) return Refuse(write, Refusal::kInvalid, result);
  if (write.refuse_with != Refusal::kNone) return Refuse(write, write.refuse_with, result);

  item_effects_.clear();
  account_effects_.clear();
  supply_effects_.clear();
  next_item_ = rows_.next_item;
  if (write.login) return DecideLogin(write, result);

  Refusal refusal = CheckPlayers(write, result);
  for (const ItemChange& change : write.items) {
    if (refusal == Refusal::kNone) refusal = PlanItem(change);
  }
  for (const Posting& posting : write.postings) {
    if (refusal == Refusal::kNone) refusal = PlanPosting(posting);
  }
  if (refusal != Refusal::kNone) return Refuse(write, refusal, result);
  if (!Conserves()) return Refuse(write, Refusal::kInvalid, result);

  result.outcome = Outcome::kOk;
  const int64_t first_seq = rows_.next_seq;
  for (const Owner& owner : write.owners) changes_.owners.push_back(owner);
  for (const PlayerUpdate& update : write.updates) {
    changes_.owners.push_back({update.player_id, update.epoch});
    ApplyUpdate(write, update);
    result.row = rows_.players.find(update.player_id)->second.row;
  }
  for (const ItemEffect& effect : item_effects_) {
    if (effect.before.quantity == 0 && result.item.item_id == 0) result.item = effect.after;
    result.changed.push_back(effect.after);
  }
  ApplyEffects(write);
  if (rows_.next_seq != first_seq) result.seq = rows_.next_seq - 1;
  Remember(write, result);
}

void Planner::Refuse(const DurableWrite& write, Refusal refusal, WriteResult& result) {
  result.outcome = Outcome::kRefused;
  result.refusal = refusal;
  if (IsFinal(refusal)) Remember(write, result);
}

void Planner::Remember(const DurableWrite& write, const WriteResult& result) {
  const WriteResult stored = AsStored(write, result);
  const std::vector<std::byte> bytes = EncodeResult(stored);
  auto add = [&](const IdempotencyKey& key, uint64_t digest) {
    if (!rows_.keys.try_emplace(key, StoredKey{digest, stored}).second) return;
    changes_.keys.push_back({key, digest, write.at_us, bytes});
  };
  const uint64_t digest = RequestDigest(write);
  add(write.key, digest);
  if (write.also.player_id > 0)
    add(write.also, write.also_digest != 0 ? write.also_digest : digest);
}

void Planner::DecideLogin(const DurableWrite& write, WriteResult& result) {
  const auto named = rows_.names.find(write.login->name.view());
  if (named == rows_.names.end()) {
    CreatePlayer(write, result);
    if (result.outcome != Outcome::kOk) return;
  } else {
    const StoredPlayer& player = rows_.players[named->second];
    result.row = player.row;
    if (player.owner != shard_id_) return Refuse(write, Refusal::kNotOwner, result);
    changes_.owners.push_back({player.row.player_id, player.row.epoch});
    result.outcome = Outcome::kOk;
  }
  PlayerRow& row = rows_.players[result.row.player_id].row;
  PlayerChange& change = Touch(row);
  ++change.logins;
  change.login_us = write.at_us;
  ++row.version;
  AddEvent(write, AggregateType::kPlayer, row.player_id, row.version, row.player_id,
           EventKind::kLogin, EncodePlayerState(row.state));
  result.row = row;
  Held(row.player_id, result);
  result.seq = rows_.next_seq - 1;
  Remember(write, result);
}

void Planner::CreatePlayer(const DurableWrite& write, WriteResult& result) {
  const PlayerLogin& login = *write.login;
  const int64_t id = prefix_ | rows_.next_player;
  for (const Starter& starter : login.starters) {
    if (starter.quantity != 0)
      PlanCreation(NewItem(starter.definition, starter.quantity, id, ItemPlace{}));
  }
  if (login.starting_gold != 0) {
    for (const Posting& posting :
         {Posting{kMintAccount, -login.starting_gold}, Posting{id, login.starting_gold}}) {
      if (const Refusal refusal = PlanPosting(posting); refusal != Refusal::kNone)
        return Refuse(write, refusal, result);
    }
  }
  if (!Conserves()) return Refuse(write, Refusal::kInvalid, result);

  ++rows_.next_player;
  StoredPlayer& player = rows_.players[id];
  player.owner = shard_id_;
  player.row = {id, 1, 1, write.at_us, write.tick, login.initial, login.name};
  rows_.names.emplace(login.name.view(), id);
  Touch(player.row).version_before = 0;
  AddEvent(write, AggregateType::kPlayer, id, 1, id, EventKind::kPlayerCreated,
           EncodePlayerState(login.initial));
  ApplyEffects(write);
  result.outcome = Outcome::kOk;
  result.created = true;
  result.row = player.row;
  if (!item_effects_.empty()) result.item = item_effects_.front().after;
}

void Planner::Held(int64_t player_id, WriteResult& result) const {
  if (const auto held = held_.find(player_id); held != held_.end()) {
    for (const int64_t id : held->second) result.items.push_back(rows_.items.find(id)->second);
  }
  const auto account = rows_.accounts.find(player_id);
  if (account != rows_.accounts.end()) result.gold = account->second.balance;
}

Refusal Planner::CheckOwner(int64_t player_id, int64_t epoch) const {
  const auto found = rows_.players.find(player_id);
  if (found == rows_.players.end()) return Refusal::kNotFound;
  const StoredPlayer& player = found->second;
  return player.owner == shard_id_ && player.row.epoch == epoch ? Refusal::kNone
                                                                : Refusal::kNotOwner;
}

// Holders and accounts that are no players have numbers below 1.
int64_t Planner::EpochOf(int64_t player_id) const {
  if (player_id < 1) return 0;
  const auto found = rows_.players.find(player_id);
  return found == rows_.players.end() ? 0 : found->second.row.epoch;
}

Refusal Planner::CheckPlayers(const DurableWrite& write, WriteResult& result) const {
  for (const Owner& owner : write.owners) {
    const Refusal refusal = CheckOwner(owner.player_id, owner.epoch);
    if (refusal != Refusal::kNone) return refusal;
  }
  for (const PlayerUpdate& update : write.updates) {
    const Refusal refusal = CheckOwner(update.player_id, update.epoch);
    if (refusal != Refusal::kNone) return refusal;
    const PlayerRow& row = rows_.players.find(update.player_id)->second.row;
    if (row.version != update.expected_version) {
      result.row = row;
      return Refusal::kVersion;
    }
  }
  return Refusal::kNone;
}

Refusal Planner::FindItem(int64_t item_id, int64_t version, int64_t holder,
                          const ItemRow*& found) const {
  const auto item = rows_.items.find(item_id);
  if (item == rows_.items.end() || item->second.holder != holder) return Refusal::kNotHolder;
  if (item->second.version != version) return Refusal::kVersion;
  found = &item->second;
  return Refusal::kNone;
}

ItemRow Planner::NewItem(uint32_t definition, uint32_t quantity, int64_t holder,
                         const ItemPlace& place) {
  ItemRow item;
  item.item_id = prefix_ | next_item_++;
  item.version = 1;
  item.holder = holder;
  item.definition = definition;
  item.quantity = quantity;
  if (holder == kHeldByWorld) item.place = place;
  return item;
}

void Planner::PlanCreation(const ItemRow& item) {
  ItemRow nothing = item;
  nothing.quantity = 0;
  item_effects_.push_back({EventKind::kItemCreated, nothing, item});
  supply_effects_.push_back({item.definition, item.quantity, 0});
}

Refusal Planner::PlanItem(const ItemChange& change) {
  if (change.op == ItemOp::kCreate) {
    PlanCreation(NewItem(change.definition, change.quantity, change.to_holder, change.place));
    return Refusal::kNone;
  }
  const ItemRow* found = nullptr;
  if (const Refusal refusal =
          FindItem(change.item_id, change.expected_version, change.from_holder, found);
      refusal != Refusal::kNone) {
    return refusal;
  }
  const ItemRow before = *found;
  ItemRow after = before;
  ++after.version;
  switch (change.op) {
    case ItemOp::kCreate: break;
    case ItemOp::kMove:
      after.holder = change.to_holder;
      after.place = change.to_holder == kHeldByWorld ? change.place : ItemPlace{};
      item_effects_.push_back({EventKind::kItemMoved, before, after});
      break;
    case ItemOp::kSplit: {
      if (change.quantity >= before.quantity) return Refusal::kBadAmount;
      after.quantity -= change.quantity;
      item_effects_.push_back({EventKind::kItemReduced, before, after});
      const ItemRow part = NewItem(before.definition, change.quantity, before.holder, before.place);
      ItemRow nothing = part;
      nothing.quantity = 0;
      item_effects_.push_back({EventKind::kItemSplitOff, nothing, part});
      break;
    }
    case ItemOp::kMerge: {
      const ItemRow* other = nullptr;
      if (const Refusal refusal =
              FindItem(change.other_item_id, change.other_version, change.from_holder, other);
          refusal != Refusal::kNone) {
        return refusal;
      }
      if (other->definition != before.definition) return Refusal::kInvalid;
      if (other->quantity > std::numeric_limits<uint32_t>::max() - before.quantity)
        return Refusal::kBadAmount;
      after.quantity += other->quantity;
      item_effects_.push_back({EventKind::kItemMerged, before, after});
      ItemRow emptied = *other;
      ++emptied.version;
      emptied.quantity = 0;
      item_effects_.push_back({EventKind::kItemEmptied, *other, emptied});
      break;
    }
    case ItemOp::kDestroy:
      after.quantity = 0;
      item_effects_.push_back({EventKind::kItemDestroyed, before, after});
      supply_effects_.push_back({before.definition, 0, before.quantity});
      break;
  }
  return Refusal::kNone;
}

Refusal Planner::PlanPosting(const Posting& posting) {
  AccountRow after;
  after.account_id = posting.account_id;
  if (const auto found = rows_.accounts.find(posting.account_id); found != rows_.accounts.end())
    after = found->second;
  if (__builtin_add_overflow(after.balance, posting.amount, &after.balance))
    return Refusal::kBadAmount;
  if (posting.account_id > 0 && after.balance < 0) return Refusal::kInsufficient;
  ++after.version;
  account_effects_.push_back({after, posting.amount});
  return Refusal::kNone;
}

// The last look before a write is taken, by another way than the one that led here: whatever was
// wrong above, nothing that makes or loses gold or items is committed.
bool Planner::Conserves() const {
  int64_t gold = 0;
  bool holds = true;
  for (const AccountEffect& effect : account_effects_) {
    const auto found = rows_.accounts.find(effect.after.account_id);
    const int64_t before = found == rows_.accounts.end() ? 0 : found->second.balance;
    int64_t change = 0;
    holds = holds && !__builtin_sub_overflow(effect.after.balance, before, &change) &&
            !__builtin_add_overflow(gold, change, &gold);
  }
  holds = holds && gold == 0;
  std::array<std::pair<uint32_t, int64_t>, 4 * kMaxItemChanges> sums;
  size_t count = 0;
  auto add = [&](uint32_t definition, int64_t quantity) {
    for (size_t i = 0; i < count; ++i) {
      if (sums[i].first == definition) return void(sums[i].second += quantity);
    }
    if (count == sums.size()) return void(holds = false);
    sums[count++] = {definition, quantity};
  };
  for (const ItemEffect& effect : item_effects_) {
    add(effect.after.definition, effect.after.quantity);
    add(effect.before.definition, -int64_t{effect.before.quantity});
  }
  for (const SupplyChange& effect : supply_effects_)
    add(effect.definition, effect.destroyed - effect.created);
  for (size_t i = 0; i < count; ++i) holds = holds && sums[i].second == 0;
  if (!holds) core::Log(core::LogLevel::kError, "write_does_not_conserve");
  return holds;
}

void Planner::ApplyEffects(const DurableWrite& write) {
  const Cause cause{write.key.player_id, write.key.bytes};
  rows_.next_item = next_item_;
  for (const ItemEffect& effect : item_effects_) {
    const ItemRow& before = effect.before;
    const ItemRow& after = effect.after;
    items_.try_emplace(after.item_id, RowChange<ItemRow>{before.quantity == 0 ? 0 : before.version,
                                                         false, before});
    if (has_logins_ && before.quantity != 0 && before.holder > 0)
      held_[before.holder].erase(after.item_id);
    if (after.quantity == 0) {
      rows_.items.erase(after.item_id);
    } else {
      rows_.items[after.item_id] = after;
      if (has_logins_ && after.holder > 0) held_[after.holder].insert(after.item_id);
    }
    AddEvent(write, AggregateType::kItem, after.item_id, after.version,
             after.holder > 0 ? after.holder : before.holder, effect.kind,
             EncodeItemEvent(after, cause));
  }
  for (const AccountEffect& effect : account_effects_) {
    const AccountRow& after = effect.after;
    account_versions_.try_emplace(after.account_id, after.version - 1);
    rows_.accounts[after.account_id] = after;
    changes_.ledger.push_back(
        {after.account_id, after.version, effect.amount, after.balance, write.at_us, cause});
    AddEvent(write, AggregateType::kAccount, after.account_id, after.version, after.account_id,
             EventKind::kPosted, EncodeAccountEvent(after.balance, effect.amount, cause));
  }
  for (const SupplyChange& effect : supply_effects_) {
    SupplyChange& sum = supply_[effect.definition];
    sum.definition = effect.definition;
    sum.created += effect.created;
    sum.destroyed += effect.destroyed;
  }
}

void Planner::ApplyUpdate(const DurableWrite& write, const PlayerUpdate& update) {
  PlayerRow& row = rows_.players.find(update.player_id)->second.row;
  PlayerChange& change = Touch(row);
  if (update.kind == EventKind::kLogout) change.logout_us = write.at_us;
  ++row.version;
  if (row.saved_tick <= write.tick) {
    row.state = update.state;
    row.saved_tick = write.tick;
  }
  AddEvent(write, AggregateType::kPlayer, row.player_id, row.version, row.player_id, update.kind,
           update.payload);
}

PlayerChange& Planner::Touch(const PlayerRow& row) {
  PlayerChange& change = players_[row.player_id];
  if (change.row.player_id == 0) {
    change.version_before = row.version;
    change.row.player_id = row.player_id;
  }
  return change;
}

void Planner::AddEvent(const DurableWrite& write, AggregateType type, int64_t id, int64_t version,
                       int64_t player_id, EventKind kind, std::vector<std::byte> payload) {
  changes_.events.push_back({type, id, version, write.at_us, write.tick, rows_.next_seq++,
                             EpochOf(player_id), kind, std::move(payload)});
}

void Planner::Finish() {
  changes_.players.reserve(players_.size());
  for (auto& [id, change] : players_) {
    change.row = rows_.players.find(id)->second.row;
    changes_.players.push_back(change);
  }
  for (auto& [id, change] : items_) {
    const auto left = rows_.items.find(id);
    if (left != rows_.items.end()) {
      change.row = left->second;
    } else if (change.version_before == 0) {
      continue;  // came and went within the group
    } else {
      change.gone = true;
    }
    changes_.items.push_back(change);
  }
  for (const auto& [id, version] : account_versions_)
    changes_.accounts.push_back({version, false, rows_.accounts.find(id)->second});
  for (const auto& [definition, sum] : supply_) changes_.supply.push_back(sum);
  auto& owners = changes_.owners;
  auto id_of = [](const Owner& owner) { return owner.player_id; };
  std::ranges::sort(owners, {}, id_of);
  const auto rest = std::ranges::unique(owners, {}, id_of);
  owners.erase(rest.begin(), rest.end());
  // A player who was made in this group has no ownership row to lock yet.
  std::erase_if(owners, [this](const Owner& owner) {
    const auto change = players_.find(owner.player_id);
    return change != players_.end() && change->second.version_before == 0;
  });
}

}  // namespace

GroupNeeds NeedsOf(std::span<const DurableWrite> writes, KeyLook look) {
  GroupNeeds needs;
  needs.keys.reserve(writes.size());
  for (const DurableWrite& write : writes) {
    if (look == KeyLook::kAll || write.updates.empty()) {
      needs.keys.push_back(write.key);
      if (write.also.player_id != 0) needs.keys.push_back(write.also);
    }
    // What breaks the form is refused unseen: its names must not even reach a database.
    if (write.refuse_with != Refusal::kNone || !CheckWrite(write).ok()) continue;
    if (write.login) {
      needs.names.emplace_back(write.login->name.view());
      if (write.login->starting_gold != 0) needs.account_ids.push_back(kMintAccount);
    }
    for (const PlayerUpdate& update : write.updates) needs.player_ids.push_back(update.player_id);
    for (const Owner& owner : write.owners) needs.player_ids.push_back(owner.player_id);
    for (const ItemChange& change : write.items) {
      if (change.item_id != 0) needs.item_ids.push_back(change.item_id);
      if (change.other_item_id != 0) needs.item_ids.push_back(change.other_item_id);
    }
    for (const Posting& posting : write.postings) needs.account_ids.push_back(posting.account_id);
  }
  SortUnique(needs.keys);
  SortUnique(needs.names);
  SortUnique(needs.player_ids);
  SortUnique(needs.item_ids);
  SortUnique(needs.account_ids);
  return needs;
}

void PlanGroup(std::span<const DurableWrite> writes, const std::string& shard_id, GroupRows& rows,
               std::span<WriteResult> results, GroupChanges& changes) {
  changes = {};
  Planner planner(writes, shard_id, rows, changes);
  for (size_t i = 0; i < writes.size(); ++i) planner.Decide(writes[i], results[i]);
  planner.Finish();
}

CentiDegrees CentiDegreesAt(double x_m, double y_m, double z_m) {
  const geo::Geodetic at = geo::ToGeodetic({x_m, y_m, z_m});
  auto centi = [](double degrees, int32_t lowest, int32_t highest) {
    if (!std::isfinite(degrees)) return int32_t{0};
    return std::clamp(static_cast<int32_t>(std::floor(degrees * 100)), lowest, highest);
  };
  return {centi(at.lon_deg, -18000, 17999), centi(at.lat_deg, -9000, 9000)};
}

}  // namespace bluemarble::persistence
