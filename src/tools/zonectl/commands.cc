#include "tools/zonectl/commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

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
  return {Text(event["version"]),
          Text(event["seq"]),
          event.contains("epoch") ? Text(event["epoch"]) : "-",
          Text(event["tick"]),
          Text(event["time"]),
          Text(event["kind"]),
          state,
          CauseText(event)};
}
const std::vector<std::string> kEventHead = {"VERSION", "SEQ",  "EPOCH", "TICK",
                                             "TIME",    "KIND", "STATE", "CAUSE"};

void PrintJson(const json& value) {
  fmt::print("{}\n", value.dump(-1, ' ', false, json::error_handler_t::replace));
}

// Ours, or the daemon's of another version: what is missing must not end in an exception.
template <typename Take>
core::Status Taken(const core::Result<std::string>& text, Take take) {
  if (!text.ok()) return text.status();
  try {
    take(json::parse(*text));
    return core::Status::Ok();
  } catch (const json::exception& error) {
    return {Code::kInternal, "the answer is not what was expected", error.what()};
  }
}

template <typename Show>
int Shown(const core::Result<std::string>& text, Show show) {
  int code = 0;
  const core::Status status = Taken(text, [&](json answer) { code = show(std::move(answer)); });
  return status.ok() ? code : Fail(status);
}

// Page after page into `all`, which becomes one answer.
core::Status ReadHistory(Source& source, const std::string& aggregate, int64_t from, int64_t left,
                         json& all) {
  for (bool more = true; more;) {
    const auto text = AskText(source, "GET",
                              fmt::format("/v1/admin/history?aggregate={}&from={}&limit={}",
                                          Encoded(aggregate), from, std::min(left, kPage)));
    const core::Status status = Taken(text, [&](json page) {
      left -= static_cast<int64_t>(page["events"].size());
      more = left > 0 && page["next"].is_number();
      if (more) from = page["next"].get<int64_t>();
      if (all.is_null()) {
        all = std::move(page);
      } else {
        for (json& event : page["events"]) all["events"].push_back(std::move(event));
        all["next"] = page["next"];
      }
    });
    if (!status.ok()) return status;
  }
  return core::Status::Ok();
}

// The player, the account and all items that the player ever had, as "item:17".
core::Result<std::vector<std::string>> AllOf(Source& source, const std::string& player) {
  const bool progress = isatty(STDERR_FILENO) != 0;
  std::set<std::string> items;
  std::string number, after;
  do {
    const auto text = AskText(
        source, "GET",
        "/v1/admin/items?player=" + Encoded(player) + (after.empty() ? "" : "&after=" + after));
    const core::Status status = Taken(text, [&](const json& part) {
      number = part.at("player").get<std::string>();
      for (const json& item : part.at("items")) items.insert("item:" + item.get<std::string>());
      after = part.at("next").is_number() ? Text(part.at("next")) : "";
      if (progress)
        fmt::print(stderr, "\r{} items; events read up to {} of {}{}", items.size(),
                   after.empty() ? Text(part.at("newest")) : after, Text(part.at("newest")),
                   after.empty() ? "\n" : "");
    });
    if (!status.ok()) return status;
  } while (!after.empty());
  std::vector<std::string> all = {"player:" + number, "account:" + number};
  all.insert(all.end(), items.begin(), items.end());
  return all;
}

int RunHistoryOfAll(Source& source, const Options& options) {
  const auto aggregates = AllOf(source, options.aggregate);
  if (!aggregates.ok()) return Fail(aggregates.status());
  std::vector<json> events;
  for (const std::string& aggregate : *aggregates) {
    json one;
    const core::Status status = ReadHistory(source, aggregate, 0, INT64_MAX, one);
    // An account that never had gold; an item whose events have been archived.
    if (status.code() == Code::kNotFound) continue;
    if (!status.ok()) return Fail(status);
    for (json& event : one["events"]) {
      event["aggregate"] = aggregate;
      events.push_back(std::move(event));
    }
  }
  const auto seq = [](const json& event) { return event.at("seq").get<int64_t>(); };
  std::sort(events.begin(), events.end(),
            [&](const json& a, const json& b) { return seq(a) < seq(b); });
  if (options.limit != 0 && events.size() > static_cast<size_t>(options.limit))
    events.resize(static_cast<size_t>(options.limit));
  if (options.json) {
    PrintJson({{"aggregate", aggregates->front()}, {"events", events}, {"next", nullptr}});
    return ops::kExitOk;
  }
  std::vector<std::vector<std::string>> rows = {kEventHead};
  rows[0].insert(rows[0].begin(), "AGGREGATE");
  for (const json& event : events) {
    rows.push_back(EventCells(event));
    rows.back().insert(rows.back().begin(), Text(event["aggregate"]));
  }
  fmt::print("{} with account and items\n{}", aggregates->front(), Table(rows));
  return ops::kExitOk;
}

}  // namespace

int RunHistory(Source& source, const Options& options) {
  if (options.all) return RunHistoryOfAll(source, options);
  json all;
  const int64_t limit = options.limit == 0 ? INT64_MAX : options.limit;
  if (auto status = ReadHistory(source, options.aggregate, options.from, limit, all); !status.ok())
    return Fail(status);
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
      if (answer.contains("holds")) {
        std::vector<std::vector<std::string>> rows = {
            {"ITEM", "DEFINITION", "QUANTITY", "VERSION"}};
        for (const json& item : answer["holds"]["items"])
          rows.push_back({Text(item["item"]), Text(item["definition"]), Text(item["quantity"]),
                          Text(item["version"])});
        fmt::print("holds now: gold {}\n{}", Text(answer["holds"]["gold"]),
                   rows.size() > 1 ? Table(rows) : "");
      }
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
