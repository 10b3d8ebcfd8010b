/// The figures that consoles are sent once a second, from the counters of all parts: rates of the
/// last second, quantiles of the last ten. Reads without locks what others count; any thread, one
/// at a time.
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
  void CountLive(const api::LiveStats& live) { live_ = &live; }

  /// proto/CONSOLE.md "Sample". Asked again within a second it says the same.
  std::string Take();

 private:
  static constexpr size_t kHistograms = 3 + kPhases;  // tick, wire, commit, phases
  static constexpr size_t kKept = 11;                 // the newest, and ten seconds back
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
  std::mutex mutex_;
  std::deque<Moment> moments_;
  std::string text_;
};

}  // namespace bluemarble::app
