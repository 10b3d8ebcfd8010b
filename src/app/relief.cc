#include "app/relief.h"

#include <algorithm>

#include "replication/replicator.h"

namespace bluemarble::app {
namespace {

constexpr double kHardUsed = 0.9;
constexpr double kCalmUsed = 0.6;
// This tick's datagrams may be with the net threads; those of the one before are late.
constexpr int kHardUnsent = 1;
constexpr int kWindowsPerSecond = 2;
constexpr int kCalmWindows = 8;
constexpr int kMostCalmWindows = 128;
constexpr int kMoreDilationPct = 10;
constexpr int kLessDilationPct = 5;

}  // namespace

ReliefControl::ReliefControl(const ReliefSettings& settings, int tick_hz)
    : settings_(settings),
      window_ticks_(std::max(1, tick_hz / kWindowsPerSecond)),
      calm_wanted_(kCalmWindows),
      since_less_(kMostCalmWindows) {}

Relief ReliefControl::AfterTick(double used, int unsent) {
  if (!settings_.enabled) return now_;
  if (used > kHardUsed || unsent > kHardUnsent) ++hard_;
  used_sum_ += used;
  if (++ticks_ < window_ticks_) return now_;
  const bool hard = hard_ * 5 > ticks_;
  // One long tick, as any machine has now and then, is no sign of load, and none of calm.
  const bool busy = hard_ > 1 || used_sum_ >= kCalmUsed * ticks_;
  const bool calm = hard_ == 0 && !busy;
  ticks_ = hard_ = 0;
  used_sum_ = 0;
  ++since_less_;
  if (busy) calm_windows_ = 0;
  if (calm) ++calm_windows_;
  if (hard) More();
  if (calm_windows_ >= calm_wanted_) Less();
  return now_;
}

bool ReliefControl::exhausted() const {
  return now_.step == replication::kReliefSteps && now_.dilation_pct >= settings_.max_dilation_pct;
}

void ReliefControl::More() {
  // Taken back too early: next time it is waited for longer.
  if (since_less_ <= kCalmWindows) calm_wanted_ = std::min(2 * calm_wanted_, kMostCalmWindows);
  less_held_ = false;
  if (now_.step < replication::kReliefSteps) {
    ++now_.step;
  } else {
    now_.dilation_pct = static_cast<uint16_t>(
        std::min(now_.dilation_pct + kMoreDilationPct, settings_.max_dilation_pct));
  }
}

void ReliefControl::Less() {
  if (now_ == Relief{}) {
    calm_wanted_ = kCalmWindows;
    return;
  }
  if (less_held_) calm_wanted_ = std::max(calm_wanted_ / 2, kCalmWindows);
  less_held_ = true;
  calm_windows_ = 0;
  since_less_ = 0;
  if (now_.dilation_pct > 100) {
    now_.dilation_pct = static_cast<uint16_t>(std::max(now_.dilation_pct - kLessDilationPct, 100));
  } else {
    --now_.step;
  }
}

}  // namespace bluemarble::app
