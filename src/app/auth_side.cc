#include "app/auth_side.h"

#include <utility>

#include "api/auth_endpoints.h"
#include "app/metric_registrar.h"
#include "app/settings_auth.h"
#include "core/log.h"

namespace bluemarble::app {

core::Result<std::unique_ptr<AuthSide>> AuthSide::Open(const Settings& settings,
                                                       const core::Clock& clock,
                                                       accounts::BanListener on_ban) {
  const persistence::PersistenceSettings& persistence = settings.zone.persistence;
  const std::string keys_file = KeysFileOf(settings);
  auto keys = accounts::ReadOrMakeKeys(keys_file, clock.WallUs() / 1'000'000);
  if (!keys.ok()) return keys.status();
  auto store = persistence.database.url.empty()
                   ? persistence::OpenSqliteAccounts(persistence.data_dir,
                                                     /*sync=*/!settings.auth.development())
                   : persistence::OpenPgAccounts(persistence.database);
  if (!store.ok()) return store.status();
  auto opened = accounts::Accounts::Open(settings.auth, std::move(*keys), std::move(*store), clock);
  if (!opened.ok()) return opened.status();
  (*opened)->Start(std::move(on_ban));
  if (settings.auth.development()) {
    core::Log(core::LogLevel::kWarn, "development_accounts",
              "auth.mode=development what=\"the first login with a name makes its account, with "
              "whatever password it brings\"");
  }
  return std::unique_ptr<AuthSide>(
      new AuthSide(keys_file, settings.net.sealed(), std::move(*opened)));
}

core::Status AuthSide::RegisterMetrics(ops::MetricsRegistry& registry,
                                       const api::ApiStats& http) const {
  using accounts::Operation;
  using Kind = accounts::Refusal::Kind;
  Registrar add(registry);
  const accounts::AccountStats& stats = accounts_->stats();
  const char* const asked = "Requests to the accounts, by what became of them.";
  for (size_t i = 0; i < accounts::AccountStats::kOperations; ++i) {
    const std::string what(OperationName(static_cast<Operation>(i)));
    add.Count("auth_requests_total", asked, stats.ok[i], {{"what", what}, {"result", "ok"}});
    for (size_t k = 0; k < accounts::AccountStats::kKinds; ++k) {
      add.Count("auth_requests_total", asked, stats.refused[i][k],
                {{"what", what}, {"result", std::string(KindName(static_cast<Kind>(k)))}});
    }
  }
  add.Count("auth_queue_full_total", "Logins answered 429: auth.hash_queue was full.",
            http.refused_hashing);
  add.Count("auth_reused_tokens_total", "Logins ended because an old refresh token came again.",
            stats.reused_tokens);
  add.Level("auth_banned_accounts", "Bans in force.", stats.bans);
  add.Level("auth_remembered_failures", "Addresses and names whose failed logins count.",
            stats.attempts);
  add.Micros("auth_hash_seconds", "Password hashes.", stats.hash_us);
  return add.status();
}

void AuthSide::AddHealth(ops::Health& health) const {
  ops::HealthComponent& auth = health.Add("auth");
  if (accounts_->settings().development()) {
    auth.Set(ops::HealthState::kDegraded,
             "auth.mode is development: anybody gets any name by the first login");
  } else {
    auth.Set(ops::HealthState::kReady);
  }
}

void AuthSide::AddEndpoints(api::Router& router, api::AdminGuard& guard) {
  api::AddAuthEndpoints(router, *accounts_);
  api::AddAccountAdminEndpoints(router, *accounts_, guard);
  guard.AcceptTokens(
      [this](const api::HttpRequest& request) { return api::Authenticate(*accounts_, request); });
}

std::function<std::variant<accounts::Identity, api::HttpResponse>(const api::HttpRequest&)>
AuthSide::Authenticator() {
  if (!sealed_) return {};
  return [this](const api::HttpRequest& request) { return api::Authenticate(*accounts_, request); };
}

void AuthSide::ReloadKeys() {
  auto keys = accounts::ReadKeys(keys_file_);
  if (!keys.ok()) {
    core::Log(core::LogLevel::kError, "keys_not_reloaded", "reason=\"{}\"",
              keys.status().ToString());
    return;
  }
  core::Log(core::LogLevel::kInfo, "keys_reloaded", "keys={} signs={}", keys->keys().size(),
            keys->newest().kid);
  accounts_->SetKeys(std::move(*keys));
}

}  // namespace bluemarble::app
