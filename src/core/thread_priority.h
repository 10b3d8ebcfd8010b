/// Threads that others shall not keep waiting. Any thread.
#pragma once

namespace bluemarble::core {

/// While it lives the calling thread, and the threads that it starts for as long as they run, have
/// that nice value (-20 to 0). Without the right to it (root, CAP_SYS_NICE, a limit of systemd's
/// LimitNICE=) nothing changes.
class PriorityScope {
 public:
  explicit PriorityScope(int nice);
  ~PriorityScope();
  PriorityScope(const PriorityScope&) = delete;
  PriorityScope& operator=(const PriorityScope&) = delete;

  /// False: the system did not allow it.
  bool granted() const { return granted_; }

 private:
  int before_ = 0;
  bool granted_ = true;
};

}  // namespace bluemarble::core
