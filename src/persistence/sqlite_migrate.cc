#include "persistence/sqlite_migrate.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <string>

namespace bluemarble::persistence {
namespace {

using core::Code;
using core::Status;

constexpr const char* kTable =
    "CREATE TABLE IF NOT EXISTS schema_migration ("
    "id INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, applied_us INTEGER NOT "
    "NULL) STRICT";

Status CheckOurs(SqliteDb& db) {
  auto tables = db.QueryText("SELECT count(*) FROM sqlite_schema WHERE type = 'table'");
  if (!tables.ok()) return tables.status();
  auto ours = db.QueryText("SELECT count(*) FROM sqlite_schema WHERE name = 'schema_migration'");
  if (!ours.ok()) return ours.status();
  if (*tables != "0" && *ours == "0") {
    return {Code::kCorrupt, "the database is not one of ours",
            fmt::format("{} holds other tables; set persistence.data_dir to another folder",
                        db.path())};
  }
  return Status::Ok();
}

Status CheckApplied(SqliteDb& db, std::span<const Migration> known, std::set<int64_t>& applied) {
  auto rows = db.Prepare("SELECT id, name, sha256 FROM schema_migration ORDER BY id");
  if (!rows.ok()) return rows.status();
  rows->Bind();
  int code = SQLITE_ROW;
  while ((code = rows->Step()) == SQLITE_ROW) {
    const int64_t id = rows->Int(0);
    const auto match =
        std::find_if(known.begin(), known.end(), [id](const Migration& m) { return m.id == id; });
    if (match == known.end()) {
      return {
          Code::kStale, "the database's schema is newer than this program",
          fmt::format(
              "{} has migration {}, this program knows up to {}; start the release that wrote it "
              "(`zoned version` prints what a program knows)",
              db.path(), rows->Text(1), known.empty() ? "none" : known.back().name)};
    }
    if (rows->Text(2) != match->sha256) {
      return {
          Code::kCorrupt, "an applied migration was edited",
          fmt::format(
              "{}: migration {} was applied with sha256 {}, this program has {}; start the release "
              "that wrote it (`zoned version`)",
              db.path(), match->name, rows->Text(2), match->sha256)};
    }
    applied.insert(id);
  }
  return db.StatusOf(code);
}

Status Apply(SqliteDb& db, const Migration& migration, int64_t now_us) {
  Status status = db.Exec("BEGIN IMMEDIATE");
  if (status.ok()) status = db.Exec(migration.sql);
  if (status.ok()) {
    auto insert = db.Prepare(
        "INSERT INTO schema_migration (id, name, sha256, applied_us) VALUES (?, ?, ?, ?)");
    status = insert.status();
    if (status.ok()) {
      status = db.StatusOf(insert->Run(int64_t{migration.id}, std::string_view(migration.name),
                                       std::string_view(migration.sha256), now_us));
    }
  }
  if (status.ok()) status = db.Exec("COMMIT");
  if (!status.ok()) db.Rollback();
  return status;
}

}  // namespace

core::Result<int> MigrateSqlite(SqliteDb& db, std::span<const Migration> known, int64_t now_us) {
  if (Status status = CheckOurs(db); !status.ok()) return status;
  if (Status status = db.Exec(kTable); !status.ok()) return status;
  std::set<int64_t> applied;
  if (Status status = CheckApplied(db, known, applied); !status.ok()) return status;
  int highest = 0;
  for (const Migration& migration : known) {
    if (!applied.contains(migration.id)) {
      if (Status status = Apply(db, migration, now_us); !status.ok()) return status;
    }
    highest = migration.id;
  }
  return highest;
}

core::Status CheckSqliteSchema(const std::string& path, std::span<const Migration> known) {
  if (::access(path.c_str(), R_OK) != 0) return Status::Ok();
  // Without a log nobody has it open. Reading it by SQLite's locks would make one, and leave it.
  const bool unused = ::access((path + "-wal").c_str(), F_OK) != 0;
  auto db = unused ? SqliteDb::OpenUnchanging(path) : SqliteDb::OpenReadOnly(path);
  Status status = db.status();
  if (status.ok()) status = CheckOurs(*db);
  if (status.ok()) {
    const auto ours =
        db->QueryText("SELECT count(*) FROM sqlite_schema WHERE name = 'schema_migration'");
    std::set<int64_t> applied;
    status = ours.status();
    if (status.ok() && *ours != "0") status = CheckApplied(*db, known, applied);
  }
  const bool refuses = status.code() == Code::kStale || status.code() == Code::kCorrupt;
  return refuses ? status : Status::Ok();
}

}  // namespace bluemarble::persistence
