// zonectl check-history: reads the files, asks the source for keys and events, says what differs.
#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "ops/exit_codes.h"
#include "tools/zonectl/ask.h"
#include "tools/zonectl/commands.h"
#include "tools/zonectl/history_check.h"
#include "tools/zonectl/table.h"

namespace bluemarble::zonectl {
namespace {

using nlohmann::json;

constexpr size_t kKeysPerRequest = 500;
constexpr int kEventsPerPage = 1000;
constexpr size_t kMaxFindingsListed = 100;

core::Status CompareKeys(Source& source, HistoryCheck& check) {
  auto from = check.requests.begin();
  while (from != check.requests.end()) {
    json keys = json::array();
    auto to = from;
    for (; to != check.requests.end() && keys.size() < kKeysPerRequest; ++to)
      keys.push_back({std::to_string(to->first.first), to->first.second});
    const auto text = AskText(source, "POST", "/v1/admin/keys", json{{"keys", keys}}.dump());
    if (!text.ok()) return text.status();
    const json results = json::parse(*text).at("results");
    for (const json& result : results) {
      std::optional<Stored> stored;
      if (!result.is_null())
        stored = Stored{result.at("outcome").get<std::string>(),
                        result.at("refusal").get<std::string>()};
      check.Compare(from->first, from->second, stored);
      ++from;
    }
  }
  return core::Status::Ok();
}

core::Status CountEvents(Source& source, HistoryCheck& check, uint64_t& events) {
  for (int64_t after = 0;;) {
    const auto text = AskText(
        source, "GET", fmt::format("/v1/admin/events?after={}&limit={}", after, kEventsPerPage));
    if (!text.ok()) return text.status();
    const json page = json::parse(*text).at("events");
    for (const json& event : page) {
      after = event.at("seq").get<int64_t>();
      ++events;
      if (!event.contains("cause")) continue;
      const json& cause = event["cause"];
      check.CountEvent(
          {std::stoll(cause.at("player").get<std::string>()), cause.at("key").get<std::string>()},
          event.at("aggregate").get<std::string>());
    }
    if (page.size() < kEventsPerPage) return core::Status::Ok();
  }
}

core::Status Audit(Source& source, HistoryCheck& check) {
  const auto text = AskText(source, "GET", "/v1/admin/audit");
  if (!text.ok()) return text.status();
  const json audit = json::parse(*text);
  for (const json& line : audit.at("lines")) {
    if (line.at("must_be_zero").get<bool>() && line.at("value").get<int64_t>() != 0)
      check.findings.push_back(fmt::format("audit: {} is {}", line.at("name").get<std::string>(),
                                           line.at("value").get<int64_t>()));
  }
  return core::Status::Ok();
}

}  // namespace

int RunCheckHistory(Source& source, const Options& options) {
  HistoryCheck check;
  for (const std::string& name : options.files) {
    std::ifstream in(name);
    if (!in) return Fail({core::Code::kDenied, "cannot read", name});
    if (auto status = check.Read(in, name); !status.ok()) return Fail(status);
  }
  uint64_t events = 0;
  try {
    if (auto status = CompareKeys(source, check); !status.ok()) return Fail(status);
    if (auto status = CountEvents(source, check, events); !status.ok()) return Fail(status);
    if (auto status = Audit(source, check); !status.ok()) return Fail(status);
  } catch (const std::exception& error) {  // JSON, stoll
    return Fail({core::Code::kInternal, "the answer is not what was expected", error.what()});
  }
  const bool clean = check.findings.empty();
  if (options.json) {
    json listed = json::array();
    for (const std::string& finding : check.findings) {
      if (listed.size() < kMaxFindingsListed) listed.push_back(finding);
    }
    const json report = {{"lines", check.lines},
                         {"torn", check.torn},
                         {"requests", check.requests.size()},
                         {"ok", check.ok},
                         {"refused", check.refused},
                         {"open", check.open},
                         {"open_done", check.open_done},
                         {"events", events},
                         {"findings", check.findings.size()},
                         {"listed", std::move(listed)},
                         {"clean", clean}};
    fmt::print("{}\n", report.dump(-1, ' ', false, json::error_handler_t::replace));
  } else {
    fmt::print(
        "{} requests: {} ok, {} refused, {} open (of which {} done); {} events read; {} findings\n",
        check.requests.size(), check.ok, check.refused, check.open, check.open_done, events,
        check.findings.size());
    for (size_t i = 0; i < check.findings.size() && i < kMaxFindingsListed; ++i)
      fmt::print("  {}\n", check.findings[i]);
  }
  return clean ? ops::kExitOk : kExitFindings;
}

}  // namespace bluemarble::zonectl
