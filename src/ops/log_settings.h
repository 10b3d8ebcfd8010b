/// Settings of the log; immutable after start, except that the level may be set again (SIGHUP).
#pragma once

#include <cstdint>
#include <string>

namespace bluemarble::ops {

struct LogSettings {
  std::string level = "info";     ///< debug, info, warn, error
  std::string format = "auto";    ///< auto (text on a terminal, else json), text, json
  std::string service = "zoned";  ///< the "service" of every JSON line
  /// Lines that may wait for a slow reader. Too low: bursts lose their oldest lines (counted); too
  /// high: memory, about 512 B a line.
  uint32_t queue_lines = 8192;
};

}  // namespace bluemarble::ops
