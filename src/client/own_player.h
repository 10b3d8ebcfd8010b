/// The own player: one motion step per command tick without gaps, the history that the server's
/// results are compared with, replay after a correction, and the drawn position in which
/// corrections are blended. One thread; allocates in Reset only; time comes in by argument.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/ids.h"
#include "geo/border.h"
#include "geo/vec3.h"
#include "motion/step.h"

namespace bluemarble::client {

class OwnPlayer {
 public:
  /// Starts at the server's `state` of `tick`; keeps about two seconds of ticks.
  /// `range`: the shard's, whose border is a wall.
  void Reset(core::Tick tick, const motion::MotionState& state, const motion::MotionLimits& limits,
             int tick_hz, const geo::LongitudeRange& range = {});
  bool started() const { return !history_.empty(); }

  /// Simulates up to `target`: ticks that were passed over repeat the previous command, as the
  /// server does with ticks for which nothing arrives; `target` itself gets `command`. No effect
  /// when not newer. `server_clock`: the estimate at this moment, kept with the tick for PathTicks.
  void StepTo(core::Tick target, const motion::MotionInput& command, double server_clock);

  /// The server's exact state of `tick`. Returns how far the prediction of that tick was off,
  /// metres (0: it was right, or the tick is forgotten or older than one already known).
  double OnExact(core::Tick tick, const motion::MotionState& state, int64_t now_ns);
  /// The prediction of `tick` was right.
  void OnConfirmed(core::Tick tick);

  core::Tick newest_tick() const { return newest_; }
  const motion::MotionState& newest() const { return At(newest_).state; }
  /// kMaxInputCommands entries back at most; a tick before the first is the first's command.
  const motion::MotionInput& CommandAt(core::Tick tick) const;
  /// Null when forgotten or not simulated yet.
  const motion::MotionState* StateAt(core::Tick tick) const;
  /// The server clock's estimate when `tick` was simulated; false when forgotten.
  bool ClockAt(core::Tick tick, double& server_clock) const;

  core::Tick confirmed_tick() const { return confirmed_tick_; }
  geo::Vec3 confirmed() const { return confirmed_; }
  /// Between the last two steps at `command_clock` (server clock + lead), plus what is left of
  /// corrections.
  geo::Vec3 DrawnAt(double command_clock, int64_t now_ns) const;

 private:
  struct Entry {
    core::Tick tick = 0;
    motion::MotionInput command;
    motion::MotionState state;  // after the tick
    double server_clock = 0;
  };
  Entry& At(core::Tick tick) { return history_[tick & mask_]; }
  const Entry& At(core::Tick tick) const { return history_[tick & mask_]; }
  geo::Vec3 BlendOffset(int64_t now_ns) const;
  void StartBlend(geo::Vec3 offset, int64_t now_ns);

  std::vector<Entry> history_;
  core::Tick mask_ = 0;
  core::Tick first_ = 0, newest_ = 0, confirmed_tick_ = 0;
  geo::Vec3 confirmed_;
  motion::MotionLimits limits_;
  geo::LongitudeRange range_;
  double dt_s_ = 1.0 / 30;
  geo::Vec3 blend_offset_;
  int64_t blend_start_ns_ = 0, blend_ns_ = 0;
};

}  // namespace bluemarble::client
