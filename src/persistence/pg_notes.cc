#include "persistence/pg_notes.h"

#include <algorithm>
#include <string>

#include "persistence/pg_wire.h"

namespace bluemarble::persistence {
namespace {

using Type = PgArray::Type;

}  // namespace

void PreparePgNotes(PGconn* connection) {
  PgPrepare(connection, "insert_notes",
            "INSERT INTO note (run, number, at_us, player_id, tick, kind, code, text)"
            " SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[],"
            " $5::bigint[], $6::smallint[], $7::int[], $8::text[]) ON CONFLICT DO NOTHING");
}

void WritePgNotes(PGconn* connection, std::span<const NoteRow> notes) {
  if (notes.empty()) return;
  PgArray runs(Type::kInt8), numbers(Type::kInt8), at_us(Type::kInt8), players(Type::kInt8),
      ticks(Type::kInt8), kinds(Type::kInt2), codes(Type::kInt4), texts(Type::kText);
  for (const NoteRow& note : notes) {
    runs.Int8(note.run);
    numbers.Int8(note.number);
    at_us.Int8(note.at_us);
    players.Int8(note.player_id);
    ticks.Int8(static_cast<int64_t>(note.tick));
    kinds.Int2(static_cast<int16_t>(note.kind));
    codes.Int4(note.code);
    texts.Text(note.text);
  }
  PgExecPrepared(connection, "insert_notes",
                 PgParameters()
                     .Array(runs)
                     .Array(numbers)
                     .Array(at_us)
                     .Array(players)
                     .Array(ticks)
                     .Array(kinds)
                     .Array(codes)
                     .Array(texts));
}

int64_t PurgePgNotes(PGconn* connection, int64_t before_us, int64_t limit) {
  PgQuery(connection, "UPDATE note_retention SET kept_from_us = greatest(kept_from_us, $1::bigint)",
          PgParameters().Int8(before_us));
  PgExec(connection, "SET LOCAL enable_bitmapscan = on");  // the index by age is of that kind
  return PgQuery(connection,
                 "DELETE FROM note WHERE ctid = ANY (ARRAY(SELECT ctid FROM note"
                 " WHERE at_us < $1::bigint LIMIT $2::bigint))",
                 PgParameters().Int8(before_us).Int8(limit))
      .affected();
}

std::vector<NoteRow> ReadPgNotes(PGconn* connection, const NoteQuery& query) {
  std::string sql =
      "SELECT run, number, at_us, player_id, tick, kind, code, text FROM note"
      " WHERE at_us >= $1::bigint AND at_us < $2::bigint";
  PgParameters parameters;
  parameters.Int8(query.since_us).Int8(query.until_us);
  parameters.Int8(static_cast<int64_t>(std::min<size_t>(query.limit, INT64_MAX)));
  if (query.player_id) {
    parameters.Int8(*query.player_id);
    sql += " AND player_id = $" + std::to_string(parameters.values().size()) + "::bigint";
  }
  if (query.kind) {
    parameters.Int8(static_cast<int64_t>(*query.kind));
    sql += " AND kind = $" + std::to_string(parameters.values().size()) + "::bigint";
  }
  sql += " ORDER BY run DESC, number DESC LIMIT $3::bigint";
  const PgRows rows = PgQuery(connection, sql.c_str(), parameters);
  std::vector<NoteRow> notes;
  notes.reserve(static_cast<size_t>(rows.size()));
  for (int row = rows.size() - 1; row >= 0; --row) {
    NoteRow& note = notes.emplace_back();
    note.run = rows.Int(row, 0);
    note.number = rows.Int(row, 1);
    note.at_us = rows.Int(row, 2);
    note.player_id = rows.Int(row, 3);
    note.tick = static_cast<core::Tick>(rows.Int(row, 4));
    note.kind = static_cast<NoteKind>(rows.Int(row, 5));
    note.code = static_cast<uint16_t>(rows.Int(row, 6));
    note.text = rows.Text(row, 7);
  }
  return notes;
}

}  // namespace bluemarble::persistence
