/// zonebot's command line. Immutable after parsing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bluemarble/client.h"
#include "tools/cheats/styles.h"

namespace bluemarble::zonebot {

enum class Scenario : uint8_t { kCities, kSpread, kCrowd, kTrace, kTrade, kRace, kHostile };
const char* ScenarioName(Scenario scenario);

struct Options {
  std::string server = "http://127.0.0.1:8080";
  Scenario scenario = Scenario::kCities;
  std::optional<int> players;  ///< Default 1,000; with a trace all of its agents.
  double seconds = 0;          ///< Measured window; 0: until interrupted.
  uint64_t seed = 1;
  double ramp_per_s = 0;  ///< Joins per second; 0: all within about five seconds.
  double loss_pct = 0;
  int latency_ms = 0, jitter_ms = 0;
  int observers = 64;    ///< Bots that decode and are measured, sampled evenly.
  double radius_m = 25;  ///< crowd
  double density = 150;  ///< spread: players per disc of 1,000 m
  std::string trace;
  std::optional<GeoPosition> anchor;
  int copies = 1;
  std::string cities;
  std::string report;
  std::optional<int> require_moving_others;
  double warmup_s = 5;
  double chat_per_s = 0;                         ///< Lines of chat of one bot.
  std::string style = "walk";                    ///< Of walkers; mixed: each style in turn.
  std::vector<cheats::CheatStyle> cheat_styles;  ///< Cheaters take these in turn.
  double cheaters = 0;                           ///< Share of the players.
  // trade, race, hostile:
  int group = 8;         ///< Bots that stand within reach of each other.
  double ops_per_s = 1;  ///< Actions of one bot.
  int resend = 1;        ///< Copies of each request: 1 to this many, at random.
  int rounds = 10;       ///< race
  std::string ops;       ///< Kinds of actions, with commas; empty: all.
  std::string history;   ///< File to append to; empty: none is written.
  bool reconnect = false;
  bool accounts = false;
  std::string ca_file;
  double settle_s = 10;
};

/// Nothing when the program shall go on, else its exit code; what is wrong has been said in a line
/// on stderr.
std::optional<int> ParseOptions(int argc, char** argv, Options& options);

}  // namespace bluemarble::zonebot
