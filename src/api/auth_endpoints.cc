#include "api/auth_endpoints.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/admin_endpoints.h"
#include "api/admin_json.h"
#include "core/log.h"
#include "core/text.h"
#include "persistence/history.h"
#include "services/accounts/flat_json.h"

namespace bluemarble::api {
namespace {

using accounts::Accounts;
using accounts::FlatObject;
using accounts::TextOf;
using core::Code;
using core::Status;
using nlohmann::json;

constexpr const char* kJson = "application/json";
constexpr size_t kMaxEvents = 100;
constexpr std::string_view kBearer = "Bearer ";

HttpResponse JsonAnswer(int status, const json& value) {
  return {.status = status,
          .content_type = kJson,
          .body = value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"};
}

HttpResponse Refused(const Status& status) {
  HttpResponse answer{
      .status = HttpStatusOf(status.code()), .content_type = kJson, .body = ErrorJson(status)};
  if (answer.status == 503) answer.retry_after_s = 1;
  return answer;
}

std::string UntilText(int64_t until_us) {
  return until_us == persistence::kBannedForEver ? "forever" : persistence::TimeText(until_us);
}

HttpResponse Refused(const accounts::Refusal& refusal) {
  using Kind = accounts::Refusal::Kind;
  int status = 500;
  const char* code = "internal";
  switch (refusal.kind) {
    case Kind::kInvalid: status = 400, code = "invalid"; break;
    case Kind::kWrong: status = 401, code = "denied"; break;
    case Kind::kExpired: status = 401, code = "expired"; break;
    case Kind::kBanned: status = 403, code = "banned"; break;
    case Kind::kTaken: status = 409, code = "conflict"; break;
    case Kind::kLimited: status = 429, code = "limited"; break;
    case Kind::kAway: status = 503, code = "unavailable"; break;
    case Kind::kNumber: break;
  }
  json error = {{"code", code}, {"message", refusal.message}};
  if (refusal.kind == Kind::kBanned) {
    error["until"] = UntilText(refusal.banned_until_us);
    if (!refusal.ban_reason.empty()) error["reason"] = refusal.ban_reason;
  }
  HttpResponse answer = JsonAnswer(status, {{"error", error}});
  answer.retry_after_s = refusal.retry_after_s;
  return answer;
}

// The members of `wanted`, all texts, and of `optional`; nothing else.
core::Result<FlatObject> ParseBody(const HttpRequest& request,
                                   std::initializer_list<std::string_view> wanted,
                                   std::initializer_list<std::string_view> optional = {}) {
  auto body = accounts::ParseFlatObject(request.body);
  if (!body.ok()) return body;
  const auto in = [](std::initializer_list<std::string_view> names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const auto& [name, value] : *body) {
    const std::string shown = core::EscapeForLog(std::string_view(name).substr(0, 40));
    if (!in(wanted, name) && !in(optional, name))
      return Status(Code::kInvalid, "unknown member", shown);
    if (!std::holds_alternative<std::string>(value))
      return Status(Code::kInvalid, "a member is not a text", shown);
  }
  for (const std::string_view name : wanted) {
    if (!body->contains(name)) return Status(Code::kInvalid, "missing member", std::string(name));
  }
  return body;
}

HttpResponse TokensAnswer(int status, const accounts::Answer<accounts::Tokens>& answer) {
  if (const auto* refusal = std::get_if<accounts::Refusal>(&answer)) return Refused(*refusal);
  const auto& tokens = std::get<accounts::Tokens>(answer);
  return JsonAnswer(status, {{"account", std::to_string(tokens.identity.account_id)},
                             {"name", tokens.identity.name},
                             {"role", persistence::LoginRoleName(tokens.identity.role)},
                             {"token_type", "Bearer"},
                             {"access_token", tokens.access_token},
                             {"expires_in", tokens.access_expires_in_s},
                             {"refresh_token", tokens.refresh_token},
                             {"refresh_expires_in", tokens.refresh_expires_in_s}});
}

HttpResponse Register(Accounts& accounts, const HttpRequest& request) {
  const auto body = ParseBody(request, {"name", "password"});
  if (!body.ok()) return Refused(body.status());
  return TokensAnswer(201, accounts.Register(*TextOf(*body, "name"), *TextOf(*body, "password"),
                                             AddressKey(request.remote_address)));
}

HttpResponse LogIn(Accounts& accounts, const HttpRequest& request) {
  const auto body = ParseBody(request, {"name", "password"});
  if (!body.ok()) return Refused(body.status());
  return TokensAnswer(200, accounts.LogIn(*TextOf(*body, "name"), *TextOf(*body, "password"),
                                          AddressKey(request.remote_address)));
}

HttpResponse Refresh(Accounts& accounts, const HttpRequest& request) {
  const auto body = ParseBody(request, {"refresh_token"});
  if (!body.ok()) return Refused(body.status());
  return TokensAnswer(
      200, accounts.Refresh(*TextOf(*body, "refresh_token"), AddressKey(request.remote_address)));
}

HttpResponse LogOut(Accounts& accounts, const HttpRequest& request) {
  const auto body = ParseBody(request, {"refresh_token"});
  if (!body.ok()) return Refused(body.status());
  const auto answer =
      accounts.LogOut(*TextOf(*body, "refresh_token"), AddressKey(request.remote_address));
  if (const auto* refusal = std::get_if<accounts::Refusal>(&answer)) return Refused(*refusal);
  return JsonAnswer(200, json::object());
}

json AccountJson(const persistence::LoginAccount& account) {
  json value = {{"account", std::to_string(account.account_id)},
                {"name", account.name},
                {"role", persistence::LoginRoleName(account.role)},
                {"created", persistence::TimeText(account.created_us)},
                {"banned_until", nullptr},
                {"ban_reason", account.ban_reason}};
  if (account.banned_until_us != 0) value["banned_until"] = UntilText(account.banned_until_us);
  return value;
}

HttpResponse SetBan(Accounts& accounts, const HttpRequest& request, const std::string& by,
                    bool ban) {
  const auto body = ban ? ParseBody(request, {"name"}, {"until", "reason"})
                        : ParseBody(request, {"name"}, {"reason"});
  if (!body.ok()) return Refused(body.status());
  int64_t until_us = ban ? persistence::kBannedForEver : 0;
  if (const std::string* text = TextOf(*body, "until"); text != nullptr) {
    const auto moment = persistence::ParseMoment(*text);
    if (!moment.ok() || moment->by != persistence::StoreReader::Moment::kTime)
      return Refused(
          Status(Code::kInvalid, "\"until\" is not a time such as 2026-11-21T15:30:00Z"));
    until_us = moment->at;
  }
  const std::string* const reason = TextOf(*body, "reason");
  const auto account =
      accounts.SetBan(*TextOf(*body, "name"), until_us, reason == nullptr ? "" : *reason, by);
  if (!account.ok()) return Refused(account.status());
  core::Log(core::LogLevel::kWarn, ban ? "account_banned" : "account_unbanned",
            "account={} until={} by=\"{}\"", account->account_id, ban ? UntilText(until_us) : "-",
            by);
  return JsonAnswer(200, AccountJson(*account));
}

HttpResponse SetRole(Accounts& accounts, const HttpRequest& request, const std::string& by) {
  using persistence::LoginRole;
  const auto body = ParseBody(request, {"name", "role"});
  if (!body.ok()) return Refused(body.status());
  const std::string& text = *TextOf(*body, "role");
  if (text != LoginRoleName(LoginRole::kPlayer) && text != LoginRoleName(LoginRole::kOperator))
    return Refused(Status(Code::kInvalid, "\"role\" is player or operator"));
  const LoginRole role =
      text == LoginRoleName(LoginRole::kOperator) ? LoginRole::kOperator : LoginRole::kPlayer;
  const auto account = accounts.SetRole(*TextOf(*body, "name"), role, by);
  if (!account.ok()) return Refused(account.status());
  core::Log(core::LogLevel::kWarn, "account_role_given", "account={} role={} by=\"{}\"",
            account->account_id, text, by);
  return JsonAnswer(200, AccountJson(*account));
}

HttpResponse ShowAccount(Accounts& accounts, const HttpRequest& request) {
  const std::string* const name = request.Query("name");
  if (name == nullptr) return Refused(Status(Code::kInvalid, "expected ?name=NAME"));
  const auto view = accounts.Find(*name, kMaxEvents);
  if (!view.ok()) return Refused(view.status());
  json value = AccountJson(view->account);
  value["events"] = json::array();
  for (const persistence::LoginEvent& event : view->events) {
    value["events"].push_back({{"time", persistence::TimeText(event.at_us)},
                               {"event", persistence::LoginEventName(event.kind)},
                               {"address", event.address},
                               {"detail", event.detail}});
  }
  return JsonAnswer(200, value);
}

}  // namespace

std::string AddressKey(const std::string& remote_address) {
  std::array<unsigned char, 16> bytes{};
  if (inet_pton(AF_INET6, remote_address.c_str(), bytes.data()) != 1) return remote_address;
  static constexpr std::array<unsigned char, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255};
  if (std::equal(kMapped.begin(), kMapped.end(), bytes.begin()))
    return fmt::format("{}.{}.{}.{}", bytes[12], bytes[13], bytes[14], bytes[15]);
  std::fill(bytes.begin() + 8, bytes.end(), 0);
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
  return fmt::format("{}/64", text.data());
}

std::variant<accounts::Identity, HttpResponse> Authenticate(Accounts& accounts,
                                                            const HttpRequest& request) {
  const std::string_view given = request.authorization;
  if (!given.starts_with(kBearer)) {
    return Refused({.kind = accounts::Refusal::Kind::kWrong,
                    .message = "an access token is needed: Authorization: Bearer ..."});
  }
  auto answer = accounts.Authenticate(given.substr(kBearer.size()));
  if (const auto* refusal = std::get_if<accounts::Refusal>(&answer)) return Refused(*refusal);
  return std::get<accounts::Identity>(std::move(answer));
}

void AddAuthEndpoints(Router& router, Accounts& accounts) {
  const auto gate = [&accounts](const HttpRequest& request) -> std::optional<HttpResponse> {
    const int wait_s = accounts.GateWaitS(AddressKey(request.remote_address));
    if (wait_s == 0) return std::nullopt;
    return Refused({.kind = accounts::Refusal::Kind::kLimited,
                    .message = "too many requests from this address",
                    .retry_after_s = wait_s});
  };
  const auto add = [&](const char* path, auto handler, RunsOn runs_on) {
    router.Add(
        "POST", path,
        [&accounts, handler](const HttpRequest& request) { return handler(accounts, request); },
        runs_on, gate);
  };
  add("/v1/accounts", &Register, RunsOn::kHashThread);
  add("/v1/login", &LogIn, RunsOn::kHashThread);
  add("/v1/refresh", &Refresh, RunsOn::kOwnThreads);
  add("/v1/logout", &LogOut, RunsOn::kOwnThreads);
}

void AddAccountAdminEndpoints(Router& router, Accounts& accounts, AdminGuard& guard) {
  const auto add = [&](const char* method, const char* path, auto handler) {
    router.Add(
        method, path,
        [&accounts, &guard, handler](const HttpRequest& request) -> HttpResponse {
          Operator who;
          if (auto refused = guard.Check(request, &who)) return std::move(*refused);
          return handler(accounts, request, who.At(AddressKey(request.remote_address)));
        },
        RunsOn::kOwnThreads);
  };
  using By = const std::string&;
  add("POST", "/v1/admin/ban",
      [](Accounts& a, const HttpRequest& request, By by) { return SetBan(a, request, by, true); });
  add("POST", "/v1/admin/unban",
      [](Accounts& a, const HttpRequest& request, By by) { return SetBan(a, request, by, false); });
  add("POST", "/v1/admin/role", &SetRole);
  add("GET", "/v1/admin/account",
      [](Accounts& a, const HttpRequest& request, By) { return ShowAccount(a, request); });
}

}  // namespace bluemarble::api
