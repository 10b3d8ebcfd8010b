#include "tools/zonectl/commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "ops/exit_codes.h"
#include "tools/zonectl/ask.h"
#include "tools/zonectl/table.h"

namespace bluemarble::zonectl {
namespace {

using core::Code;
using nlohmann::json;

constexpr int64_t kPage = 500;
constexpr size_t kMaxListed = 100;

std::string Text(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// A place is shown by its degrees: who wants ECEF metres asks for --json.
std::string StateText(const json& state) {
  std::string text;
  for (const auto& [key, value] : state.items()) {
    if (key == "x_m" || key == "y_m" || key == "z_m" || key == "ground_height_m") continue;
    if (!text.empty()) text += ' ';
    text += key + '=' + (value.is_object() ? '(' + StateText(value) + ')' : Text(value));
  }
  return text;
}

std::string CauseText(const json& event) {
  if (!event.contains("cause")) return "";
  return fmt::format("player:{} key {}", event["cause"].value("player", ""),
                     event["cause"].value("key", ""));
}

std::vector<std::string> EventCells(const json& event) {
  std::string state = event.contains("state") ? StateText(event["state"]) : "unreadable";
  if (event.contains("amount")) state += fmt::format(" amount={}", Text(event["amount"]));
  return {Text(event["version"]), Text(event["seq"]),  Text(event["tick"]),
          Text(event["time"]),    Text(event["kind"]), state,
          CauseText(event)};
}
const std::vector<std::string> kEventHead = {"VERSION", "SEQ",   "TICK", "TIME",
                                             "KIND",    "STATE", "CAUSE"};

void PrintJson(const json& value) {
  fmt::print("{}\n", value.dump(-1, ' ', false, json::error_handler_t::replace));
}

// Ours, or the daemon's of another version: what is missing must not end in an exception.
template <typename Show>
int Shown(const core::Result<std::string>& text, Show show) {
  if (!text.ok()) return Fail(text.status());
  try {
    return show(json::parse(*text));
  } catch (const json::exception& error) {
    return Fail({Code::kInternal, "the answer is not what was expected", error.what()});
  }
}

}  // namespace

int RunHistory(Source& source, const Options& options) {
  json all;
  int64_t from = options.from;
  int64_t left = options.limit == 0 ? INT64_MAX : options.limit;
  while (true) {
    const auto text = AskText(source, "GET",
                              fmt::format("/v1/admin/history?aggregate={}&from={}&limit={}",
                                          Encoded(options.aggregate), from, std::min(left, kPage)));
    bool more = false;
    const int code = Shown(text, [&](json page) {
      left -= static_cast<int64_t>(page["events"].size());
      more = left > 0 && page["next"].is_number();
      if (more) from = page["next"].get<int64_t>();
      if (all.is_null()) {
        all = std::move(page);
      } else {
        for (json& event : page["events"]) all["events"].push_back(std::move(event));
        all["next"] = page["next"];
      }
      return 0;
    });
    if (code != 0) return code;
    if (!more) break;
  }
  if (options.json) {
    PrintJson(all);
    return ops::kExitOk;
  }
  std::vector<std::vector<std::string>> rows = {kEventHead};
  for (const json& event : all["events"]) rows.push_back(EventCells(event));
  fmt::print("{}\n{}", Text(all["aggregate"]), Table(rows));
  return ops::kExitOk;
}

int RunState(Source& source, const Options& options) {
  const auto text = AskText(source, "GET",
                            fmt::format("/v1/admin/state?aggregate={}&at={}",
                                        Encoded(options.aggregate), Encoded(options.at)));
  return Shown(text, [&](const json& answer) -> int {
    if (options.json) {
      PrintJson(answer);
    } else {
      fmt::print("{} at {}\n{}", Text(answer["aggregate"]), Text(answer["at"]),
                 Table({kEventHead, EventCells(answer["event"])}));
    }
    return ops::kExitOk;
  });
}

int RunVerify(Source& source, const Options& options) {
  json total = {{"aggregates", 0},
                {"events", 0},
                {"without_history", 0},
                {"findings", 0},
                {"listed", json::array()}};
  std::string after;
  const bool progress = isatty(STDERR_FILENO) != 0;
  do {
    const std::string only =
        options.aggregate.empty() ? "" : "&aggregate=" + Encoded(options.aggregate);
    const auto text = AskText(source, "GET", "/v1/admin/verify?after=" + Encoded(after) + only);
    const int code = Shown(text, [&](const json& part) {
      for (const char* count : {"aggregates", "events", "without_history", "findings"})
        total[count] = total[count].get<uint64_t>() + part[count].get<uint64_t>();
      for (const json& finding : part["listed"]) {
        if (total["listed"].size() < kMaxListed) total["listed"].push_back(finding);
      }
      after = part["next"].is_string() ? part["next"].get<std::string>() : "";
      return 0;
    });
    if (progress)
      fmt::print(stderr, "\r{} aggregates, {} events, {} findings; at {:<32}",
                 Text(total["aggregates"]), Text(total["events"]), Text(total["findings"]),
                 after.empty() ? "the end" : after);
    if (code != 0 || after.empty()) {
      if (progress) fmt::print(stderr, "\n");
      if (code != 0) return code;
    }
  } while (!after.empty());
  const bool clean = total["findings"].get<uint64_t>() == 0;
  total["clean"] = clean;
  if (options.json) {
    PrintJson(total);
    return clean ? ops::kExitOk : kExitFindings;
  }
  fmt::print("{} aggregates, {} events replayed, {} rows whose events are archived, {} findings\n",
             Text(total["aggregates"]), Text(total["events"]), Text(total["without_history"]),
             Text(total["findings"]));
  if (clean) return ops::kExitOk;
  std::vector<std::vector<std::string>> rows = {{"AGGREGATE", "VERSION", "FINDING"}};
  for (const json& finding : total["listed"])
    rows.push_back({Text(finding["aggregate"]), Text(finding["version"]), Text(finding["what"])});
  fmt::print("{}", Table(rows));
  return kExitFindings;
}

int RunAudit(Source& source, const Options& options) {
  return Shown(AskText(source, "GET", "/v1/admin/audit"), [&](const json& audit) -> int {
    const bool clean = audit["clean"].get<bool>();
    if (options.json) {
      PrintJson(audit);
      return clean ? ops::kExitOk : kExitFindings;
    }
    std::vector<std::vector<std::string>> rows = {{"", "VALUE", "NAME", "WHAT"}};
    for (const json& line : audit["lines"]) {
      const bool bad = line["must_be_zero"].get<bool>() && line["value"].get<int64_t>() != 0;
      rows.push_back({bad                                ? "WRONG"
                      : line["must_be_zero"].get<bool>() ? "ok"
                                                         : "",
                      Text(line["value"]), Text(line["name"]), Text(line["what"])});
    }
    fmt::print("{}{}\n", Table(rows), clean ? "clean" : "NOT clean; --json has the SQL");
    return clean ? ops::kExitOk : kExitFindings;
  });
}

int RunRollback(Source& source, const Options& options) {
  const json body = {{"player", options.aggregate}, {"to", options.at}, {"dry_run", !options.yes}};
  std::string refusal;
  const auto text = AskText(source, "POST", "/v1/admin/rollback",
                            body.dump(-1, ' ', false, json::error_handler_t::replace), &refusal);
  // A plan that was carried out in part comes with the refusal.
  const json partly = json::parse(refusal, nullptr, /*allow_exceptions=*/false);
  if (!text.ok() && !(partly.is_object() && partly.contains("done"))) return Fail(text.status());
  return Shown(text.ok() ? text : core::Result<std::string>(refusal), [&](const json& plan) -> int {
    if (options.json) {
      PrintJson(plan);
    } else {
      fmt::print(
          "player:{} {} back to {}\n  now:  {}\n  then: {} (version {}, {})\n  gold: {} -> {}\n",
          Text(plan["player"]), Text(plan["name"]), Text(plan["to"]), StateText(plan["now"]),
          StateText(plan["then"]["state"]), Text(plan["then"]["version"]),
          Text(plan["then"]["time"]), Text(plan["gold"]["now"]), Text(plan["gold"]["then"]));
      std::vector<std::vector<std::string>> rows = {
          {"ITEM", "DEFINITION", "QUANTITY", "IS WITH", "WHAT HAPPENS"}};
      for (const json& item : plan["items"])
        rows.push_back({Text(item["item"]), Text(item["definition"]), Text(item["quantity"]),
                        Text(item["holder"]), Text(item["act"])});
      if (rows.size() > 1) fmt::print("{}", Table(rows));
      if (plan["writes"].get<size_t>() > 1)
        fmt::print("in {} writes one after the other; a login in between stops the rest\n",
                   Text(plan["writes"]));
      if (plan["dry_run"].get<bool>()) {
        fmt::print("nothing was changed; --yes carries it out\n");
      } else {
        fmt::print("{} of {} writes done, key {}\n", Text(plan["done"]["writes"]),
                   Text(plan["writes"]), Text(plan["key"]));
      }
    }
    return text.ok() ? ops::kExitOk : Fail(text.status());
  });
}

}  // namespace bluemarble::zonectl
