#include "client/server_clock.h"

#include <algorithm>
#include <cmath>

namespace bluemarble::client {
namespace {

constexpr int64_t kWindowNs = 250'000'000;  // eight snapshots: one of them is hardly delayed
constexpr double kSlewNs = 0.25e9;          // time constant of the approach
constexpr double kMaxSlowdown = 0.9;        // below 1, so that the estimate never goes back
constexpr double kJumpNs = 2e9;             // a server that stood still this long is not slewed to
constexpr double kJitterDecay = 0.98;       // per snapshot: about 2 s to a third at 30 Hz
// Lateness that grows faster than jitter explains: the server is slowed down, by overload or on
// purpose.
constexpr double kSlopeNoise = 0.1;
constexpr double kMaxSlope = 0.9;

}  // namespace

void ServerClock::Reset(core::Tick tick, int64_t now_ns, int tick_hz) {
  *this = ServerClock();
  base_tick_ = tick;
  base_ns_ = window_start_ns_ = advanced_ns_ = now_ns;
  tick_ns_ = 1e9 / tick_hz;
  window_ = {0, now_ns};
}

double ServerClock::LatenessNs(core::Tick tick, int64_t now_ns) const {
  const auto ticks = static_cast<double>(static_cast<int64_t>(tick - base_tick_));
  return static_cast<double>(now_ns - base_ns_) - ticks * tick_ns_;
}

void ServerClock::OnSnapshot(core::Tick tick, int64_t now_ns) {
  const double lateness = LatenessNs(tick, now_ns);
  if (now_ns - window_start_ns_ > kWindowNs) NextWindow(now_ns);
  if (lateness < window_.lateness_ns) window_ = {lateness, now_ns};
  const double least = std::min(window_.lateness_ns, previous_.lateness_ns);
  jitter_ticks_ = std::max(jitter_ticks_ * kJitterDecay, (lateness - least) / tick_ns_);
}

void ServerClock::NextWindow(int64_t now_ns) {
  const auto apart = static_cast<double>(window_.at_ns - previous_.at_ns);
  const bool both = previous_.lateness_ns != kNone && apart > 0;
  const double slope = both ? (window_.lateness_ns - previous_.lateness_ns) / apart : 0;
  slope_ = std::abs(slope) > kSlopeNoise ? std::clamp(slope, -kMaxSlope, kMaxSlope) : 0;
  previous_ = window_;
  window_ = {};
  window_start_ns_ = now_ns;
}

double ServerClock::WantedOffsetNs(int64_t now_ns) const {
  // Not further ahead than two windows: after that the slope is old.
  const int64_t since = std::min(now_ns - previous_.at_ns, 2 * kWindowNs);
  if (slope_ != 0) return previous_.lateness_ns + slope_ * static_cast<double>(since);
  return std::min(window_.lateness_ns, previous_.lateness_ns);
}

void ServerClock::Advance(int64_t now_ns) {
  const auto elapsed = static_cast<double>(now_ns - advanced_ns_);
  if (elapsed <= 0) return;
  advanced_ns_ = now_ns;
  const double error = WantedOffsetNs(now_ns) - offset_ns_;
  if (std::abs(error) > kJumpNs) {
    offset_ns_ += error;
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
