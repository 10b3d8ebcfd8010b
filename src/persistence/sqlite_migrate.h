/// Brings an embedded database to the schema this program knows: forward only, by id and checksum.
#pragma once

#include <cstdint>
#include <span>

#include "core/result.h"
#include "persistence/migrations.h"
#include "persistence/sqlite_db.h"

namespace bluemarble::persistence {

/// Applies what is missing, each migration in a transaction of its own; returns the highest id.
/// kStale:   the database has a migration this program does not know; detail says what to start
/// instead. kCorrupt: an applied migration's checksum differs, or the file holds somebody else's
/// tables.
core::Result<int> MigrateSqlite(SqliteDb& db, std::span<const Migration> known, int64_t now_us);

}  // namespace bluemarble::persistence
