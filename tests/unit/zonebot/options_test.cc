#include "tools/zonebot/options.h"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <vector>

#include "ops/exit_codes.h"
#include "tools/zonebot/run.h"

namespace bluemarble::zonebot {
namespace {

std::optional<int> Parse(std::vector<std::string> arguments, Options& options) {
  arguments.insert(arguments.begin(), "zonebot");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  return ParseOptions(static_cast<int>(argv.size()), argv.data(), options);
}

TEST(ZonebotOptions, AreReadByName) {
  Options options;
  EXPECT_EQ(Parse({"--scenario", "crowd", "--players", "500", "--seconds", "60", "--anchor",
                   "-74.0,40.7", "--loss", "5", "--require-moving-others", "5"},
                  options),
            std::nullopt);
  EXPECT_EQ(options.scenario, Scenario::kCrowd);
  EXPECT_EQ(options.players, 500);
  EXPECT_EQ(options.anchor->lon_deg, -74.0);
  EXPECT_EQ(options.require_moving_others, 5);
}

TEST(ZonebotOptions, ChatIsForThoseWhoOnlyWalk) {
  Options options;
  EXPECT_EQ(Parse({"--chat-per-s", "0.5"}, options), std::nullopt);
  EXPECT_EQ(options.chat_per_s, 0.5);
  EXPECT_EQ(Parse({"--scenario", "trade", "--chat-per-s", "0.5"}, options), ops::kExitUsage);
  EXPECT_EQ(Parse({"--chat-per-s", "-1"}, options), ops::kExitUsage);
}

TEST(ZonebotOptions, CheatersAreAShareOfThePlayersAndTheirStylesAreNamed) {
  Options some;
  EXPECT_EQ(Parse({"--scenario", "crowd", "--cheat", "hops,spam", "--style", "mixed"}, some),
            std::nullopt);
  EXPECT_EQ(some.cheat_styles, (std::vector{cheats::CheatStyle::kHops, cheats::CheatStyle::kSpam}));
  EXPECT_EQ(some.cheaters, 0.1);
  EXPECT_EQ(some.style, "mixed");
  Options all;
  EXPECT_EQ(Parse({"--scenario", "crowd", "--cheat", "all", "--cheaters", "0.5"}, all),
            std::nullopt);
  EXPECT_EQ(all.cheat_styles.size(), cheats::kCheatStyles);
  Options none;
  EXPECT_EQ(Parse({"--cheat", "fly"}, none), ops::kExitUsage);
  Options half;
  EXPECT_EQ(Parse({"--cheaters", "0.5"}, half), ops::kExitUsage);
  Options traders;
  EXPECT_EQ(Parse({"--scenario", "trade", "--cheat", "hops"}, traders), ops::kExitUsage);
}

TEST(ZonebotOptions, OfActionsAreReadByName) {
  Options options;
  EXPECT_EQ(Parse({"--scenario", "trade", "--group", "5", "--ops-per-s", "0.5", "--resend", "5",
                   "--history", "h.jsonl", "--reconnect", "--settle", "7"},
                  options),
            std::nullopt);
  EXPECT_EQ(options.scenario, Scenario::kTrade);
  EXPECT_EQ(options.group, 5);
  EXPECT_EQ(options.ops_per_s, 0.5);
  EXPECT_EQ(options.resend, 5);
  EXPECT_EQ(options.history, "h.jsonl");
  EXPECT_TRUE(options.reconnect);
  EXPECT_EQ(options.settle_s, 7);
}

class BadOptions : public ::testing::TestWithParam<std::vector<std::string>> {};
TEST_P(BadOptions, ExitWithTheUsageCode) {
  Options options;
  EXPECT_EQ(Parse(GetParam(), options), ops::kExitUsage);
}
INSTANTIATE_TEST_SUITE_P(Cases, BadOptions,
                         ::testing::Values(std::vector<std::string>{"--playrs", "5"},
                                           std::vector<std::string>{"--players", "-1"},
                                           std::vector<std::string>{"--players", "many"},
                                           std::vector<std::string>{"--scenario", "party"},
                                           std::vector<std::string>{"--scenario", "trace"},
                                           std::vector<std::string>{"--trace", "x.csv"},
                                           std::vector<std::string>{"--anchor", "13.4"},
                                           std::vector<std::string>{"--anchor", "13.4,95"},
                                           std::vector<std::string>{"--loss", "101"},
                                           std::vector<std::string>{"--resend", "0"},
                                           std::vector<std::string>{"--ops", "offer,steal"},
                                           std::vector<std::string>{"--ops-per-s", "0"},
                                           std::vector<std::string>{"--group", "1"},
                                           std::vector<std::string>{"--server", "localhost:8080"}));

TEST(ZonebotRun, ExitsWithTheBadDataCodeForAWrongTrace) {
  const std::string path = ::testing::TempDir() + "wrong-trace.csv";
  std::ofstream(path) << "t_s,agent,x_m,y_m\n0,a,1\n";
  Options options;
  options.scenario = Scenario::kTrace;
  options.trace = path;
  const std::atomic<bool> stop{false};
  EXPECT_EQ(zonebot::Run(options, stop), ops::kExitBadData);
  options.trace = "/nonexistent.csv";
  EXPECT_EQ(zonebot::Run(options, stop), ops::kExitBadData);
  options.trace = ::testing::TempDir();
  EXPECT_EQ(zonebot::Run(options, stop), ops::kExitBadData);
}

TEST(ZonebotRun, ExitsWithTheUnavailableCodeWhenNobodyAnswers) {
  Options options;
  options.scenario = Scenario::kCrowd;
  options.server = "http://127.0.0.1:1";
  const std::atomic<bool> stop{false};
  EXPECT_EQ(zonebot::Run(options, stop), ops::kExitUnavailable);
}

}  // namespace
}  // namespace bluemarble::zonebot
