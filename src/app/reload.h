/// What a running zoned takes over of changed settings: the log's level. Main thread.
#pragma once

#include <string>

#include "ops/config.h"

namespace bluemarble::app {

/// Reads all sources again and sets the log's level to the log.level found there; `level` is the
/// present one and becomes the new one. What happened is logged whatever the level is. With a
/// problem anywhere everything stays as it was, and each problem is logged.
void ReloadLogLevel(const ops::ConfigSources& sources, std::string& level);

}  // namespace bluemarble::app
