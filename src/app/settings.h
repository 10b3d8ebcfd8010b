/// All settings of zoned, bound to their places in file, environment and command line. Filled at
/// start, then immutable.
#pragma once

#include <string>
#include <vector>

#include "api/http_server.h"
#include "app/recorder.h"
#include "app/settings_console.h"
#include "app/zone_settings.h"
#include "net/settings.h"
#include "ops/config.h"
#include "ops/log_settings.h"
#include "services/accounts/settings.h"

namespace bluemarble::app {

struct Settings {
  ZoneSettings zone;
  net::NetSettings net;
  api::HttpSettings http;
  accounts::AccountSettings auth;
  ops::LogSettings log;
  RecordSettings record;
  ConsoleOptions console;
  std::string catalogue;     ///< Path; empty: the built-in one. Loaded into zone.items.
  std::string admin_secret;  ///< Empty: the one in persistence.data_dir.
};

/// Binds every field with its range and its documentation. `settings` must outlive the schema.
void BindSettings(ops::ConfigSchema& schema, Settings& settings);

/// The commented default file: config/zoned.toml.
std::string DefaultSettingsFile();

/// Loads all sources and checks what one field alone cannot say. One line per problem; empty: fine.
std::vector<std::string> LoadSettings(ops::ConfigSchema& schema, Settings& settings,
                                      const ops::ConfigSources& sources);

/// tick.workers with 0 resolved: one less than usable cores, 1 to 4.
int WorkersOf(const TickSettings& tick);

}  // namespace bluemarble::app
