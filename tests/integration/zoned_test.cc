// zoned as a process: how it starts, refuses, stops, remembers and is replayed.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "client/http_client.h"
#include "persistence/sqlite_store.h"
#include "zoned_process.h"

namespace bluemarble::support {
namespace {

bool Playing(const Player& player) { return player.client.state() == ClientState::kPlaying; }
bool Over(const Player& player) { return player.client.state() == ClientState::kEnded; }

double Distance(Vector3 a, Vector3 b) { return std::hypot(a.x - b.x, a.y - b.y, a.z - b.z); }

/// What this machine and build take for a start that is not refused.
double SecondsToStart(ZonedProcess& zoned) {
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_TRUE(zoned.StartReady()) << zoned.output();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

TEST(Zoned, StartsServesAndStopsOnSigtermWithinFiveSeconds) {
  ZonedProcess zoned;
  ASSERT_TRUE(zoned.StartReady()) << zoned.output();
  Player player(zoned, "ann");
  ASSERT_TRUE(PollUntil({&player}, [&] { return Playing(player); }));
  zoned.Signal(SIGTERM);
  EXPECT_TRUE(PollUntil({&player}, [&] { return Over(player); }));
  EXPECT_EQ(player.client.end_reason(), DisconnectReason::kServerStopping);
  const Ended ended = zoned.WaitForEnd();
  EXPECT_EQ(ended.exit_code, 0) << ended.output;
  EXPECT_LT(ended.seconds, 5.0);
}

TEST(Zoned, ASecondSignalEndsItAtOnce) {
  ZonedProcess zoned;
  ASSERT_TRUE(zoned.StartReady()) << zoned.output();
  // A player that does not acknowledge its goodbye keeps the stop waiting.
  Player silent(zoned, "silent");
  ASSERT_TRUE(PollUntil({&silent}, [&] { return Playing(silent); }));
  zoned.Signal(SIGTERM);
  ::usleep(50'000);
  zoned.Signal(SIGTERM);
  const Ended ended = zoned.WaitForEnd();
  EXPECT_EQ(ended.exit_code, 130) << ended.output;
  EXPECT_LT(ended.seconds, 2.0);  // ThreadSanitizer sleeps a second at exit
}

TEST(Zoned, ASecondOneOnTheSamePortsIsRefusedAtOnceNamingTheHolder) {
  ZonedProcess first, second;
  const double start_s = SecondsToStart(first);
  second.set_ports(first.http_port(), first.net_port());
  second.Start();
  const Ended ended = second.WaitForEnd();
  EXPECT_EQ(ended.exit_code, 77) << ended.output;
  EXPECT_LT(ended.seconds, start_s + 2);
  EXPECT_NE(ended.output.find("is held by zoned (pid "), std::string::npos) << ended.output;
}

TEST(Zoned, ATakenHttpPortIsRefusedNamingTheHolderBeforeTheStoreIsOpened) {
  ZonedProcess first, second;
  const double start_s = SecondsToStart(first);
  second.set_ports(first.http_port(), second.net_port());
  second.Start();
  const Ended ended = second.WaitForEnd();
  EXPECT_EQ(ended.exit_code, 77) << ended.output;
  EXPECT_LT(ended.seconds, start_s + 2);
  EXPECT_NE(ended.output.find(std::to_string(first.http_port())), std::string::npos)
      << ended.output;
  EXPECT_FALSE(std::filesystem::exists(second.data_dir()));
}

TEST(Zoned, AnUnwritableDataFolderIsExitCode73) {
  ZonedProcess zoned;
  // A file where the folder should be: not writable for root either.
  std::ofstream(zoned.folder() + "/file") << "x";
  zoned.set_data_dir("file/data");
  zoned.Start();
  const Ended ended = zoned.WaitForEnd();
  EXPECT_EQ(ended.exit_code, 73) << ended.output;
  EXPECT_NE(ended.output.find("/file/data"), std::string::npos) << ended.output;
}

TEST(Zoned, ACorruptDatabaseIsExitCode65) {
  ZonedProcess zoned;
  std::filesystem::create_directories(zoned.data_dir());
  std::ofstream(zoned.data_dir() + "/" + persistence::kSqliteFileName) << std::string(8192, 'x');
  zoned.Start();
  const Ended ended = zoned.WaitForEnd();
  EXPECT_EQ(ended.exit_code, 65) << ended.output;
}

TEST(Zoned, CheckListsEveryProblemAtOnce) {
  const Ended ended = RunZoned({"check", "--set", "net.prt=1", "--set", "tick.hz=99", "--set",
                                "net.bind=1.2.3.4", "--set", "net.security=plain"});
  EXPECT_EQ(ended.exit_code, 78);
  EXPECT_NE(ended.output.find("did you mean net.port"), std::string::npos) << ended.output;
  EXPECT_NE(ended.output.find("tick.hz"), std::string::npos) << ended.output;
  EXPECT_NE(ended.output.find("loopback"), std::string::npos) << ended.output;
}

TEST(Zoned, OverlappingShardsAreRefusedBeforeAnythingIsBound) {
  const Ended ended =
      RunZoned({"--set",
                "shards=[{id=\"a\",lon_min=-180.0,lon_max=10.0,http=\"http://a:1\"},"
                "{id=\"b\",lon_min=0.0,lon_max=180.0,http=\"http://b:1\"}]"});
  EXPECT_EQ(ended.exit_code, 78);
  EXPECT_NE(ended.output.find("overlaps"), std::string::npos) << ended.output;
}

TEST(Zoned, BadUsageIsExitCode2) { EXPECT_EQ(RunZoned({"fly"}).exit_code, 2); }

TEST(Zoned, VersionAndHealthcheckAnswer) {
  const Ended version = RunZoned({"version"}), flag = RunZoned({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_EQ(flag.exit_code, 0);
  EXPECT_TRUE(version.output.starts_with("zoned 0.") || version.output.starts_with("zoned 1."));
  EXPECT_EQ(flag.output, version.output);
  ZonedProcess zoned;
  EXPECT_EQ(RunZoned({"healthcheck", "--url", zoned.http()}).exit_code, 69);
  ASSERT_TRUE(zoned.StartReady()) << zoned.output();
  EXPECT_EQ(RunZoned({"healthcheck", "--url", zoned.http()}).exit_code, 0);
}

/// Waits until the output has the text: what a signal does is logged by a thread of its own.
bool Says(const ZonedProcess& zoned, const std::string& text) {
  return PollUntil({}, [&] { return zoned.output().find(text) != std::string::npos; });
}

TEST(Zoned, AHangupReloadsTheLogLevelAndKeepsItWhenTheSettingsHaveProblems) {
  ZonedProcess zoned;
  const std::string file = zoned.folder() + "/zoned.toml";
  const auto write = [&](const char* text) { std::ofstream(file) << text; };
  write("[log]\nlevel = \"error\"\n");
  ASSERT_TRUE(zoned.StartReady({"-c", file})) << zoned.output();
  EXPECT_EQ(zoned.output().find("\"serving\""), std::string::npos) << zoned.output();

  write("[log]\nlevel = \"info\"\n");
  zoned.Signal(SIGHUP);
  EXPECT_TRUE(Says(zoned, "log.level=info was=error")) << zoned.output();

  write("[log]\nlevel = \"loud\"\n[net]\nprt = 1\n");
  zoned.Signal(SIGHUP);
  EXPECT_TRUE(Says(zoned, "problems=2 log.level=info")) << zoned.output();
  EXPECT_NE(zoned.output().find("did you mean net.port"), std::string::npos) << zoned.output();

  zoned.Signal(SIGTERM);
  const Ended ended = zoned.WaitForEnd();
  EXPECT_EQ(ended.exit_code, 0) << ended.output;
  EXPECT_NE(ended.output.find("\"stopping\""), std::string::npos) << ended.output;
}

TEST(Zoned, WhatTheQueuesCountIsExported) {
  ZonedProcess zoned;
  ASSERT_TRUE(zoned.StartReady({"--set", "net.hosts=1", "--set", "session.max_players=100"}))
      << zoned.output();
  for (const char* name :
       {"net_peer_deaf_ended_total", "net_inbound_blocked_total", "net_outbound_stale_total",
        "net_send_refused_total", "net_receive_buffer_bytes"}) {
    EXPECT_GE(zoned.Metric(std::string(name) + "{host=\"0\"}"), 0) << name;
  }
  EXPECT_GT(zoned.Metric("net_receive_buffer_bytes{host=\"0\"}"), 0);
  EXPECT_GE(zoned.Metric("persistence_queue_used_bytes"), 0);
  EXPECT_EQ(zoned.Metric("recording_running"), 0);
}

TEST(Zoned, PositionsSurviveAStopAndAKill) {
  ZonedProcess zoned;
  ASSERT_TRUE(zoned.StartReady()) << zoned.output();
  Vector3 start, passed, before;
  {
    Player walker(zoned, "walker", GeoPosition{10, 50, 0});
    ASSERT_TRUE(PollUntil({&walker}, [&] { return Playing(walker); }));
    start = walker.client.own().confirmed;
    walker.client.SetInput({.move_east = 1, .move_north = 0, .yaw_turns = 0.25, .buttons = 0});
    ASSERT_TRUE(PollUntil({&walker}, [&] {
      return walker.client.own().confirmed_tick != 0 &&
             Distance(walker.client.own().confirmed, start) > 20;
    }));
    walker.client.SetInput({});
    PollUntil(
        {&walker}, [] { return false; }, 700);
    before = walker.client.own().confirmed;
    zoned.Signal(SIGTERM);
    EXPECT_EQ(zoned.WaitForEnd().exit_code, 0);
  }
  ASSERT_TRUE(zoned.StartReady()) << zoned.output();
  {
    Player again(zoned, "walker");
    ASSERT_TRUE(PollUntil({&again}, [&] { return Playing(again); }));
    EXPECT_LT(Distance(again.client.own().predicted, before), 0.1);
    start = again.client.own().confirmed;
    again.client.SetInput({.move_east = 0, .move_north = 1, .yaw_turns = 0, .buttons = 0});
    ASSERT_TRUE(
        PollUntil({&again}, [&] { return Distance(again.client.own().confirmed, start) > 7; }));
    passed = again.client.own().confirmed;
    // Of the saves on their way by now one is being written and one waits: the third has passed it.
    const double saves = zoned.Metric("journal_saves_total");
    ASSERT_GE(saves, 0);
    ASSERT_TRUE(PollUntil(
        {&again}, [&] { return zoned.Metric("journal_saves_total") >= saves + 3; }, 20'000));
    before = again.client.own().confirmed;
    zoned.Signal(SIGKILL);
    EXPECT_EQ(zoned.WaitForEnd().exit_code, -1);
  }
  ASSERT_TRUE(zoned.StartReady()) << zoned.output();
  Player after_crash(zoned, "walker");
  ASSERT_TRUE(PollUntil({&after_crash}, [&] { return Playing(after_crash); }));
  // How much of the way may be lost by time, the durability soak measures (T-20).
  const Vector3 place = after_crash.client.own().predicted;
  const double whole = Distance(start, before);
  const double along =
      ((place.x - start.x) * (before.x - start.x) + (place.y - start.y) * (before.y - start.y) +
       (place.z - start.z) * (before.z - start.z)) /
      whole;
  EXPECT_GE(along, Distance(start, passed) - 0.1) << "of " << whole << " m";
  const double off = std::sqrt(std::max(0.0, std::pow(Distance(start, place), 2) - along * along));
  EXPECT_LT(off, 0.5) << "off the way";
}

TEST(Zoned, ThreeShardsSendPlayersToTheRightOne) {
  ZonedProcess west, middle, east;
  const std::string shards = "shards=[{id=\"west\",lon_min=-180.0,lon_max=-60.0,http=\"" +
                             west.http() + "\"},{id=\"middle\",lon_min=-60.0,lon_max=60.0,http=\"" +
                             middle.http() + "\"},{id=\"east\",lon_min=60.0,lon_max=180.0,http=\"" +
                             east.http() + "\"}]";
  const auto start = [&](ZonedProcess& zoned, const char* id, const char* low, const char* high) {
    return zoned.StartReady({"--set", shards, "--set", std::string("shard.id=") + id, "--set",
                             std::string("shard.lon_min=") + low, "--set",
                             std::string("shard.lon_max=") + high});
  };
  ASSERT_TRUE(start(west, "west", "-180.0", "-60.0")) << west.output();
  ASSERT_TRUE(start(middle, "middle", "-60.0", "60.0")) << middle.output();
  ASSERT_TRUE(start(east, "east", "60.0", "180.0")) << east.output();
  const struct {
    ZonedProcess& asked;
    double lon;
    const ZonedProcess* right;  // null: the asked one
  } cases[] = {{west, -100, nullptr},   {middle, 0, nullptr},   {east, 100, nullptr},
               {west, 0, &middle},      {west, 179.9, &east},   {middle, -60.001, &west},
               {middle, 60, &east},     {middle, -60, nullptr}, {east, -180, &west},
               {east, 59.999, &middle}, {east, -179.999, &west}};
  int number = 0;
  for (const auto& test : cases) {
    Player player(test.asked, "p" + std::to_string(++number), GeoPosition{test.lon, 20, 0});
    ASSERT_TRUE(PollUntil({&player}, [&] { return Playing(player) || Over(player); }));
    if (test.right == nullptr) {
      EXPECT_TRUE(Playing(player)) << test.lon;
      continue;
    }
    EXPECT_EQ(player.client.end_reason(), DisconnectReason::kWrongShard) << test.lon;
    EXPECT_EQ(player.client.redirect(), test.right->http()) << test.lon;
  }
}

TEST(Zoned, ARecordingReplaysToTheSameHashOnAnyWorkerCount) {
  ZonedProcess zoned;
  const std::string recording = zoned.folder() + "/recording";
  ASSERT_TRUE(zoned.StartReady({"--record", recording})) << zoned.output();
  Player a(zoned, "a"), b(zoned, "b");
  a.client.SetInput({.move_east = 1, .move_north = 0.3, .yaw_turns = 0, .buttons = 0});
  b.client.SetInput({.move_east = -1, .move_north = 0, .yaw_turns = 0, .buttons = 0});
  ASSERT_TRUE(PollUntil({&a, &b}, [&] { return Playing(a) && Playing(b); }));
  PollUntil(
      {&a, &b}, [] { return false; }, 1500);
  EXPECT_EQ(zoned.Metric("recording_running"), 1);
  EXPECT_GT(zoned.Metric("recording_recorded_bytes_total"), 0);
  zoned.Signal(SIGTERM);
  ASSERT_EQ(zoned.WaitForEnd().exit_code, 0);
  for (const char* workers : {"1", "2", "4"}) {
    const Ended replay =
        RunZoned({"replay", recording, "--set", std::string("tick.workers=") + workers});
    EXPECT_EQ(replay.exit_code, 0) << replay.output;
    EXPECT_NE(replay.output.find("every world hash as recorded"), std::string::npos)
        << replay.output;
  }
  // One flipped byte in the middle is noticed.
  std::fstream file(recording + "/recording.bin", std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(
      static_cast<std::streamoff>(std::filesystem::file_size(recording + "/recording.bin") / 2));
  file.put('\x5a');
  file.close();
  EXPECT_EQ(RunZoned({"replay", recording}).exit_code, 65);
}

TEST(Zoned, AFullZoneRefusesWithAReason) {
  ZonedProcess zoned;
  ASSERT_TRUE(zoned.StartReady({"--set", "session.max_players=1"})) << zoned.output();
  Player first(zoned, "first"),
      second(zoned, "second");  // both have tickets before either is in play
  ASSERT_TRUE(PollUntil({&first, &second}, [&] {
    return (Playing(first) && Over(second)) || (Over(first) && Playing(second));
  }));
  const Player& refused = Over(first) ? first : second;
  EXPECT_EQ(refused.client.end_reason(), DisconnectReason::kZoneFull);
  EXPECT_NE(refused.client.error().find("session.max_players"), std::string::npos)
      << refused.client.error();
  const JoinResult late = Join(zoned.http(), "late");
  EXPECT_FALSE(late.ok);
  EXPECT_NE(late.error.find("session.max_players"), std::string::npos) << late.error;
}

}  // namespace
}  // namespace bluemarble::support
