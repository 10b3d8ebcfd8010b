#include "tools/zonebot/join_queue.h"

#include "core/clock.h"

namespace bluemarble::zonebot {
namespace {

constexpr size_t kThreads = 4;
constexpr int kTimeoutMs = 3000;

}  // namespace

JoinQueue::JoinQueue(std::string server) : server_(std::move(server)) {
  for (size_t i = 0; i < kThreads; ++i) threads_.emplace_back([this] { Run(); });
}

JoinQueue::~JoinQueue() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void JoinQueue::Ask(size_t bot, std::string name) {
  {
    const std::lock_guard lock(mutex_);
    wishes_.push_back({bot, std::move(name)});
  }
  wake_.notify_one();
}

void JoinQueue::Take(std::vector<Joiner::Answer>& out) {
  const std::lock_guard lock(mutex_);
  std::move(answers_.begin(), answers_.end(), std::back_inserter(out));
  answers_.clear();
}

void JoinQueue::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stop_ || !wishes_.empty(); });
    if (stop_) return;
    const Wish wish = std::move(wishes_.front());
    wishes_.pop_front();
    lock.unlock();
    Joiner::Answer answer;
    answer.bot = wish.bot;
    answer.asked_ns = core::SystemClock().NowNs();
    answer.result = Join(server_, wish.name, kTimeoutMs);
    lock.lock();
    answers_.push_back(std::move(answer));
  }
}

}  // namespace bluemarble::zonebot
