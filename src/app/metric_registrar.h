/// Gives counters their names on /metrics, one line each. Main thread, at start.
#pragma once

#include <functional>
#include <utility>

#include "core/counters.h"
#include "core/result.h"
#include "ops/metrics.h"

namespace bluemarble::app {

/// Registers until the first failure, which it keeps.
class Registrar {
 public:
  explicit Registrar(ops::MetricsRegistry& registry) : registry_(registry) {}

  void Count(const char* name, const char* help, const core::Counter& counter,
             ops::MetricLabels labels = {}) {
    Keep(registry_.AddCounter(name, help, std::move(labels), &counter));
  }
  /// A count that is kept elsewhere than in a core::Counter.
  void CountRead(const char* name, const char* help, std::function<double()> read,
                 ops::MetricLabels labels = {}) {
    Keep(registry_.AddCounter(name, help, std::move(labels), std::move(read)));
  }
  void Level(const char* name, const char* help, const core::Counter& counter,
             ops::MetricLabels labels = {}) {
    const core::Counter* level = &counter;
    Keep(registry_.AddGauge(name, help, std::move(labels),
                            [level] { return static_cast<double>(level->Get()); }));
  }
  void Micros(const char* name, const char* help, const core::Histogram& histogram,
              ops::MetricLabels labels = {}) {
    Keep(registry_.AddHistogram(name, help, std::move(labels), &histogram, 1e-6,
                                ops::DurationBoundsSeconds()));
  }
  /// A histogram of milliseconds.
  void RoundTrips(const char* name, const char* help, const core::Histogram& histogram,
                  ops::MetricLabels labels) {
    Keep(registry_.AddHistogram(name, help, std::move(labels), &histogram, 1e-3,
                                ops::RoundTripBoundsSeconds()));
  }
  void Read(const char* name, const char* help, std::function<double()> read) {
    Keep(registry_.AddGauge(name, help, {}, std::move(read)));
  }
  void Keep(core::Status status) {
    if (status_.ok()) status_ = std::move(status);
  }
  core::Status status() const { return status_; }

 private:
  ops::MetricsRegistry& registry_;
  core::Status status_;
};

}  // namespace bluemarble::app
