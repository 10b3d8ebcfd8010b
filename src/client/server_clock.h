/// The client's estimate of the server's tick, as seen from here: the tick whose snapshot the
/// fastest path would be delivering now. Snapshots only ever arrive late, so the least lateness of
/// the last half second is the clock and the rest is jitter; the estimate is slewed towards
/// it and never goes back. One thread; time comes in by argument.
#pragma once

#include <cstdint>
#include <limits>

#include "core/ids.h"

namespace bluemarble::client {

class ServerClock {
 public:
  /// The state of `tick` arrived at `now_ns`.
  void Reset(core::Tick tick, int64_t now_ns, int tick_hz);
  void OnSnapshot(core::Tick tick, int64_t now_ns);
  /// Slews the estimate; call at each poll.
  void Advance(int64_t now_ns);
  /// With fraction; 0 before Reset.
  double TickAt(int64_t now_ns) const;
  /// How late snapshots arrive compared with the fastest, ticks: decaying maximum.
  double jitter_ticks() const { return jitter_ticks_; }
  double tick_ns() const { return tick_ns_; }

 private:
  static constexpr double kNone = std::numeric_limits<double>::infinity();
  struct Least {
    double lateness_ns = kNone;
    int64_t at_ns = 0;
  };
  double LatenessNs(core::Tick tick, int64_t now_ns) const;
  void NextWindow(int64_t now_ns);
  double WantedOffsetNs(int64_t now_ns) const;

  core::Tick base_tick_ = 0;
  int64_t base_ns_ = 0;
  double tick_ns_ = 0;
  double offset_ns_ = 0;  // of the estimate, against base
  Least window_, previous_;
  double slope_ = 0;  // of the lateness, while the server runs slower or faster than it should
  int64_t window_start_ns_ = 0, advanced_ns_ = 0;
  double jitter_ticks_ = 0;
};

}  // namespace bluemarble::client
