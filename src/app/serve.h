/// `zoned serve`: builds the daemon's parts, runs until a signal, stops in reverse.
#pragma once

#include <string>

#include "app/settings.h"
#include "ops/config.h"

namespace bluemarble::app {

struct ServeOptions {
  std::string record_dir;     ///< Empty: no recording.
  std::string settings_toml;  ///< Effective settings, for the recording.
  /// Likewise, for the console; loaded, and outlives the daemon.
  const ops::ConfigSchema& schema;
  ops::ConfigSources sources;    ///< Where they came from: read again on SIGHUP.
  bool take_over = false;        ///< Of the shard, from a zoned that is believed dead.
  bool accept_restored = false;  ///< A database that lacks answered commits.
};

/// Returns the process's exit code (ops/exit_codes.h); what is wrong is on standard error.
int Serve(const Settings& settings, const ServeOptions& options);

/// The program's version, as `zoned version` prints it.
const char* Version();

}  // namespace bluemarble::app
