/// How many ticks ahead of the server's clock commands are stamped, so that each reaches the server
/// about two ticks before it is due. Every snapshot tells the newest command tick that the server
/// holds; the first that tells of a command measures how long it took, and the lead follows the
/// longest of the last seconds. One thread.
#pragma once

#include <cstdint>

#include "core/ids.h"

namespace bluemarble::client {

class InputLead {
 public:
  /// `path_ticks`: a first guess of the time from stamping a command to the server holding it.
  void Reset(double path_ticks, int tick_hz);
  /// A command took `path_ticks` (server clock at arrival minus estimate when it was sent).
  void OnPathSample(double path_ticks, int64_t now_ns);
  /// Slews the lead; call at each poll.
  void Advance(int64_t now_ns);
  double ticks() const { return lead_; }

 private:
  double lead_ = 4;
  double window_max_ = 0, previous_max_ = 0;
  int64_t window_start_ns_ = 0, advanced_ns_ = 0;
  bool sampled_ = false, advanced_ = false;
  double tick_ns_ = 1e9 / 30;
};

}  // namespace bluemarble::client
