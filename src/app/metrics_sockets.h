/// WebSockets, and the players who come over them, on /metrics.
#pragma once

#include "api/http_server.h"
#include "core/result.h"
#include "net/stream_transport.h"
#include "ops/metrics.h"

namespace bluemarble::app {

/// `streams`: null where nobody may come so. Both outlive the registry.
core::Status RegisterSockets(ops::MetricsRegistry& registry, const api::ApiStats& http,
                             const net::StreamTransport* streams);

}  // namespace bluemarble::app
