/// Gets the bots their tickets: a few threads ask the HTTP endpoint at the wanted rate and hand the
/// answers over. Start and Take are the main thread's.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bluemarble/client.h"

namespace bluemarble::zonebot {

class Joiner {
 public:
  struct Answer {
    size_t bot = 0;
    int64_t asked_ns = 0;  ///< When the first request went out.
    JoinResult result;
  };

  /// Begins to join `names`, in order, `rate_per_s` of them a second.
  Joiner(std::string server, std::vector<std::string> names, double rate_per_s);
  /// Stops after the requests that are under way.
  ~Joiner();
  /// Appends what has been answered since.
  void Take(std::vector<Answer>& out);

 private:
  void Run();

  const std::string server_;
  const std::vector<std::string> names_;
  const double rate_per_s_;
  const int64_t start_ns_;
  std::atomic<size_t> next_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::vector<Answer> answers_;
  std::vector<std::thread> threads_;
};

}  // namespace bluemarble::zonebot
