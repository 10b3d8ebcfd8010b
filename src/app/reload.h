/// What a running zoned takes over of changed settings. Main thread.
#pragma once

#include <string>

#include "api/http_server.h"
#include "ops/config.h"

namespace bluemarble::app {

/// Reads all sources again and takes over log.level, the HTTP interface's certificate and its
/// limits (http.max_body_bytes, max_header_bytes, timeout_ms, max_connections; for new
/// connections). `level` is the present one and becomes the new one. What happened is logged
/// whatever the level is. With a problem anywhere, a certificate that cannot be used included,
/// everything stays as it was, and each problem is logged.
void Reload(const ops::ConfigSources& sources, std::string& level, api::HttpServer& http);

}  // namespace bluemarble::app
