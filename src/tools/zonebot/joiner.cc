#include "tools/zonebot/joiner.h"

#include <algorithm>
#include <chrono>

#include "core/clock.h"

namespace bluemarble::zonebot {
namespace {

constexpr size_t kThreads = 4;
constexpr int kTimeoutMs = 10'000;
constexpr int kTries = 3;  // a storm of logins may fill the endpoint's backlog

}  // namespace

Joiner::Joiner(std::string server, std::vector<std::string> names, double rate_per_s)
    : server_(std::move(server)),
      names_(std::move(names)),
      rate_per_s_(rate_per_s),
      start_ns_(core::SystemClock().NowNs()) {
  for (size_t i = 0; i < std::min(kThreads, names_.size()); ++i)
    threads_.emplace_back([this] { Run(); });
}

Joiner::~Joiner() {
  stop_ = true;
  for (std::thread& thread : threads_) thread.join();
}

void Joiner::Run() {
  const core::SystemClock clock;
  for (;;) {
    const size_t bot = next_.fetch_add(1);
    if (bot >= names_.size()) return;
    const int64_t due_ns =
        start_ns_ + static_cast<int64_t>(1e9 * static_cast<double>(bot) / rate_per_s_);
    while (!stop_ && clock.NowNs() < due_ns)
      std::this_thread::sleep_for(
          std::chrono::nanoseconds(std::clamp<int64_t>(due_ns - clock.NowNs(), 0, 50'000'000)));
    const int64_t asked_ns = clock.NowNs();
    JoinResult result;
    for (int attempt = 0; attempt < kTries && !result.ok && !stop_; ++attempt)
      result = Join(server_, names_[bot], kTimeoutMs);
    if (stop_) return;
    const std::lock_guard lock(mutex_);
    answers_.push_back({bot, asked_ns, std::move(result)});
  }
}

void Joiner::Take(std::vector<Answer>& out) {
  const std::lock_guard lock(mutex_);
  std::move(answers_.begin(), answers_.end(), std::back_inserter(out));
  answers_.clear();
}

}  // namespace bluemarble::zonebot
