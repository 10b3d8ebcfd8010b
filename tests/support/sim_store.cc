#include "support/sim_store.h"

#include <algorithm>
#include <cstring>

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
  if (random_.Chance(faults_.unknown_lost)) {
    broken_ = true;
    return {Code::kUnknown, "simulated lost request"};
  }
  Apply(group, results, report);
  if (random_.Chance(faults_.unknown_applied)) {
    broken_ = true;
    std::fill(results.begin(), results.end(), WriteResult{});
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

void SimStore::Apply(const CommitGroup& group, std::span<WriteResult> results,
                     CommitReport& report) {
  for (size_t i = 0; i < group.writes.size(); ++i) {
    results[i] = ApplyWrite(group.writes[i]);
    report.rerun |= results[i].outcome == Outcome::kRefused && !results[i].repeated;
  }
  for (const PositionSave& save : group.positions) ApplyPosition(save, report);
  meta_.reserved_tick = std::max(meta_.reserved_tick, group.reserve_ticks);
  if (!group.writes.empty() || group.reserve_ticks != 0) Sync();
}

WriteResult SimStore::ApplyWrite(const DurableWrite& write) {
  WriteResult result;
  const uint64_t digest = RequestDigest(write);
  auto refuse = [&](Refusal refusal) {
    result.outcome = Outcome::kRefused;
    result.refusal = refusal;
    if (IsFinal(refusal)) keys_[write.key] = {digest, write.at_us, result};
    return result;
  };
  if (const auto known = keys_.find(write.key); known != keys_.end()) {
    if (known->second.digest != digest) return refuse(Refusal::kKeyReused);
    result = known->second.result;
    result.repeated = true;
    return result;
  }
  if (!CheckWrite(write).ok()) return refuse(Refusal::kInvalid);
  // All is checked before anything changes: there is no rollback here.
  for (const PlayerUpdate& update : write.updates) {
    const auto found = players_.find(update.player_id);
    if (found == players_.end()) return refuse(Refusal::kNotFound);
    const Player& player = found->second;
    if (player.owner != meta_.shard_id || player.row.epoch != update.epoch)
      return refuse(Refusal::kNotOwner);
    result.row = player.row;
    if (player.row.version != update.expected_version) return refuse(Refusal::kVersion);
  }
  result.outcome = Outcome::kOk;
  auto add_event = [&](PlayerRow& row, EventKind kind, std::vector<std::byte> payload) {
    events_[{row.player_id, row.version}] = {
        AggregateType::kPlayer, row.player_id, row.version, write.at_us, write.tick, kind,
        std::move(payload)};
  };
  if (write.login) {
    auto found = names_.find(write.login->name.view());
    if (found != names_.end() && players_[found->second].owner != meta_.shard_id) {
      result.row = players_[found->second].row;
      return refuse(Refusal::kNotOwner);
    }
    if (found == names_.end()) {
      result.created = true;
      const int64_t id = ShardPrefix(meta_.shard_id) << kPlayerNumberBits | next_player_++;
      found = names_.emplace(std::string(write.login->name.view()), id).first;
      PlayerRow& row = players_[id].row;
      row = {id, 1, 1, write.at_us, write.tick, write.login->initial, write.login->name};
      players_[id].owner = meta_.shard_id;
      add_event(row, EventKind::kPlayerCreated, EncodePlayerState(row.state));
    }
    PlayerRow& row = players_[found->second].row;
    ++row.version;
    add_event(row, EventKind::kLogin, EncodePlayerState(row.state));
    result.row = row;
  }
  for (const PlayerUpdate& update : write.updates) {
    PlayerRow& row = players_[update.player_id].row;
    ++row.version;
    if (row.saved_tick <= write.tick) {
      row.state = update.state;
      row.saved_tick = write.tick;
    }
    add_event(row, update.kind, update.payload);
    result.row = row;
  }
  keys_[write.key] = {digest, write.at_us, result};
  return result;
}

void SimStore::ApplyPosition(const PositionSave& save, CommitReport& report) {
  const auto found = players_.find(save.player_id);
  if (found == players_.end() || !IsFinite(save.state) || found->second.owner != meta_.shard_id ||
      found->second.row.epoch != save.epoch) {
    ++report.positions_refused;
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
  if (const auto known = keys_.find(key); known != keys_.end()) {
    found = known->second.result;
    found->repeated = true;
  }
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
  for (auto it = events_.lower_bound({aggregate_id, from_version}); it != events_.end(); ++it) {
    if (it->first.first != aggregate_id || events.size() == limit) break;
    if (it->second.aggregate_type == type) events.push_back(it->second);
  }
  return events;
}

core::Result<uint64_t> SimStore::PurgeKeys(int64_t before_us, size_t limit) {
  uint64_t purged = 0;
  for (auto it = keys_.begin(); it != keys_.end() && purged < limit;) {
    if (it->second.at_us < before_us) {
      it = keys_.erase(it);
      ++purged;
    } else {
      ++it;
    }
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
  ++meta_.run;
  ++meta_.cache_generation;
}

void SimStore::SetOwner(int64_t player_id, std::string shard_id, int64_t epoch) {
  players_[player_id].owner = std::move(shard_id);
  players_[player_id].row.epoch = epoch;
}

}  // namespace bluemarble::support
