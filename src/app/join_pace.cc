#include "app/join_pace.h"

#include <algorithm>

namespace bluemarble::app {
namespace {

constexpr int64_t kMs = 1'000'000;
// Sooner nobody's way there and back is done.
constexpr int64_t kLeastWaitNs = 200 * kMs;

}  // namespace

JoinPace::JoinPace(double rate_per_s, uint32_t burst, int most_wait_ms)
    : spacing_ns_(std::max<int64_t>(1, static_cast<int64_t>(1e9 / rate_per_s))),
      burst_ns_(spacing_ns_ * burst),
      most_wait_ns_(most_wait_ms * kMs) {}

int JoinPace::Ask(int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  next_ns_ = std::max(next_ns_, now_ns);
  if (next_ns_ - now_ns <= burst_ns_) {
    next_ns_ += spacing_ns_;
    return 0;
  }
  // Turns begin when the burst has been taken in, so that who keeps one is let through.
  turn_ns_ =
      std::max(turn_ns_, std::max(next_ns_ - burst_ns_, now_ns + kLeastWaitNs)) + spacing_ns_;
  turn_ns_ = std::min(turn_ns_, now_ns + most_wait_ns_);
  return static_cast<int>((turn_ns_ - now_ns + kMs - 1) / kMs);
}

}  // namespace bluemarble::app
