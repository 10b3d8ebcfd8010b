/// `zoned migrate`: the schema of a PostgreSQL shard. Prints for people; main thread.
#pragma once

#include <string>

#include "persistence/settings.h"

namespace bluemarble::app {

enum class MigrateCommand { kStatus, kUp, kVerify };

/// Exit code: 0, or 3 from status when something is missing, edited or newer and from verify when
/// something differs; otherwise ops/exit_codes.h.
int Migrate(const persistence::PersistenceSettings& settings, MigrateCommand command, bool dry_run);

}  // namespace bluemarble::app
