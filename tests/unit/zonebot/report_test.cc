#include "tools/zonebot/report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace bluemarble::zonebot {
namespace {

const char* const kSample =
    R"({"tick_hz":30,"tick":900,"uptime_s":30.0,"players":5,"ticks":900,"missed_ticks":1,
  "allocations":10,"cpu_s":3.0,"rss_mb":50.5,"steal_ticks_s":1.0,"cores":2,
  "histograms":{"tick_us":[[1023,900]],"tick_to_wire_us":[[2047,900]]}})";
const char* const kLater =
    R"({"tick_hz":30,"tick":1200,"uptime_s":40.0,"players":5,"ticks":1200,"missed_ticks":3,
  "allocations":310,"cpu_s":5.0,"rss_mb":51.5,"steal_ticks_s":1.4,"cores":2,
  "histograms":{"tick_us":[[1023,1190],[4095,8],[8191,2]],"tick_to_wire_us":[[2047,1200]]}})";

TEST(ServerStats, CountsOnlyTheWindow) {
  const auto from = ParseServerSample(kSample), to = ParseServerSample(kLater);
  ASSERT_TRUE(from.ok() && to.ok());
  const ServerWindow window = Difference(*from, *to);
  EXPECT_EQ(window.missed_ticks, 2u);
  EXPECT_DOUBLE_EQ(window.tick_hz, 30);
  EXPECT_DOUBLE_EQ(window.cpu_s_per_s, 0.2);
  EXPECT_NEAR(window.steal_pct, 2, 1e-9);
  EXPECT_DOUBLE_EQ(window.allocations_per_tick, 1);
  EXPECT_DOUBLE_EQ(window.tick_ms.p50, 1.023);
  EXPECT_DOUBLE_EQ(window.tick_ms.p99, 4.095);
  EXPECT_DOUBLE_EQ(window.tick_ms.max, 8.191);
}

TEST(ServerStats, NamesWhatIsMissing) {
  const auto sample = ParseServerSample(R"({"tick_hz":30})");
  ASSERT_FALSE(sample.ok());
  EXPECT_NE(sample.status().detail().find("tick"), std::string::npos);
  EXPECT_FALSE(ParseServerSample("<html>").ok());
}

TEST(Report, HoldsEveryPromisedField) {
  Report report;
  report.scenario = "crowd";
  report.server = ServerWindow{};
  report.styles["zigzag"] = {};
  const auto body = nlohmann::json::parse(ToJson(report));
  for (const char* path : {"/players/wanted",
                           "/players/connected",
                           "/players/refused",
                           "/players/disconnected",
                           "/down/bytes_per_player_s",
                           "/down/packets_per_player_s",
                           "/up/bytes_per_player_s",
                           "/up/packets_per_player_s",
                           "/bytes_per_entity_update",
                           "/snapshots/per_player_s",
                           "/snapshots/gap_ms/p99",
                           "/view/age_ms/combat/p50",
                           "/view/age_ms/visual/p99",
                           "/view/error_m/extended/p99",
                           "/view/error_m/combat/p50",
                           "/view/targets/min",
                           "/view/targets/mean",
                           "/told/dilation_pct_most",
                           "/own/correction_m/p50",
                           "/own/correction_m/p99",
                           "/styles/zigzag/lost",
                           "/styles/zigzag/corrected_share",
                           "/server/tick_ms/p50",
                           "/server/tick_ms/p99",
                           "/server/tick_ms/max",
                           "/server/tick_to_wire_ms/p99",
                           "/server/missed_ticks",
                           "/server/tick_hz",
                           "/server/cpu_s_per_s",
                           "/server/steal_pct",
                           "/server/rss_mb",
                           "/server/allocations_per_tick",
                           "/seed",
                           "/seconds",
                           "/scenario",
                           "/moving_others/min",
                           "/connect_s",
                           "/login_ms/p99",
                           "/view/age_ms/combat/max",
                           "/zonebot/cpu_s_per_s"})
    EXPECT_TRUE(body.contains(nlohmann::json::json_pointer(path))) << path;
}

TEST(Report, TellsHowLongTheServerSaidThatATickLasts) {
  Report report;
  report.told = {{1'000'000'000'000'000, 1'000'000'012'300'000, 100, 30},
                 {1'000'000'012'300'000, 1'000'000'012'800'000, 120, 10}};
  const auto told = nlohmann::json::parse(ToJson(report))["told"];
  EXPECT_EQ(told["dilation_pct_most"], 120);
  EXPECT_EQ(told["dilated_share"], 0.25);
  EXPECT_EQ(told["spans"][1]["from_unix_s"], 1'000'000'012.3);
  EXPECT_EQ(told["spans"][1]["snapshots"], 10);
}

TEST(Report, NamesAFileThatCannotBeWritten) {
  const auto status = WriteReport({}, "/nonexistent/report.json");
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.detail().find("/nonexistent/report.json"), std::string::npos);
}

}  // namespace
}  // namespace bluemarble::zonebot
