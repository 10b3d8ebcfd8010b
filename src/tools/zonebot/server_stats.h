/// The daemon's own figures, from GET /v1/stats: cumulative since its start, so a window is the
/// difference of two samples. Parsing and differencing are pure; StatsPoller has a thread of its
/// own.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "core/result.h"

namespace bluemarble::zonebot {

/// Counts by the bucket's upper bound.
using Buckets = std::map<uint64_t, uint64_t>;

struct ServerSample {
  int tick_hz = 0;
  uint64_t tick = 0, ticks = 0, missed_ticks = 0, allocations = 0;
  uint64_t players = 0;
  double uptime_s = 0, cpu_s = 0, rss_mb = 0, steal_s = 0;
  int cores = 1;
  Buckets tick_us, tick_to_wire_us;
};

/// Milliseconds.
struct Quantiles {
  double p50 = 0, p99 = 0, max = 0;
};

struct ServerWindow {
  double seconds = 0;
  Quantiles tick_ms, tick_to_wire_ms;
  uint64_t missed_ticks = 0, ticks = 0;
  double tick_hz = 0, cpu_s_per_s = 0, steal_pct = 0, rss_mb = 0, allocations_per_tick = 0;
};

/// kInvalid: not JSON, or a field is missing (the detail names it).
core::Result<ServerSample> ParseServerSample(const std::string& json_text);
/// `ca_file`: as the bots believe; empty: the system's.
core::Result<ServerSample> FetchServerSample(const std::string& server, const std::string& ca_file,
                                             int timeout_ms);
ServerWindow Difference(const ServerSample& from, const ServerSample& to);

/// Asks once a second, so that nobody else waits for an answer.
class StatsPoller {
 public:
  StatsPoller(std::string server, std::string ca_file);
  ~StatsPoller();
  /// The newest answer; nothing when the last question failed.
  std::optional<ServerSample> latest() const;

 private:
  void Run();

  const std::string server_, ca_file_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::optional<ServerSample> latest_;
  std::thread thread_;
};

}  // namespace bluemarble::zonebot
