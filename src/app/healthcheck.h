/// `zoned healthcheck`: for container probes. Main thread.
#pragma once

#include <string>

#include "api/http_server.h"

namespace bluemarble::app {

/// Asks `<url>/readyz` (empty: where these settings would listen). 0 when ready, kExitUnavailable
/// else.
int HealthCheck(const std::string& url, const api::HttpSettings& http);

}  // namespace bluemarble::app
