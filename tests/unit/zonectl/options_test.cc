#include "tools/zonectl/options.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace bluemarble::zonectl {
namespace {

std::optional<int> Parse(std::vector<std::string> words, Options& options) {
  words.insert(words.begin(), "zonectl");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  testing::internal::CaptureStderr();
  const auto code = ParseOptions(static_cast<int>(argv.size()), argv.data(), options);
  const std::string said = testing::internal::GetCapturedStderr();
  if (code) {
    EXPECT_TRUE(said.starts_with("zonectl: ")) << said;
  }
  return code;
}

TEST(ZonectlOptions, TakesEveryCommand) {
  const struct {
    std::vector<std::string> words;
    Command command;
  } kCases[] = {
      {{"history", "player:Ada", "--from", "3", "--limit", "10"}, Command::kHistory},
      {{"--json", "state", "item:5", "--at", "tick:7"}, Command::kState},
      {{"verify", "--json", "--data-dir", "/tmp/x"}, Command::kVerify},
      {{"audit", "--url", "http://127.0.0.1:1"}, Command::kAudit},
      {{"rollback", "Ada", "--to", "2026-01-01", "--yes"}, Command::kRollback},
      {{"check-history", "/proc/self/status"}, Command::kCheckHistory},
      {{"archive", "--keep-days", "30", "--data-dir", "/tmp/x"}, Command::kArchive},
      {{"status"}, Command::kStatus},
      {{"players", "--sort", "-bytes", "--search", "ad", "--addresses"}, Command::kPlayers},
      {{"inspect", "entity:17"}, Command::kInspect},
      {{"kick", "Ada", "--reason", "spam"}, Command::kKick},
      {{"teleport", "17", "-33.8", "-151.2", "--height", "-3"}, Command::kTeleport},
      {{"announce", "back in five minutes"}, Command::kAnnounce},
      {{"role", "Ada", "operator"}, Command::kRole},
      {{"actions", "--limit", "5"}, Command::kActions},
  };
  for (const auto& c : kCases) {
    Options options;
    EXPECT_FALSE(Parse(c.words, options).has_value()) << c.words[0];
    EXPECT_EQ(options.command, c.command) << c.words[0];
  }
}

TEST(ZonectlOptions, RefusesWhatMakesNoSense) {
  const std::vector<std::string> kCases[] = {
      {},
      {"hisotry"},
      {"history"},
      {"history", "item:5", "--from", "-1"},
      {"history", "item:5", "--all"},
      {"history", "player:Ada", "--all", "--from", "3"},
      {"state", "item:5", "--limit", "3"},
      {"audit", "--url", "127.0.0.1:8080"},
      {"audit", "--url", "http://x", "--database", "postgres://x"},
      {"rollback", "Ada"},
      {"rollback", "Ada", "--to", "tick:1", "--data-dir", "data"},
      {"check-history", "/no/such/file"},
      {"archive"},
      {"archive", "--keep-days", "0"},
      {"archive", "--keep-days", "3", "--url", "http://x"},
      {"archive", "--restore", "/proc/self/status"},
  };
  for (const auto& words : kCases) {
    Options options;
    EXPECT_EQ(Parse(words, options), 2) << (words.empty() ? "" : words.back());
  }
}

TEST(ZonectlOptions, TakesTheDatabaseFromTheEnvironment) {
  ASSERT_EQ(setenv("DATABASE_URL", "postgres://user:secret@host/db", 1), 0);
  Options options;
  EXPECT_FALSE(Parse({"audit", "--database", "env"}, options).has_value());
  EXPECT_EQ(options.database, "postgres://user:secret@host/db");
  ASSERT_EQ(unsetenv("DATABASE_URL"), 0);
  Options without;
  EXPECT_EQ(Parse({"audit", "--database", "env"}, without), 2);
}

}  // namespace
}  // namespace bluemarble::zonectl
