#include "app/tick_probe.h"

#include <algorithm>
#include <utility>

namespace bluemarble::app {
namespace {

uint32_t Fit(uint64_t value) {
  return static_cast<uint32_t>(std::min<uint64_t>(value, UINT32_MAX));
}

uint32_t Micros(int64_t ns) { return Fit(static_cast<uint64_t>(std::max<int64_t>(ns, 0)) / 1000); }

}  // namespace

TickProbe::TickProbe(const Zone& zone, SlowTicks& slow, const core::Clock& clock,
                     std::function<QueueLevels()> levels)
    : zone_(zone),
      slow_(slow),
      clock_(clock),
      read_levels_(std::move(levels)),
      field_columns_(FieldColumnsOf(zone.replication_stats().part_fields)) {}

void TickProbe::AfterTick(const TickTimes& times) {
  using enum TickField;
  TickRecord record{.tick = times.tick, .values = {}};
  record[kLateUs] = Micros(times.began_ns - times.due_ns);
  record[kTotalUs] = Micros(clock_.NowNs() - times.due_ns);
  record[kPeriodUs] = Micros(times.period_ns);
  record[kCpuUs] = Fit(times.cpu_us);
  record[kSkipped] = Fit(times.skipped);
  record[kReliefStep] = times.relief_step;
  const auto& phases_us = zone_.last_phases_us();
  std::copy(phases_us.begin(), phases_us.end(),
            record.values.begin() + static_cast<size_t>(kReceiveUs));
  record[kPlayers] = Fit(zone_.session_stats().players.Get());
  record[kEntities] = Fit(zone_.stats().entities.Get());

  const auto since_at = [&](size_t field, uint64_t now) {
    record.values[field] = Fit(now - std::exchange(before_[field], now));
  };
  const auto since = [&](TickField field, uint64_t now) {
    since_at(static_cast<size_t>(field), now);
  };
  const replication::ReplicationStats& sent = zone_.replication_stats();
  const auto of_class = [&](size_t cls) {
    return sent.part_header_bytes[cls].Get() + sent.part_payload_bytes[cls].Get();
  };
  since(kSnapshots, sent.datagrams.Get());
  since(kCombatBytes, of_class(0));
  since(kVisualBytes, of_class(1));
  since(kExtendedBytes, of_class(2));
  since(kOwnBytes, sent.private_bytes.Get() + sent.drop_bytes.Get());
  since(kPartsSent, sent.parts_sent.Get());
  since(kPartsDeferred, sent.parts_deferred.Get());
  since(kKeyframes, sent.keyframes_sent.Get());
  since(kEntityUpdates, sent.entity_updates.Get());
  since(kBlocksEncoded, sent.blocks_encoded.Get());
  auto at = static_cast<size_t>(kFieldBytes);
  for (const FieldColumn& column : field_columns_) since_at(at++, column.bytes->Get());

  record[kInboundBytes] = Fit(levels_.inbound_bytes);
  record[kOutboundBytes] = Fit(levels_.outbound_bytes);
  record[kCommitBytes] = Fit(levels_.commit_bytes);
  record[kPositionsWaiting] = Fit(levels_.positions_waiting);
  slow_.Add(record);
}

}  // namespace bluemarble::app
