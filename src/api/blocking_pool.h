/// A few threads and a bounded line before them, for handlers that wait for a disk or a database:
/// the api threads, which answer probes, must not. Any thread submits.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace bluemarble::api {

class BlockingPool {
 public:
  /// `threads` at least 1; at most `max_waiting` jobs wait besides those that run.
  BlockingPool(size_t threads, size_t max_waiting);
  ~BlockingPool();  ///< stops
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;

  /// False when the line is full or the pool has stopped; the job is then not run. Jobs must not
  /// throw.
  bool Submit(std::function<void()> job);
  /// Drops what waits and joins the threads: takes as long as the jobs that run. Idempotent.
  void Stop();

 private:
  void Run();

  const size_t max_waiting_;
  std::mutex mutex_;
  std::condition_variable woken_;
  std::deque<std::function<void()>> line_;
  size_t idle_ = 0;  // threads that no job in the line is meant for yet
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace bluemarble::api
