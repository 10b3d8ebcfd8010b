/// Measures every tick for SlowTicks: what the zone counted in it, and how full the queues around
/// it were. Zone thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "app/slow_ticks.h"
#include "app/zone.h"
#include "core/clock.h"

namespace bluemarble::app {

/// How much waits in the queues between the zone and the others.
struct QueueLevels {
  uint64_t inbound_bytes = 0, outbound_bytes = 0;  ///< From and to the net threads.
  uint64_t commit_bytes = 0, positions_waiting = 0;
};

/// Of one tick, by the loop.
struct TickTimes {
  core::Tick tick = 0;
  int64_t due_ns = 0;  ///< Its place in the schedule before lost ticks were given up.
  int64_t began_ns = 0;
  int64_t period_ns = 0;
  uint64_t cpu_us = 0;
  uint64_t skipped = 0;  ///< Ticks given up before it.
  uint8_t relief_step = 0;
};

class TickProbe {
 public:
  /// All outlive the probe; `levels` is called once a tick.
  TickProbe(const Zone& zone, SlowTicks& slow, const core::Clock& clock,
            std::function<QueueLevels()> levels);

  void BeforeTick() { levels_ = read_levels_(); }
  void AfterTick(const TickTimes& times);

 private:
  const Zone& zone_;
  SlowTicks& slow_;
  const core::Clock& clock_;
  const std::function<QueueLevels()> read_levels_;
  const std::array<FieldColumn, kFieldColumns> field_columns_;
  QueueLevels levels_;
  std::array<uint64_t, kTickFields> before_{};  // of fields that are differences of counters
};

}  // namespace bluemarble::app
