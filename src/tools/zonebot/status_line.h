/// The live line: rewritten each second on a terminal, a plain line every five seconds elsewhere.
/// Main thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bluemarble::zonebot {

struct StatusFigures {
  size_t playing = 0, wanted = 0;
  bool server_answers = false;
  double tick_p99_ms = 0;         ///< Since the last line.
  double bytes_per_player_s = 0;  ///< Down, since the last line.
  double age_p99_ms = 0;          ///< Combat, in the window so far.
  double window_s = -1;           ///< Below zero: the window has not begun.
};

class StatusLine {
 public:
  StatusLine();
  bool Due(int64_t now_ns) const { return now_ns >= next_ns_; }
  void Show(const StatusFigures& figures, int64_t now_ns);
  /// Leaves the terminal on a fresh line.
  void End();

 private:
  const bool terminal_;
  int64_t next_ns_ = 0;
  bool shown_ = false;
};

}  // namespace bluemarble::zonebot
