#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "bluemarble/connection.h"

namespace bluemarble {

struct RequestPool::Impl {
  void Work() {
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [this] { return stop || !waiting.empty(); });
      if (stop) return;
      const std::function<void()> request = std::move(waiting.front());
      waiting.pop_front();
      lock.unlock();
      request();
      lock.lock();
    }
  }

  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::function<void()>> waiting;
  bool stop = false;
  std::vector<std::thread> threads;
};

RequestPool::RequestPool(int threads) : impl_(std::make_unique<Impl>()) {
  for (int i = 0; i < threads; ++i) impl_->threads.emplace_back([this] { impl_->Work(); });
}

RequestPool::~RequestPool() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stop = true;
  }
  impl_->wake.notify_all();
  for (std::thread& thread : impl_->threads) thread.join();
}

void RequestPool::Run(std::function<void()> request) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->waiting.push_back(std::move(request));
  }
  impl_->wake.notify_one();
}

}  // namespace bluemarble
