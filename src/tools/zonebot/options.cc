#include "tools/zonebot/options.h"

#include <CLI/CLI.hpp>
#include <array>
#include <cmath>
#include <cstdio>
#include <iostream>

#include "geo/planet.h"
#include "ops/exit_codes.h"
#include "tools/zonebot/choices.h"

namespace bluemarble::zonebot {
namespace {

constexpr double kDefaultCheaters = 0.1;
constexpr int kMaxPlayers = 60'000;  // ports of one address
constexpr std::array kScenarios = {Scenario::kCities, Scenario::kSpread, Scenario::kCrowd,
                                   Scenario::kTrace,  Scenario::kTrade,  Scenario::kRace,
                                   Scenario::kHostile};

std::string ParseAnchor(const std::string& text, std::optional<GeoPosition>& out) {
  GeoPosition place;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%lf,%lf%c", &place.lon_deg, &place.lat_deg, &rest) != 2)
    return "--anchor: expected LON,LAT in degrees, such as 13.4,52.5";
  if (!geo::ValidateGeodetic({place.lon_deg, place.lat_deg, 0}).ok())
    return "--anchor: longitude must lie in -180..180 and latitude in -90..90";
  out = place;
  return "";
}

bool HasActionsOf(Scenario scenario) {
  return scenario == Scenario::kTrade || scenario == Scenario::kRace ||
         scenario == Scenario::kHostile;
}

std::string FirstProblem(const Options& o) {
  if (o.scenario == Scenario::kTrace && o.trace.empty())
    return "--scenario trace needs --trace FILE";
  if (o.scenario != Scenario::kTrace && !o.trace.empty()) return "--trace needs --scenario trace";
  const bool acts = o.scenario == Scenario::kTrade || o.scenario == Scenario::kRace ||
                    o.scenario == Scenario::kHostile;
  if (o.chat_per_s > 0 && acts) return "--chat-per-s is for cities, spread, crowd and trace";
  if (!o.ops.empty() && !ParseOps(o.ops))
    return "--ops: expected kinds of actions with commas, such as offer,accept";
  if (!o.server.starts_with("http://") && !o.server.starts_with("https://"))
    return "--server: expected an address such as http://127.0.0.1:8080";
  return "";
}

std::string ParseCheats(const std::string& text, Options& o) {
  if (text.empty()) return o.cheaters > 0 ? "--cheaters needs --cheat" : "";
  if (HasActionsOf(o.scenario)) return "--cheat does not go with trade, race and hostile";
  if (o.cheaters <= 0) o.cheaters = kDefaultCheaters;
  for (size_t i = 0; text == "all" && i < cheats::kCheatStyles; ++i)
    o.cheat_styles.push_back(static_cast<cheats::CheatStyle>(i));
  for (size_t from = 0; text != "all" && from <= text.size();) {
    const size_t comma = std::min(text.find(',', from), text.size());
    const auto style = cheats::ParseCheat(std::string_view(text).substr(from, comma - from));
    if (!style) return "--cheat: there is no style " + text.substr(from, comma - from);
    o.cheat_styles.push_back(*style);
    from = comma + 1;
  }
  return "";
}

void AddActionOptions(CLI::App& app, Options& o) {
  app.add_option("--group", o.group, "trade, hostile: bots within reach of each other")
      ->check(CLI::Range(2, kMaxPlayers))
      ->capture_default_str();
  app.add_option("--ops-per-s", o.ops_per_s, "trade: actions of one bot")
      ->check(CLI::Range(0.001, 1000.0))
      ->capture_default_str();
  app.add_option("--resend", o.resend, "send each request once up to so often, with the same key")
      ->check(CLI::Range(1, 50))
      ->capture_default_str();
  app.add_option("--ops", o.ops,
                 "trade: only these of pick_up,drop,give,offer,accept,split,merge,decline");
  app.add_option("--rounds", o.rounds, "race: so many items, one after another")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--history", o.history,
                 "append what was asked and told to this file, for zonectl check-history");
  app.add_option("--settle", o.settle_s,
                 "seconds at the end in which nothing is begun and everything shall be answered")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
}

}  // namespace

const char* ScenarioName(Scenario scenario) {
  constexpr std::array<const char*, kScenarios.size()> kNames = {
      "cities", "spread", "crowd", "trace", "trade", "race", "hostile"};
  return kNames[static_cast<size_t>(scenario)];
}

std::optional<int> ParseOptions(int argc, char** argv, Options& o) {
  CLI::App app{"zonebot: thousands of real players for a zoned, in one process"};
  std::string scenario = ScenarioName(o.scenario);
  std::vector<std::string> names;
  for (const Scenario each : kScenarios) names.emplace_back(ScenarioName(each));
  std::string anchor;
  app.add_option("--server", o.server, "HTTP address of the zone")->capture_default_str();
  app.add_option(
         "--scenario", scenario,
         "cities: 25 players in each of players/25 cities drawn by population; spread: uniform at "
         "--density; "
         "crowd: all within --radius of the anchor; trace: each agent of --trace is a player; "
         "trade: "
         "groups that pick up, drop, give, trade, split and merge without pause; race: all pick up "
         "one item at once; hostile: one of each group tries what must be refused")
      ->check(CLI::IsMember(names))
      ->capture_default_str();
  app.add_option("--players", o.players, "players (default 1000; trace: all agents)")
      ->check(CLI::Range(1, kMaxPlayers));
  app.add_option("--seconds", o.seconds, "length of the measured window; 0: until Ctrl-C")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  app.add_option("--warmup", o.warmup_s, "seconds between the last login and the measured window")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  app.add_option("--seed", o.seed, "seed of places, walks and faults")->capture_default_str();
  app.add_option("--ramp", o.ramp_per_s, "joins per second (default: all within about 5 s)")
      ->check(CLI::Range(0.1, 1e5));
  app.add_option("--loss", o.loss_pct, "datagrams lost in each direction, percent")
      ->check(CLI::Range(0.0, 100.0));
  app.add_option("--latency-ms", o.latency_ms, "delay added in each direction")
      ->check(CLI::Range(0, 10'000));
  app.add_option("--jitter-ms", o.jitter_ms, "random delay on top, 0 to this")
      ->check(CLI::Range(0, 10'000));
  app.add_option("--observers", o.observers, "players that decode the world and are measured")
      ->check(CLI::Range(0, kMaxPlayers))
      ->capture_default_str();
  app.add_option("--radius", o.radius_m, "crowd: metres")
      ->check(CLI::Range(1.0, 10'000.0))
      ->capture_default_str();
  app.add_option("--density", o.density, "spread: players per disc of 1,000 m radius")
      ->check(CLI::Range(0.1, 1e6))
      ->capture_default_str();
  app.add_option(
      "--trace", o.trace,
      "CSV: t_s,agent,lon_deg,lat_deg,alt_m or t_s,agent,x_m,y_m[,z_m]; heights are checked "
      "but not used: players stay on the ground");
  app.add_option("--anchor", anchor, "LON,LAT: where spread, crowd and a trace in metres lie");
  app.add_option("--copies", o.copies, "trace: so many times, 2 km apart")
      ->check(CLI::Range(1, 10'000));
  app.add_option("--cities", o.cities,
                 "CSV: lon_deg,lat_deg,population (default build/cities.csv)");
  app.add_flag("--reconnect", o.reconnect, "come back, with jitter, when the server goes away");
  app.add_flag("--accounts", o.accounts,
               "each bot logs in with an account of its own and makes it if there is none: what a "
               "sealed server wants; its auth.mode should be development");
  app.add_option("--ca-file", o.ca_file,
                 "PEM of the certificates that an https:// server is believed by");
  app.add_option("--report", o.report, "write the measurements to this JSON file");
  app.add_option("--require-moving-others", o.require_moving_others,
                 "exit 1 unless every player connected and holds this many others that moved by "
                 "0.2 m in the window; "
                 "up to 1,000 players all decode for it, beyond that the observers are checked")
      ->check(CLI::Range(0, kMaxPlayers));
  app.add_option(
         "--chat-per-s", o.chat_per_s,
         "cities, spread, crowd, trace: lines of chat of one player, zone and local in turn")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  std::string cheats;
  app.add_option("--style", o.style, "of walkers; mixed: each of the others in turn")
      ->check(CLI::IsMember({"walk", "sprint", "zigzag", "circle", "afk", "mixed"}))
      ->capture_default_str();
  app.add_option("--cheat", cheats,
                 "some players cheat, in these ways, with commas, or all: speed, hops, teleport, "
                 "burst, nan, spam, future, backwards, actions, action_spam");
  app.add_option("--cheaters", o.cheaters, "share of the players that cheat (default 0.1)")
      ->check(CLI::Range(0.0, 1.0));
  AddActionOptions(app, o);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::Error& error) {
    std::cerr << "zonebot: " << error.what() << " (see --help)\n";
    return ops::kExitUsage;
  }
  for (const Scenario each : kScenarios)
    if (scenario == ScenarioName(each)) o.scenario = each;
  std::string problem = anchor.empty() ? "" : ParseAnchor(anchor, o.anchor);
  if (problem.empty()) problem = FirstProblem(o);
  if (problem.empty()) problem = ParseCheats(cheats, o);
  if (problem.empty()) return std::nullopt;
  std::cerr << "zonebot: " << problem << '\n';
  return ops::kExitUsage;
}

}  // namespace bluemarble::zonebot
