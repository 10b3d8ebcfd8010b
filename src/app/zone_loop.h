/// Runs a zone in real time: ticks at absolute times of the monotonic clock on a thread of its own.
/// When late it catches up a few ticks, then gives up the lost ones and goes on from now, counted:
/// the tick never silently slips. Start and Stop: the owner's thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

#include "app/recorder.h"
#include "app/relief.h"
#include "app/tick_probe.h"
#include "app/zone.h"
#include "app/zone_orders.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/log.h"
#include "ops/health.h"

namespace bluemarble::app {

/// Who looks at the zone after each tick, on its thread: reads, never waits, allocates nothing.
class ZoneWatcher {
 public:
  virtual ~ZoneWatcher() = default;
  virtual void AfterTick(Zone& zone, core::Tick now) noexcept = 0;
};

struct LoopStats {
  core::Counter skipped;           ///< Ticks given up because the loop was too late.
  core::Counter late;              ///< Ticks that started after the next one's scheduled start.
  core::Counter allocations;       ///< Of the zone thread since its first tick.
  core::Counter cpu_us;            ///< Of the zone thread.
  core::Histogram tick_cpu_us;     ///< Of the zone thread, by tick.
  core::Counter relief_step;       ///< ReliefControl's, now.
  core::Counter dilation_pct;      ///< Of a tick's regular period, now.
  core::Counter relief_exhausted;  ///< 1: there is no further step, and newcomers are refused.
  core::Counter grant_exhausted;   ///< 1: the store confirmed no more ticks, the loop ended.
};

class ZoneLoop {
 public:
  /// `recorder`, `probe` and `watcher` may be null. `zone` belongs to the loop's thread from Start
  /// until Stop returned.
  ZoneLoop(Zone& zone, ZoneOrders& orders, const TickSettings& tick, core::Tick first,
           const core::Clock& clock, ops::HealthComponent& health, Recorder* recorder,
           TickProbe* probe = nullptr, ZoneWatcher* watcher = nullptr);
  ~ZoneLoop();

  void Start();
  /// Sends everybody away, runs ticks until their states are accepted (at most a second), ends the
  /// thread.
  void Stop();
  /// The loop ended by itself; see LoopStats.
  bool failed() const { return failed_.load(std::memory_order_relaxed); }
  const LoopStats& stats() const { return stats_; }

 private:
  void Run();
  void RunOne(core::Tick tick, int64_t scheduled_ns, bool stopping);
  /// A line now and then while viewers have more around them than the settings let them be told.
  void TellLimits();
  /// What the tick that just ended means for the next ones; returns their period.
  int64_t Relieve(int64_t scheduled_ns, int64_t period_ns);

  Zone& zone_;
  ZoneOrders& orders_;
  const int64_t hz_;
  const core::Tick first_;
  const core::Clock& clock_;
  ops::HealthComponent& health_;
  Recorder* recorder_;
  TickProbe* probe_;
  ZoneWatcher* watcher_;
  ReliefControl relief_control_;
  Relief relief_;
  std::thread thread_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> failed_{false};
  core::RateLimit limits_log_{10'000'000'000};
  uint64_t told_leaves_ = 0, told_blocks_ = 0;
  LoopStats stats_;
};

}  // namespace bluemarble::app
