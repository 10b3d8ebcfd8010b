// Accounts: what is known of one, keeping it out, letting it in again.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/clock.h"
#include "ops/exit_codes.h"
#include "persistence/history.h"
#include "tools/zonectl/ask.h"
#include "tools/zonectl/commands.h"
#include "tools/zonectl/table.h"

namespace bluemarble::zonectl {
namespace {

using core::Code;
using nlohmann::json;

std::string TextIn(const json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

int Show(const core::Result<std::string>& text, const Options& options) {
  if (!text.ok()) return Fail(text.status());
  const json account = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!account.is_object()) return Fail({Code::kInternal, "the answer is not what was expected"});
  if (options.json) {
    fmt::print("{}\n", account.dump(-1, ' ', false, json::error_handler_t::replace));
    return ops::kExitOk;
  }
  const std::string until = TextIn(account, "banned_until"), reason = TextIn(account, "ban_reason");
  fmt::print("account {} {}, made {}\n{}{}\n", TextIn(account, "account"), TextIn(account, "name"),
             TextIn(account, "created"), until.empty() ? "not banned" : "banned until " + until,
             until.empty() || reason.empty() ? "" : ": " + reason);
  if (!account.contains("events")) return ops::kExitOk;
  std::vector<std::vector<std::string>> rows = {{"TIME", "EVENT", "ADDRESS", "DETAIL"}};
  for (const json& event : account["events"]) {
    rows.push_back({TextIn(event, "time"), TextIn(event, "event"), TextIn(event, "address"),
                    TextIn(event, "detail")});
  }
  fmt::print("{}", Table(rows));
  return ops::kExitOk;
}

std::string BodyText(const json& body) {
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

int RunAccount(Source& source, const Options& options) {
  return Show(AskText(source, "GET", "/v1/admin/account?name=" + Encoded(options.aggregate)),
              options);
}

int RunBan(Source& source, const Options& options) {
  json body = {{"name", options.aggregate}};
  if (!options.reason.empty()) body["reason"] = options.reason;
  if (!options.at.empty()) body["until"] = options.at;
  if (options.days > 0) {
    const int64_t until_us = core::SystemClock().WallUs() + options.days * int64_t{86'400'000'000};
    body["until"] = persistence::TimeText(until_us);
  }
  return Show(AskText(source, "POST", "/v1/admin/ban", BodyText(body)), options);
}

int RunUnban(Source& source, const Options& options) {
  return Show(AskText(source, "POST", "/v1/admin/unban", BodyText({{"name", options.aggregate}})),
              options);
}

}  // namespace bluemarble::zonectl
