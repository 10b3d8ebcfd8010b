#include "api/admin_guard.h"

#include <algorithm>

namespace bluemarble::api {
namespace {

constexpr std::string_view kBearer = "Bearer ";
constexpr size_t kMaxAddresses = 1024;

HttpResponse Answer(int status, std::string text, int retry_after_s = 0) {
  return {.status = status,
          .content_type = "application/json",
          .body = std::move(text),
          .retry_after_s = retry_after_s};
}

HttpResponse NotAllowed() {
  return Answer(401,
                "{\"error\":{\"code\":\"denied\",\"message\":\"the admin secret or an "
                "operator's access token is missing or wrong\"}}\n");
}

// Three parts between dots, as a JWT has; a secret that looks so is compared first.
bool LooksLikeToken(std::string_view given) {
  return given.starts_with(kBearer) && std::count(given.begin(), given.end(), '.') == 2;
}

}  // namespace

std::string Operator::At(const std::string& address) const {
  return name.empty() ? "operator at " + address : "operator " + name + " at " + address;
}

bool SecretsEqual(std::string_view secret, std::string_view given) {
  if (secret.empty()) return false;
  volatile unsigned char difference = secret.size() == given.size() ? 0 : 1;
  for (size_t i = 0; i < given.size(); ++i) {
    const auto bits = static_cast<unsigned char>(given[i] ^ secret[i % secret.size()]);
    difference = static_cast<unsigned char>(difference | bits);
  }
  return difference == 0;
}

// A signature is not guessed, so that wrong tokens lock nobody out.
std::optional<HttpResponse> AdminGuard::CheckToken(const HttpRequest& request, Operator* who) {
  auto answer = authenticate_(request);
  std::optional<HttpResponse> refused;
  if (auto* refusal = std::get_if<HttpResponse>(&answer)) {
    refused = std::move(*refusal);
  } else if (std::get<accounts::Identity>(answer).role != persistence::LoginRole::kOperator) {
    refused = Answer(403,
                     "{\"error\":{\"code\":\"denied\",\"message\":\"only an operator may do "
                     "this\"}}\n");
  } else if (who != nullptr) {
    auto& identity = std::get<accounts::Identity>(answer);
    *who = {std::move(identity.name), identity.account_id, identity.expires_s};
  }
  const std::lock_guard lock(mutex_);
  (refused ? stats_.denied : stats_.allowed).Add();
  return refused;
}

std::optional<HttpResponse> AdminGuard::Check(const HttpRequest& request, Operator* who) {
  const std::string_view given = request.authorization;
  const bool is_secret =
      given.starts_with(kBearer) && SecretsEqual(secret_, given.substr(kBearer.size()));
  if (!is_secret && authenticate_ && LooksLikeToken(given)) return CheckToken(request, who);
  const int64_t now_ns = clock_.NowNs();
  const std::lock_guard lock(mutex_);
  if (secret_.empty()) {
    stats_.denied.Add();
    return Answer(403,
                  "{\"error\":{\"code\":\"denied\",\"message\":\"no admin secret is configured: "
                  "admin.secret\"}}\n");
  }
  // Before any limit: behind a proxy a guesser's address is everybody's.
  if (is_secret) {
    if (who != nullptr) *who = {};
    stats_.allowed.Add();
    return std::nullopt;
  }
  // Who brings nothing guesses nothing.
  if (given.empty()) {
    stats_.denied.Add();
    return NotAllowed();
  }
  auto known = failures_.find(request.remote_address);
  if (known != failures_.end() && now_ns - known->second.since_ns >= kWindowNs) {
    failures_.erase(known);
    known = failures_.end();
  }
  if (known != failures_.end() && known->second.count >= kMaxFailures) {
    stats_.limited.Add();
    const int64_t left_ns = known->second.since_ns + kWindowNs - now_ns;
    return Answer(429,
                  "{\"error\":{\"code\":\"no_space\",\"message\":\"too many wrong secrets from "
                  "this address\"}}\n",
                  static_cast<int>(left_ns / 1'000'000'000) + 1);
  }
  stats_.denied.Add();
  if (failures_.size() >= kMaxAddresses) {
    std::erase_if(failures_, [now_ns](const auto& entry) {
      return now_ns - entry.second.since_ns >= kWindowNs;
    });
    if (failures_.size() >= kMaxAddresses) failures_.erase(failures_.begin());
  }
  Failures& failures = failures_[request.remote_address];
  if (failures.count++ == 0) failures.since_ns = now_ns;
  return NotAllowed();
}

}  // namespace bluemarble::api
