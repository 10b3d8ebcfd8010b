/// The figures that consoles are sent once a second, from the counters of all parts: rates of the
/// last second, quantiles of the last ten; and those of the last ten minutes. Reads without locks
/// what others count; any thread, one at a time.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

#include "api/console_live.h"
#include "app/metrics.h"
#include "replication/world_feed.h"

namespace bluemarble::app {

class ConsoleSampler {
 public:
  /// All outlive it. `live` may come later.
  ConsoleSampler(const Counted& counted, const replication::FeedStats& feed, int tick_hz,
                 const core::Clock& clock)
      : counted_(counted), feed_(feed), tick_hz_(tick_hz), clock_(clock) {}
  void CountLive(const api::LiveStats& live) {
    const std::lock_guard lock(mutex_);
    live_ = &live;
  }

  /// proto/CONSOLE.md "Sample". Asked again within a second it says the same.
  std::string Take();
  /// Samples that were taken before sample number `below`, at most api::kPastSamples of them, the
  /// newest of those, as a JSON array in the order of time; `below` is then the number of the first
  /// of them. Empty: none is kept.
  std::string Past(uint64_t& below) const;

 private:
  static constexpr size_t kHistograms = 3 + kPhases;  // tick, wire, commit, phases
  static constexpr size_t kKept = 11;                 // the newest, and ten seconds back
  static constexpr size_t kKeptTexts = 600;           // about 1.1 KB each
  enum Rate : size_t {
    kBytesIn,
    kBytesOut,
    kDatagramsIn,
    kDatagramsOut,
    kCommits,
    kWritesRefused,
    kBlocks,
    kBlockHits,
    kPartsDeferred,
    kCacheHits,
    kCacheMisses,
    kZoneCpuUs,
    kCpuUs,
    kStealUs,
    kChat,
    kLogins,
    kFeedLeaves,
    kRates
  };
  using Buckets = std::array<uint64_t, core::Histogram::kBuckets>;
  struct Moment {
    int64_t at_ns = 0;
    std::array<uint64_t, kRates> counts{};
    std::array<Buckets, kHistograms> buckets{};
    std::array<uint64_t, kHistograms> sums{}, totals{};
  };

  Moment Look() const;
  std::string Text(const Moment& now, const Moment& second, const Moment& tenth) const;
  static std::string Quantiles(const Moment& now, const Moment& second, const Moment& tenth,
                               size_t histogram, bool with_mean);

  const Counted counted_;
  const replication::FeedStats& feed_;
  const int tick_hz_;
  const core::Clock& clock_;
  const api::LiveStats* live_ = nullptr;
  mutable std::mutex mutex_;
  std::deque<Moment> moments_;
  std::deque<std::string> texts_;
  uint64_t taken_ = 0;  // samples since the start; texts_ are the last of them
};

}  // namespace bluemarble::app
