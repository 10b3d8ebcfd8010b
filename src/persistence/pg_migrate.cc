#include "persistence/pg_migrate.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <pqxx/pqxx>
#include <set>

#include "persistence/pg_wire.h"

namespace bluemarble::persistence {
namespace {

using core::Code;
using core::Status;
using State = MigrationLine::State;

// A migration may rebuild a table: its limit is a day's, not a call's.
constexpr int kMigrationTimeoutMs = 24 * 3600 * 1000;

constexpr const char* kTable =
    "CREATE TABLE IF NOT EXISTS schema_migration ("
    "id integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, applied_us bigint NOT NULL)";

// Two programs that migrate the same schema take turns.
constexpr const char* kTryLock =
    "SELECT pg_try_advisory_xact_lock(hashtextextended('bluemarble migrate ' || $1, 0))";

void ReadStatus(pqxx::transaction_base& tx, std::span<const Migration> known,
                MigrationStatus& status) {
  const pqxx::row found = tx.exec_params1(
      "SELECT to_regnamespace(quote_ident($1)) IS NOT NULL,"
      " EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = $1),"
      " EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = 'schema_migration'),"
      " has_schema_privilege(to_regnamespace(quote_ident($1)), 'USAGE')",
      status.schema);
  // Without this right its tables are not found, which would look like a schema that was damaged.
  if (!found[3].as<bool>(true))
    throw PgError("permission denied for schema " + status.schema, "42501", false);
  status.schema_exists = found[0].as<bool>();
  status.foreign_tables = found[1].as<bool>() && !found[2].as<bool>();
  std::map<int, MigrationLine> lines;
  std::map<int, const Migration*> by_id;
  for (const Migration& migration : known) {
    by_id[migration.id] = &migration;
    lines[migration.id] = {migration.id, migration.name, State::kMissing, 0};
  }
  if (found[2].as<bool>()) {
    for (const pqxx::row& row :
         tx.exec("SELECT id, name, sha256, applied_us FROM schema_migration ORDER BY id")) {
      const int id = row[0].as<int>();
      const auto match = by_id.find(id);
      State state = State::kApplied;
      if (match == by_id.end()) {
        state = State::kNewer;
      } else if (row[2].as<std::string>() != match->second->sha256) {
        state = State::kEdited;
      }
      lines[id] = {id, row[1].as<std::string>(), state, row[3].as<int64_t>()};
    }
  }
  for (auto& [id, line] : lines) status.lines.push_back(std::move(line));
}

void Apply(pqxx::transaction_base& tx, const Migration& migration, int64_t now_us) {
  tx.exec(migration.sql);
  tx.exec_params(
      "INSERT INTO schema_migration (id, name, sha256, applied_us) VALUES ($1, $2, $3, $4)",
      migration.id, migration.name, migration.sha256, now_us);
}

// What a schema holds, one line each, with its own name left out. Partitions made by the daemon
// come and go; they take their columns and indexes from the table above them.
std::set<std::string> Contents(pqxx::transaction_base& tx, const std::string& schema) {
  static constexpr const char* kSql =
      "WITH own AS (SELECT c.oid, c.relname, c.relkind FROM pg_class c WHERE c.relnamespace ="
      "  (SELECT oid FROM pg_namespace WHERE nspname = $1) AND c.relname !~ '^event_p[0-9]')"
      " SELECT 'column ' || o.relname || '.' || a.attname || ' ' ||"
      "  format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' "
      "END"
      "  FROM own o JOIN pg_attribute a ON a.attrelid = o.oid"
      "  WHERE o.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped"
      " UNION ALL SELECT 'index ' || replace(pg_get_indexdef(o.oid), quote_ident($1) || '.', '')"
      "  FROM own o WHERE o.relkind IN ('i', 'I')"
      " UNION ALL SELECT 'trigger ' || o.relname || '.' || t.tgname || CASE t.tgenabled"
      "  WHEN 'D' THEN ' disabled' ELSE '' END || ' ' ||"
      "  replace(pg_get_triggerdef(t.oid), quote_ident($1) || '.', '')"
      "  FROM own o JOIN pg_trigger t ON t.tgrelid = o.oid"
      "  WHERE NOT t.tgisinternal"
      " UNION ALL SELECT 'constraint ' || o.relname || ' ' ||"
      "  replace(pg_get_constraintdef(k.oid), quote_ident($1) || '.', '')"
      "  FROM own o JOIN pg_constraint k ON k.conrelid = o.oid"
      " UNION ALL SELECT 'function ' || replace(replace(pg_get_functiondef(p.oid),"
      "  quote_ident($1) || '.', ''), chr(10), ' ')"
      "  FROM pg_proc p WHERE p.pronamespace ="
      "  (SELECT oid FROM pg_namespace WHERE nspname = $1) AND p.prokind IN ('f', 'p')"
      "  AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass"
      "  AND d.objid = p.oid AND d.deptype = 'e')";  // those of extensions are theirs
  std::set<std::string> lines;
  for (const pqxx::row& row : tx.exec_params(kSql, schema)) lines.insert(row[0].as<std::string>());
  return lines;
}

}  // namespace

std::string_view MigrationStateName(State state) {
  switch (state) {
    case State::kApplied: return "applied";
    case State::kMissing: return "missing";
    case State::kEdited: return "edited";
    case State::kNewer: return "newer";
  }
  return "?";
}

bool MigrationStatus::has(State state) const {
  return std::any_of(lines.begin(), lines.end(),
                     [state](const MigrationLine& line) { return line.state == state; });
}

bool MigrationStatus::current() const { return Check().ok(); }

Status MigrationStatus::Check() const {
  if (foreign_tables) {
    return {Code::kCorrupt, "database.schema holds somebody else's tables",
            fmt::format("schema \"{}\" has tables but no schema_migration; set database.schema to "
                        "one that is ours or does not exist yet",
                        schema)};
  }
  for (const MigrationLine& line : lines) {
    if (line.state == State::kNewer) {
      return {Code::kStale, "the database's schema is newer than this program",
              fmt::format("schema \"{}\" has migration {}; start the release that wrote it "
                          "(`zoned version` prints what a program knows)",
                          schema, line.name)};
    }
    if (line.state == State::kEdited) {
      return {Code::kCorrupt, "an applied migration was edited",
              fmt::format("schema \"{}\": {} was applied with another checksum; start the release "
                          "that wrote it (`zoned version`)",
                          schema, line.name)};
    }
  }
  for (const MigrationLine& line : lines) {
    if (line.state == State::kMissing) {
      return {Code::kCorrupt, "the database's schema is missing or older than this program",
              fmt::format("schema \"{}\" lacks {}; run `zoned migrate up`", schema, line.name)};
    }
  }
  return Status::Ok();
}

core::Result<MigrationStatus> PgMigrationStatus(PgConnection& connection,
                                                std::span<const Migration> known) {
  MigrationStatus status;
  status.schema = connection.schema();
  const Status ran = connection.Run([&](pqxx::connection_base& link) {
    pqxx::work tx(link);
    ReadStatus(tx, known, status);
  });
  if (!ran.ok()) return ran;
  return status;
}

core::Result<std::vector<std::string>> PgMigrateUp(PgConnection& connection, bool dry_run,
                                                   int64_t now_us,
                                                   std::span<const Migration> known) {
  std::vector<std::string> applied;
  while (true) {
    Status refused;
    bool more = false;
    const Status ran = connection.Run(
        [&](pqxx::connection_base& link) {
          pqxx::work tx(link);
          if (!tx.exec_params1(kTryLock, connection.schema())[0].as<bool>()) {
            refused = {Code::kConflict, "another program is migrating this schema",
                       connection.schema()};
            return;
          }
          MigrationStatus status;
          status.schema = connection.schema();
          ReadStatus(tx, known, status);
          const Status check = status.Check();
          if (status.foreign_tables || (!check.ok() && !status.has(State::kMissing)) ||
              status.has(State::kNewer) || status.has(State::kEdited)) {
            refused = check;
            return;
          }
          if (!status.schema_exists) tx.exec("CREATE SCHEMA " + tx.quote_name(status.schema));
          tx.exec(kTable);
          for (const Migration& migration : known) {
            const bool missing = std::any_of(
                status.lines.begin(), status.lines.end(), [&](const MigrationLine& line) {
                  return line.id == migration.id && line.state == State::kMissing;
                });
            if (!missing) continue;
            if (more && !dry_run) break;  // one transaction each
            Apply(tx, migration, now_us);
            applied.emplace_back(migration.name);
            more = true;
          }
          if (!dry_run) tx.commit();
        },
        kMigrationTimeoutMs);
    if (!ran.ok()) {
      if (applied.empty()) return ran;
      return Status(ran.code(), ran.context(),
                    fmt::format("{} ({} and before are applied)", ran.detail(), applied.back()));
    }
    if (!refused.ok()) return refused;
    if (!more || dry_run) return applied;
  }
}

core::Result<std::vector<std::string>> PgMigrateVerify(PgConnection& connection,
                                                       std::span<const Migration> known) {
  auto status = PgMigrationStatus(connection, known);
  if (!status.ok()) return status.status();
  if (Status check = status->Check(); !check.ok()) return check;
  std::vector<std::string> differences;
  const Status ran = connection.Run(
      [&](pqxx::connection_base& link) {
        const std::string scratch = fmt::format("bluemarble_verify_{}", connection.backend().pid);
        pqxx::work tx(link);
        const std::set<std::string> found = Contents(tx, connection.schema());
        tx.exec("CREATE SCHEMA " + tx.quote_name(scratch));
        tx.exec("SET LOCAL search_path = " + tx.quote_name(scratch));
        tx.exec(kTable);
        for (const Migration& migration : known) tx.exec(migration.sql);
        const std::set<std::string> expected = Contents(tx, scratch);
        for (const std::string& line : expected) {
          if (!found.contains(line)) differences.push_back("missing: " + line);
        }
        for (const std::string& line : found) {
          if (!expected.contains(line)) differences.push_back("unknown: " + line);
        }
      },
      kMigrationTimeoutMs);
  if (!ran.ok()) return ran;
  return differences;
}

core::Result<std::unique_ptr<PgConnection>> OpenPgForMigration(const DatabaseSettings& settings) {
  return PgConnection::Open(
      settings, {.application_name = "zoned migrate", .writes = true, .limited = false});
}

}  // namespace bluemarble::persistence
