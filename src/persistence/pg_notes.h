/// The note table of a PostgreSQL shard. Functions throw PgError. One thread per connection.
#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <span>
#include <vector>

#include "persistence/notes.h"

namespace bluemarble::persistence {

/// Once per connection, outside a transaction; before WritePgNotes.
void PreparePgNotes(PGconn* connection);
/// Inside a transaction. What is there already, by (run, number), stays as it is.
void WritePgNotes(PGconn* connection, std::span<const NoteRow> notes);
/// Inside a transaction; at most `limit` notes older than `before_us`. Returns how many.
int64_t PurgePgNotes(PGconn* connection, int64_t before_us, int64_t limit);
/// Oldest first.
std::vector<NoteRow> ReadPgNotes(PGconn* connection, const NoteQuery& query);

}  // namespace bluemarble::persistence
