/// The store of a PostgreSQL shard. One connection that writes, by one thread at a time: start-up,
/// then the committer. What keeps two processes from writing the same shard is shard_meta.run:
/// every writing transaction locks that row and finds its own run in it, or writes nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/clock.h"
#include "core/counters.h"
#include "core/result.h"
#include "persistence/settings.h"
#include "persistence/store.h"

namespace bluemarble::persistence {

/// Written by the committing thread, read by any. Outlives the store.
struct PgStoreStats {
  core::Counter reconnects;    ///< Connections made after the first.
  core::Counter lock_retries;  ///< Groups run again after a deadlock or serialization failure.
  core::Counter cut_calls;     ///< Calls that the watchdog cut.
  core::Counter rows_refused;  ///< Requests that the database itself refused, alone.
};

struct PgStoreOptions {
  DatabaseSettings database;
  RetentionSettings retention;
  std::string shard_id = "zone";  ///< A schema belongs to the shard that made it.
  uint64_t world_seed = 0;        ///< Of a new world; an existing one keeps its own (see meta()).
  std::string holder;             ///< Host and process, for people.
  /// Do not wait for a predecessor that still holds the shard: its next write finds itself fenced.
  bool take_over = false;
  PgStoreStats* stats = nullptr;
};

/// Waits up to start_patience_ms for a database that is away, and up to call_timeout_ms for a
/// predecessor's session to end. Then this process's run begins.
/// kUnavailable: away, or no answer.          kConflict: another process serves this shard (its
/// kDenied:      login, permission, replica.             holder is named), or it is another
/// shard's. kInvalid:     database.url.                kStale, kCorrupt: the schema (pg_migrate.h).
core::Result<std::unique_ptr<Store>> OpenPgStore(const PgStoreOptions& options,
                                                 const core::Clock& clock);

}  // namespace bluemarble::persistence
