/// Frees calls to a database that does not answer (PITFALLS P-4): libpq has no deadline of its own
/// and a cancel request needs a backend that is alive, so a thread cuts the socket of a call that
/// is older than allowed, and the blocked call fails at once. One thread per process, shared by all
/// connections. Any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

namespace bluemarble::persistence {

class PgWatchdog {
 public:
  using Clock = std::chrono::steady_clock;

  /// The process's one; it ends with its last owner.
  static std::shared_ptr<PgWatchdog> Shared();

  PgWatchdog();
  ~PgWatchdog();
  PgWatchdog(const PgWatchdog&) = delete;
  PgWatchdog& operator=(const PgWatchdog&) = delete;

  /// While it lives, the connection behind `socket` is cut at `deadline`. It holds a descriptor of
  /// its own: libpq closes its one when it gives up, and the number may be another file's then.
  class Guard {
   public:
    Guard(PgWatchdog& watchdog, int socket, Clock::time_point deadline);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    /// Now, and not at the deadline. Any thread.
    void Cut();
    /// The connection was cut.
    bool fired() const { return fired_.load(); }

   private:
    friend class PgWatchdog;
    PgWatchdog& watchdog_;
    const int socket_;
    std::multimap<Clock::time_point, Guard*>::iterator place_;
    std::atomic<bool> fired_{false};
  };

  /// Calls cut so far.
  uint64_t cuts() const { return cuts_.load(); }

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<Clock::time_point, Guard*> guards_;
  Clock::time_point waits_until_ = Clock::time_point::max();
  bool stop_ = false;
  std::atomic<uint64_t> cuts_{0};
  std::thread thread_;
};

}  // namespace bluemarble::persistence
