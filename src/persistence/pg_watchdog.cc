#include "persistence/pg_watchdog.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bluemarble::persistence {

std::shared_ptr<PgWatchdog> PgWatchdog::Shared() {
  static std::mutex mutex;
  static std::weak_ptr<PgWatchdog> shared;
  const std::lock_guard lock(mutex);
  auto watchdog = shared.lock();
  if (!watchdog) {
    watchdog = std::make_shared<PgWatchdog>();
    shared = watchdog;
  }
  return watchdog;
}

PgWatchdog::PgWatchdog() : thread_([this] { Run(); }) {}

PgWatchdog::~PgWatchdog() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void PgWatchdog::Run() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    const auto now = Clock::now();
    while (!guards_.empty() && guards_.begin()->first <= now) {
      Guard* guard = guards_.begin()->second;
      guards_.erase(guards_.begin());
      guard->place_ = guards_.end();
      ++cuts_;
      guard->Cut();
    }
    if (guards_.empty()) {
      waits_until_ = Clock::time_point::max();
      changed_.wait(lock);
    } else {
      // A guard that goes does not wake us: calls are many and short, a late look costs nothing.
      waits_until_ = guards_.begin()->first;
      changed_.wait_until(lock, waits_until_);
    }
  }
}

PgWatchdog::Guard::Guard(PgWatchdog& watchdog, int socket, Clock::time_point deadline)
    : watchdog_(watchdog), socket_(::fcntl(socket, F_DUPFD_CLOEXEC, 0)) {
  bool earlier = false;
  {
    const std::lock_guard lock(watchdog_.mutex_);
    place_ = watchdog_.guards_.emplace(deadline, this);
    earlier = deadline < watchdog_.waits_until_;
  }
  if (earlier) watchdog_.changed_.notify_one();
}

PgWatchdog::Guard::~Guard() {
  {
    const std::lock_guard lock(watchdog_.mutex_);
    if (place_ != watchdog_.guards_.end()) watchdog_.guards_.erase(place_);
  }
  if (socket_ >= 0) ::close(socket_);
}

void PgWatchdog::Guard::Cut() {
  fired_ = true;
  if (socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
}

}  // namespace bluemarble::persistence
