#include "tools/zonebot/server_stats.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "client/http_client.h"

namespace bluemarble::zonebot {
namespace {

using nlohmann::json;

Buckets ParseBuckets(const json& list) {
  Buckets buckets;
  for (const json& bucket : list)
    buckets[bucket.at(0).get<uint64_t>()] += bucket.at(1).get<uint64_t>();
  return buckets;
}

Quantiles QuantilesMs(const Buckets& from, const Buckets& to) {
  Buckets window;
  uint64_t total = 0;
  for (const auto& [upper, count] : to) {
    const auto before = from.find(upper);
    const uint64_t n = count - std::min(count, before == from.end() ? 0 : before->second);
    if (n > 0) window[upper] = n;
    total += n;
  }
  auto at = [&](double q) {
    uint64_t rank = static_cast<uint64_t>(q * static_cast<double>(total));
    for (const auto& [upper, count] : window) {
      if (rank < count) return static_cast<double>(upper) / 1000;
      rank -= count;
    }
    return window.empty() ? 0.0 : static_cast<double>(window.rbegin()->first) / 1000;
  };
  return {at(0.5), at(0.99), at(1.0)};
}

}  // namespace

core::Result<ServerSample> ParseServerSample(const std::string& json_text) {
  try {
    const json body = json::parse(json_text);
    ServerSample s;
    s.tick_hz = body.at("tick_hz").get<int>();
    s.tick = body.at("tick").get<uint64_t>();
    s.ticks = body.at("ticks").get<uint64_t>();
    s.missed_ticks = body.at("missed_ticks").get<uint64_t>();
    s.allocations = body.at("allocations").get<uint64_t>();
    s.players = body.at("players").get<uint64_t>();
    s.uptime_s = body.at("uptime_s").get<double>();
    s.cpu_s = body.at("cpu_s").get<double>();
    s.rss_mb = body.at("rss_mb").get<double>();
    s.steal_s = body.at("steal_ticks_s").get<double>();
    s.cores = std::max(1, body.at("cores").get<int>());
    const json& histograms = body.at("histograms");
    s.tick_us = ParseBuckets(histograms.at("tick_us"));
    s.tick_to_wire_us = ParseBuckets(histograms.at("tick_to_wire_us"));
    return s;
  } catch (const json::exception& error) {
    return core::Status(core::Code::kInvalid, "not the statistics of a zoned", error.what());
  }
}

core::Result<ServerSample> FetchServerSample(const std::string& server, const std::string& ca_file,
                                             int timeout_ms) {
  const auto reply = client::HttpGet(server + "/v1/stats", timeout_ms, {.ca_file = ca_file});
  if (!reply.ok()) return reply.status();
  if (reply->status != 200)
    return core::Status(core::Code::kUnavailable, "the server does not answer /v1/stats",
                        "HTTP status " + std::to_string(reply->status));
  return ParseServerSample(reply->body);
}

ServerWindow Difference(const ServerSample& from, const ServerSample& to) {
  ServerWindow w;
  w.seconds = to.uptime_s - from.uptime_s;
  w.tick_ms = QuantilesMs(from.tick_us, to.tick_us);
  w.tick_to_wire_ms = QuantilesMs(from.tick_to_wire_us, to.tick_to_wire_us);
  w.missed_ticks = to.missed_ticks - from.missed_ticks;
  w.ticks = to.ticks - from.ticks;
  w.rss_mb = to.rss_mb;
  if (w.ticks > 0)
    w.allocations_per_tick =
        static_cast<double>(to.allocations - from.allocations) / static_cast<double>(w.ticks);
  if (w.seconds <= 0) return w;
  w.tick_hz = static_cast<double>(w.ticks) / w.seconds;
  w.cpu_s_per_s = (to.cpu_s - from.cpu_s) / w.seconds;
  w.steal_pct = 100 * (to.steal_s - from.steal_s) / (w.seconds * to.cores);
  return w;
}

StatsPoller::StatsPoller(std::string server, std::string ca_file)
    : server_(std::move(server)), ca_file_(std::move(ca_file)), thread_([this] { Run(); }) {}

StatsPoller::~StatsPoller() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

std::optional<ServerSample> StatsPoller::latest() const {
  const std::lock_guard lock(mutex_);
  return latest_;
}

void StatsPoller::Run() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    lock.unlock();
    auto sample = FetchServerSample(server_, ca_file_, 2000);
    lock.lock();
    latest_ = sample.ok() ? std::optional(std::move(*sample)) : std::nullopt;
    wake_.wait_for(lock, std::chrono::seconds(1), [this] { return stop_; });
  }
}

}  // namespace bluemarble::zonebot
