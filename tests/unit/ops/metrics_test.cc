#include "ops/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

namespace bluemarble::ops {
namespace {

using core::Code;

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(Metrics, SerializesCountersAndGaugesAsTheyAreAtTheScrape) {
  core::Counter sent;
  double players = 0;
  MetricsRegistry registry;
  ASSERT_TRUE(registry.AddCounter("net_sent_total", "Datagrams", {{"host", "0"}}, &sent).ok());
  ASSERT_TRUE(registry.AddGauge("zone_players", "Players", {}, [&] { return players; }).ok());
  sent.Add(3);
  players = 7;
  EXPECT_EQ(
      Lines(registry.Serialize()),
      (std::vector<std::string>{"# HELP net_sent_total Datagrams", "# TYPE net_sent_total counter",
                                "net_sent_total{host=\"0\"} 3", "# HELP zone_players Players",
                                "# TYPE zone_players gauge", "zone_players 7"}));
  sent.Add();
  EXPECT_NE(registry.Serialize().find("net_sent_total{host=\"0\"} 4\n"), std::string::npos);
}

TEST(Metrics, GathersSeriesOfOneNameInOneFamily) {
  core::Counter a, b;
  MetricsRegistry registry;
  ASSERT_TRUE(registry.AddCounter("x_total", "X", {{"kind", "a"}}, &a).ok());
  ASSERT_TRUE(registry.AddCounter("x_total", "X", {{"kind", "b"}}, &b).ok());
  EXPECT_EQ(Lines(registry.Serialize()).size(), 4u);
}

TEST(Metrics, MapsHistogramsOntoTheBoundsInTheMetricsUnit) {
  core::Histogram tick_us;
  for (const uint64_t us : {10u, 900u, 1100u, 3000u, 50'000u}) tick_us.Add(us);
  MetricsRegistry registry;
  ASSERT_TRUE(
      registry.AddHistogram("tick_seconds", "Tick", {}, &tick_us, 1e-6, {0.001, 0.004, 0.01}).ok());
  EXPECT_EQ(Lines(registry.Serialize()),
            (std::vector<std::string>{
                "# HELP tick_seconds Tick", "# TYPE tick_seconds histogram", "tick_seconds_count 5",
                "tick_seconds_sum 0.05501", "tick_seconds_bucket{le=\"0.001\"} 2",
                "tick_seconds_bucket{le=\"0.004\"} 4", "tick_seconds_bucket{le=\"0.01\"} 4",
                "tick_seconds_bucket{le=\"+Inf\"} 5"}));
}

TEST(Metrics, CountsAHistogramsStraddlingBucketAboveTheBound) {
  core::Histogram bytes;
  bytes.Add(992);  // bucket 992..1023
  MetricsRegistry registry;
  ASSERT_TRUE(registry.AddHistogram("sent_bytes", "B", {}, &bytes, 1, {1000, 1023}).ok());
  const std::string text = registry.Serialize();
  EXPECT_NE(text.find("le=\"1000\"} 0\n"), std::string::npos) << text;
  EXPECT_NE(text.find("le=\"1023\"} 1\n"), std::string::npos) << text;
}

TEST(Metrics, RefusesNamesThatBreakTheConventions) {
  core::Counter counter;
  core::Histogram histogram;
  MetricsRegistry registry;
  const auto read = [] { return 0.0; };
  for (const char* name : {"", "sent", "Sent_total", "9sent_total", "sent-x_total", "sent total"}) {
    EXPECT_EQ(registry.AddCounter(name, "h", {}, &counter).code(), Code::kInvalid) << name;
  }
  for (const char* name : {"players_total", "players_count", "a b", "x_bucket"}) {
    EXPECT_EQ(registry.AddGauge(name, "h", {}, read).code(), Code::kInvalid) << name;
  }
  for (const char* name : {"tick", "tick_us", "tick_total"}) {
    EXPECT_EQ(registry.AddHistogram(name, "h", {}, &histogram, 1, {1}).code(), Code::kInvalid)
        << name;
  }
  EXPECT_EQ(registry.series(), 0u);
}

TEST(Metrics, RefusesBadLabels) {
  core::Counter counter;
  MetricsRegistry registry;
  const MetricLabels cases[] = {{{"", "x"}},
                                {{"Kind", "x"}},
                                {{"le", "1"}},
                                {{"kind", ""}},
                                {{"kind", "\n"}},
                                {{"a", "1"}, {"a", "2"}},
                                {{"kind", std::string(65, 'x')}}};
  for (const MetricLabels& labels : cases) {
    EXPECT_EQ(registry.AddCounter("x_total", "h", labels, &counter).code(), Code::kInvalid);
  }
}

TEST(Metrics, RefusesBadBounds) {
  core::Histogram histogram;
  MetricsRegistry registry;
  for (const std::vector<double>& bounds : {std::vector<double>{}, {2, 1}, {1, 1}, {1, HUGE_VAL}}) {
    EXPECT_EQ(registry.AddHistogram("x_ms", "h", {}, &histogram, 1, bounds).code(), Code::kInvalid);
  }
  EXPECT_EQ(registry.AddHistogram("x_ms", "h", {}, &histogram, 0, {1}).code(), Code::kInvalid);
}

TEST(Metrics, RefusesASeriesTwiceAndANameWithTwoMeanings) {
  core::Counter counter;
  MetricsRegistry registry;
  ASSERT_TRUE(registry.AddCounter("x_total", "h", {{"a", "1"}, {"b", "2"}}, &counter).ok());
  EXPECT_EQ(registry.AddCounter("x_total", "h", {{"b", "2"}, {"a", "1"}}, &counter).code(),
            Code::kConflict);
  EXPECT_EQ(registry.AddCounter("x_total", "other", {}, &counter).code(), Code::kInvalid);
}

TEST(Metrics, BoundsTheNumberOfSeries) {
  core::Counter counter;
  core::Histogram histogram;
  MetricsRegistry registry;
  for (size_t i = 0; i < MetricsRegistry::kMaxSeries - 3; ++i) {
    ASSERT_TRUE(registry.AddCounter("x_total", "h", {{"i", std::to_string(i)}}, &counter).ok());
  }
  EXPECT_EQ(registry.AddHistogram("y_ms", "h", {}, &histogram, 1, {1}).code(), Code::kFull);
  EXPECT_EQ(registry.series(), MetricsRegistry::kMaxSeries - 3);
}

TEST(Metrics, EscapesLabelValues) {
  core::Counter counter;
  MetricsRegistry registry;
  ASSERT_TRUE(registry.AddCounter("x_total", "h", {{"v", "a\"b\\c"}}, &counter).ok());
  EXPECT_NE(registry.Serialize().find("x_total{v=\"a\\\"b\\\\c\"} 0"), std::string::npos);
}

}  // namespace
}  // namespace bluemarble::ops
