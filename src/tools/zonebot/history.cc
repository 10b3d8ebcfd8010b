#include "tools/zonebot/history.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

namespace bluemarble::zonebot {

std::string ToJson(const HistoryLine& line) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string key;
  for (const uint8_t byte : line.key) {
    key += kDigits[byte >> 4];
    key += kDigits[byte & 15];
  }
  const nlohmann::ordered_json body = {{"t", std::round(line.unix_s * 1e6) / 1e6},
                                       {"bot", line.bot},
                                       {"player", line.player_id},
                                       {"key", key},
                                       {"op", line.op},
                                       {"outcome", line.outcome},
                                       {"reason", line.reason},
                                       {"repeated", line.repeated}};
  return body.dump();
}

History::~History() {
  if (fd_ >= 0) close(fd_);
}

core::Status History::Open(const std::string& path) {
  fd_ = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd_ >= 0) return core::Status::Ok();
  return {core::Code::kDenied, "cannot write the history", path + ": " + std::strerror(errno)};
}

void History::Write(const HistoryLine& line) {
  if (fd_ < 0) return;
  const std::string text = ToJson(line) + '\n';
  if (write(fd_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) complete_ = false;
}

}  // namespace bluemarble::zonebot
