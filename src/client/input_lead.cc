#include "client/input_lead.h"

#include <algorithm>

namespace bluemarble::client {
namespace {

// With the half tick that a command waits on average for the server's next tick: a depth of 2
// ticks.
constexpr double kMarginTicks = 1.5;
constexpr double kMaxPathSeconds = 1.0;
constexpr int64_t kWindowNs = 1'500'000'000;
// Up fast: a late command is lost. Down slowly: a command too early costs only delay.
constexpr double kUpNs = 0.2e9, kDownNs = 1.5e9;

}  // namespace

void InputLead::Reset(double path_ticks, int tick_hz) {
  *this = InputLead();
  tick_ns_ = 1e9 / tick_hz;
  window_max_ = previous_max_ = std::clamp(path_ticks, 0.0, kMaxPathSeconds * tick_hz);
  lead_ = window_max_ + kMarginTicks;
}

void InputLead::OnPathSample(double path_ticks, int64_t now_ns) {
  path_ticks = std::clamp(path_ticks, 0.0, kMaxPathSeconds * 1e9 / tick_ns_);
  if (!sampled_ || now_ns - window_start_ns_ > kWindowNs) {
    // The guess of Reset counts no longer than the first sample.
    previous_max_ = sampled_ ? window_max_ : path_ticks;
    window_max_ = path_ticks;
    window_start_ns_ = now_ns;
    sampled_ = true;
  }
  window_max_ = std::max(window_max_, path_ticks);
}

void InputLead::Advance(int64_t now_ns) {
  const int64_t elapsed = advanced_ ? now_ns - advanced_ns_ : 0;
  advanced_ns_ = now_ns;
  advanced_ = true;
  if (elapsed <= 0) return;
  const double error = std::max(window_max_, previous_max_) + kMarginTicks - lead_;
  const double step =
      error * std::min(1.0, static_cast<double>(elapsed) / (error > 0 ? kUpNs : kDownNs));
  // Slower than the clock itself, so that command ticks never run backwards.
  lead_ += std::max(step, -0.5 * static_cast<double>(elapsed) / tick_ns_);
}

}  // namespace bluemarble::client
