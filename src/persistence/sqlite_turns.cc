#include "persistence/sqlite_turns.h"

#include <algorithm>
#include <chrono>
#include <map>

namespace bluemarble::persistence {

std::shared_ptr<SqliteTurns> SqliteTurns::Of(const std::string& path) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<SqliteTurns>> by_path;
  const std::lock_guard lock(mutex);
  std::erase_if(by_path, [](const auto& entry) { return entry.second.expired(); });
  auto turns = by_path[path].lock();
  if (turns == nullptr) by_path[path] = turns = std::make_shared<SqliteTurns>();
  return turns;
}

SqliteTurns::Turn SqliteTurns::Take(int timeout_ms) {
  std::unique_lock lock(mutex_);
  const uint64_t mine = next_++;
  line_.push_back(mine);
  const bool came = changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                                      [&] { return !taken_ && line_.front() == mine; });
  line_.erase(std::find(line_.begin(), line_.end(), mine));
  if (!came) {
    changed_.notify_all();
    return Turn(nullptr);
  }
  taken_ = true;
  return Turn(this);
}

void SqliteTurns::Leave() {
  {
    const std::lock_guard lock(mutex_);
    taken_ = false;
  }
  changed_.notify_all();
}

}  // namespace bluemarble::persistence
