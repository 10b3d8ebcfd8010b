/// Who may use the operator's endpoints: whoever sends the local admin secret as
/// "Authorization: Bearer <secret>". Any thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "api/http_server.h"
#include "core/clock.h"
#include "core/counters.h"

namespace bluemarble::api {

struct AdminStats {
  core::Counter allowed;
  core::Counter denied;   ///< No secret, or a wrong one.
  core::Counter limited;  ///< Not even compared: too many wrong ones from that address.
};

class AdminGuard {
 public:
  /// Without a secret nobody is let in.
  AdminGuard(std::string secret, const core::Clock& clock)
      : secret_(std::move(secret)), clock_(clock) {}

  /// Nothing: let in. Otherwise the answer: 403 (no secret configured), 401, or 429 for an address
  /// that sent kMaxFailures wrong ones within kWindowNs, until that time is over.
  std::optional<HttpResponse> Check(const HttpRequest& request);
  const AdminStats& stats() const { return stats_; }

  static constexpr uint32_t kMaxFailures = 10;
  static constexpr int64_t kWindowNs = 10'000'000'000;

 private:
  struct Failures {
    uint32_t count = 0;
    int64_t since_ns = 0;
  };

  const std::string secret_;
  const core::Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Failures, std::less<>> failures_;
  AdminStats stats_;
};

/// Takes time that depends on the length of `given` only.
bool SecretsEqual(std::string_view secret, std::string_view given);

}  // namespace bluemarble::api
