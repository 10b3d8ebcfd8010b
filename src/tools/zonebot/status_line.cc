#include "tools/zonebot/status_line.h"

#include <unistd.h>

#include <cstdio>

namespace bluemarble::zonebot {
namespace {

constexpr int64_t kTerminalNs = 1'000'000'000;
constexpr int64_t kPlainNs = 5'000'000'000;

}  // namespace

StatusLine::StatusLine() : terminal_(isatty(STDERR_FILENO) != 0) {}

void StatusLine::Show(const StatusFigures& f, int64_t now_ns) {
  next_ns_ = now_ns + (terminal_ ? kTerminalNs : kPlainNs);
  char phase[32] = "connecting";
  if (f.window_s >= 0) {
    std::snprintf(phase, sizeof phase, "%.0f s", f.window_s);
  } else if (f.playing == f.wanted) {
    std::snprintf(phase, sizeof phase, "warming up");
  }
  char tick[32] = "no answer";
  if (f.server_answers) std::snprintf(tick, sizeof tick, "%.2f ms", f.tick_p99_ms);
  std::fprintf(
      stderr,
      "%splayers %zu/%zu | tick P99 %s | %.1f KB/s per player | combat age P99 %.0f ms | %s%s",
      terminal_ ? "\r\033[K" : "", f.playing, f.wanted, tick, f.bytes_per_player_s / 1000,
      f.age_p99_ms, phase, terminal_ ? "" : "\n");
  std::fflush(stderr);
  shown_ = true;
}

void StatusLine::End() {
  if (terminal_ && shown_) std::fputc('\n', stderr);
}

}  // namespace bluemarble::zonebot
