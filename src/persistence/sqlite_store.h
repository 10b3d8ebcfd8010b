/// The embedded store: one SQLite file in the data folder, WAL, synchronous=FULL, one connection.
/// Opened at start-up, then owned by the committer thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/clock.h"
#include "core/result.h"
#include "persistence/store.h"

namespace bluemarble::persistence {

struct SqliteStoreOptions {
  std::string data_dir;
  std::string shard_id = "zone";  ///< A folder belongs to the shard that made it.
  uint64_t world_seed = 0;  ///< Of a new world; an existing folder keeps its own (see meta()).
  int check_limit_mib = 64;
};

inline constexpr const char* kSqliteFileName = "zone.sqlite3";

/// Makes the folder and the database when missing, takes the folder's lock, brings the schema up to
/// date. kDenied:  the folder cannot be made or written; detail names it. kConflict: another
/// process uses it (detail names its pid), or it belongs to another shard. kCorrupt: the file is
/// damaged or no database (detail names it), or an applied migration was edited. kStale:   the
/// schema is newer than this program; detail says what to start instead. kUnavailable: the disk is
/// full, or the file is locked by a tool.
core::Result<std::unique_ptr<Store>> OpenSqliteStore(const SqliteStoreOptions& options,
                                                     const core::Clock& clock);

}  // namespace bluemarble::persistence
