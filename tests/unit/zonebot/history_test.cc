#include "tools/zonebot/history.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tools/zonebot/trade_report.h"

namespace bluemarble::zonebot {
namespace {

HistoryLine Sample() {
  HistoryLine line;
  line.unix_s = 1700000000.25;
  line.bot = "bot-1-000007";
  line.player_id = 281474976710657;
  line.key = {0x00, 0x1f, 0xff};
  line.op = "pick_up";
  line.outcome = "refused";
  line.reason = "not_holder";
  line.repeated = true;
  return line;
}

TEST(History, ALineHasTheFieldsThatTheCheckerReads) {
  const auto body = nlohmann::json::parse(ToJson(Sample()));
  EXPECT_EQ(body.size(), 8u);
  EXPECT_DOUBLE_EQ(body.at("t").get<double>(), 1700000000.25);
  EXPECT_EQ(body.at("bot"), "bot-1-000007");
  EXPECT_EQ(body.at("player"), 281474976710657);
  EXPECT_EQ(body.at("key"), "001fff00000000000000000000000000");
  EXPECT_EQ(body.at("op"), "pick_up");
  EXPECT_EQ(body.at("outcome"), "refused");
  EXPECT_EQ(body.at("reason"), "not_holder");
  EXPECT_EQ(body.at("repeated"), true);
}

TEST(History, ALineIsInTheFileAtOnceAndAnotherRunAppends) {
  const std::string path = ::testing::TempDir() + "history_test.jsonl";
  std::remove(path.c_str());
  std::string line;
  {
    History history;
    ASSERT_TRUE(history.Open(path).ok());
    history.Write(Sample());
    std::ifstream in(path);
    ASSERT_TRUE(std::getline(in, line));
    EXPECT_EQ(line, ToJson(Sample()));
    EXPECT_TRUE(history.complete());
  }
  History again;
  ASSERT_TRUE(again.Open(path).ok());
  again.Write(Sample());
  std::ifstream in(path);
  int lines = 0;
  while (std::getline(in, line)) ++lines;
  EXPECT_EQ(lines, 2);
}

TEST(History, NamesAFileThatCannotBeWritten) {
  History history;
  const auto status = history.Open("/nonexistent/history.jsonl");
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.detail().find("/nonexistent/history.jsonl"), std::string::npos);
}

TEST(History, SaysWhenTheDiskIsFull) {
  History history;
  ASSERT_TRUE(history.Open("/dev/full").ok());
  history.Write(Sample());
  EXPECT_FALSE(history.complete());
}

TEST(TradeReport, CountsByKindAndOutcome) {
  TradeReport report;
  report.scenario = "trade";
  report.seconds = 2;
  report.ops[static_cast<size_t>(Op::kGive)] = {10, 6, 3, 1};
  report.ops[static_cast<size_t>(Op::kOffer)] = {4, 1, 0, 0};
  report.refusals["busy"] = 3;
  report.took_us.Add(5000);
  report.hostile.push_back({"drop item 0", "no_such_item", true});
  const auto body = nlohmann::json::parse(ToJson(report));
  EXPECT_EQ(body.at("answered"), 10);
  EXPECT_EQ(body.at("answered_per_s"), 5);
  EXPECT_EQ(body.at("/ops/give/refused"_json_pointer), 3);
  EXPECT_FALSE(body.at("ops").contains("drop"));
  EXPECT_EQ(body.at("/refusals/busy"_json_pointer), 3);
  EXPECT_NEAR(body.at("/latency_ms/p99"_json_pointer).get<double>(), 5, 0.4);
  EXPECT_EQ(body.at("/hostile/0/answer"_json_pointer), "no_such_item");
  for (const char* path :
       {"/players/reconnected", "/unanswered", "/changed_answers", "/unavailable_ms/max",
        "/offer_latency_ms/p99", "/progress_lost_ms/max", "/settle_s", "/asked_again", "/seed"})
    EXPECT_TRUE(body.contains(nlohmann::json::json_pointer(path))) << path;
}

}  // namespace
}  // namespace bluemarble::zonebot
