#include "persistence/pg_group.h"

#include <fmt/format.h>

#include <algorithm>

#include "persistence/pg_rows.h"
#include "persistence/pg_wire.h"

namespace bluemarble::persistence {
namespace {

struct Statement {
  const char* name;
  const char* sql;
};

constexpr Statement kStatements[] = {
    {"lock_shard",
     "SELECT reserved_tick, next_player, next_item, next_seq FROM shard_meta"
     " WHERE only_row = 1 AND run = $1::bigint FOR UPDATE"},
    {"write_counters",
     "UPDATE shard_meta SET reserved_tick = $1::bigint, next_player = $2::bigint,"
     " next_item = $3::bigint, next_seq = $4::bigint WHERE only_row = 1"},
    {"lock_owners",
     "SELECT player_id, epoch, shard_id FROM ownership WHERE player_id = ANY ($1::bigint[])"
     " ORDER BY player_id FOR SHARE"},
    // Columns unnested side by side in a select list cost half of unnest(a, b, ...) in FROM, which
    // keeps a tuple store for each.
    {"find_keys",
     "SELECT i.player_id, i.key, i.request_digest, i.result"
     " FROM (SELECT unnest($1::bigint[]) AS player_id, unnest($2::uuid[]) AS key) AS k"
     " JOIN idempotency i ON i.player_id = k.player_id AND i.key = k.key"},
    {"find_names", "SELECT name, player_id FROM player WHERE name = ANY ($1::text[])"},
    {"find_players",
     "SELECT player_id, version, 0::bigint, created_us, saved_tick, x_m, y_m, z_m,"
     " ground_height_m, health, yaw, name, ''::text FROM player"
     " WHERE player_id = ANY ($1::bigint[])"},
    {"insert_players",
     "INSERT INTO player (player_id, name, version, created_us, saved_tick, x_m, y_m, z_m,"
     " ground_height_m, health, yaw, lon_centideg, lat_centideg)"
     " SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[],"
     " $6::float8[], $7::float8[], $8::float8[], $9::float8[], $10::int[], $11::int[], $12::int[],"
     " $13::int[])"},
    {"insert_owners",
     "INSERT INTO ownership (player_id, shard_id, epoch)"
     " SELECT u.player_id, $3::text, u.epoch FROM unnest($1::bigint[], $2::bigint[])"
     " AS u(player_id, epoch)"},
    {"insert_extended",
     "INSERT INTO player_extended (player_id, logins, last_login_us, last_logout_us)"
     " SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])"},
    {"update_extended",
     "UPDATE player_extended e SET logins = e.logins + u.logins,"
     " last_login_us = greatest(e.last_login_us, u.login_us),"
     " last_logout_us = greatest(e.last_logout_us, u.logout_us)"
     " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])"
     " AS u(player_id, logins, login_us, logout_us) WHERE e.player_id = u.player_id"},
    {"update_players",
     "UPDATE player p SET version = u.version, saved_tick = u.saved_tick, x_m = u.x_m,"
     " y_m = u.y_m, z_m = u.z_m, ground_height_m = u.ground_height_m, health = u.health,"
     " yaw = u.yaw, lon_centideg = u.lon, lat_centideg = u.lat"
     " FROM (SELECT unnest($1::bigint[]) AS player_id, unnest($2::bigint[]) AS before,"
     " unnest($3::bigint[]) AS version, unnest($4::bigint[]) AS saved_tick,"
     " unnest($5::float8[]) AS x_m, unnest($6::float8[]) AS y_m, unnest($7::float8[]) AS z_m,"
     " unnest($8::float8[]) AS ground_height_m, unnest($9::int[]) AS health,"
     " unnest($10::int[]) AS yaw, unnest($11::int[]) AS lon, unnest($12::int[]) AS lat) AS u"
     " WHERE p.player_id = u.player_id AND p.version = u.before"},
    {"save_positions",
     "UPDATE player p SET saved_tick = u.saved_tick, x_m = u.x_m, y_m = u.y_m, z_m = u.z_m,"
     " ground_height_m = u.ground_height_m, health = u.health, yaw = u.yaw,"
     " lon_centideg = u.lon, lat_centideg = u.lat"
     " FROM (SELECT unnest($1::bigint[]) AS player_id, unnest($2::bigint[]) AS saved_tick,"
     " unnest($3::float8[]) AS x_m, unnest($4::float8[]) AS y_m, unnest($5::float8[]) AS z_m,"
     " unnest($6::float8[]) AS ground_height_m, unnest($7::int[]) AS health,"
     " unnest($8::int[]) AS yaw, unnest($9::int[]) AS lon, unnest($10::int[]) AS lat) AS u"
     " WHERE p.player_id = u.player_id AND p.saved_tick < u.saved_tick"},
    {"find_accounts",
     "SELECT account_id, version, balance FROM account WHERE account_id = ANY ($1::bigint[])"},
    {"insert_accounts",
     "INSERT INTO account (account_id, version, balance)"
     " SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[])"},
    {"update_accounts",
     "UPDATE account a SET version = u.version, balance = u.balance"
     " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])"
     " AS u(account_id, before, version, balance)"
     " WHERE a.account_id = u.account_id AND a.version = u.before"},
    {"insert_items",
     "INSERT INTO item (item_id, version, holder, definition, quantity)"
     " SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::int[], $5::bigint[])"},
    {"update_items",
     "UPDATE item i SET version = u.version, holder = u.holder, definition = u.definition,"
     " quantity = u.quantity FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[],"
     " $5::int[], $6::bigint[]) AS u(item_id, before, version, holder, definition, quantity)"
     " WHERE i.item_id = u.item_id AND i.version = u.before"},
    {"delete_items",
     "DELETE FROM item i USING unnest($1::bigint[], $2::bigint[]) AS u(item_id, before)"
     " WHERE i.item_id = u.item_id AND i.version = u.before"},
    {"put_on_ground",
     "INSERT INTO world_entity (entity_id, kind, x_m, y_m, z_m, ground_height_m, lon_centideg,"
     " lat_centideg) SELECT u.id, 4, u.x, u.y, u.z, u.g, u.lon, u.lat"
     " FROM unnest($1::bigint[], $2::float8[], $3::float8[], $4::float8[], $5::float8[],"
     " $6::int[], $7::int[]) AS u(id, x, y, z, g, lon, lat)"
     " ON CONFLICT (entity_id) DO UPDATE SET x_m = excluded.x_m, y_m = excluded.y_m,"
     " z_m = excluded.z_m, ground_height_m = excluded.ground_height_m,"
     " lon_centideg = excluded.lon_centideg, lat_centideg = excluded.lat_centideg"
     " WHERE world_entity.kind = excluded.kind"},
    {"take_off_ground",
     "DELETE FROM world_entity WHERE entity_id = ANY ($1::bigint[]) AND kind = 4"},
    {"insert_ledger",
     "INSERT INTO ledger (account_id, version, amount, balance, at_us, cause_player, cause_key)"
     " SELECT unnest($1::bigint[]), unnest($2::bigint[]), unnest($3::bigint[]),"
     " unnest($4::bigint[]), unnest($5::bigint[]), unnest($6::bigint[]), unnest($7::bytea[])"},
    // Not COPY: as many microseconds for the server, and a pipeline cannot carry it.
    {"insert_events",
     "INSERT INTO event (aggregate_type, aggregate_id, version, at_us, seq, tick, kind, payload,"
     " epoch) SELECT unnest($1::smallint[]), unnest($2::bigint[]), unnest($3::bigint[]),"
     " unnest($4::bigint[]), unnest($5::bigint[]), unnest($6::bigint[]), unnest($7::smallint[]),"
     " unnest($8::bytea[]), unnest($9::bigint[])"},
    {"insert_keys",
     "INSERT INTO idempotency (player_id, key, request_digest, at_us, result)"
     " SELECT unnest($1::bigint[]), unnest($2::uuid[]), unnest($3::bigint[]),"
     " unnest($4::bigint[]), unnest($5::bytea[])"},
    {"add_supply",
     "INSERT INTO item_supply AS s (definition, created, destroyed)"
     " SELECT * FROM unnest($1::int[], $2::bigint[], $3::bigint[])"
     " ON CONFLICT (definition) DO UPDATE SET created = s.created + excluded.created,"
     " destroyed = s.destroyed + excluded.destroyed"},
};

using Type = PgArray::Type;

// 4 MB; four times the players of a full shard.
constexpr size_t kMaxKnownPlayers = 20'000;

// The columns that a player's update and a position's save share, after their ids and versions.
struct StateColumns {
  PgArray tick{Type::kInt8}, x{Type::kFloat8}, y{Type::kFloat8}, z{Type::kFloat8},
      ground{Type::kFloat8}, health{Type::kInt4}, yaw{Type::kInt4}, lon{Type::kInt4},
      lat{Type::kInt4};

  void Add(core::Tick at, const PlayerState& state) {
    const CentiDegrees place = CentiDegreesAt(state.x_m, state.y_m, state.z_m);
    tick.Int8(static_cast<int64_t>(at));
    x.Float8(state.x_m);
    y.Float8(state.y_m);
    z.Float8(state.z_m);
    ground.Float8(state.ground_height_m);
    health.Int4(state.health);
    yaw.Int4(state.yaw);
    lon.Int4(place.lon);
    lat.Int4(place.lat);
  }
  void AppendTo(PgParameters& parameters) {
    for (PgArray* column : {&tick, &x, &y, &z, &ground, &health, &yaw, &lon, &lat}) {
      parameters.Array(*column);
    }
  }
};

}  // namespace

void PgGroup::Prepare() {
  // All statements go by key into tables that grow from nothing: a plan made on the empty tables
  // (or on stale statistics) would scan them for ever.
  PgExec(connection_,
         "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;"
         " SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_bitmapscan = off;"
         " SET jit = off");
  for (const Statement& statement : kStatements) {
    PgPrepare(connection_, statement.name, statement.sql);
  }
  const std::string items = kPgSelectItem;
  PgPrepare(connection_, "find_items", (items + "i.item_id = ANY ($1::bigint[])").c_str());
  PgPrepare(connection_, "find_items_of", (items + "i.holder = ANY ($1::bigint[])").c_str());
}

bool PgGroup::LockShard(int64_t run, PgCounters& counters) {
  owners_.clear();
  on_ground_.clear();
  written_.clear();
  saved_.clear();
  const PgRows rows = PgExecPrepared(connection_, "lock_shard", PgParameters().Int8(run));
  if (rows.empty()) return false;
  counters = {rows.Int(0, 0), rows.Int(0, 1), rows.Int(0, 2), rows.Int(0, 3)};
  return true;
}

void PgGroup::Read(const GroupNeeds& needs, std::span<const PositionSave> positions, bool trusting,
                   GroupRows& rows) {
  if (!needs.keys.empty()) ReadKeys(needs.keys, rows);
  std::vector<int64_t> named = ReadNames(needs.names, rows);
  std::sort(named.begin(), named.end());
  std::vector<int64_t> players = needs.player_ids;
  players.insert(players.end(), named.begin(), named.end());
  std::vector<int64_t> owned = players;
  for (const PositionSave& save : positions) owned.push_back(save.player_id);
  for (std::vector<int64_t>* ids : {&players, &owned}) {
    std::sort(ids->begin(), ids->end());
    ids->erase(std::unique(ids->begin(), ids->end()), ids->end());
  }
  LockOwners(owned);
  if (trusting) {
    // Named ones are logins: those are told the row itself.
    std::erase_if(players, [&](int64_t id) {
      const auto known = known_.find(id);
      if (known == known_.end() || std::binary_search(named.begin(), named.end(), id)) return false;
      TakePlayer({known->second, {}}, rows);
      return true;
    });
  }
  ReadPlayers(players, rows);
  ReadItems("find_items", needs.item_ids, rows);
  ReadItems("find_items_of", named, rows);
  std::vector<int64_t> accounts = needs.account_ids;
  accounts.insert(accounts.end(), named.begin(), named.end());
  if (accounts.empty()) return;
  const PgRows found = PgExecPrepared(connection_, "find_accounts", PgParameters().Int8s(accounts));
  for (int row = 0; row < found.size(); ++row) {
    const AccountRow account = ReadPgAccount(found, row);
    rows.accounts.insert_or_assign(account.account_id, account);
  }
}

void PgGroup::LockOwners(std::span<const int64_t> player_ids) {
  if (player_ids.empty()) return;
  const PgRows found = PgExecPrepared(connection_, "lock_owners", PgParameters().Int8s(player_ids));
  owners_.reserve(static_cast<size_t>(found.size()));
  for (int row = 0; row < found.size(); ++row) {
    owners_[found.Int(row, 0)] = {std::string(found.Text(row, 2)), found.Int(row, 1)};
  }
}

void PgGroup::ReadKeys(const std::vector<IdempotencyKey>& keys, GroupRows& rows) {
  PgArray players(Type::kInt8), bytes(Type::kUuid);
  for (const IdempotencyKey& key : keys) {
    players.Int8(key.player_id);
    bytes.Bytes(key.bytes);
  }
  const PgRows found =
      PgExecPrepared(connection_, "find_keys", PgParameters().Array(players).Array(bytes));
  for (int row = 0; row < found.size(); ++row) {
    IdempotencyKey key{found.Int(row, 0), {}};
    const auto stored = found.Bytes(row, 1);
    std::copy_n(stored.begin(), std::min(stored.size(), key.bytes.size()), key.bytes.begin());
    auto result = DecodeResult(found.Bytes(row, 3));
    // Costs its request alone: taken for damage of the database, it would end every process that
    // is asked with this key.
    if (!result.ok()) throw PgMismatch("a stored answer cannot be read");
    rows.keys.insert_or_assign(
        key, StoredKey{static_cast<uint64_t>(found.Int(row, 2)), std::move(*result)});
  }
}

std::vector<int64_t> PgGroup::ReadNames(const std::vector<std::string>& names, GroupRows& rows) {
  std::vector<int64_t> ids;
  if (names.empty()) return ids;
  PgArray column(Type::kText);
  for (const std::string& name : names) column.Text(name);
  const PgRows found = PgExecPrepared(connection_, "find_names", PgParameters().Array(column));
  for (int row = 0; row < found.size(); ++row) {
    ids.push_back(found.Int(row, 1));
    rows.names.insert_or_assign(std::string(found.Text(row, 0)), ids.back());
  }
  return ids;
}

void PgGroup::ReadPlayers(std::span<const int64_t> player_ids, GroupRows& rows) {
  if (player_ids.empty()) return;
  const PgRows found =
      PgExecPrepared(connection_, "find_players", PgParameters().Int8s(player_ids));
  for (int row = 0; row < found.size(); ++row) TakePlayer(ReadPgPlayer(found, row), rows);
}

void PgGroup::TakePlayer(StoredPlayer player, GroupRows& rows) {
  if (const auto owner = owners_.find(player.row.player_id); owner != owners_.end()) {
    player.row.epoch = owner->second.epoch;
    player.owner = owner->second.owner;
  }
  rows.players.insert_or_assign(player.row.player_id, std::move(player));
}

void PgGroup::ReadItems(const char* statement, std::span<const int64_t> ids, GroupRows& rows) {
  if (ids.empty()) return;
  const PgRows found = PgExecPrepared(connection_, statement, PgParameters().Int8s(ids));
  for (int row = 0; row < found.size(); ++row) {
    const ItemRow item = ReadPgItem(found, row);
    if (item.holder == kHeldByWorld) {
      on_ground_.insert(item.item_id);
    } else {
      on_ground_.erase(item.item_id);  // an earlier range of this transaction took it
    }
    rows.items.insert_or_assign(item.item_id, item);
  }
}

void PgGroup::Write(const GroupChanges& changes) {
  for (const PlayerChange& change : changes.players) written_.push_back(change.row);
  PgPipeline to(connection_);
  InsertPlayers(to, changes.players);
  UpdatePlayers(to, changes.players);
  WriteItems(to, changes);
  WriteAccounts(to, changes);
  WriteLedger(to, changes.ledger);
  WriteEvents(to, changes.events);
  WriteSupply(to, changes.supply);
  WriteKeys(to, changes.keys);
  to.Finish();
}

void PgGroup::InsertPlayers(PgPipeline& to, const std::vector<PlayerChange>& changes) {
  PgArray ids(Type::kInt8), names(Type::kText), versions(Type::kInt8), created(Type::kInt8),
      epochs(Type::kInt8), logins(Type::kInt8), login_us(Type::kInt8), logout_us(Type::kInt8);
  StateColumns state;
  for (const PlayerChange& change : changes) {
    if (change.version_before != 0) continue;
    const PlayerRow& row = change.row;
    ids.Int8(row.player_id);
    names.Text(row.name.view());
    versions.Int8(row.version);
    created.Int8(row.created_us);
    epochs.Int8(row.epoch);
    logins.Int8(change.logins);
    login_us.Int8(change.login_us);
    logout_us.Int8(change.logout_us);
    state.Add(row.saved_tick, row.state);
    owners_[row.player_id] = {shard_id_, row.epoch};
  }
  if (ids.size() == 0) return;
  PgParameters players;
  players.Array(ids).Array(names).Array(versions).Array(created);
  state.AppendTo(players);
  to.Send("insert_players", players);
  to.Send("insert_owners", PgParameters().Array(ids).Array(epochs).Text(shard_id_));
  to.Send("insert_extended",
          PgParameters().Array(ids).Array(logins).Array(login_us).Array(logout_us));
}

void PgGroup::UpdatePlayers(PgPipeline& to, const std::vector<PlayerChange>& changes) {
  PgArray ids(Type::kInt8), before(Type::kInt8), versions(Type::kInt8);
  PgArray extended(Type::kInt8), logins(Type::kInt8), login_us(Type::kInt8), logout_us(Type::kInt8);
  StateColumns state;
  for (const PlayerChange& change : changes) {
    if (change.version_before == 0) continue;
    ids.Int8(change.row.player_id);
    before.Int8(change.version_before);
    versions.Int8(change.row.version);
    state.Add(change.row.saved_tick, change.row.state);
    if (change.logins == 0 && change.logout_us == 0) continue;
    extended.Int8(change.row.player_id);
    logins.Int8(change.logins);
    login_us.Int8(change.login_us);
    logout_us.Int8(change.logout_us);
  }
  if (ids.size() != 0) {
    PgParameters parameters;
    parameters.Array(ids).Array(before).Array(versions);
    state.AppendTo(parameters);
    to.Send("update_players", parameters, ids.size(), "player");
  }
  if (extended.size() != 0) {
    to.Send("update_extended",
            PgParameters().Array(extended).Array(logins).Array(login_us).Array(logout_us),
            extended.size(), "player_extended");
  }
}

void PgGroup::SavePositions(std::span<const PositionSave> positions, CommitReport& report) {
  PgArray ids(Type::kInt8);
  StateColumns state;
  for (const PositionSave& save : positions) {
    const auto owner = owners_.find(save.player_id);
    if (owner == owners_.end() || owner->second.owner != shard_id_ ||
        owner->second.epoch != save.epoch || !IsFinite(save.state)) {
      report.RefusePosition(save.player_id);
      continue;
    }
    ids.Int8(save.player_id);
    state.Add(save.tick, save.state);
    saved_.push_back(save);
  }
  if (ids.size() == 0) return;
  PgParameters parameters;
  parameters.Array(ids);
  state.AppendTo(parameters);
  const int64_t saved = PgExecPrepared(connection_, "save_positions", parameters).affected();
  report.positions_saved += static_cast<uint64_t>(saved);
  report.positions_stale += static_cast<uint64_t>(ids.size() - saved);
}

void PgGroup::Committed() {
  if (known_.size() + written_.size() > kMaxKnownPlayers) known_.clear();
  for (const PlayerRow& row : written_) known_.insert_or_assign(row.player_id, row);
  for (const PositionSave& save : saved_) {
    const auto known = known_.find(save.player_id);
    if (known == known_.end() || known->second.saved_tick >= save.tick) continue;
    known->second.saved_tick = save.tick;
    known->second.state = save.state;
  }
}

void PgGroup::WriteCounters(const PgCounters& counters) {
  PgExecPrepared(connection_, "write_counters",
                 PgParameters()
                     .Int8(counters.reserved_tick)
                     .Int8(counters.next_player)
                     .Int8(counters.next_item)
                     .Int8(counters.next_seq));
}

}  // namespace bluemarble::persistence
