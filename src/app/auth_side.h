/// Accounts as a part of the daemon: their store and keys, their place on /metrics, /readyz and
/// among the endpoints. Built and closed by the main thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "api/admin_guard.h"
#include "api/http_server.h"
#include "app/settings.h"
#include "core/clock.h"
#include "core/result.h"
#include "ops/health.h"
#include "ops/metrics.h"
#include "services/accounts/accounts.h"

namespace bluemarble::app {

class AuthSide {
 public:
  /// After the shard's store, which has checked or made the tables.
  static core::Result<std::unique_ptr<AuthSide>> Open(const Settings& settings,
                                                      const core::Clock& clock,
                                                      accounts::BanListener on_ban);

  core::Status RegisterMetrics(ops::MetricsRegistry& registry, const api::ApiStats& http) const;
  void AddHealth(ops::Health& health) const;
  /// This object and the guard outlive the router.
  void AddEndpoints(api::Router& router, api::AdminGuard& guard);
  /// For POST /v1/join: by the access token when datagrams are sealed, else nothing (whoever joins
  /// says who they are).
  std::function<std::variant<accounts::Identity, api::HttpResponse>(const api::HttpRequest&)>
  Authenticator();
  accounts::Accounts& accounts() { return *accounts_; }
  /// Reads the keys again; the log says what came of it.
  void ReloadKeys();

 private:
  AuthSide(std::string keys_file, bool sealed, std::unique_ptr<accounts::Accounts> accounts)
      : keys_file_(std::move(keys_file)), sealed_(sealed), accounts_(std::move(accounts)) {}

  const std::string keys_file_;
  const bool sealed_;
  const std::unique_ptr<accounts::Accounts> accounts_;
};

}  // namespace bluemarble::app
