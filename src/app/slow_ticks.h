/// What is kept of ticks that overran: a ring of the last seconds, a record for each tick, whose
/// copy is kept when one is slow. The zone thread writes without allocating or waiting; whoever
/// asks gets what was handed over.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "app/part_fields.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/ids.h"

namespace bluemarble::app {

struct SlowSettings {
  int history_s = 5;  ///< Kept from before and around a slow tick. 0: nothing is recorded.
  int slow_ms = 0;    ///< Slow from so long after the scheduled start; 0: the tick's period.
  int incidents = 8;  ///< The last so many.
};

enum class TickField : uint8_t {
  kLateUs,    ///< Scheduled start to start, before lost ticks were given up.
  kTotalUs,   ///< Scheduled start to end.
  kPeriodUs,  ///< Of this tick.
  kReceiveUs,
  kSimulateUs,
  kIndexUs,
  kInterestUs,
  kReplicateUs,
  kCommitUs,
  kCpuUs,       ///< Of the zone thread, since the tick before.
  kSkipped,     ///< Ticks given up before this one.
  kReliefStep,  ///< In force.
  kSlow,        ///< 1: it was slow. Set by SlowTicks.
  kPlayers,
  kEntities,
  kSnapshots,
  kCombatBytes,  ///< Parts of snapshots with their headers, by class,
  kVisualBytes,
  kExtendedBytes,
  kOwnBytes,       ///< and what is not of parts: private blocks and drops.
  kPartsSent,      ///< Per viewer, as those that follow.
  kPartsDeferred,  ///< Due, and did not fit.
  kKeyframes,
  kEntityUpdates,
  kBlocksEncoded,     ///< Once for all viewers.
  kInboundBytes,      ///< Waited for the zone when the tick began.
  kOutboundBytes,     ///< Had not been taken by the net threads when the tick began.
  kCommitBytes,       ///< Requests that waited for the committer then,
  kPositionsWaiting,  ///< and positions not yet durable.
  kFieldBytes,        ///< The first of kFieldColumns: the payloads of parts, per viewer.
};
inline constexpr size_t kTickFields = static_cast<size_t>(TickField::kFieldBytes) + kFieldColumns;
/// "late_us": its name in JSON, with the unit.
std::string TickFieldName(TickField field);

struct TickRecord {
  core::Tick tick = 0;
  std::array<uint32_t, kTickFields> values{};
  uint32_t& operator[](TickField field) { return values[static_cast<size_t>(field)]; }
  uint32_t operator[](TickField field) const { return values[static_cast<size_t>(field)]; }
};

/// Slow ticks with less than history_s between them are one incident: what is kept is how it began,
/// and its worst tick.
struct SlowIncident {
  int64_t wall_us = 0;  ///< When the first slow tick was over.
  uint64_t slow_ticks = 0;
  TickRecord worst;
  std::vector<TickRecord> ticks;  ///< Oldest first.
};

struct SlowStats {
  core::Counter slow_ticks, incidents;
};

class SlowTicks {
 public:
  SlowTicks(const SlowSettings& settings, int tick_hz, const core::Clock& clock);

  /// Zone thread, after each tick. No allocation, never waits.
  void Add(const TickRecord& record);

  /// Any thread. Oldest first.
  std::vector<SlowIncident> Read() const;
  const SlowStats& stats() const { return stats_; }
  size_t history_ticks() const { return ring_.size(); }

 private:
  void Publish();

  const uint32_t limit_us_;  // 0: the tick's period
  const core::Clock& clock_;
  std::vector<TickRecord> ring_;
  uint64_t added_ = 0;
  // The incident of now, or the last one.
  uint64_t began_ = 0, last_slow_ = 0;  // added_ then
  SlowIncident now_;                    // without ticks
  bool kept_ = true, news_ = false;
  SlowStats stats_;

  mutable std::mutex mutex_;
  std::vector<SlowIncident> incidents_;  // places for the last ones
  uint64_t handed_over_ = 0;
};

/// The answer of GET /v1/slow.
std::string SlowTicksJson(const SlowTicks& slow, int tick_hz);

}  // namespace bluemarble::app
