/// Who may use the operator's endpoints: whoever sends the local admin secret or an operator's
/// access token as "Authorization: Bearer <it>". Any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "api/http_server.h"
#include "core/clock.h"
#include "core/counters.h"
#include "services/accounts/access_token.h"

namespace bluemarble::api {

struct AdminStats {
  core::Counter allowed;
  core::Counter denied;   ///< No secret, or a wrong one; no operator's token.
  core::Counter limited;  ///< A wrong one after too many wrong ones from that address.
};

/// Who was let in.
struct Operator {
  std::string name;        ///< Empty: by the secret.
  int64_t account_id = 0;  ///< 0: by the secret.
  int64_t expires_s = 0;   ///< Unix seconds, of the token; 0: never.

  /// For the audit: "operator Ada at 192.0.2.1".
  std::string At(const std::string& address) const;
};

class AdminGuard {
 public:
  /// Whose access token the request brings, or the answer to who brings none that is valid.
  using Authenticator =
      std::function<std::variant<accounts::Identity, HttpResponse>(const HttpRequest&)>;

  /// Without a secret nobody is let in.
  AdminGuard(std::string secret, const core::Clock& clock)
      : secret_(std::move(secret)), clock_(clock) {}

  /// From now on operators' access tokens do as well. Before the first request.
  void AcceptTokens(Authenticator authenticate) { authenticate_ = std::move(authenticate); }

  /// Nothing: let in, and `who` says whom. Otherwise the answer: 403 (no secret configured, or a
  /// player's token), 401, or 429 for a wrong secret from an address that sent kMaxFailures of them
  /// within kWindowNs, until that time is over. The right one passes at any time, and a request
  /// without any counts for nothing: addresses are shared, and what keeps guessers out is the
  /// secret's length.
  std::optional<HttpResponse> Check(const HttpRequest& request, Operator* who = nullptr);
  const AdminStats& stats() const { return stats_; }

  static constexpr uint32_t kMaxFailures = 10;
  static constexpr int64_t kWindowNs = 10'000'000'000;

 private:
  struct Failures {
    uint32_t count = 0;
    int64_t since_ns = 0;
  };

  std::optional<HttpResponse> CheckToken(const HttpRequest& request, Operator* who);

  const std::string secret_;
  const core::Clock& clock_;
  Authenticator authenticate_;
  std::mutex mutex_;
  std::map<std::string, Failures, std::less<>> failures_;
  AdminStats stats_;
};

/// Takes time that depends on the length of `given` only.
bool SecretsEqual(std::string_view secret, std::string_view given);

}  // namespace bluemarble::api
