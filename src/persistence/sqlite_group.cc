#include "persistence/sqlite_group.h"

#include <sqlite3.h>

#include <utility>

#include "persistence/sqlite_rows.h"

namespace bluemarble::persistence {
namespace {

using core::Code;
using core::Status;

std::span<const std::byte> Bytes(const std::array<std::byte, 16>& key) { return key; }
std::span<const std::byte> Bytes(const std::vector<std::byte>& blob) { return blob; }

}  // namespace

Status SqliteGroup::Prepare() {
  const std::string by_name = std::string(kSelectPlayer) + "p.name = ?";
  const std::string by_id = std::string(kSelectPlayer) + "p.player_id = ?";
  const std::string item = std::string(kSelectItem) + "i.item_id = ?";
  const std::string items_of = std::string(kSelectItem) + "i.holder = ?";
  const std::string account = std::string(kSelectAccount) + "account_id = ?";
  const std::pair<SqliteStatement*, const char*> statements[] = {
      {&find_key_,
       "SELECT request_digest, result FROM idempotency WHERE player_id = ? AND key = ?"},
      {&find_by_name_, by_name.c_str()},
      {&find_by_id_, by_id.c_str()},
      {&find_item_, item.c_str()},
      {&find_items_of_, items_of.c_str()},
      {&find_account_, account.c_str()},
      {&insert_player_,
       "INSERT INTO player (player_id, name, version, created_us, saved_tick, x_m, y_m, z_m, "
       "ground_height_m, health, yaw, lon_centideg, lat_centideg) "
       "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      {&insert_owner_, "INSERT INTO ownership (player_id, shard_id, epoch) VALUES (?, ?, ?)"},
      {&insert_extended_,
       "INSERT INTO player_extended (player_id, logins, last_login_us, last_logout_us) "
       "VALUES (?, ?, ?, ?)"},
      {&update_player_,
       "UPDATE player SET version = ?3, saved_tick = ?4, x_m = ?5, y_m = ?6, z_m = ?7, "
       "ground_height_m = ?8, health = ?9, yaw = ?10, lon_centideg = ?11, lat_centideg = ?12 "
       "WHERE player_id = ?1 AND version = ?2"},
      {&update_extended_,
       "UPDATE player_extended SET logins = logins + ?2, last_login_us = max(last_login_us, ?3), "
       "last_logout_us = max(last_logout_us, ?4) WHERE player_id = ?1"},
      {&save_position_,
       "UPDATE player SET saved_tick = ?2, x_m = ?3, y_m = ?4, z_m = ?5, ground_height_m = ?6, "
       "health = ?7, yaw = ?8, lon_centideg = ?11, lat_centideg = ?12 "
       "WHERE player_id = ?1 AND saved_tick < ?2 AND EXISTS "
       "(SELECT 1 FROM ownership WHERE player_id = ?1 AND epoch = ?9 AND shard_id = ?10)"},
      {&insert_item_,
       "INSERT INTO item (item_id, version, holder, definition, quantity) VALUES (?, ?, ?, ?, ?)"},
      {&update_item_,
       "UPDATE item SET version = ?3, holder = ?4, definition = ?5, quantity = ?6 "
       "WHERE item_id = ?1 AND version = ?2"},
      {&delete_item_, "DELETE FROM item WHERE item_id = ? AND version = ?"},
      {&put_entity_,
       "INSERT INTO world_entity (entity_id, kind, x_m, y_m, z_m, ground_height_m, lon_centideg, "
       "lat_centideg) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (entity_id) DO UPDATE SET "
       "x_m = excluded.x_m, y_m = excluded.y_m, z_m = excluded.z_m, "
       "ground_height_m = excluded.ground_height_m, lon_centideg = excluded.lon_centideg, "
       "lat_centideg = excluded.lat_centideg WHERE kind = excluded.kind"},
      {&delete_entity_, "DELETE FROM world_entity WHERE entity_id = ? AND kind = ?"},
      {&insert_account_, "INSERT INTO account (account_id, version, balance) VALUES (?, ?, ?)"},
      {&update_account_,
       "UPDATE account SET version = ?3, balance = ?4 WHERE account_id = ?1 AND version = ?2"},
      {&insert_ledger_,
       "INSERT INTO ledger (account_id, version, amount, balance, at_us, cause_player, cause_key) "
       "VALUES (?, ?, ?, ?, ?, ?, ?)"},
      {&insert_event_,
       "INSERT INTO event (aggregate_type, aggregate_id, version, at_us, tick, seq, kind, payload, "
       "epoch) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      {&insert_key_,
       "INSERT INTO idempotency (player_id, key, request_digest, at_us, result) "
       "VALUES (?, ?, ?, ?, ?)"},
      {&add_supply_,
       "INSERT INTO item_supply (definition, created, destroyed) VALUES (?, ?, ?) "
       "ON CONFLICT (definition) DO UPDATE SET created = created + excluded.created, "
       "destroyed = destroyed + excluded.destroyed"},
  };
  for (const auto& [statement, sql] : statements) {
    auto prepared = db_.Prepare(sql);
    if (!prepared.ok()) return prepared.status();
    *statement = std::move(*prepared);
  }
  return Status::Ok();
}

Status SqliteGroup::Read(const GroupNeeds& needs, GroupRows& rows) {
  for (const IdempotencyKey& key : needs.keys) {
    std::optional<StoredKey> found;
    if (Status status = FindKey(key, found); !status.ok()) return status;
    if (found) rows.keys.emplace(key, std::move(*found));
  }
  for (const std::string& name : needs.names) {
    if (Status status = ReadLogin(name, rows); !status.ok()) return status;
  }
  for (const int64_t id : needs.player_ids) {
    if (rows.players.contains(id)) continue;
    std::optional<StoredPlayer> found;
    if (Status status = FindPlayer(id, found); !status.ok()) return status;
    if (found) rows.players.emplace(id, std::move(*found));
  }
  for (const int64_t id : needs.item_ids) {
    if (rows.items.contains(id)) continue;
    if (Status status = ReadItems(find_item_, id, rows); !status.ok()) return status;
  }
  for (const int64_t id : needs.account_ids) {
    if (rows.accounts.contains(id)) continue;
    if (Status status = ReadAccounts(id, rows); !status.ok()) return status;
  }
  return Status::Ok();
}

Status SqliteGroup::ReadLogin(const std::string& name, GroupRows& rows) {
  std::optional<StoredPlayer> found;
  if (Status status = FindPlayer(name, found); !status.ok() || !found) return status;
  const int64_t id = found->row.player_id;
  rows.names.emplace(name, id);
  rows.players.emplace(id, std::move(*found));
  if (Status status = ReadItems(find_items_of_, id, rows); !status.ok()) return status;
  return ReadAccounts(id, rows);
}

Status SqliteGroup::ReadItems(SqliteStatement& statement, int64_t id, GroupRows& rows) {
  statement.Bind(id);
  return ForEachRow(db_, statement, [&rows](const SqliteStatement& row) {
    const ItemRow item = ReadItem(row);
    rows.items.emplace(item.item_id, item);
  });
}

Status SqliteGroup::ReadAccounts(int64_t account_id, GroupRows& rows) {
  find_account_.Bind(account_id);
  return ForEachRow(db_, find_account_, [&rows](const SqliteStatement& row) {
    const AccountRow account = ReadAccount(row);
    rows.accounts.emplace(account.account_id, account);
  });
}

Status SqliteGroup::FindKey(const IdempotencyKey& key, std::optional<StoredKey>& found) {
  Status corrupt;
  find_key_.Bind(key.player_id, Bytes(key.bytes));
  Status status = ForEachRow(db_, find_key_, [&](const SqliteStatement& row) {
    auto result = DecodeResult(row.Blob(1));
    if (!result.ok()) {
      // Costs its request alone: taken for damage of the database, it would end every process
      // that is asked with this key.
      corrupt = {Code::kConflict, "a stored answer cannot be read"};
    } else {
      found = StoredKey{static_cast<uint64_t>(row.Int(0)), std::move(*result)};
    }
  });
  return status.ok() ? corrupt : status;
}

Status SqliteGroup::FindPlayer(std::string_view name, std::optional<StoredPlayer>& found) {
  find_by_name_.Bind(name);
  return ReadOne(find_by_name_, found);
}

Status SqliteGroup::FindPlayer(int64_t player_id, std::optional<StoredPlayer>& found) {
  find_by_id_.Bind(player_id);
  return ReadOne(find_by_id_, found);
}

Status SqliteGroup::ReadOne(SqliteStatement& statement, std::optional<StoredPlayer>& found) {
  return ForEachRow(db_, statement,
                    [&found](const SqliteStatement& row) { found = ReadPlayer(row); });
}

template <typename... Args>
Status SqliteGroup::One(SqliteStatement& statement, const Args&... args) {
  const int code = statement.Run(args...);
  if ((code & 0xff) == SQLITE_CONSTRAINT)
    return {Code::kConflict, "the database's rules refuse a row", db_.StatusOf(code).detail()};
  if (code != SQLITE_DONE) return db_.StatusOf(code);
  return db_.changes() == 1 ? Status::Ok()
                            : Status(Code::kConflict, "a row was not as it had been read");
}

Status SqliteGroup::Write(const GroupChanges& changes, std::string_view shard_id) {
  for (const PlayerChange& change : changes.players) {
    if (Status status = WritePlayer(change, shard_id); !status.ok()) return status;
  }
  for (const auto& change : changes.items) {
    if (Status status = WriteItem(change); !status.ok()) return status;
  }
  for (const auto& change : changes.accounts) {
    if (Status status = WriteAccount(change); !status.ok()) return status;
  }
  for (const LedgerInsert& entry : changes.ledger) {
    Status status = One(insert_ledger_, entry.account_id, entry.version, entry.amount,
                        entry.balance, entry.at_us, entry.cause.player_id, Bytes(entry.cause.key));
    if (!status.ok()) return status;
  }
  for (const EventRow& event : changes.events) {
    Status status =
        One(insert_event_, static_cast<int64_t>(event.aggregate_type), event.aggregate_id,
            event.version, event.at_us, static_cast<int64_t>(event.tick), event.seq,
            static_cast<int64_t>(event.kind), Bytes(event.payload), event.epoch);
    if (!status.ok()) return status;
  }
  for (const SupplyChange& change : changes.supply) {
    Status status = One(add_supply_, int64_t{change.definition}, change.created, change.destroyed);
    if (!status.ok()) return status;
  }
  for (const KeyInsert& insert : changes.keys) {
    Status status = One(insert_key_, insert.key.player_id, Bytes(insert.key.bytes),
                        static_cast<int64_t>(insert.digest), insert.at_us, Bytes(insert.result));
    if (!status.ok()) return status;
  }
  return Status::Ok();
}

Status SqliteGroup::WritePlayer(const PlayerChange& change, std::string_view shard_id) {
  const PlayerRow& row = change.row;
  const PlayerState& state = row.state;
  const CentiDegrees at = CentiDegreesAt(state.x_m, state.y_m, state.z_m);
  const int64_t logins = change.logins;
  if (change.version_before == 0) {
    Status status = One(insert_player_, row.player_id, row.name.view(), row.version, row.created_us,
                        static_cast<int64_t>(row.saved_tick), state.x_m, state.y_m, state.z_m,
                        state.ground_height_m, int64_t{state.health}, int64_t{state.yaw},
                        int64_t{at.lon}, int64_t{at.lat});
    if (status.ok()) status = One(insert_owner_, row.player_id, shard_id, row.epoch);
    if (!status.ok()) return status;
    return One(insert_extended_, row.player_id, logins, change.login_us, change.logout_us);
  }
  Status status = One(update_player_, row.player_id, change.version_before, row.version,
                      static_cast<int64_t>(row.saved_tick), state.x_m, state.y_m, state.z_m,
                      state.ground_height_m, int64_t{state.health}, int64_t{state.yaw},
                      int64_t{at.lon}, int64_t{at.lat});
  if (!status.ok() || (logins == 0 && change.logout_us == 0)) return status;
  return One(update_extended_, row.player_id, logins, change.login_us, change.logout_us);
}

Status SqliteGroup::WriteItem(const RowChange<ItemRow>& change) {
  const ItemRow& item = change.row;
  Status status;
  if (change.gone) {
    status = One(delete_item_, item.item_id, change.version_before);
  } else if (change.version_before == 0) {
    status = One(insert_item_, item.item_id, item.version, item.holder, int64_t{item.definition},
                 int64_t{item.quantity});
  } else {
    status = One(update_item_, item.item_id, change.version_before, item.version, item.holder,
                 int64_t{item.definition}, int64_t{item.quantity});
  }
  if (!status.ok()) return status;
  if (!change.gone && item.holder == kHeldByWorld) {
    const ItemPlace& place = item.place;
    const CentiDegrees at = CentiDegreesAt(place.x_m, place.y_m, place.z_m);
    return One(put_entity_, item.item_id, kItemOnGround, place.x_m, place.y_m, place.z_m,
               place.ground_height_m, int64_t{at.lon}, int64_t{at.lat});
  }
  if (change.version_before == 0) return status;
  const int code = delete_entity_.Run(item.item_id, kItemOnGround);  // may have been held before
  return db_.StatusOf(code);
}

Status SqliteGroup::WriteAccount(const RowChange<AccountRow>& change) {
  const AccountRow& row = change.row;
  return change.version_before == 0 ? One(insert_account_, row.account_id, row.version, row.balance)
                                    : One(update_account_, row.account_id, change.version_before,
                                          row.version, row.balance);
}

Status SqliteGroup::SavePosition(const PositionSave& save, std::string_view shard_id,
                                 CommitReport& report) {
  const PlayerState& state = save.state;
  if (!IsFinite(state)) {
    report.RefusePosition(save.player_id);
    return Status::Ok();
  }
  const CentiDegrees at = CentiDegreesAt(state.x_m, state.y_m, state.z_m);
  const int code = save_position_.Run(save.player_id, static_cast<int64_t>(save.tick), state.x_m,
                                      state.y_m, state.z_m, state.ground_height_m,
                                      int64_t{state.health}, int64_t{state.yaw}, save.epoch,
                                      shard_id, int64_t{at.lon}, int64_t{at.lat});
  if (code != SQLITE_DONE) return db_.StatusOf(code);
  if (db_.changes() == 1) {
    ++report.positions_saved;
    return Status::Ok();
  }
  std::optional<StoredPlayer> player;
  if (Status status = FindPlayer(save.player_id, player); !status.ok()) return status;
  const bool owned = player && player->owner == shard_id && player->row.epoch == save.epoch;
  if (owned) {
    ++report.positions_stale;
  } else {
    report.RefusePosition(save.player_id);
  }
  return Status::Ok();
}

}  // namespace bluemarble::persistence
