/// The daemon's HTTP endpoints; docs/operations.md describes them for operators and client authors.
/// They know nothing of the zone: what they answer comes from the providers, which run on the api
/// threads.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <variant>

#include "api/http_server.h"
#include "core/result.h"
#include "services/accounts/access_token.h"

namespace bluemarble::api {

struct JoinRequest {
  int64_t account_id = 0;  ///< of the access token; 0 where none is wanted
  std::string name;        ///< has passed core::ValidateName
  std::string remote_address;
  bool websocket = false;  ///< "transport": "websocket" instead of UDP
};

/// Where the player connects, and with what (DESIGN §5).
struct JoinAnswer {
  std::string address;
  uint16_t port = 0;
  std::string token;
  std::string security = "plain";  ///< what the client has to speak: "plain" or "sealed"
  int expires_s = 0;               ///< how long the token can be used; 0: no end
  /// Not now: too many come at once, and this is when this one may ask again. 0: the rest counts.
  int wait_ms = 0;
  std::string path = {};  ///< of the WebSocket, on this server; then address and port are not told
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
  /// Who asks to join, or the answer to who must not. Empty: whoever they say in the body's "name".
  std::function<std::variant<accounts::Identity, HttpResponse>(const HttpRequest&)> authenticate;
};

/// GET /metrics, /healthz (/health), /readyz (/ready), /v1/stats; POST /v1/join. All providers but
/// `authenticate` are needed.
Router BuildRouter(EndpointProviders providers);

}  // namespace bluemarble::api
