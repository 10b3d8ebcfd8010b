/// The daemon's HTTP endpoints; docs/operations.md describes them for operators and client authors.
/// They know nothing of the zone: what they answer comes from the providers, which run on the api
/// threads.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "api/http_server.h"
#include "core/result.h"

namespace bluemarble::api {

struct JoinRequest {
  std::string name;  ///< has passed core::ValidateName
  std::string remote_address;
};

/// Where the player connects, and with what (DESIGN §5).
struct JoinAnswer {
  std::string address;
  uint16_t port = 0;
  std::string token;
};

struct Probe {
  bool ok = false;
  std::string body;
};

struct EndpointProviders {
  std::function<std::string()> metrics;      ///< Prometheus text
  std::function<Probe()> live;               ///< text
  std::function<Probe(bool verbose)> ready;  ///< JSON
  /// A refusal's code chooses the HTTP status (kInvalid 400, kDenied 403, kConflict and kStale 409,
  /// kNoSpace 429, kFull and kUnavailable 503, else 500); its text is shown to the player, so it
  /// names no secrets.
  std::function<core::Result<JoinAnswer>(const JoinRequest&)> join;
  std::function<std::string()> stats;  ///< JSON
};

/// GET /metrics, /healthz (/health), /readyz (/ready), /v1/stats; POST /v1/join. All providers are
/// needed.
Router BuildRouter(EndpointProviders providers);

}  // namespace bluemarble::api
