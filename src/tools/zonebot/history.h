/// The history of a run: one JSON line for each thing that a bot asked or was told, for
/// `zonectl check-history`. Each line is with the system before Write returns, so that a killed
/// bot loses none. Main thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bluemarble/client.h"
#include "core/result.h"

namespace bluemarble::zonebot {

struct HistoryLine {
  double unix_s = 0;
  std::string_view bot;
  int64_t player_id = 0;
  ActionKey key{};
  std::string_view op;
  std::string_view outcome;  ///< sent, ok, refused or unknown.
  std::string_view reason;
  bool repeated = false;
};
/// Without the line's end.
std::string ToJson(const HistoryLine& line);

class History {
 public:
  History() = default;
  ~History();
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  /// Appends to `path`; kDenied names it and the cause. Without Open, Write does nothing.
  core::Status Open(const std::string& path);
  void Write(const HistoryLine& line);
  /// False after a line could not be written whole.
  bool complete() const { return complete_; }

 private:
  int fd_ = -1;
  bool complete_ = true;
};

}  // namespace bluemarble::zonebot
