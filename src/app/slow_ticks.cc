#include "app/slow_ticks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "persistence/history.h"

namespace bluemarble::app {

std::string TickFieldName(TickField field) {
  constexpr auto kNamed = static_cast<size_t>(TickField::kFieldBytes);
  constexpr std::array<const char*, kNamed> kNames = {
      "late_us",       "total_us",       "period_us",    "receive_us",       "simulate_us",
      "index_us",      "interest_us",    "replicate_us", "commit_us",        "cpu_us",
      "skipped",       "relief_step",    "slow",         "players",          "entities",
      "snapshots",     "combat_bytes",   "visual_bytes", "extended_bytes",   "own_bytes",
      "parts_sent",    "parts_deferred", "keyframes",    "entity_updates",   "blocks_encoded",
      "inbound_bytes", "outbound_bytes", "commit_bytes", "positions_waiting"};
  static_assert(kNames.back() != nullptr);
  const auto at = static_cast<size_t>(field);
  if (at < kNamed) return kNames[at];
  return FieldColumnName(FieldColumnsOf({})[at - kNamed]);
}

SlowTicks::SlowTicks(const SlowSettings& settings, int tick_hz, const core::Clock& clock)
    : limit_us_(static_cast<uint32_t>(settings.slow_ms) * 1000),
      clock_(clock),
      ring_(static_cast<size_t>(settings.history_s) * static_cast<size_t>(tick_hz)),
      incidents_(static_cast<size_t>(settings.incidents)) {
  for (SlowIncident& incident : incidents_) incident.ticks.reserve(ring_.size());
}

void SlowTicks::Add(const TickRecord& record) {
  if (ring_.empty()) return;
  TickRecord& kept = ring_[added_ % ring_.size()];
  kept = record;
  ++added_;
  const uint32_t limit_us = limit_us_ != 0 ? limit_us_ : record[TickField::kPeriodUs];
  const bool slow = record[TickField::kTotalUs] > limit_us;
  kept[TickField::kSlow] = slow ? 1 : 0;
  if (slow) {
    stats_.slow_ticks.Add();
    const bool goes_on = now_.slow_ticks != 0 && added_ - last_slow_ <= ring_.size();
    // One that was not handed over yet has not been asked about either: it only grows.
    if (!goes_on && kept_) {
      stats_.incidents.Add();
      now_ = {.wall_us = clock_.WallUs(), .slow_ticks = 0, .worst = kept, .ticks = {}};
      began_ = added_;
      kept_ = false;
    }
    last_slow_ = added_;
    ++now_.slow_ticks;
    if (kept[TickField::kTotalUs] > now_.worst[TickField::kTotalUs]) now_.worst = kept;
    news_ = true;
  }
  // The ticks that catch up belong to it, a zone that stays slow must not push out its beginning.
  const bool over = !slow || added_ - began_ >= ring_.size() / 2;
  if (news_ && (kept_ || over)) Publish();
}

// Whoever reads holds the lock for a copy: the zone does not wait for it, the next tick will do.
void SlowTicks::Publish() {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return;
  if (!kept_) ++handed_over_;
  SlowIncident& place = incidents_[(handed_over_ - 1) % incidents_.size()];
  if (!kept_) {
    place.ticks.clear();
    for (uint64_t i = added_ - std::min<uint64_t>(added_, ring_.size()); i < added_; ++i)
      place.ticks.push_back(ring_[i % ring_.size()]);
    kept_ = true;
  }
  place.wall_us = now_.wall_us;
  place.slow_ticks = now_.slow_ticks;
  place.worst = now_.worst;
  news_ = false;
}

std::vector<SlowIncident> SlowTicks::Read() const {
  const std::lock_guard lock(mutex_);
  std::vector<SlowIncident> out;
  const uint64_t count = std::min<uint64_t>(handed_over_, incidents_.size());
  out.reserve(count);
  for (uint64_t i = handed_over_ - count; i < handed_over_; ++i)
    out.push_back(incidents_[i % incidents_.size()]);
  return out;
}

namespace {

void AppendRow(std::string& out, const TickRecord& record) {
  fmt::format_to(std::back_inserter(out), "[{},{}]", record.tick, fmt::join(record.values, ","));
}

}  // namespace

std::string SlowTicksJson(const SlowTicks& slow, int tick_hz) {
  std::string out = fmt::format(
      "{{\"tick_hz\":{},\"history_ticks\":{},\"slow_ticks\":{},\"slow_incidents\":{},"
      "\"columns\":[\"tick\"",
      tick_hz, slow.history_ticks(), slow.stats().slow_ticks.Get(), slow.stats().incidents.Get());
  for (size_t i = 0; i < kTickFields; ++i)
    fmt::format_to(std::back_inserter(out), ",\"{}\"", TickFieldName(static_cast<TickField>(i)));
  out += "],\"incidents\":[";
  bool first = true;
  for (const SlowIncident& incident : slow.Read()) {
    fmt::format_to(std::back_inserter(out),
                   "{}{{\"time\":\"{}\",\"slow_ticks\":{},\"worst\":", first ? "" : ",",
                   persistence::TimeText(incident.wall_us), incident.slow_ticks);
    AppendRow(out, incident.worst);
    out += ",\"ticks\":[";
    for (size_t i = 0; i < incident.ticks.size(); ++i) {
      if (i != 0) out += ',';
      AppendRow(out, incident.ticks[i]);
    }
    out += "]}";
    first = false;
  }
  return out + "]}\n";
}

}  // namespace bluemarble::app
