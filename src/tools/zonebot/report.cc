#include "tools/zonebot/report.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

namespace bluemarble::zonebot {
namespace {

using json = nlohmann::ordered_json;

// Six significant digits: what the measurements are worth at most, and people read the file.
double Rounded(double value) {
  if (value == 0 || !std::isfinite(value)) return 0;
  const double scale = std::pow(10, 5 - std::floor(std::log10(std::abs(value))));
  return std::round(value * scale) / scale;
}

json Pair(double p50, double p99) { return {{"p50", Rounded(p50)}, {"p99", Rounded(p99)}}; }
json ToJson(const Quantiles& q) {
  return {{"p50", Rounded(q.p50)}, {"p99", Rounded(q.p99)}, {"max", Rounded(q.max)}};
}
json ToJson(const Traffic& t) {
  return {{"bytes_per_player_s", Rounded(t.bytes_per_player_s)},
          {"packets_per_player_s", Rounded(t.packets_per_player_s)}};
}

json ToJson(const ServerWindow& w) {
  return {{"tick_ms", ToJson(w.tick_ms)},
          {"tick_to_wire_ms", ToJson(w.tick_to_wire_ms)},
          {"missed_ticks", w.missed_ticks},
          {"ticks", w.ticks},
          {"tick_hz", Rounded(w.tick_hz)},
          {"cpu_s_per_s", Rounded(w.cpu_s_per_s)},
          {"steal_pct", Rounded(w.steal_pct)},
          {"rss_mb", Rounded(w.rss_mb)},
          {"allocations_per_tick", Rounded(w.allocations_per_tick)}};
}

json ViewJson(const Report& r) {
  constexpr std::array<const char*, kReplicationClasses> kNames = {"combat", "visual", "extended"};
  json age, error, samples;
  for (size_t i = 0; i < kNames.size(); ++i) {
    age[kNames[i]] = Pair(r.view[i].age_p50_ms, r.view[i].age_p99_ms);
    age[kNames[i]]["max"] = Rounded(r.view[i].age_max_ms);
    error[kNames[i]] = Pair(r.view[i].error_p50_m, r.view[i].error_p99_m);
    samples[kNames[i]] = r.view[i].samples;
  }
  const json targets = {
      {"min", r.targets.least}, {"mean", Rounded(r.targets.mean)}, {"max", r.targets.most}};
  return {{"age_ms", age}, {"error_m", error}, {"samples", samples}, {"targets", targets}};
}

// Seconds of the wall clock to the hundredth, for comparing with a log.
json ToldJson(const Report& r) {
  json spans = json::array();
  uint64_t all = 0, dilated = 0;
  int most = 100;
  for (const ToldSpan& span : r.told) {
    spans.push_back({{"from_unix_s", static_cast<double>(span.from_us / 10'000) / 100},
                     {"to_unix_s", static_cast<double>(span.to_us / 10'000) / 100},
                     {"dilation_pct", span.dilation_pct},
                     {"snapshots", span.snapshots}});
    all += span.snapshots;
    dilated += span.dilation_pct > 100 ? span.snapshots : 0;
    most = std::max(most, span.dilation_pct);
  }
  const double share = all > 0 ? static_cast<double>(dilated) / static_cast<double>(all) : 0;
  return {{"dilation_pct_most", most}, {"dilated_share", Rounded(share)}, {"spans", spans}};
}

json StylesJson(const Report& r) {
  json out = json::object();
  for (const auto& [style, figures] : r.styles) {
    out[style] = {{"bots", figures.bots},
                  {"lost", figures.lost},
                  {"corrected_share", Rounded(figures.corrected_share)}};
  }
  return out;
}

json CheatersJson(const Report& r) {
  json out = json::object();
  for (const auto& [style, figures] : r.cheaters) {
    out[style] = {{"bots", figures.bots},
                  {"connected", figures.connected},
                  {"messages", figures.sent},
                  {"ended_by_reason", figures.ended_by_reason},
                  {"states", figures.states},
                  {"way_m", Rounded(figures.way_m)},
                  {"excess_m", Rounded(figures.excess_m)}};
  }
  return out;
}

}  // namespace

std::string ToJson(const Report& r) {
  json body = {
      {"scenario", r.scenario},
      {"seed", r.seed},
      {"seconds", Rounded(r.seconds)},
      {"players",
       {{"wanted", r.wanted},
        {"connected", r.connected},
        {"refused", r.refused},
        {"disconnected", r.disconnected},
        {"reconnected", r.reconnected},
        {"resumed", r.resumed},
        {"away_ms", {{"p50", r.away_p50_ms}, {"p99", r.away_p99_ms}, {"max", r.away_max_ms}}}}},
      {"connect_s", Rounded(r.connect_s)},
      {"login_ms", Pair(r.login_p50_ms, r.login_p99_ms)},
      {"refused_by_reason", r.refused_by_reason},
      {"disconnected_by_reason", r.disconnected_by_reason},
      {"down", ToJson(r.down)},
      {"up", ToJson(r.up)},
      {"bytes_per_entity_update", Rounded(r.bytes_per_entity_update)},
      {"snapshots",
       {{"per_player_s", Rounded(r.snapshots_per_player_s)},
        {"gap_ms",
         {{"p50", Rounded(r.gap_p50_ms)},
          {"p99", Rounded(r.gap_p99_ms)},
          {"max", Rounded(r.gap_max_ms)}}}}},
      {"told", ToldJson(r)},
      {"view", ViewJson(r)},
      {"own",
       {{"correction_m", Pair(r.correction_p50_m, r.correction_p99_m)},
        {"corrections_per_player_s", Rounded(r.corrections_per_player_s)},
        {"corrected_share", Rounded(r.corrected_share)}}},
      {"styles", StylesJson(r)},
      {"cheaters", CheatersJson(r)},
      {"decode_errors", {{"missing_base", r.missing_base}, {"malformed", r.malformed}}},
      {"chat",
       {{"said", r.chat_said},
        {"heard", r.chat_heard},
        {"refused_by_reason", r.chat_refused_by_reason},
        {"own_ms", Pair(r.chat_p50_ms, r.chat_p99_ms)}}},
      {"moving_others",
       {{"min", r.moving_others_min},
        {"p50", r.moving_others_p50},
        {"checked", r.moving_others_checked}}},
      {"zonebot", {{"cpu_s_per_s", Rounded(r.zonebot_cpu_s_per_s)}}},
      {"server", r.server ? ToJson(*r.server) : json(nullptr)}};
  return body.dump(2) + "\n";
}

core::Status WriteReport(const Report& report, const std::string& path) {
  errno = 0;
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << ToJson(report);
  out.close();
  if (!out)
    return {core::Code::kDenied, "cannot write the report",
            path + ": " + std::strerror(errno ? errno : EIO)};
  return core::Status::Ok();
}

}  // namespace bluemarble::zonebot
