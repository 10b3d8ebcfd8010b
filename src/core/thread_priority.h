/// Threads that others shall not keep waiting. Any thread.
#pragma once

#include <cstdint>

namespace bluemarble::core {

/// kRealtime: before every thread of the machine that is not (SCHED_FIFO, its lowest priority),
/// until it sleeps.
enum class Urgency : uint8_t { kNice, kRealtime };

/// While it lives the calling thread, and the threads that it starts for as long as they run, have
/// that nice value (-20 to 0), and if asked for are realtime threads. Without the right to it
/// (root, CAP_SYS_NICE, a limit of systemd's LimitNICE= or LimitRTPRIO=) nothing changes.
class PriorityScope {
 public:
  explicit PriorityScope(int nice, Urgency urgency = Urgency::kNice);
  ~PriorityScope();
  PriorityScope(const PriorityScope&) = delete;
  PriorityScope& operator=(const PriorityScope&) = delete;

  /// False: the system did not allow the nice value.
  bool granted() const { return granted_; }
  /// Whether the threads are realtime ones.
  bool realtime() const { return realtime_; }

 private:
  int before_ = 0;
  bool granted_ = true;
  bool realtime_ = false;
};

}  // namespace bluemarble::core
