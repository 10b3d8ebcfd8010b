/// A whole run: reads the files, joins and connects the bots, measures the window, reports. Main
/// thread.
#pragma once

#include <atomic>

#include "tools/zonebot/options.h"

namespace bluemarble::zonebot {

/// The exit code of ops/exit_codes.h, or 1 when --require-moving-others is not met; what is wrong
/// has been said in a line on stderr. `stop` turning true ends the run in order, the report
/// included.
int Run(const Options& options, const std::atomic<bool>& stop);

}  // namespace bluemarble::zonebot
