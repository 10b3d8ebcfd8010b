#include "core/log.h"

#include <fmt/format.h>

#include <atomic>
#include <iterator>

namespace bluemarble::core {
namespace {

std::atomic<LogSink> g_sink{nullptr};
std::atomic<LogLevel> g_level{LogLevel::kInfo};

}  // namespace

void SetLogSink(LogSink sink) { g_sink.store(sink, std::memory_order_release); }
void SetLogLevel(LogLevel lowest) { g_level.store(lowest, std::memory_order_relaxed); }

bool LogEnabled(LogLevel level) {
  return level >= g_level.load(std::memory_order_relaxed) &&
         g_sink.load(std::memory_order_relaxed) != nullptr;
}

void LogLine(LogLevel level, std::string_view event, std::string_view fields) {
  if (LogSink sink = g_sink.load(std::memory_order_acquire)) sink(level, event, fields);
}

void LogFormatted(LogLevel level, std::string_view event, fmt::string_view fields,
                  fmt::format_args args) {
  fmt::memory_buffer text;
  fmt::vformat_to(std::back_inserter(text), fields, args);
  LogLine(level, event, {text.data(), text.size()});
}

}  // namespace bluemarble::core
