/// What the zone does when ticks do not fit their period (DESIGN §8): first players are told of
/// each other less often, the far ones first; when that is not enough, time itself slows down,
/// smoothly and told to the clients; at the end of that nobody else is let in. A pure function of
/// how the last ticks went, which the loop measures; what it decides is an input of the zone, and
/// recorded. One thread.
#pragma once

#include <cstdint>

namespace bluemarble::app {

struct ReliefSettings {
  bool enabled = true;
  int max_dilation_pct = 200;  ///< 100..355; 200: half speed at most. 100: time never slows down.
};

struct Relief {
  uint8_t step = 0;             ///< replication::Replicator::SetRelief
  uint16_t dilation_pct = 100;  ///< Length of a tick's period, of the regular one.
  friend constexpr bool operator==(const Relief&, const Relief&) = default;
};

class ReliefControl {
 public:
  ReliefControl(const ReliefSettings& settings, int tick_hz);

  /// After a tick. `used`: what of the tick's period had passed at its end, since its scheduled
  /// start; `unsent`: ticks that the net threads have not sent yet, this one included.
  Relief AfterTick(double used, int unsent);
  /// There is no further step.
  bool exhausted() const;

 private:
  void More();
  void Less();

  ReliefSettings settings_;
  int window_ticks_;
  Relief now_;
  int ticks_ = 0, hard_ = 0;
  double used_sum_ = 0;
  int calm_windows_ = 0;
  int calm_wanted_;
  int since_less_;          // windows
  bool less_held_ = false;  // the last step back, until now
};

}  // namespace bluemarble::app
