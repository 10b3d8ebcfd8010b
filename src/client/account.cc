#include "bluemarble/account.h"

#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "client/http_client.h"
#include "client/join_reply.h"
#include "core/clock.h"

namespace bluemarble {
namespace {

using nlohmann::json;

const core::SystemClock kClock;
// A token that is refreshed this long before its end does not expire on the way to the server.
constexpr int64_t kRefreshAheadNs = 20'000'000'000;

AccountResult ResultOf(const client::Failure& failure) {
  return {false, failure.failure, failure.retry_after_ms, failure.text};
}

}  // namespace

struct Account::Impl {
  AccountResult Ask(const char* path, const json& body, int wanted_status) {
    const std::string address = url + path;
    const auto reply =
        client::HttpPost(address, body.dump(-1, ' ', false, json::error_handler_t::replace),
                         options.timeout_ms, {options.ca_file, true});
    const client::Failure failure = client::FailureOf(reply, wanted_status, path + 4);
    if (failure.failure != RequestFailure::kNone) return ResultOf(failure);
    return Take(*reply, address);
  }

  AccountResult Take(const client::HttpReply& reply, const std::string& address) {
    const json body = json::parse(reply.body, nullptr, /*allow_exceptions=*/false);
    const auto is_text = [&body](const char* member) {
      return body.contains(member) && body[member].is_string();
    };
    const bool complete = body.is_object() && is_text("access_token") && is_text("refresh_token") &&
                          is_text("name") && body.contains("expires_in") &&
                          body["expires_in"].is_number_unsigned();
    if (!complete)
      return ResultOf({RequestFailure::kRefused, 0, address + ": not an answer of an account"});
    const std::lock_guard lock(mutex);
    access_token = body["access_token"].get<std::string>();
    refresh_token = body["refresh_token"].get<std::string>();
    name = body["name"].get<std::string>();
    expires_ns = kClock.NowNs() + body["expires_in"].get<int64_t>() * 1'000'000'000;
    return {.ok = true};
  }

  AccountResult RefreshNow() {
    std::string token;
    {
      const std::lock_guard lock(mutex);
      token = refresh_token;
    }
    if (token.empty()) return ResultOf({RequestFailure::kDenied, 0, "not logged in"});
    AccountResult result = Ask("/v1/refresh", {{"refresh_token", token}}, 200);
    if (result.failure == RequestFailure::kDenied) Forget();
    return result;
  }

  JoinResult JoinNow() {
    std::string token, who;
    {
      const std::lock_guard lock(mutex);
      token = access_token;
      who = name;
    }
    const std::string address = url + "/v1/join";
    // A server in plain mode goes by the name, the others by the token.
    const std::string body =
        json{{"name", who}}.dump(-1, ' ', false, json::error_handler_t::replace);
    const auto reply =
        client::HttpPost(address, body, options.timeout_ms, {options.ca_file, true}, token);
    const client::Failure failure = client::FailureOf(reply, 200, "join");
    if (failure.failure != RequestFailure::kNone) return client::Failed(failure);
    return client::ReadJoin(*reply, address);
  }

  void Forget() {
    const std::lock_guard lock(mutex);
    access_token.clear();
    refresh_token.clear();
  }

  std::string url;
  HttpOptions options;
  std::mutex calls;  // one request at a time
  mutable std::mutex mutex;
  // Under `mutex`:
  std::string name, access_token, refresh_token;
  int64_t expires_ns = 0;
};

Account::Account(std::string http_url, HttpOptions options) : impl_(std::make_unique<Impl>()) {
  impl_->url = client::TrimmedUrl(http_url);
  impl_->options = std::move(options);
}
Account::~Account() = default;

AccountResult Account::Register(const std::string& name, const std::string& password) {
  const std::lock_guard calls(impl_->calls);
  return impl_->Ask("/v1/accounts", {{"name", name}, {"password", password}}, 201);
}

AccountResult Account::LogIn(const std::string& name, const std::string& password) {
  const std::lock_guard calls(impl_->calls);
  return impl_->Ask("/v1/login", {{"name", name}, {"password", password}}, 200);
}

AccountResult Account::Resume(const std::string& refresh_token) {
  const std::lock_guard calls(impl_->calls);
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->access_token.clear();
    impl_->refresh_token = refresh_token;
  }
  return impl_->RefreshNow();
}

AccountResult Account::Refresh() {
  const std::lock_guard calls(impl_->calls);
  return impl_->RefreshNow();
}

AccountResult Account::LogOut() {
  const std::lock_guard calls(impl_->calls);
  const std::string token = refresh_token();
  if (token.empty()) {
    impl_->Forget();
    return {.ok = true};
  }
  const auto reply =
      client::HttpPost(impl_->url + "/v1/logout", json{{"refresh_token", token}}.dump(),
                       impl_->options.timeout_ms, {impl_->options.ca_file, true});
  const client::Failure failure = client::FailureOf(reply, 200, "logout");
  // Not said to anybody yet: it may be tried again.
  if (failure.failure != RequestFailure::kNone && failure.failure != RequestFailure::kDenied)
    return ResultOf(failure);
  impl_->Forget();
  return {.ok = true};
}

JoinResult Account::Join() {
  const std::lock_guard calls(impl_->calls);
  bool due = false;
  {
    const std::lock_guard lock(impl_->mutex);
    due = impl_->access_token.empty() || kClock.NowNs() > impl_->expires_ns - kRefreshAheadNs;
  }
  JoinResult result;
  if (!due) result = impl_->JoinNow();
  // Denied in spite of the time left: the server's keys or clock say otherwise.
  if (!due && result.failure != RequestFailure::kDenied) return result;
  const AccountResult refreshed = impl_->RefreshNow();
  if (!refreshed.ok)
    return client::Failed({refreshed.failure, refreshed.retry_after_ms, refreshed.error});
  return impl_->JoinNow();
}

bool Account::logged_in() const {
  const std::lock_guard lock(impl_->mutex);
  return !impl_->refresh_token.empty();
}

std::string Account::name() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->name;
}

std::string Account::refresh_token() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->refresh_token;
}

}  // namespace bluemarble
