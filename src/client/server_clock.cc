#include "client/server_clock.h"

#include <algorithm>

namespace bluemarble::client {
namespace {

constexpr int64_t kWindowNs = 1'000'000'000;
constexpr double kSlewNs = 0.5e9;      // time constant of the approach
constexpr double kMaxSlowdown = 0.9;   // below 1, so that the estimate never goes back
constexpr double kJumpNs = 2e9;        // a server that stood still this long is not slewed to
constexpr double kJitterDecay = 0.98;  // per snapshot: about 2 s to a third at 30 Hz

}  // namespace

void ServerClock::Reset(core::Tick tick, int64_t now_ns, int tick_hz) {
  *this = ServerClock();
  base_tick_ = tick;
  base_ns_ = window_start_ns_ = advanced_ns_ = now_ns;
  tick_ns_ = 1e9 / tick_hz;
  window_min_ns_ = 0;
}

double ServerClock::LatenessNs(core::Tick tick, int64_t now_ns) const {
  const auto ticks = static_cast<double>(static_cast<int64_t>(tick - base_tick_));
  return static_cast<double>(now_ns - base_ns_) - ticks * tick_ns_;
}

void ServerClock::OnSnapshot(core::Tick tick, int64_t now_ns) {
  const double lateness = LatenessNs(tick, now_ns);
  if (now_ns - window_start_ns_ > kWindowNs) {
    previous_min_ns_ = window_min_ns_;
    window_min_ns_ = kNone;
    window_start_ns_ = now_ns;
  }
  window_min_ns_ = std::min(window_min_ns_, lateness);
  const double floor_ns = std::min(window_min_ns_, previous_min_ns_);
  jitter_ticks_ = std::max(jitter_ticks_ * kJitterDecay, (lateness - floor_ns) / tick_ns_);
}

void ServerClock::Advance(int64_t now_ns) {
  const auto elapsed = static_cast<double>(now_ns - advanced_ns_);
  if (elapsed <= 0) return;
  advanced_ns_ = now_ns;
  const double wanted = std::min(window_min_ns_, previous_min_ns_);
  if (wanted == kNone) return;
  const double error = wanted - offset_ns_;
  if (error > kJumpNs || error < -kJumpNs) {
    offset_ns_ = wanted;
    return;
  }
  const double step = error * std::min(1.0, elapsed / kSlewNs);
  offset_ns_ += std::min(step, elapsed * kMaxSlowdown);
}

double ServerClock::TickAt(int64_t now_ns) const {
  if (tick_ns_ == 0) return 0;
  const double since = (static_cast<double>(now_ns - base_ns_) - offset_ns_) / tick_ns_;
  return static_cast<double>(base_tick_) + since;
}

}  // namespace bluemarble::client
