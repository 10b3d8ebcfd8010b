// The running zone: how it is, who plays, what an entity is, and what an operator does to who
// plays.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "ops/exit_codes.h"
#include "tools/zonectl/ask.h"
#include "tools/zonectl/commands.h"
#include "tools/zonectl/table.h"

namespace bluemarble::zonectl {
namespace {

using core::Code;
using nlohmann::json;

constexpr int64_t kPlayersPage = 500;  // the most that one answer lists
constexpr auto kBetweenLooks = std::chrono::milliseconds(1100);

struct WhoIsNamed {
  const char* member;  // of a query or a body
  std::string text;
};

// Digits are a number, everything else is a name; "name:4711" is one as well.
WhoIsNamed WhoOf(const std::string& who) {
  constexpr std::string_view kName = "name:", kPlayer = "player:";
  if (who.starts_with(kName)) return {"name", who.substr(kName.size())};
  const std::string rest = who.starts_with(kPlayer) ? who.substr(kPlayer.size()) : who;
  const bool digits = !rest.empty() && rest.find_first_not_of("0123456789") == std::string::npos;
  return {digits ? "player" : "name", rest};
}

std::string Dumped(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

// Texts without quotes, null as "-".
std::string MemberText(const json& object, const char* member) {
  const auto found = object.find(member);
  if (found == object.end() || found->is_null()) return "-";
  return found->is_string() ? found->get<std::string>() : Dumped(*found);
}

std::string Number(const json& object, const char* member, const char* format = "{:.1f}") {
  const auto found = object.find(member);
  if (found == object.end() || !found->is_number()) return "-";
  return fmt::format(fmt::runtime(format), found->get<double>());
}

// "3 h 12 min": of seconds.
std::string Span(const json& seconds) {
  if (!seconds.is_number()) return "-";
  const auto whole = static_cast<int64_t>(seconds.get<double>());
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min", whole / 60);
  if (whole < 86400) return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
  return fmt::format("{} d {} h", whole / 86400, whole % 86400 / 3600);
}

// Asks, and shows the answer as JSON or by `show`.
template <typename Show>
int AskAndShow(Source& source, const Options& options, const std::string& method,
               const std::string& target, const json& body, Show show) {
  const auto text = AskText(source, method, target, body.is_null() ? "" : Dumped(body));
  if (!text.ok()) return Fail(text.status());
  const json answer = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!answer.is_object()) return Fail({Code::kInternal, "the answer is not what was expected"});
  if (options.json) {
    fmt::print("{}\n", Dumped(answer));
    return ops::kExitOk;
  }
  try {
    show(answer);
  } catch (const json::exception& error) {
    return Fail({Code::kInternal, "the answer is not what was expected", error.what()});
  }
  return ops::kExitOk;
}

std::string Triple(const json& values) {
  std::vector<std::string> cells;
  for (const json& value : values)
    cells.push_back(value.is_number() ? fmt::format("{:.2f}", value.get<double>()) : "-");
  return fmt::format("{}", fmt::join(cells, " / "));
}

json Whom(const std::string& who) {
  const WhoIsNamed named = WhoOf(who);
  return json{{named.member, named.text}};
}

std::vector<std::string> PlayerRow(const json& player, bool addresses) {
  std::vector<std::string> row = {MemberText(player, "player"),
                                  MemberText(player, "name"),
                                  MemberText(player, "entity"),
                                  MemberText(player, "state"),
                                  Number(player, "lat", "{:.5f}"),
                                  Number(player, "lon", "{:.5f}"),
                                  Number(player, "height"),
                                  Span(player.at("session_s")),
                                  Number(player, "ping_ms", "{:.0f}"),
                                  Number(player, "ack_age_ms", "{:.0f}"),
                                  Number(player, "bytes_per_s", "{:.0f}")};
  if (addresses) row.push_back(MemberText(player, "address"));
  return row;
}

}  // namespace

int RunStatus(Source& source, const Options& options) {
  // Rates are differences: of a zone that nobody has asked for a while the first answer has none.
  const auto first = AskText(source, "GET", "/v1/console/status");
  if (!first.ok()) return Fail(first.status());
  std::this_thread::sleep_for(kBetweenLooks);
  return AskAndShow(source, options, "GET", "/v1/console/status", json(), [](const json& answer) {
    const json& now = answer.at("sample");
    fmt::print("{} {}: {}, up {}, tick {}\n", MemberText(answer, "shard"),
               MemberText(answer, "version"), MemberText(answer, "ready"),
               Span(answer.at("uptime_s")), MemberText(now, "tick"));
    fmt::print("{} players ({} lingering, {} on the way), {} entities in {} leaves\n",
               MemberText(now, "players"), MemberText(now, "lingering"), MemberText(now, "pending"),
               MemberText(now, "entities"), MemberText(now, "leaves"));
    fmt::print("tick {} ms (mean / P50 / P99) of {} ms, relief step {}, time at {} %\n",
               Triple(now.at("tick_ms")), Number(now, "period_ms"), MemberText(now, "relief_step"),
               MemberText(now, "dilation_pct"));
    std::vector<std::vector<std::string>> rows = {{"PHASE", "MEAN / P50 / P99 MS"}};
    for (const char* phase : {"receive", "simulate", "index", "interest", "replicate", "commit"})
      rows.push_back({phase, Triple(now.at("phases_ms").at(phase))});
    fmt::print("{}", Table(rows));
    fmt::print("slow {}, late {}, skipped {} ticks since the start\n",
               MemberText(now, "slow_ticks"), MemberText(now, "late_ticks"),
               MemberText(now, "skipped_ticks"));
    fmt::print("{} B/s in, {} B/s out; {} commits/s at {} ms (P50 / P99); store {}\n",
               Number(now, "bytes_in_per_s", "{:.0f}"), Number(now, "bytes_out_per_s", "{:.0f}"),
               Number(now, "commits_per_s", "{:.0f}"), Triple(now.at("commit_ms")),
               now.at("store_away") == 0 ? "there" : "away");
    fmt::print("CPU {} % of a core, the zone thread {} %; {} MB\n", Number(now, "cpu_pct"),
               Number(now, "zone_cpu_pct"), Number(now, "rss_mb", "{:.0f}"));
  });
}

int RunPlayers(Source& source, const Options& options) {
  json all = json::object();
  const int64_t wanted = options.limit == 0 ? INT64_MAX : options.limit;
  for (int64_t offset = 0; offset < wanted;) {
    std::string target = fmt::format("/v1/console/players?offset={}&limit={}", offset,
                                     std::min(kPlayersPage, wanted - offset));
    if (!options.search.empty()) target += "&search=" + Encoded(options.search);
    if (!options.sort.empty()) target += "&sort=" + Encoded(options.sort);
    if (options.addresses) target += "&addresses=true";
    const auto text = AskText(source, "GET", target);
    if (!text.ok()) return Fail(text.status());
    json answer = json::parse(*text, nullptr, /*allow_exceptions=*/false);
    if (!answer.is_object() || !answer.contains("players") || !answer["players"].is_array())
      return Fail({Code::kInternal, "the answer is not what was expected"});
    const auto listed = static_cast<int64_t>(answer["players"].size());
    if (offset == 0) {
      all = std::move(answer);
    } else {
      for (json& player : answer["players"]) all["players"].push_back(std::move(player));
    }
    offset += listed;
    if (listed < kPlayersPage) break;
  }
  if (options.json) {
    fmt::print("{}\n", Dumped(all));
    return ops::kExitOk;
  }
  try {
    std::vector<std::vector<std::string>> rows = {{"PLAYER", "NAME", "ENTITY", "STATE", "LAT",
                                                   "LON", "HEIGHT", "SINCE", "PING MS", "ACK MS",
                                                   "BYTES/S"}};
    if (options.addresses) rows[0].push_back("ADDRESS");
    for (const json& player : all.at("players"))
      rows.push_back(PlayerRow(player, options.addresses));
    fmt::print("{}", Table(rows));
    fmt::print("{} of {} in play\n", MemberText(all, "matched"), MemberText(all, "total"));
  } catch (const json::exception& error) {
    return Fail({Code::kInternal, "the answer is not what was expected", error.what()});
  }
  return ops::kExitOk;
}

int RunInspect(Source& source, const Options& options) {
  constexpr std::string_view kEntity = "entity:";
  const std::string& who = options.aggregate;
  WhoIsNamed named = WhoOf(who);
  if (who.starts_with(kEntity)) named = {"id", who.substr(kEntity.size())};
  const std::string query = std::string(named.member) + "=" + Encoded(named.text);
  return AskAndShow(
      source, options, "GET", "/v1/console/entity?" + query, json(), [](const json& answer) {
        fmt::print("{} {} at {}, {}, {} m, tick {}\n", MemberText(answer, "kind"),
                   MemberText(answer, "entity"), Number(answer, "lat", "{:.6f}"),
                   Number(answer, "lon", "{:.6f}"), Number(answer, "height"),
                   MemberText(answer, "tick"));
        fmt::print("heading {} deg, {} m/s, {} m/s up; health {} %, animation {}\n",
                   Number(answer, "heading"), Number(answer, "speed", "{:.2f}"),
                   Number(answer, "vertical_speed", "{:.2f}"), MemberText(answer, "health"),
                   MemberText(answer, "animation"));
        fmt::print("leaf {} of level {}, part {}, slot {}\n", MemberText(answer, "leaf"),
                   MemberText(answer, "leaf_level"), MemberText(answer, "part"),
                   MemberText(answer, "slot"));
        const json& player = answer.at("player");
        if (player.is_null()) return;
        fmt::print(
            "player {} {}, {} for {}, {} B/s, ping {} ms, newest snapshot confirmed {} ms old\n",
            MemberText(player, "player"), MemberText(player, "name"), MemberText(player, "state"),
            Span(player.at("session_s")), Number(player, "bytes_per_s", "{:.0f}"),
            Number(player, "ping_ms", "{:.0f}"), Number(player, "ack_age_ms", "{:.0f}"));
      });
}

int RunKick(Source& source, const Options& options) {
  json body = Whom(options.aggregate);
  if (!options.reason.empty()) body["reason"] = options.reason;
  return AskAndShow(source, options, "POST", "/v1/console/kick", body, [](const json& answer) {
    fmt::print("player {} {} is sent away\n", MemberText(answer, "player"),
               MemberText(answer, "name"));
  });
}

int RunTeleport(Source& source, const Options& options) {
  json body = Whom(options.aggregate);
  body["lat"] = options.lat;
  body["lon"] = options.lon;
  if (options.height) body["height"] = *options.height;
  return AskAndShow(source, options, "POST", "/v1/console/teleport", body, [](const json& answer) {
    fmt::print("player {} {} goes to {}, {}\n", MemberText(answer, "player"),
               MemberText(answer, "name"), Number(answer, "lat", "{:.6f}"),
               Number(answer, "lon", "{:.6f}"));
  });
}

int RunAnnounce(Source& source, const Options& options) {
  return AskAndShow(source, options, "POST", "/v1/console/announce", {{"text", options.text}},
                    [](const json& answer) {
                      fmt::print("told to {} players\n", MemberText(answer, "players"));
                    });
}

int RunRole(Source& source, const Options& options) {
  return AskAndShow(source, options, "POST", "/v1/admin/role",
                    {{"name", options.aggregate}, {"role", options.role}}, [](const json& answer) {
                      fmt::print("account {} {} is {}\n", MemberText(answer, "account"),
                                 MemberText(answer, "name"), MemberText(answer, "role"));
                    });
}

int RunActions(Source& source, const Options& options) {
  return AskAndShow(
      source, options, "GET",
      fmt::format("/v1/console/actions?limit={}", options.limit == 0 ? 100 : options.limit), json(),
      [](const json& answer) {
        std::vector<std::vector<std::string>> rows = {{"TIME", "ACTION", "TARGET", "BY", "DETAIL"}};
        for (const json& action : answer.at("actions")) {
          rows.push_back({MemberText(action, "time"), MemberText(action, "action"),
                          MemberText(action, "target"), MemberText(action, "by"),
                          MemberText(action, "detail")});
        }
        fmt::print("{}", Table(rows));
      });
}

}  // namespace bluemarble::zonectl
