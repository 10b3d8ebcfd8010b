/// How the rows of the world lie in PostgreSQL's results: the columns to ask for, and how to read
/// them. Throws PgError. Pure functions.
#pragma once

#include "persistence/group_plan.h"
#include "persistence/pg_wire.h"
#include "persistence/rows.h"

namespace bluemarble::persistence {

/// world_entity.kind of an item on the ground.
inline constexpr int16_t kPgItemOnGround = 4;

/// For ReadPgPlayer; goes on with a WHERE over p (player).
inline constexpr const char* kPgSelectPlayer =
    "SELECT p.player_id, p.version, coalesce(o.epoch, 0), p.created_us, p.saved_tick, p.x_m, p.y_m,"
    " p.z_m, p.ground_height_m, p.health, p.yaw, p.name, coalesce(o.shard_id, '')"
    " FROM player p LEFT JOIN ownership o ON o.player_id = p.player_id WHERE ";
StoredPlayer ReadPgPlayer(const PgRows& rows, int row);

/// For ReadPgItem; goes on with a WHERE over i (item).
inline constexpr const char* kPgSelectItem =
    "SELECT i.item_id, i.version, i.holder, i.definition, i.quantity, coalesce(w.x_m, 0),"
    " coalesce(w.y_m, 0), coalesce(w.z_m, 0), coalesce(w.ground_height_m, 0)"
    " FROM item i LEFT JOIN world_entity w ON i.holder = 0 AND w.entity_id = i.item_id AND"
    " w.kind = 4 WHERE ";
ItemRow ReadPgItem(const PgRows& rows, int row);

inline constexpr const char* kPgSelectAccount =
    "SELECT account_id, version, balance FROM account WHERE ";
AccountRow ReadPgAccount(const PgRows& rows, int row);

/// For ReadPgEvent; goes on with a WHERE.
inline constexpr const char* kPgSelectEvent =
    "SELECT aggregate_type, aggregate_id, version, at_us, tick, seq, kind, payload, epoch"
    " FROM event WHERE ";
EventRow ReadPgEvent(const PgRows& rows, int row);

}  // namespace bluemarble::persistence
