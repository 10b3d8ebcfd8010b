/// A bounded pool of connections: made when needed, lent to one caller at a time, first come first
/// served. Whoever finds none free waits in a line that is bounded as well. Any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "core/counters.h"
#include "core/result.h"

namespace bluemarble::persistence {

/// The texts are static: `full` names the setting of the line, `no_free` that of the wait.
struct PoolLimits {
  int connections = 4;
  int max_waiting = 100;
  int wait_ms = 5000;
  const char* full = "the line for database connections is full (database.max_waiting)";
  const char* no_free = "no free database connection within database.wait_ms";
};

/// Written under the pool's lock, read by any thread.
struct PoolStats {
  core::Counter size, in_use, waiting;  ///< Levels. Connections being made count as in use.
  core::Counter made, broken, not_made;
  core::Counter refused_full, refused_wait;  ///< Exhausted: kFull, kUnavailable.
  core::Histogram wait_us;                   ///< Of callers who had to stand in the line.
};

template <typename Connection>
class ConnectionPool {
 public:
  using Make = std::function<core::Result<std::unique_ptr<Connection>>()>;
  /// Whether a connection that lay idle may be lent again; must not block.
  using Check = std::function<bool(Connection&)>;

  /// `make` is called by any thread, without a lock held, never more often than there are places;
  /// it must not throw.
  ConnectionPool(PoolLimits limits, Make make, Check check = {})
      : limits_(limits), make_(std::move(make)), check_(std::move(check)) {}
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  /// A connection on loan; goes back at its end. Must not outlive the pool.
  class Lease {
   public:
    Lease(ConnectionPool* pool, std::unique_ptr<Connection> connection)
        : pool_(pool), connection_(std::move(connection)) {}
    Lease(Lease&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), connection_(std::move(other.connection_)) {}
    Lease& operator=(Lease&& other) noexcept {
      if (this != &other) {
        Return();
        pool_ = std::exchange(other.pool_, nullptr);
        connection_ = std::move(other.connection_);
      }
      return *this;
    }
    ~Lease() { Return(); }

    Connection* operator->() const { return connection_.get(); }
    Connection& operator*() const { return *connection_; }
    /// The connection failed: it is destroyed, not lent again.
    void Drop() { connection_.reset(); }

   private:
    void Return() {
      if (pool_ != nullptr) pool_->TakeBack(std::move(connection_), true);
      pool_ = nullptr;
    }
    ConnectionPool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  /// Waits at most wait_ms, or `at_most_ms` when that is less.
  /// Errors: kFull, kUnavailable (texts of PoolLimits), or what `make` said.
  core::Result<Lease> Acquire(int at_most_ms = -1);

  /// Closes the connections that nobody uses now.
  void DropIdle();

  const PoolStats& stats() const { return stats_; }

 private:
  struct Waiter {
    std::condition_variable woken;
    bool granted = false;                    ///< A connection, or without one a place to make it.
    std::unique_ptr<Connection> connection;  ///< Not checked for idleness: it was just in use.
  };

  core::Result<Lease> MakeInPlace();
  void TakeBack(std::unique_ptr<Connection> connection, bool lent);
  void Publish() {
    stats_.size.Set(static_cast<uint64_t>(size_));
    stats_.in_use.Set(static_cast<uint64_t>(size_) - idle_.size());
    stats_.waiting.Set(line_.size());
  }

  const PoolLimits limits_;
  const Make make_;
  const Check check_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;
  std::deque<Waiter*> line_;
  int size_ = 0;  ///< Lent, idle and being made.
  PoolStats stats_;
};

template <typename Connection>
core::Result<typename ConnectionPool<Connection>::Lease> ConnectionPool<Connection>::Acquire(
    int at_most_ms) {
  std::unique_lock lock(mutex_);
  while (!idle_.empty()) {
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    if (check_ && !check_(*connection)) {
      --size_;
      stats_.broken.Add();
      continue;
    }
    Publish();
    return Lease(this, std::move(connection));
  }
  if (size_ < limits_.connections) {
    ++size_;
    Publish();
    lock.unlock();
    return MakeInPlace();
  }
  if (line_.size() >= static_cast<size_t>(limits_.max_waiting)) {
    stats_.refused_full.Add();
    return core::Status(core::Code::kFull, limits_.full);
  }

  const auto since = std::chrono::steady_clock::now();
  const int wait_ms =
      at_most_ms >= 0 && at_most_ms < limits_.wait_ms ? at_most_ms : limits_.wait_ms;
  Waiter self;
  line_.push_back(&self);
  Publish();
  self.woken.wait_until(lock, since + std::chrono::milliseconds(wait_ms),
                        [&] { return self.granted; });
  stats_.wait_us.Add(static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                               std::chrono::steady_clock::now() - since)
                                               .count()));
  if (!self.granted) {
    std::erase(line_, &self);
    stats_.refused_wait.Add();
    Publish();
    return core::Status(core::Code::kUnavailable, limits_.no_free);
  }
  lock.unlock();
  if (self.connection) return Lease(this, std::move(self.connection));
  return MakeInPlace();
}

template <typename Connection>
core::Result<typename ConnectionPool<Connection>::Lease> ConnectionPool<Connection>::MakeInPlace() {
  auto made = make_();
  if (!made.ok() || *made == nullptr) {
    {
      const std::lock_guard lock(mutex_);
      stats_.not_made.Add();
    }
    TakeBack(nullptr, false);
    return made.ok() ? core::Status(core::Code::kInternal, "no connection was made")
                     : made.status();
  }
  const std::lock_guard lock(mutex_);
  stats_.made.Add();
  return Lease(this, std::move(*made));
}

template <typename Connection>
void ConnectionPool<Connection>::TakeBack(std::unique_ptr<Connection> connection, bool lent) {
  const std::lock_guard lock(mutex_);
  if (lent && !connection) stats_.broken.Add();
  if (!line_.empty()) {
    Waiter* first = line_.front();
    line_.pop_front();
    first->connection = std::move(connection);
    first->granted = true;
    // Under the lock: after it, the waiter may be gone.
    first->woken.notify_one();
  } else if (connection) {
    idle_.push_back(std::move(connection));
  } else {
    --size_;
  }
  Publish();
}

template <typename Connection>
void ConnectionPool<Connection>::DropIdle() {
  std::vector<std::unique_ptr<Connection>> idle;
  {
    const std::lock_guard lock(mutex_);
    idle.swap(idle_);
    Publish();
  }
  // Closing may take a while; only then is the place free.
  for (auto& connection : idle) {
    connection.reset();
    TakeBack(nullptr, false);
  }
}

}  // namespace bluemarble::persistence
