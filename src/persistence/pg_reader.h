/// Reads a PostgreSQL shard beside the daemon that writes it, or from a standby.
#pragma once

#include <memory>

#include "core/result.h"
#include "persistence/reader.h"
#include "persistence/settings.h"

namespace bluemarble::persistence {

/// A connection of its own whose transactions are read only. kUnavailable, kDenied, kInvalid: as
/// PgConnection::Open. kStale, kCorrupt: the schema is not the one this program knows.
core::Result<std::unique_ptr<StoreReader>> OpenPgReader(const DatabaseSettings& settings);

}  // namespace bluemarble::persistence
