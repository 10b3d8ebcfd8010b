/// The note table of an SQLite database. The thread that has the connection.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/result.h"
#include "persistence/notes.h"
#include "persistence/sqlite_db.h"

namespace bluemarble::persistence {

/// Writes, inside a transaction that the store has begun.
class SqliteNotes {
 public:
  explicit SqliteNotes(SqliteDb& db) : db_(db) {}
  core::Status Prepare();
  /// What is there already, by (run, number), stays as it is.
  core::Status Write(std::span<const NoteRow> notes);
  /// At most `limit` notes older than `before_us`; `purged` says how many.
  core::Status Purge(int64_t before_us, size_t limit, uint64_t& purged);

 private:
  SqliteDb& db_;
  SqliteStatement insert_, raise_, purge_;
};

/// Its text; of the parameters, in their order: since, until, player or 0, kind or 0, limit.
const char* SqliteNotesQuery(const NoteQuery& query);
/// Oldest first.
core::Result<std::vector<NoteRow>> ReadSqliteNotes(SqliteDb& db, const NoteQuery& query);

}  // namespace bluemarble::persistence
