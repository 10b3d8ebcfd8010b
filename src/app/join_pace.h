/// How fast joins are let through, so that a crowd which asks at once comes to the zone no faster
/// than it takes players in. Who is too early gets a turn of its own to come back at. Any thread.
#pragma once

#include <cstdint>
#include <mutex>

namespace bluemarble::app {

class JoinPace {
 public:
  /// `rate_per_s` in the long run, `burst` at once on top. Turns are given out for at most
  /// `most_wait_ms` ahead; beyond that many get the same.
  JoinPace(double rate_per_s, uint32_t burst, int most_wait_ms);

  /// 0: go on. Else milliseconds until the turn of who asked.
  int Ask(int64_t now_ns);

 private:
  const int64_t spacing_ns_, burst_ns_, most_wait_ns_;
  std::mutex mutex_;
  int64_t next_ns_ = 0;  // the virtual time up to which joins have been let through,
  int64_t turn_ns_ = 0;  // and to which turns have been given out
};

}  // namespace bluemarble::app
