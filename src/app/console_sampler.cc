#include "app/console_sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <thread>
#include <vector>

#include "ops/process_stats.h"

namespace bluemarble::app {
namespace {

constexpr int64_t kSampleSecondNs = 1'000'000'000;
constexpr int64_t kSoonNs = 900'000'000;
// Nobody asked for so long: what is from before tells nothing of now.
constexpr int64_t kForgetNs = 5 * kSampleSecondNs;
constexpr size_t kTickHistogram = 0, kWireHistogram = 1, kCommitHistogram = 2, kPhaseHistograms = 3;

std::string Percent(uint64_t part, uint64_t whole) {
  if (whole == 0) return "null";
  return fmt::format("{:.2f}", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

}  // namespace

ConsoleSampler::Moment ConsoleSampler::Look() const {
  Moment now;
  now.at_ns = clock_.NowNs();
  const Zone& zone = counted_.zone;
  const persistence::CommitStats& commits = counted_.durable.committer().stats();
  const replication::ReplicationStats& sent = zone.replication_stats();
  auto& counts = now.counts;
  for (int host = 0; host < counted_.transport.hosts(); ++host) {
    const net::HostStats& stats = counted_.transport.host_stats(host);
    counts[kBytesIn] += stats.bytes_in.Get();
    counts[kBytesOut] += stats.bytes_out.Get();
    counts[kDatagramsIn] += stats.datagrams_in.Get();
    counts[kDatagramsOut] += stats.datagrams_out.Get();
  }
  counts[kCommits] = commits.commits.Get();
  for (const core::Counter& refused : commits.refusals) counts[kWritesRefused] += refused.Get();
  counts[kBlocks] = sent.blocks_encoded.Get();
  counts[kBlockHits] = sent.block_cache_hits.Get();
  counts[kPartsDeferred] = sent.parts_deferred.Get();
  if (const persistence::RedisCache* cache = counted_.durable.cache()) {
    for (const core::Counter& hits : cache->stats().hits) counts[kCacheHits] += hits.Get();
    for (const core::Counter& misses : cache->stats().misses) counts[kCacheMisses] += misses.Get();
  }
  counts[kZoneCpuUs] = counted_.loop.stats().cpu_us.Get();
  counts[kCpuUs] = static_cast<uint64_t>(ops::ProcessCpuSeconds() * 1e6);
  counts[kStealUs] = static_cast<uint64_t>(ops::MachineStealSeconds() * 1e6);
  for (const core::Counter& said : zone.chat_stats().said) counts[kChat] += said.Get();
  counts[kLogins] = zone.session_stats().logins.Get();
  counts[kFeedLeaves] = feed_.leaves.Get();

  std::array<const core::Histogram*, kHistograms> histograms{};
  histograms[kTickHistogram] = &zone.stats().tick_us;
  histograms[kWireHistogram] = &counted_.transport.tick_stats().tick_to_wire_us;
  histograms[kCommitHistogram] = &commits.commit_us;
  for (size_t phase = 0; phase < kPhases; ++phase)
    histograms[kPhaseHistograms + phase] = &zone.stats().phase_us[phase];
  for (size_t i = 0; i < kHistograms; ++i) {
    for (int bucket = 0; bucket < core::Histogram::kBuckets; ++bucket) {
      const uint64_t count = histograms[i]->bucket(bucket);
      now.buckets[i][static_cast<size_t>(bucket)] = count;
      now.totals[i] += count;
    }
    now.sums[i] = histograms[i]->sum();
  }
  return now;
}

std::string ConsoleSampler::Quantiles(const Moment& now, const Moment& second, const Moment& tenth,
                                      size_t histogram, bool with_mean) {
  std::string out = "[";
  if (with_mean) {
    const uint64_t count = now.totals[histogram] - second.totals[histogram];
    const uint64_t sum = now.sums[histogram] - second.sums[histogram];
    out += count == 0 ? "null,"
                      : fmt::format("{:.3f},",
                                    static_cast<double>(sum) / 1000 / static_cast<double>(count));
  }
  const uint64_t total = now.totals[histogram] - tenth.totals[histogram];
  if (total == 0) return out + "null,null]";
  const auto quantile = [&](double q) {
    const auto rank = static_cast<uint64_t>(q * static_cast<double>(total));
    uint64_t seen = 0;
    for (size_t bucket = 0; bucket < now.buckets[histogram].size(); ++bucket) {
      seen += now.buckets[histogram][bucket] - tenth.buckets[histogram][bucket];
      if (seen > rank)
        return static_cast<double>(core::Histogram::UpperBound(static_cast<int>(bucket))) / 1000;
    }
    return static_cast<double>(now.sums[histogram]) / 1000;
  };
  return out + fmt::format("{:.3f},{:.3f}]", quantile(0.5), quantile(0.99));
}

std::string ConsoleSampler::Take() {
  const std::lock_guard lock(mutex_);
  const int64_t now_ns = clock_.NowNs();
  if (!moments_.empty() && now_ns - moments_.back().at_ns < kSoonNs) return texts_.back();
  if (!moments_.empty() && now_ns - moments_.back().at_ns > kForgetNs) moments_.clear();
  moments_.push_back(Look());
  if (moments_.size() > kKept) moments_.pop_front();
  // The first one has nothing to compare with: since the start.
  static const Moment kStart{};
  const Moment& now = moments_.back();
  const bool first = moments_.size() == 1;
  texts_.push_back(
      Text(now, first ? kStart : moments_[moments_.size() - 2], first ? kStart : moments_.front()));
  if (texts_.size() > kKeptTexts) texts_.pop_front();
  ++taken_;
  return texts_.back();
}

std::string ConsoleSampler::Past(uint64_t& below) const {
  const std::lock_guard lock(mutex_);
  const uint64_t oldest = taken_ - texts_.size();
  const uint64_t end = std::min(below, taken_);
  if (end <= oldest) return {};
  below = std::max(oldest, end - std::min<uint64_t>(end, api::kPastSamples));
  std::string out = "[";
  for (uint64_t number = below; number < end; ++number) {
    if (number > below) out += ',';
    out += texts_[number - oldest];
  }
  return out + "]";
}

std::string ConsoleSampler::Text(const Moment& now, const Moment& second,
                                 const Moment& tenth) const {
  const Zone& zone = counted_.zone;
  const ZoneStats& stats = zone.stats();
  const session::SessionStats& sessions = zone.session_stats();
  const LoopStats& loop = counted_.loop.stats();
  const persistence::CommitStats& commits = counted_.durable.committer().stats();
  // Of the first sample there is no second before: rates of nothing are 0.
  const double seconds =
      second.at_ns == 0 ? 0 : static_cast<double>(now.at_ns - second.at_ns) / kSampleSecondNs;
  const auto delta = [&](Rate rate) { return now.counts[rate] - second.counts[rate]; };
  const auto per_s = [&](Rate rate) {
    return seconds <= 0 ? 0 : std::round(static_cast<double>(delta(rate)) / seconds);
  };
  const auto cpu_pct = [&](Rate rate) {
    return seconds <= 0 ? 0 : static_cast<double>(delta(rate)) / 1e4 / seconds;
  };
  const uint64_t dilation = loop.dilation_pct.Get();

  std::string out = fmt::format(
      "{{\"type\":\"sample\",\"time_ms\":{},\"tick\":{},\"tick_hz\":{},\"tick_ms\":{},"
      "\"phases_ms\":{{",
      clock_.WallUs() / 1000, stats.tick.Get(), tick_hz_,
      Quantiles(now, second, tenth, kTickHistogram, true));
  for (size_t phase = 0; phase < kPhases; ++phase) {
    out += fmt::format("{}\"{}\":{}", phase == 0 ? "" : ",", PhaseName(static_cast<Phase>(phase)),
                       Quantiles(now, second, tenth, kPhaseHistograms + phase, true));
  }
  out += fmt::format(
      "}},\"period_ms\":{:.3f},\"relief_step\":{},\"dilation_pct\":{},\"late_ticks\":{},"
      "\"skipped_ticks\":{},\"slow_ticks\":{},\"players\":{},\"lingering\":{},\"pending\":{},"
      "\"entities\":{},\"leaves\":{},",
      10.0 * static_cast<double>(dilation) / tick_hz_, loop.relief_step.Get(), dilation,
      loop.late.Get(), loop.skipped.Get(), counted_.slow.stats().slow_ticks.Get(),
      sessions.players.Get(), sessions.lingering.Get(), sessions.pending.Get(),
      stats.entities.Get(), stats.leaves.Get());
  out += fmt::format(
      "\"bytes_in_per_s\":{},\"bytes_out_per_s\":{},\"datagrams_in_per_s\":{},"
      "\"datagrams_out_per_s\":{},\"age_ms\":{},\"commits_per_s\":{},\"commit_ms\":{},"
      "\"writes_refused_per_s\":{},\"store_away\":{},",
      per_s(kBytesIn), per_s(kBytesOut), per_s(kDatagramsIn), per_s(kDatagramsOut),
      Quantiles(now, second, tenth, kWireHistogram, false), per_s(kCommits),
      Quantiles(now, second, tenth, kCommitHistogram, false), per_s(kWritesRefused),
      commits.away.Get());
  out += fmt::format(
      "\"block_hits_pct\":{},\"blocks_per_s\":{},\"parts_deferred_per_s\":{},"
      "\"cache_hits_pct\":{},",
      Percent(delta(kBlockHits), delta(kBlockHits) + delta(kBlocks)),
      per_s(kBlockHits) + per_s(kBlocks), per_s(kPartsDeferred),
      Percent(delta(kCacheHits), delta(kCacheHits) + delta(kCacheMisses)));
  out += fmt::format(
      "\"inbound_bytes\":{},\"outbound_bytes\":{},\"commit_bytes\":{},\"positions_waiting\":{},"
      "\"journal_waiting\":{},",
      counted_.transport.inbound_bytes(), counted_.transport.outbound_bytes(),
      counted_.durable.committer().queue_used_bytes(), commits.positions_waiting.Get(),
      counted_.durable.journal().stats().waiting.Get());
  out += fmt::format(
      "\"zone_cpu_pct\":{:.1f},\"cpu_pct\":{:.1f},\"rss_mb\":{:.1f},\"steal_pct\":{:.1f},"
      "\"chat_per_s\":{},\"logins_per_s\":{},\"consoles\":{},\"feed_leaves_per_s\":{},"
      "\"feed_dropped\":{}}}",
      cpu_pct(kZoneCpuUs), cpu_pct(kCpuUs), static_cast<double>(ops::ResidentBytes()) / 1e6,
      cpu_pct(kStealUs) / std::max(1u, std::thread::hardware_concurrency()), per_s(kChat),
      per_s(kLogins), live_ == nullptr ? 0 : live_->consoles.Get(), per_s(kFeedLeaves),
      feed_.dropped.Get());
  return out;
}

}  // namespace bluemarble::app
