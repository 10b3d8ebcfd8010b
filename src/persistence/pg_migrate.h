/// The schema of a PostgreSQL shard: what it has, what it lacks, and bringing it up to date.
/// Forward only, by number and checksum, under an advisory lock. The daemon itself only checks;
/// people run `zoned migrate`. Any thread, one connection each.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "persistence/migrations.h"
#include "persistence/pg_connection.h"
#include "persistence/settings.h"

namespace bluemarble::persistence {

struct MigrationLine {
  enum class State : uint8_t {
    kApplied,
    kMissing,  ///< This program has it, the database does not.
    kEdited,   ///< Applied with another checksum.
    kNewer,    ///< The database has it, this program does not know it.
  };
  int id = 0;
  std::string name;
  State state = State::kMissing;
  int64_t applied_us = 0;
};
/// "applied", "missing", "edited", "newer".
std::string_view MigrationStateName(MigrationLine::State state);

struct MigrationStatus {
  std::string schema;
  bool schema_exists = false;
  bool foreign_tables = false;       ///< Tables, but no record of migrations: somebody else's.
  std::vector<MigrationLine> lines;  ///< Ascending.

  bool has(MigrationLine::State state) const;
  /// Everything applied, nothing edited, nothing newer.
  bool current() const;
  /// Why the daemon does not start on this, with the command that mends it; Ok when current().
  core::Status Check() const;
};

core::Result<MigrationStatus> PgMigrationStatus(
    PgConnection& connection, std::span<const Migration> known = PostgresMigrations());

/// Applies what is missing, each in a transaction of its own, creating the schema when needed;
/// returns the names. `dry_run`: all of it is executed in one transaction that is rolled back, so
/// that what would fail fails here.
/// kStale, kCorrupt: as Check(); kConflict: somebody else migrates now.
core::Result<std::vector<std::string>> PgMigrateUp(
    PgConnection& connection, bool dry_run, int64_t now_us,
    std::span<const Migration> known = PostgresMigrations());

/// Check(), and compares columns, indexes, constraints, triggers and functions with what the
/// migrations make in a scratch schema (rolled back). Returns one line per difference; none: as it
/// should be.
core::Result<std::vector<std::string>> PgMigrateVerify(
    PgConnection& connection, std::span<const Migration> known = PostgresMigrations());

/// A connection without time limits on the server's side.
core::Result<std::unique_ptr<PgConnection>> OpenPgForMigration(const DatabaseSettings& settings);

}  // namespace bluemarble::persistence
