/// Reads an embedded database beside the daemon that writes it, or without one.
#pragma once

#include <memory>
#include <string>

#include "core/result.h"
#include "persistence/reader.h"

namespace bluemarble::persistence {

/// A read-only connection of its own to the database in the folder; takes no lock, holds up no
/// writer. kDenied: there is none, or it cannot be read. kCorrupt: it is no database, or none of
/// ours. kStale: its schema is not the one this program knows; detail says what to do.
core::Result<std::unique_ptr<StoreReader>> OpenSqliteReader(const std::string& data_dir);

}  // namespace bluemarble::persistence
