/// The process's log: core::Log lines through a bounded queue and a thread of its own to stderr, as
/// text for people or as JSON lines. No caller ever waits for a slow or broken reader: when the
/// queue is full the oldest line is lost and counted (PITFALLS L-3). Any thread logs; one thread
/// starts and stops.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/log.h"
#include "core/result.h"
#include "ops/log_settings.h"

namespace bluemarble::ops {

struct LogStats {
  uint64_t written = 0;  ///< lines
  uint64_t overrun = 0;  ///< lines lost to a full queue
  uint64_t write_failures =
      0;  ///< lines the system would not take: full disk, closed pipe (PITFALLS L-1)
};

/// Starts the log on `fd` (2 = stderr; borrowed) and installs it as core's sink. kInvalid names a
/// setting that is not understood, kConflict means that it is already started.
core::Status StartLog(const LogSettings& settings, int fd = 2);

/// Writes out what waits, for at most one second, and removes the sink. No thread may log
/// meanwhile.
void StopLog();

/// Counts since the start of the process. Any thread.
LogStats GetLogStats();

/// "debug", "info", "warn", "error"; kInvalid else.
core::Result<core::LogLevel> ParseLogLevel(std::string_view name);

/// The line, without its end, as StartLog's formats write it. `unix_us` is microseconds since 1970.
/// No input can forge a line or a JSON field: control characters, invalid UTF-8 and quotes are
/// escaped.
std::string FormatTextLine(int64_t unix_us, core::LogLevel level, std::string_view event,
                           std::string_view fields, bool colour);
std::string FormatJsonLine(int64_t unix_us, core::LogLevel level, std::string_view service,
                           std::string_view event, std::string_view fields);

}  // namespace bluemarble::ops
