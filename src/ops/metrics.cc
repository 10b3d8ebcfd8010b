#include "ops/metrics.h"

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <mutex>
#include <string_view>

#include "core/text.h"

namespace bluemarble::ops {
namespace {

using core::Code;
using core::Histogram;
using core::Status;

bool IsName(std::string_view name) {
  if (name.empty() || name.size() > 100 || name.front() < 'a' || name.front() > 'z') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

template <size_t N>
bool EndsInOneOf(std::string_view name, const std::array<std::string_view, N>& endings) {
  return std::any_of(endings.begin(), endings.end(),
                     [&](std::string_view ending) { return name.ends_with(ending); });
}

Status CheckName(std::string_view name, prometheus::MetricType type) {
  static constexpr std::array<std::string_view, 7> kUnits = {"_seconds", "_ms",    "_bytes",   "_m",
                                                             "_ticks",   "_ratio", "_entities"};
  static constexpr std::array<std::string_view, 4> kReserved = {"_total", "_count", "_sum",
                                                                "_bucket"};
  const Status refused(Code::kInvalid, "metric name breaks the conventions", std::string(name));
  if (!IsName(name)) return refused;
  if (type == prometheus::MetricType::Counter) {
    return name.ends_with("_total") ? Status::Ok() : refused;
  }
  if (EndsInOneOf(name, kReserved)) return refused;
  if (type == prometheus::MetricType::Histogram && !EndsInOneOf(name, kUnits)) return refused;
  return Status::Ok();
}

Status CheckLabels(const std::string& name, const MetricLabels& labels) {
  constexpr size_t kLongestValue = 64;
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto& [label, value] = labels[i];
    const bool reserved = label == "le" || label.starts_with("__");
    const bool twice = std::any_of(labels.begin(), labels.begin() + static_cast<ptrdiff_t>(i),
                                   [&, l = label](const auto& other) { return other.first == l; });
    if (!IsName(label) || reserved || twice || !core::ValidateText(value, kLongestValue).ok()) {
      return {Code::kInvalid, "metric label is not valid", name + "{" + label + "}"};
    }
  }
  return Status::Ok();
}

// Bounds of a Prometheus histogram over our finer buckets; see AddHistogram.
struct HistogramView {
  const Histogram* histogram;
  double scale;
  std::vector<double> bounds;

  prometheus::ClientMetric::Histogram Read() const {
    prometheus::ClientMetric::Histogram out;
    int next = 0;
    for (const double bound : bounds) {
      for (; next < Histogram::kBuckets; ++next) {
        if (static_cast<double>(Histogram::UpperBound(next)) * scale > bound) break;
        out.sample_count += histogram->bucket(next);
      }
      out.bucket.push_back({out.sample_count, bound});
    }
    // The buckets' sum, not count(): a value added meanwhile must not make the two differ.
    for (; next < Histogram::kBuckets; ++next) out.sample_count += histogram->bucket(next);
    out.bucket.push_back({out.sample_count, INFINITY});
    out.sample_sum = static_cast<double>(histogram->sum()) * scale;
    return out;
  }
};

}  // namespace

class MetricsRegistry::Families final : public prometheus::Collectable {
 public:
  using Read = std::function<void(prometheus::ClientMetric&)>;

  Status Add(const std::string& name, const std::string& help, prometheus::MetricType type,
             MetricLabels labels, size_t series, Read read) {
    if (Status s = CheckName(name, type); !s.ok()) return s;
    if (Status s = CheckLabels(name, labels); !s.ok()) return s;
    std::sort(labels.begin(), labels.end());
    const std::lock_guard lock(mutex_);
    if (series_ + series > kMaxSeries) {
      return {Code::kFull, "too many metric series (kMaxSeries)", name};
    }
    Family& family = FamilyOf(name, help, type);
    if (family.help != help || family.type != type) {
      return {Code::kInvalid, "metric is registered with another type or help", name};
    }
    for (const Series& other : family.series) {
      if (other.labels == labels) return {Code::kConflict, "metric series exists", name};
    }
    family.series.push_back({std::move(labels), std::move(read)});
    series_ += series;
    return Status::Ok();
  }

  std::vector<prometheus::MetricFamily> Collect() const override {
    const std::lock_guard lock(mutex_);
    std::vector<prometheus::MetricFamily> out;
    for (const Family& family : families_) {
      prometheus::MetricFamily& shown = out.emplace_back();
      shown.name = family.name;
      shown.help = family.help;
      shown.type = family.type;
      for (const Series& series : family.series) {
        prometheus::ClientMetric& metric = shown.metric.emplace_back();
        for (const auto& [name, value] : series.labels) metric.label.push_back({name, value});
        series.read(metric);
      }
    }
    return out;
  }

  size_t series() const {
    const std::lock_guard lock(mutex_);
    return series_;
  }

 private:
  struct Series {
    MetricLabels labels;
    Read read;
  };
  struct Family {
    std::string name;
    std::string help;
    prometheus::MetricType type;
    std::vector<Series> series;
  };

  Family& FamilyOf(const std::string& name, const std::string& help, prometheus::MetricType type) {
    for (Family& family : families_) {
      if (family.name == name) return family;
    }
    return families_.emplace_back(Family{name, help, type, {}});
  }

  mutable std::mutex mutex_;  // registration against scrape; counting never comes here
  std::vector<Family> families_;
  size_t series_ = 0;
};

MetricsRegistry::MetricsRegistry() : families_(std::make_unique<Families>()) {}
MetricsRegistry::~MetricsRegistry() = default;

Status MetricsRegistry::AddCounter(const std::string& name, const std::string& help,
                                   MetricLabels labels, const core::Counter* counter) {
  return AddCounter(name, help, std::move(labels),
                    [counter] { return static_cast<double>(counter->Get()); });
}

Status MetricsRegistry::AddCounter(const std::string& name, const std::string& help,
                                   MetricLabels labels, std::function<double()> read) {
  return families_->Add(
      name, help, prometheus::MetricType::Counter, std::move(labels), 1,
      [read = std::move(read)](prometheus::ClientMetric& out) { out.counter.value = read(); });
}

Status MetricsRegistry::AddGauge(const std::string& name, const std::string& help,
                                 MetricLabels labels, std::function<double()> read) {
  return families_->Add(
      name, help, prometheus::MetricType::Gauge, std::move(labels), 1,
      [read = std::move(read)](prometheus::ClientMetric& out) { out.gauge.value = read(); });
}

Status MetricsRegistry::AddHistogram(const std::string& name, const std::string& help,
                                     MetricLabels labels, const Histogram* histogram, double scale,
                                     std::vector<double> bounds) {
  const bool ascending =
      std::adjacent_find(bounds.begin(), bounds.end(), std::greater_equal<>()) == bounds.end();
  const bool finite =
      std::all_of(bounds.begin(), bounds.end(), [](double bound) { return std::isfinite(bound); });
  if (bounds.empty() || !ascending || !finite || !(scale > 0)) {
    return {Code::kInvalid, "histogram bounds or scale are not valid", name};
  }
  const size_t series = bounds.size() + 3;  // +Inf, _sum, _count
  HistogramView view{histogram, scale, std::move(bounds)};
  return families_->Add(
      name, help, prometheus::MetricType::Histogram, std::move(labels), series,
      [view = std::move(view)](prometheus::ClientMetric& out) { out.histogram = view.Read(); });
}

std::string MetricsRegistry::Serialize() const {
  return prometheus::TextSerializer().Serialize(families_->Collect());
}

size_t MetricsRegistry::series() const { return families_->series(); }

std::vector<double> DurationBoundsSeconds() {
  return {0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.012, 0.016,
          0.024,  0.033,   0.05,   0.1,   0.25,  0.5,   1,     2.5,   10};
}

std::vector<double> RoundTripBoundsSeconds() {
  return {0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.3, 0.5, 1, 2.5};
}

}  // namespace bluemarble::ops
