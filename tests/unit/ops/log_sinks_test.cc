#include "ops/log_sinks.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/alloc_counter.h"

namespace bluemarble::ops {
namespace {

using core::LogLevel;

constexpr int64_t kTime = 1'700'000'000'123'456;  // 2023-11-14T22:13:20.123456Z

class LogTest : public ::testing::Test {
 protected:
  LogTest() { EXPECT_EQ(::pipe(ends_), 0); }
  ~LogTest() override {
    StopLog();
    ::close(ends_[0]);
    CloseWriter();
  }
  void CloseWriter() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }
  // Everything written up to StopLog.
  std::string Finish() {
    StopLog();
    CloseWriter();
    std::string all;
    char chunk[4096];
    for (ssize_t n; (n = ::read(ends_[0], chunk, sizeof chunk)) > 0;) {
      all.append(chunk, static_cast<size_t>(n));
    }
    return all;
  }
  // Empties the pipe until `lines` lines since `before` are written or lost.
  void ReadUntilDone(const LogStats& before, uint64_t lines) {
    ::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
    char chunk[65536];
    const auto done = [&] {
      const LogStats now = GetLogStats();
      return now.written + now.overrun - before.written - before.overrun >= lines;
    };
    while (!done()) {
      [[maybe_unused]] const ssize_t n = ::read(ends_[0], chunk, sizeof chunk);
    }
  }
  int ends_[2];
};

TEST(LogFormat, WritesTextForPeople) {
  EXPECT_EQ(FormatTextLine(kTime, LogLevel::kInfo, "listening", "port=7777", false),
            "2023-11-14T22:13:20.123456Z INFO  listening port=7777");
  EXPECT_EQ(FormatTextLine(kTime, LogLevel::kError, "stopped", "", true),
            "2023-11-14T22:13:20.123456Z \x1b[31mERROR\x1b[0m stopped");
}

TEST(LogFormat, WritesJsonWithTheFieldsOfTheContract) {
  const auto json =
      nlohmann::json::parse(FormatJsonLine(kTime, LogLevel::kWarn, "zoned", "listening", "port=1"));
  EXPECT_EQ(json, (nlohmann::json{{"timestamp", "2023-11-14T22:13:20.123456Z"},
                                  {"level", "warn"},
                                  {"service", "zoned"},
                                  {"event", "listening"},
                                  {"fields", "port=1"}}));
}

TEST(LogFormat, NoInputForgesALineOrAJsonField) {
  for (const std::string& hostile :
       {std::string("a\nb"), std::string("a\r\nb"), std::string("\x1b[2Ja"), std::string("a\0b", 3),
        std::string("\",\"level\":\"error"), std::string("\\"), std::string("\xff\xfe"),
        std::string("\xe2\x80\xae rtl"), std::string("\x7f")}) {
    const std::string text = FormatTextLine(kTime, LogLevel::kInfo, hostile, hostile, false);
    EXPECT_TRUE(std::none_of(text.begin(), text.end(), [](char c) {
      return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    })) << text;
    const std::string line = FormatJsonLine(kTime, LogLevel::kInfo, hostile, hostile, hostile);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const auto json = nlohmann::json::parse(line, nullptr, false);
    ASSERT_FALSE(json.is_discarded()) << line;
    EXPECT_EQ(json.size(), 5u) << line;
    EXPECT_EQ(json["level"], "info");
  }
}

TEST_F(LogTest, WritesJsonLinesWhenTheOutputIsNoTerminal) {
  ASSERT_TRUE(StartLog({}, ends_[1]).ok());
  core::Log(LogLevel::kInfo, "joined", "name={}", "Eve\n{\"level\":\"error\"}");
  core::Log(LogLevel::kDebug, "hidden");
  core::Log(LogLevel::kWarn, "left");
  const std::string all = Finish();
  const size_t first_end = all.find('\n');
  ASSERT_NE(first_end, std::string::npos);
  const auto first = nlohmann::json::parse(all.substr(0, first_end));
  EXPECT_EQ(first["event"], "joined");
  EXPECT_EQ(first["fields"], "name=Eve\\x0a{\"level\":\"error\"}");
  const auto second = nlohmann::json::parse(all.substr(first_end + 1));
  EXPECT_EQ(second["event"], "left");
  EXPECT_EQ(second["fields"], "");
}

TEST_F(LogTest, AUsualLineAllocatesNothingOnTheThreadThatLogs) {
  if (!core::CountsAllocations()) GTEST_SKIP() << "sanitizers bring their own operator new";
  ASSERT_TRUE(StartLog({}, ends_[1]).ok());
  const uint64_t before = core::ThreadAllocations();
  for (int i = 0; i < 10; ++i) {
    core::Log(LogLevel::kWarn, "relief", "step={} dilation_pct={} tick={} players={} entities={}",
              i % 5, 100 + i, 123'456'789 + i, 4'999, 19'999);
  }
  EXPECT_EQ(core::ThreadAllocations() - before, 0u);
  const std::string all = Finish();
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 10);
  EXPECT_NE(all.find("step=4 dilation_pct=109 tick=123456798 players=4999 entities=19999"),
            std::string::npos);
}

TEST_F(LogTest, ObeysTheLevelSetting) {
  ASSERT_TRUE(StartLog({.level = "warn", .format = "text"}, ends_[1]).ok());
  core::Log(LogLevel::kInfo, "hidden");
  core::Log(LogLevel::kWarn, "shown");
  const std::string all = Finish();
  EXPECT_EQ(all.find("hidden"), std::string::npos);
  EXPECT_NE(all.find("WARN  shown\n"), std::string::npos);
}

TEST_F(LogTest, CountsLinesTheSystemRefuses) {
  const int full = ::open("/dev/full", O_WRONLY);
  ASSERT_GE(full, 0);
  const uint64_t before = GetLogStats().write_failures;
  ASSERT_TRUE(StartLog({}, full).ok());
  core::Log(LogLevel::kInfo, "one");
  core::Log(LogLevel::kInfo, "two");
  StopLog();
  EXPECT_EQ(GetLogStats().write_failures, before + 2);
  ::close(full);
}

TEST_F(LogTest, LosesAndCountsTheOldestInsteadOfWaitingForASlowReader) {
  const LogStats before = GetLogStats();
  ASSERT_TRUE(StartLog({.queue_lines = 16}, ends_[1]).ok());
  // Nobody reads: far more than a pipe (64 KiB) and the queue hold. A blocking log hangs here.
  const std::string text(1000, 'x');
  for (int i = 0; i < 1000; ++i) core::Log(LogLevel::kInfo, "burst", "text={}", text);
  EXPECT_GT(GetLogStats().overrun, before.overrun + 800);
  ReadUntilDone(before, 1000);
  StopLog();
  const LogStats after = GetLogStats();
  EXPECT_EQ(after.written + after.overrun - before.written - before.overrun, 1000u);
}

TEST_F(LogTest, StopsAlthoughTheReaderIsStuck) {
  const LogStats before = GetLogStats();
  ASSERT_TRUE(StartLog({.queue_lines = 256}, ends_[1]).ok());
  const std::string text(1000, 'x');
  for (int i = 0; i < 200; ++i) core::Log(LogLevel::kInfo, "burst", "text={}", text);
  StopLog();  // hangs if it joins the writer
  // The abandoned writer still holds the pipe's descriptor.
  ReadUntilDone(before, 200);
}

TEST_F(LogTest, RefusesUnknownSettings) {
  EXPECT_EQ(StartLog({.level = "loud"}, ends_[1]).code(), core::Code::kInvalid);
  EXPECT_EQ(StartLog({.format = "xml"}, ends_[1]).code(), core::Code::kInvalid);
  ASSERT_TRUE(StartLog({}, ends_[1]).ok());
  EXPECT_EQ(StartLog({}, ends_[1]).code(), core::Code::kConflict);
}

}  // namespace
}  // namespace bluemarble::ops
