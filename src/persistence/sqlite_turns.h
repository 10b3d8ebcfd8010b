/// Those who write one SQLite file in this process take turns, in the order in which they come.
/// SQLite lets a writer that finds the file locked sleep and look again, for ever longer: one that
/// writes without a pause would keep the other out. Any thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace bluemarble::persistence {

class SqliteTurns {
 public:
  /// The file's; ends with its last user. Everybody has to name the file in the same way.
  static std::shared_ptr<SqliteTurns> Of(const std::string& path);

  /// Held while it lives; false: the time was up before it came.
  class Turn {
   public:
    explicit Turn(SqliteTurns* turns) : turns_(turns) {}
    ~Turn() {
      if (turns_ != nullptr) turns_->Leave();
    }
    Turn(Turn&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)) {}
    Turn& operator=(Turn&&) = delete;
    explicit operator bool() const { return turns_ != nullptr; }

   private:
    SqliteTurns* turns_;
  };
  [[nodiscard]] Turn Take(int timeout_ms);

 private:
  void Leave();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<uint64_t> line_;  // the first has the turn once nobody else does
  uint64_t next_ = 0;
  bool taken_ = false;
};

}  // namespace bluemarble::persistence
