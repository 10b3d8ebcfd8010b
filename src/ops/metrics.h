/// What /metrics shows. Folders count in plain core::Counter and core::Histogram objects; they are
/// registered here once at start and only read at a scrape, so counting takes no lock and a slow
/// scraper disturbs nobody (PITFALLS M-1, M-4). Everything registered must outlive the registry.
/// Add* at start from one thread; Serialize from any thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/counters.h"
#include "core/result.h"

namespace bluemarble::ops {

/// Label names and values: bounded sets known at start, never players, entities or addresses.
using MetricLabels = std::vector<std::pair<std::string, std::string>>;

class MetricsRegistry {
 public:
  // PITFALLS M-1. A zone has 1,100, and 110 more for each further one of net.hosts; a
  // histogram counts its bounds + 3.
  static constexpr size_t kMaxSeries = 3000;

  MetricsRegistry();
  ~MetricsRegistry();
  MetricsRegistry(const MetricsRegistry&) = delete;
  MetricsRegistry& operator=(const MetricsRegistry&) = delete;

  /// Errors of all: kInvalid (name, labels, bounds, or a name used with another type or help),
  /// kConflict (series exists), kFull (kMaxSeries). A counter's name ends in _total, a histogram's
  /// in its unit (_seconds, _ms, _bytes, _m, _ticks, _ratio, _entities), a gauge's in its unit or
  /// the thing counted and never in _total.
  core::Status AddCounter(const std::string& name, const std::string& help, MetricLabels labels,
                          const core::Counter* counter);
  core::Status AddCounter(const std::string& name, const std::string& help, MetricLabels labels,
                          std::function<double()> read);
  core::Status AddGauge(const std::string& name, const std::string& help, MetricLabels labels,
                        std::function<double()> read);
  /// `scale` turns the histogram's integers into the metric's unit (microseconds to _seconds:
  /// 1e-6); `bounds` ascend, in the metric's unit. A bucket of ours that straddles a bound counts
  /// above it, so quantiles err upward by at most 6.25 %.
  core::Status AddHistogram(const std::string& name, const std::string& help, MetricLabels labels,
                            const core::Histogram* histogram, double scale,
                            std::vector<double> bounds);

  /// Prometheus text format 0.0.4, families and series in the order of registration.
  std::string Serialize() const;
  size_t series() const;

 private:
  class Families;
  std::unique_ptr<Families> families_;
};

/// 0.1 ms to 10 s, in seconds: for durations.
std::vector<double> DurationBoundsSeconds();
/// 5 ms to 2.5 s, in seconds: for what people's connections take, there and back.
std::vector<double> RoundTripBoundsSeconds();

}  // namespace bluemarble::ops
