/// Brings an embedded database to the schema this program knows: forward only, by id and checksum.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/result.h"
#include "persistence/migrations.h"
#include "persistence/sqlite_db.h"

namespace bluemarble::persistence {

/// Applies what is missing, each migration in a transaction of its own; returns the highest id.
/// kStale:   the database has a migration this program does not know; detail says what to start
/// instead. kCorrupt: an applied migration's checksum differs, or the file holds somebody else's
/// tables.
core::Result<int> MigrateSqlite(SqliteDb& db, std::span<const Migration> known, int64_t now_us);

/// What MigrateSqlite would refuse, found by looking alone: no lock, no write, no file beside it,
/// so that a start can be refused before it changes anything. Ok as well where there is no database
/// yet, an older one, or none that can be read now.
core::Status CheckSqliteSchema(const std::string& path,
                               std::span<const Migration> known = SqliteMigrations());

}  // namespace bluemarble::persistence
