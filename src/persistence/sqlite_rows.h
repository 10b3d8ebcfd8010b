/// The schema's rows as SQLite gives them: select lists, and the reading of what they return.
/// Shared by the store and the reader. One thread at a time.
#pragma once

#include "persistence/group_plan.h"
#include "persistence/rows.h"
#include "persistence/sqlite_db.h"

namespace bluemarble::persistence {

/// Each ends in "WHERE "; the tables' aliases are p (player), o (ownership), i (item).
inline constexpr const char* kSelectPlayer =
    "SELECT p.player_id, p.version, coalesce(o.epoch, 0), p.created_us, p.saved_tick, p.x_m, "
    "p.y_m, p.z_m, p.ground_height_m, p.health, p.yaw, p.name, coalesce(o.shard_id, '') "
    "FROM player p LEFT JOIN ownership o USING (player_id) WHERE ";
inline constexpr const char* kSelectItem =
    "SELECT i.item_id, i.version, i.holder, i.definition, i.quantity, coalesce(w.x_m, 0.0), "
    "coalesce(w.y_m, 0.0), coalesce(w.z_m, 0.0), coalesce(w.ground_height_m, 0.0) "
    "FROM item i LEFT JOIN world_entity w ON w.entity_id = i.item_id AND w.kind = 4 WHERE ";
inline constexpr const char* kSelectAccount =
    "SELECT account_id, version, balance FROM account WHERE ";
inline constexpr const char* kSelectEvent =
    "SELECT aggregate_type, aggregate_id, version, at_us, tick, seq, kind, payload, epoch "
    "FROM event WHERE ";

/// world_entity.kind of an item that lies on the ground.
inline constexpr int64_t kItemOnGround = 4;

StoredPlayer ReadPlayer(const SqliteStatement& from);
ItemRow ReadItem(const SqliteStatement& from);
AccountRow ReadAccount(const SqliteStatement& from);
EventRow ReadEvent(const SqliteStatement& from);

/// Steps a bound statement to its end and gives each row to `take`, then resets it.
template <typename Take>
core::Status ForEachRow(const SqliteDb& db, SqliteStatement& statement, Take take) {
  int code = statement.Step();
  for (; SqliteStatement::IsRow(code); code = statement.Step()) take(statement);
  core::Status status = db.StatusOf(code);
  statement.Reset();
  return status;
}

}  // namespace bluemarble::persistence
