/// The settings of the durable side: [persistence], [database], [redis], [journal], [retention].
/// Main thread, at start.
#pragma once

#include "ops/config.h"
#include "persistence/settings.h"

namespace bluemarble::app {

void BindPersistence(ops::ConfigSchema& schema, persistence::PersistenceSettings& persistence);

}  // namespace bluemarble::app
