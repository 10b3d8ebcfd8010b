#include "persistence/sqlite_notes.h"

#include <sqlite3.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "persistence/sqlite_rows.h"

namespace bluemarble::persistence {

using core::Status;

Status SqliteNotes::Prepare() {
  const std::pair<SqliteStatement*, const char*> statements[] = {
      {&insert_,
       "INSERT INTO note (run, number, at_us, player_id, tick, kind, code, text) "
       "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"},
      {&raise_, "UPDATE note_retention SET kept_from_us = max(kept_from_us, ?)"},
      {&purge_,
       "DELETE FROM note WHERE (run, number) IN "
       "(SELECT run, number FROM note WHERE at_us < ? ORDER BY at_us LIMIT ?)"},
  };
  for (const auto& [statement, sql] : statements) {
    auto prepared = db_.Prepare(sql);
    if (!prepared.ok()) return prepared.status();
    *statement = std::move(*prepared);
  }
  return Status::Ok();
}

Status SqliteNotes::Write(std::span<const NoteRow> notes) {
  for (const NoteRow& note : notes) {
    const int code = insert_.Run(note.run, note.number, note.at_us, note.player_id,
                                 static_cast<int64_t>(note.tick), static_cast<int64_t>(note.kind),
                                 int64_t{note.code}, std::string_view(note.text));
    if (code != SQLITE_DONE) return db_.StatusOf(code);
  }
  return Status::Ok();
}

Status SqliteNotes::Purge(int64_t before_us, size_t limit, uint64_t& purged) {
  int code = raise_.Run(before_us);
  if (code != SQLITE_DONE) return db_.StatusOf(code);
  code = purge_.Run(before_us, static_cast<int64_t>(limit));
  if (code != SQLITE_DONE) return db_.StatusOf(code);
  purged = static_cast<uint64_t>(db_.changes());
  return Status::Ok();
}

const char* SqliteNotesQuery(const NoteQuery& query) {
  // Two texts, since a condition that may be switched off finds no index.
  return query.player_id
             ? "SELECT run, number, at_us, player_id, tick, kind, code, text FROM note "
               "WHERE at_us >= ?1 AND at_us < ?2 AND player_id = ?3 AND (?4 = 0 OR kind = ?4) "
               "ORDER BY run DESC, number DESC LIMIT ?5"
             : "SELECT run, number, at_us, player_id, tick, kind, code, text FROM note "
               "WHERE at_us >= ?1 AND at_us < ?2 AND ?3 = 0 AND (?4 = 0 OR kind = ?4) "
               "ORDER BY run DESC, number DESC LIMIT ?5";
}

core::Result<std::vector<NoteRow>> ReadSqliteNotes(SqliteDb& db, const NoteQuery& query) {
  auto statement = db.Prepare(SqliteNotesQuery(query));
  if (!statement.ok()) return statement.status();
  statement->Bind(query.since_us, query.until_us, query.player_id.value_or(0),
                  query.kind ? static_cast<int64_t>(*query.kind) : int64_t{0},
                  static_cast<int64_t>(std::min<size_t>(query.limit, INT64_MAX)));
  std::vector<NoteRow> notes;
  const Status status = ForEachRow(db, *statement, [&notes](const SqliteStatement& row) {
    NoteRow& note = notes.emplace_back();
    note.run = row.Int(0);
    note.number = row.Int(1);
    note.at_us = row.Int(2);
    note.player_id = row.Int(3);
    note.tick = static_cast<core::Tick>(row.Int(4));
    note.kind = static_cast<NoteKind>(row.Int(5));
    note.code = static_cast<uint16_t>(row.Int(6));
    note.text = row.Text(7);
  });
  if (!status.ok()) return status;
  std::ranges::reverse(notes);
  return notes;
}

}  // namespace bluemarble::persistence
