/// Joins on demand, for bots that come back: a few threads ask the HTTP endpoint, so that a server
/// that is away holds nobody up. Ask and Take are the main thread's.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tools/zonebot/joiner.h"

namespace bluemarble::zonebot {

class JoinQueue {
 public:
  explicit JoinQueue(std::string server);
  /// Stops after the requests that are under way.
  ~JoinQueue();
  void Ask(size_t bot, std::string name);
  /// Appends what has been answered since.
  void Take(std::vector<Joiner::Answer>& out);

 private:
  struct Wish {
    size_t bot = 0;
    std::string name;
  };
  void Run();

  const std::string server_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Wish> wishes_;
  std::vector<Joiner::Answer> answers_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace bluemarble::zonebot
