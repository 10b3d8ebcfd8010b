#include "api/blocking_pool.h"

#include <algorithm>
#include <utility>

namespace bluemarble::api {

BlockingPool::BlockingPool(size_t threads, size_t max_waiting) : max_waiting_(max_waiting) {
  idle_ = std::max<size_t>(threads, 1);
  for (size_t i = 0; i < std::max<size_t>(threads, 1); ++i) {
    threads_.emplace_back([this] { Run(); });
  }
}

BlockingPool::~BlockingPool() { Stop(); }

bool BlockingPool::Submit(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_ || line_.size() >= max_waiting_ + idle_) return false;
    line_.push_back(std::move(job));
  }
  woken_.notify_one();
  return true;
}

void BlockingPool::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    woken_.wait(lock, [this] { return stopped_ || !line_.empty(); });
    if (stopped_) return;
    {
      const std::function<void()> job = std::move(line_.front());
      line_.pop_front();
      --idle_;
      lock.unlock();
      job();
    }
    lock.lock();
    ++idle_;
  }
}

void BlockingPool::Stop() {
  {
    std::deque<std::function<void()>> dropped;  // outlives the lock: what a job holds ends here
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    dropped.swap(line_);
  }
  woken_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace bluemarble::api
