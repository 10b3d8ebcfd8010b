#include "tools/zonebot/trade_report.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

namespace bluemarble::zonebot {
namespace {

using json = nlohmann::ordered_json;

double Rounded(double value) { return std::round(value * 1000) / 1000; }

json QuantilesJson(const core::Histogram& histogram, double per_unit) {
  auto at = [&](double q) {
    return Rounded(static_cast<double>(histogram.Quantile(q)) / per_unit);
  };
  return {{"p50", at(0.5)}, {"p99", at(0.99)}, {"max", at(1.0)}, {"count", histogram.count()}};
}

json OpsJson(const TradeReport& r) {
  json ops = json::object();
  for (size_t i = 0; i < kOps; ++i) {
    const OpCounts& c = r.ops[i];
    if (c.begun == 0) continue;
    ops[OpName(static_cast<Op>(i))] = {
        {"begun", c.begun}, {"ok", c.ok}, {"refused", c.refused}, {"unknown", c.unknown}};
  }
  return ops;
}

}  // namespace

uint64_t TradeReport::answered() const {
  uint64_t sum = 0;
  for (const OpCounts& each : ops) sum += each.ok + each.refused;
  return sum;
}

std::string ToJson(const TradeReport& r) {
  json body = {{"scenario", r.scenario},
               {"seed", r.seed},
               {"seconds", Rounded(r.seconds)},
               {"players",
                {{"wanted", r.wanted},
                 {"connected", r.connected},
                 {"refused", r.refused},
                 {"disconnected", r.disconnected},
                 {"reconnected", r.reconnected},
                 {"playing_at_end", r.playing_at_end}}},
               {"refused_by_reason", r.refused_joins},
               {"disconnected_by_reason", r.ends},
               {"ops", OpsJson(r)},
               {"refusals", r.refusals},
               {"answered", r.answered()},
               {"answered_per_s",
                r.seconds > 0 ? Rounded(static_cast<double>(r.answered()) / r.seconds) : 0.0},
               {"latency_ms", QuantilesJson(r.took_us, 1000)},
               {"offer_latency_ms", QuantilesJson(r.offer_us, 1000)},
               {"unavailable_ms", QuantilesJson(r.unavailable_us, 1000)},
               {"copies", r.copies},
               {"asked_again", r.asked_again},
               {"asked_after_ok", r.asked_after_ok},
               {"asked_after_answer", r.asked_after_answer},
               {"changed_answers", r.changed_answers},
               {"refused_locally", r.refused_locally},
               {"unanswered", r.unanswered},
               {"settle_s", Rounded(r.settle_s)},
               {"history_complete", r.history_complete},
               {"progress_lost_ms", QuantilesJson(r.progress_lost_ms, 1)},
               {"progress_unmatched", r.progress_unmatched}};
  if (r.race.rounds > 0)
    body["race"] = {{"rounds", r.race.rounds},
                    {"without_one_winner", r.race.without_one_winner},
                    {"losers_with_reason", r.race.losers_with_reason}};
  for (const HostileCase& each : r.hostile)
    body["hostile"].push_back(
        {{"what", each.what}, {"answer", each.answer}, {"harmless", each.harmless}});
  return body.dump(2) + "\n";
}

core::Status WriteReport(const TradeReport& report, const std::string& path) {
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
