/// Logging without a logging library in every file: a level, an event name and key=value text go to
/// one process-wide sink that ops/ installs (spdlog). Any thread. A line of up to 200 characters
/// allocates nothing on its way into the sink's queue, which still has a lock: nothing on the tick
/// path logs more than once in a while (use RateLimit).
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <string_view>

namespace bluemarble::core {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarn, kError };

/// Receives the finished line. `fields` is "key=value key=value"; the sink escapes it.
using LogSink = void (*)(LogLevel level, std::string_view event, std::string_view fields);

/// Installs the sink (null: lines are dropped). Call before threads start.
void SetLogSink(LogSink sink);
void SetLogLevel(LogLevel lowest);
bool LogEnabled(LogLevel level);
void LogLine(LogLevel level, std::string_view event, std::string_view fields);
void LogFormatted(LogLevel level, std::string_view event, fmt::string_view fields,
                  fmt::format_args args);

/// Log(kInfo, "listening", "address={} port={}", address, port)
template <typename... Args>
void Log(LogLevel level, std::string_view event, fmt::format_string<Args...> fields,
         Args&&... args) {
  if (LogEnabled(level)) LogFormatted(level, event, fields, fmt::make_format_args(args...));
}
inline void Log(LogLevel level, std::string_view event) {
  if (LogEnabled(level)) LogLine(level, event, {});
}

/// Lets one line through per period and counts the rest. One thread.
class RateLimit {
 public:
  explicit RateLimit(int64_t period_ns) : period_ns_(period_ns) {}
  /// True when a line may be written now; `suppressed()` then tells how many were not since the
  /// last.
  bool Allow(int64_t now_ns) {
    if (now_ns - last_ns_ < period_ns_ && last_ns_ != 0) {
      ++waiting_;
      return false;
    }
    last_ns_ = now_ns;
    suppressed_ = waiting_;
    waiting_ = 0;
    return true;
  }
  uint64_t suppressed() const { return suppressed_; }

 private:
  int64_t period_ns_;
  int64_t last_ns_ = 0;
  uint64_t waiting_ = 0;
  uint64_t suppressed_ = 0;
};

}  // namespace bluemarble::core
