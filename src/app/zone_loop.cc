#include "app/zone_loop.h"

#include <time.h>

#include <cerrno>

#include "core/alloc_counter.h"
#include "core/log.h"

namespace bluemarble::app {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
// Three late ticks in a row are caught up within a few more; a longer stall would only be followed
// by a storm.
constexpr int64_t kCatchUpTicks = 3;

void SleepUntil(int64_t at_ns) {
  const timespec at{.tv_sec = at_ns / kSecondNs, .tv_nsec = at_ns % kSecondNs};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) == EINTR) {
  }
}

uint64_t ThreadCpuUs() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<uint64_t>(used.tv_sec) * 1'000'000 +
         static_cast<uint64_t>(used.tv_nsec) / 1000;
}

}  // namespace

ZoneLoop::ZoneLoop(Zone& zone, ZoneOrders& orders, const TickSettings& tick, core::Tick first,
                   const core::Clock& clock, ops::HealthComponent& health, Recorder* recorder,
                   TickProbe* probe, ZoneWatcher* watcher)
    : zone_(zone),
      orders_(orders),
      hz_(tick.hz),
      first_(first),
      clock_(clock),
      health_(health),
      recorder_(recorder),
      probe_(probe),
      watcher_(watcher),
      relief_control_(tick.relief, tick.hz) {
  stats_.dilation_pct.Set(relief_.dilation_pct);
}

ZoneLoop::~ZoneLoop() { Stop(); }

void ZoneLoop::Start() {
  thread_ = std::thread([this] { Run(); });
}

void ZoneLoop::Stop() {
  stop_.store(true, std::memory_order_relaxed);
  if (thread_.joinable()) thread_.join();
}

void ZoneLoop::RunOne(core::Tick tick, int64_t scheduled_ns, bool stopping) {
  const TickInput input{tick,           scheduled_ns,         stopping,
                        orders_.Take(), orders_.TakeOrders(), relief_};
  if (recorder_ != nullptr) recorder_->BeginTick(input);
  zone_.RunTick(input);
  if (recorder_ != nullptr) recorder_->EndTick(zone_.Hash());
  if (watcher_ != nullptr) watcher_->AfterTick(zone_, tick);
}

void ZoneLoop::TellLimits() {
  const replication::ReplicationStats& stats = zone_.replication_stats();
  const uint64_t leaves = stats.leaves_over_limit.Get();
  const uint64_t blocks = stats.scratch_full.Get();
  if ((leaves == told_leaves_ && blocks == told_blocks_) || !limits_log_.Allow(clock_.NowNs()))
    return;
  core::Log(core::LogLevel::kWarn, "replication_limits",
            "left_out leaves={} (replication.max_leaves_per_viewer) blocks={} (arena of a tick)",
            leaves - told_leaves_, blocks - told_blocks_);
  told_leaves_ = leaves;
  told_blocks_ = blocks;
}

int64_t ZoneLoop::Relieve(int64_t scheduled_ns, int64_t period_ns) {
  const auto used = static_cast<double>(clock_.NowNs() - scheduled_ns);
  const Relief relief =
      relief_control_.AfterTick(used / static_cast<double>(period_ns), zone_.unsent_ticks());
  if (relief != relief_) {
    core::Log(core::LogLevel::kWarn, "relief", "step={} dilation_pct={}", relief.step,
              relief.dilation_pct);
    relief_ = relief;
    stats_.relief_step.Set(relief.step);
    stats_.dilation_pct.Set(relief.dilation_pct);
    stats_.relief_exhausted.Set(relief_control_.exhausted() ? 1 : 0);
  }
  return kSecondNs * relief.dilation_pct / (100 * hz_);
}

void ZoneLoop::Run() {
  zone_.BindThread();
  int64_t scheduled_ns = clock_.NowNs();
  int64_t period_ns = kSecondNs / hz_;
  int64_t stopping_ticks = 0;
  const uint64_t allocations_before = core::ThreadAllocations();
  for (core::Tick tick = first_;; ++tick, scheduled_ns += period_ns) {
    if (!zone_.MayRun(tick)) {
      core::Log(core::LogLevel::kError, "tick_grant_exhausted", "tick={}", tick);
      stats_.grant_exhausted.Set(1);
      failed_.store(true, std::memory_order_relaxed);
      return;
    }
    SleepUntil(scheduled_ns);
    TickTimes times{.tick = tick,
                    .due_ns = scheduled_ns,
                    .began_ns = clock_.NowNs(),
                    .period_ns = period_ns,
                    .relief_step = relief_.step};
    const int64_t behind = (times.began_ns - scheduled_ns) / period_ns;
    if (behind >= 1) stats_.late.Add();
    if (behind > kCatchUpTicks) {
      times.skipped = static_cast<uint64_t>(behind);
      stats_.skipped.Add(times.skipped);
      scheduled_ns = clock_.NowNs();
    }
    const bool stopping = stop_.load(std::memory_order_relaxed);
    if (probe_ != nullptr) probe_->BeforeTick();
    RunOne(tick, scheduled_ns, stopping);
    period_ns = Relieve(scheduled_ns, period_ns);
    TellLimits();
    health_.Beat();
    stats_.allocations.Set(core::ThreadAllocations() - allocations_before);
    const uint64_t cpu_us = ThreadCpuUs();
    times.cpu_us = cpu_us - stats_.cpu_us.Get();
    stats_.tick_cpu_us.Add(times.cpu_us);
    stats_.cpu_us.Set(cpu_us);
    if (probe_ != nullptr) probe_->AfterTick(times);
    if (stopping && (zone_.drained() || ++stopping_ticks > hz_)) return;
  }
}

}  // namespace bluemarble::app
