#include "api/admin_guard.h"

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

}  // namespace

bool SecretsEqual(std::string_view secret, std::string_view given) {
  if (secret.empty()) return false;
  volatile unsigned char difference = secret.size() == given.size() ? 0 : 1;
  for (size_t i = 0; i < given.size(); ++i) {
    const auto bits = static_cast<unsigned char>(given[i] ^ secret[i % secret.size()]);
    difference = static_cast<unsigned char>(difference | bits);
  }
  return difference == 0;
}

std::optional<HttpResponse> AdminGuard::Check(const HttpRequest& request) {
  const int64_t now_ns = clock_.NowNs();
  const std::lock_guard lock(mutex_);
  if (secret_.empty()) {
    stats_.denied.Add();
    return Answer(403,
                  "{\"error\":{\"code\":\"denied\",\"message\":\"no admin secret is configured: "
                  "admin.secret\"}}\n");
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
  const std::string_view given = request.authorization;
  if (given.starts_with(kBearer) && SecretsEqual(secret_, given.substr(kBearer.size()))) {
    stats_.allowed.Add();
    return std::nullopt;
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
  return Answer(401,
                "{\"error\":{\"code\":\"denied\",\"message\":\"the admin secret is missing or "
                "wrong\"}}\n");
}

}  // namespace bluemarble::api
