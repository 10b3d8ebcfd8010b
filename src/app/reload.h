/// What a running zoned takes over of changed settings. Main thread.
#pragma once

#include <mutex>
#include <string>

#include "api/http_server.h"
#include "ops/config.h"

namespace bluemarble::app {

/// The settings in force: those of the start, but for what a reload took over.
class ConfigInForce {
 public:
  /// `start` has been loaded, and outlives this object.
  explicit ConfigInForce(const ops::ConfigSchema& start)
      : start_(start), json_(start.ReportJson()) {}

  /// As ops::ConfigSchema::ReportJson has it. Any thread.
  std::string Json() const;
  /// `again` has been loaded, and all that can be taken over of it was. Main thread.
  void TookOver(const ops::ConfigSchema& again);

 private:
  const ops::ConfigSchema& start_;
  mutable std::mutex mutex_;
  std::string json_;
};

/// Reads all sources again and takes over log.level, the HTTP interface's certificate and, for new
/// connections, its limits and origins. `level` is the present one and becomes the new one. What
/// happened is logged whatever the level is. With a problem anywhere, a certificate that cannot be
/// used included, everything stays as it was, and each problem is logged.
void Reload(const ops::ConfigSources& sources, std::string& level, api::HttpServer& http,
            ConfigInForce& in_force);

}  // namespace bluemarble::app
