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

ZoneLoop::ZoneLoop(Zone& zone, ZoneOrders& orders, int tick_hz, core::Tick first,
                   const core::Clock& clock, ops::HealthComponent& health, Recorder* recorder)
    : zone_(zone),
      orders_(orders),
      hz_(tick_hz),
      first_(first),
      clock_(clock),
      health_(health),
      recorder_(recorder) {}

ZoneLoop::~ZoneLoop() { Stop(); }

void ZoneLoop::Start() {
  thread_ = std::thread([this] { Run(); });
}

void ZoneLoop::Stop() {
  stop_.store(true, std::memory_order_relaxed);
  if (thread_.joinable()) thread_.join();
}

void ZoneLoop::RunOne(core::Tick tick, int64_t scheduled_ns, bool stopping) {
  const TickInput input{tick, scheduled_ns, stopping, orders_.Take()};
  if (recorder_ != nullptr) recorder_->BeginTick(input);
  zone_.RunTick(input);
  if (recorder_ != nullptr) recorder_->EndTick(zone_.Hash());
}

void ZoneLoop::Run() {
  zone_.BindThread();
  int64_t anchor_ns = clock_.NowNs();
  int64_t since_anchor = 0;
  int64_t stopping_ticks = 0;
  const uint64_t allocations_before = core::ThreadAllocations();
  for (core::Tick tick = first_;; ++tick) {
    if (!zone_.MayRun(tick)) {
      core::Log(core::LogLevel::kError, "tick_grant_exhausted", "tick={}", tick);
      stats_.grant_exhausted.Set(1);
      failed_.store(true, std::memory_order_relaxed);
      return;
    }
    int64_t scheduled_ns = anchor_ns + since_anchor * kSecondNs / hz_;
    SleepUntil(scheduled_ns);
    const int64_t behind = (clock_.NowNs() - scheduled_ns) * hz_ / kSecondNs;
    if (behind >= 1) stats_.late.Add();
    if (behind > kCatchUpTicks) {
      stats_.skipped.Add(static_cast<uint64_t>(behind));
      anchor_ns = scheduled_ns = clock_.NowNs();
      since_anchor = 0;
    }
    ++since_anchor;
    const bool stopping = stop_.load(std::memory_order_relaxed);
    RunOne(tick, scheduled_ns, stopping);
    health_.Beat();
    stats_.allocations.Set(core::ThreadAllocations() - allocations_before);
    const uint64_t cpu_us = ThreadCpuUs();
    stats_.tick_cpu_us.Add(cpu_us - stats_.cpu_us.Get());
    stats_.cpu_us.Set(cpu_us);
    if (stopping && (zone_.drained() || ++stopping_ticks > hz_)) return;
  }
}

}  // namespace bluemarble::app
