#include "support/sim_store.h"

#include <algorithm>

namespace bluemarble::support {

using core::Code;
using core::Status;
using namespace persistence;  // NOLINT: this file is an implementation of that folder's contract

SimStore::SimStore(uint64_t seed, std::string shard_id, uint64_t world_seed) : random_(seed) {
  meta_.shard_id = std::move(shard_id);
  meta_.world_seed = world_seed;
  meta_.run = 1;
  meta_.cache_generation = 1;
  meta_.schema = 1;
}

Status SimStore::Commit(const CommitGroup& group, std::span<WriteResult> results,
                        CommitReport& report) {
  report = {};
  if (away_ || random_.Chance(faults_.unavailable)) return {Code::kUnavailable, "simulated outage"};
  if (broken_) return {Code::kUnavailable, "reconnect first"};
  if (stored_run_ != meta_.run) return {Code::kStale, "another process took this shard over"};
  if (random_.Chance(faults_.unknown_lost)) {
    broken_ = true;
    return {Code::kUnknown, "simulated lost request"};
  }
  if (Status status = Apply(group, results, report); !status.ok()) return status;
  if (random_.Chance(faults_.unknown_applied)) {
    broken_ = true;
    return {Code::kUnknown, "simulated lost answer"};
  }
  return Status::Ok();
}

Status SimStore::Reconnect() {
  if (away_ || random_.Chance(faults_.reconnect_fails))
    return {Code::kUnavailable, "simulated outage"};
  broken_ = false;
  return Status::Ok();
}

Status SimStore::Apply(const CommitGroup& group, std::span<WriteResult> results,
                       CommitReport& report) {
  if (!group.writes.empty()) {
    GroupRows rows = ReadRows(NeedsOf(group.writes));
    GroupChanges changes;
    PlanGroup(group.writes, meta_.shard_id, rows, results, changes);
    // Nothing runs beside this store: a plan that does not fit its rows is a mistake of ours.
    if (!Holds(changes)) return {Code::kInternal, "the plan does not fit the rows it was made of"};
    Write(changes);
    meta_.next_player = rows.next_player;
    meta_.next_item = rows.next_item;
    meta_.next_seq = rows.next_seq;
  }
  for (const PositionSave& save : group.positions) ApplyPosition(save, report);
  for (const NoteRow& note : group.notes) notes_.try_emplace({note.run, note.number}, note);
  meta_.reserved_tick = std::max(meta_.reserved_tick, group.reserve_ticks);
  report.last_seq = meta_.next_seq - 1;
  if (!group.writes.empty() || !group.notes.empty() || group.reserve_ticks != 0) Sync();
  return Status::Ok();
}

GroupRows SimStore::ReadRows(const GroupNeeds& needs) const {
  GroupRows rows;
  rows.next_player = meta_.next_player;
  rows.next_item = meta_.next_item;
  rows.next_seq = meta_.next_seq;
  for (const IdempotencyKey& key : needs.keys) {
    const auto found = keys_.find(key);
    if (found != keys_.end()) rows.keys.emplace(key, found->second.stored);
  }
  for (const std::string& name : needs.names) {
    const auto found = names_.find(name);
    if (found == names_.end()) continue;
    const int64_t id = found->second;
    rows.names.emplace(name, id);
    rows.players.emplace(id, players_.at(id));
    for (auto held = held_.lower_bound({id, 0}); held != held_.end() && held->first == id; ++held)
      ReadItem(held->second, rows);
    ReadAccount(id, rows);
  }
  for (const int64_t id : needs.player_ids) {
    const auto found = players_.find(id);
    if (found != players_.end()) rows.players.emplace(id, found->second);
  }
  for (const int64_t id : needs.item_ids) ReadItem(id, rows);
  for (const int64_t id : needs.account_ids) ReadAccount(id, rows);
  return rows;
}

void SimStore::ReadItem(int64_t item_id, GroupRows& rows) const {
  const auto found = items_.find(item_id);
  if (found != items_.end()) rows.items.emplace(item_id, found->second);
}

void SimStore::ReadAccount(int64_t account_id, GroupRows& rows) const {
  const auto found = accounts_.find(account_id);
  if (found != accounts_.end()) rows.accounts.emplace(account_id, found->second);
}

bool SimStore::Holds(const GroupChanges& changes) const {
  auto is_at = [](const auto& table, int64_t id, int64_t version_before, auto version_of) {
    const auto found = table.find(id);
    return found == table.end() ? version_before == 0 : version_of(found->second) == version_before;
  };
  auto of_row = [](const auto& row) { return row.version; };
  auto of_player = [](const StoredPlayer& player) { return player.row.version; };
  bool holds = true;
  for (const PlayerChange& change : changes.players)
    holds &= is_at(players_, change.row.player_id, change.version_before, of_player);
  for (const auto& change : changes.items)
    holds &= is_at(items_, change.row.item_id, change.version_before, of_row);
  for (const auto& change : changes.accounts)
    holds &= is_at(accounts_, change.row.account_id, change.version_before, of_row);
  for (const KeyInsert& insert : changes.keys) holds &= !keys_.contains(insert.key);
  for (const EventRow& event : changes.events)
    holds &= !event_of_.contains({event.aggregate_type, event.aggregate_id, event.version});
  return holds;
}

void SimStore::Write(const GroupChanges& changes) {
  for (const PlayerChange& change : changes.players) {
    StoredPlayer& player = players_[change.row.player_id];
    player.row = change.row;
    if (change.version_before == 0) {
      player.owner = meta_.shard_id;
      names_.emplace(change.row.name.view(), change.row.player_id);
    }
  }
  for (const auto& change : changes.items) {
    const ItemRow& row = change.row;
    if (const auto before = items_.find(row.item_id); before != items_.end())
      held_.erase({before->second.holder, row.item_id});
    if (change.gone) {
      items_.erase(row.item_id);
    } else {
      items_[row.item_id] = row;
      held_.emplace(row.holder, row.item_id);
    }
  }
  for (const auto& change : changes.accounts) accounts_[change.row.account_id] = change.row;
  for (const EventRow& event : changes.events) {
    event_of_[{event.aggregate_type, event.aggregate_id, event.version}] = events_.size();
    events_.push_back(event);
  }
  ledger_.insert(ledger_.end(), changes.ledger.begin(), changes.ledger.end());
  for (const SupplyChange& change : changes.supply) {
    SupplyChange& sum = supply_[change.definition];
    sum.definition = change.definition;
    sum.created += change.created;
    sum.destroyed += change.destroyed;
  }
  for (const KeyInsert& insert : changes.keys) {
    // Through the bytes, as a database would give it back.
    keys_[insert.key] = {{insert.digest, DecodeResult(insert.result).value()}, insert.at_us};
  }
}

void SimStore::ApplyPosition(const PositionSave& save, CommitReport& report) {
  const auto found = players_.find(save.player_id);
  if (found == players_.end() || !IsFinite(save.state) || found->second.owner != meta_.shard_id ||
      found->second.row.epoch != save.epoch) {
    report.RefusePosition(save.player_id);
    return;
  }
  PlayerRow& row = found->second.row;
  if (row.saved_tick >= save.tick) {
    ++report.positions_stale;
    return;
  }
  unsynced_.try_emplace(save.player_id, row.saved_tick, row.state);
  row.saved_tick = save.tick;
  row.state = save.state;
  ++report.positions_saved;
}

core::Result<std::optional<WriteResult>> SimStore::FindResult(const IdempotencyKey& key) {
  if (away_ || broken_) return Status(Code::kUnavailable, "reconnect first");
  std::optional<WriteResult> found;
  if (const auto known = keys_.find(key); known != keys_.end()) found = known->second.stored.result;
  return found;
}

core::Result<PlayerRow> SimStore::LoadPlayer(std::string_view name) {
  const auto found = names_.find(name);
  if (found == names_.end()) return Status(Code::kNotFound, "no player of that name");
  return players_[found->second].row;
}

core::Result<uint64_t> SimStore::CountPlayers() { return uint64_t{players_.size()}; }

core::Result<std::vector<EventRow>> SimStore::ReadEvents(AggregateType type, int64_t aggregate_id,
                                                         int64_t from_version, size_t limit) {
  std::vector<EventRow> events;
  for (auto it = event_of_.lower_bound({type, aggregate_id, from_version}); it != event_of_.end();
       ++it) {
    const EventRow& event = events_[it->second];
    if (event.aggregate_type != type || event.aggregate_id != aggregate_id ||
        events.size() == limit) {
      break;
    }
    events.push_back(event);
  }
  return events;
}

core::Result<std::vector<ItemRow>> SimStore::LoadWorldItems(int64_t after_id, size_t limit) {
  if (away_) return Status(Code::kUnavailable, "simulated outage");
  std::vector<ItemRow> items;
  for (auto held = held_.upper_bound({kHeldByWorld, after_id}); held != held_.end(); ++held) {
    if (held->first != kHeldByWorld || items.size() == limit) break;
    items.push_back(items_.at(held->second));
  }
  return items;
}

Status SimStore::Maintain(int64_t) { return Status::Ok(); }

core::Result<uint64_t> SimStore::PurgeKeys(int64_t before_us, size_t limit) {
  if (away_) return Status(Code::kUnavailable, "the simulated store is away");
  if (stored_run_ != meta_.run) return Status(Code::kStale, "another process took this shard over");
  uint64_t purged = 0;
  for (auto it = keys_.begin(); it != keys_.end() && purged < limit;) {
    if (it->first.player_id >= 0 && it->second.at_us < before_us) {
      it = keys_.erase(it);
      ++purged;
    } else {
      ++it;
    }
  }
  return purged;
}

core::Result<uint64_t> SimStore::PurgeNotes(int64_t before_us, size_t limit) {
  if (away_) return Status(Code::kUnavailable, "the simulated store is away");
  if (stored_run_ != meta_.run) return Status(Code::kStale, "another process took this shard over");
  uint64_t purged = 0;
  for (auto it = notes_.begin(); it != notes_.end() && purged < limit;) {
    const bool old = it->second.at_us < before_us;
    it = old ? notes_.erase(it) : std::next(it);
    purged += old;
  }
  return purged;
}

void SimStore::Sync() { unsynced_.clear(); }

void SimStore::CrashAndReopen() {
  for (const auto& [player_id, before] : unsynced_) {
    PlayerRow& row = players_[player_id].row;
    row.saved_tick = before.first;
    row.state = before.second;
  }
  Reopen();
}

void SimStore::Reopen() {
  unsynced_.clear();
  broken_ = false;
  meta_.run = ++stored_run_;
  ++meta_.cache_generation;
}

void SimStore::SetOwner(int64_t player_id, std::string shard_id, int64_t epoch) {
  players_[player_id].owner = std::move(shard_id);
  players_[player_id].row.epoch = epoch;
}

}  // namespace bluemarble::support
