/// Lines and fields of the plain CSV files that zonebot reads (no quotes): views into the text.
/// Values.
#pragma once

#include <charconv>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace bluemarble::zonebot {

/// The next line of `rest` without its end (LF or CR LF), which is taken off; false at the end.
inline bool NextLine(std::string_view& rest, std::string_view& line) {
  if (rest.empty()) return false;
  const size_t end = rest.find('\n');
  line = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return true;
}

inline void SplitFields(std::string_view line, std::vector<std::string_view>& fields) {
  fields.clear();
  for (;;) {
    const size_t comma = line.find(',');
    fields.push_back(line.substr(0, comma));
    if (comma == std::string_view::npos) return;
    line.remove_prefix(comma + 1);
  }
}

/// A finite decimal number and nothing else.
inline bool ParseNumber(std::string_view text, double& out) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(out);
}

/// "file:line:column: what"; lines and columns (fields) count from 1.
inline core::Status BadCsv(const std::string& file, size_t line, size_t column,
                           const std::string& what) {
  return {core::Code::kInvalid, "bad file",
          file + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " + what};
}

/// The whole file; kNotFound names it and the cause.
core::Result<std::string> ReadFile(const std::string& path);

}  // namespace bluemarble::zonebot
