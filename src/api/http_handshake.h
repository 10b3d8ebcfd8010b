/// The opening handshake of RFC 6455, a server's side. Pure functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/http_server.h"

namespace bluemarble::api {

/// Of a request, as they came; empty: not there.
struct HandshakeHeaders {
  std::string_view method, upgrade, connection, version, key;
};

struct WebSocketHandshake {
  std::optional<HttpResponse> refusal;  ///< 400, 405 or 426; otherwise
  std::string answer;                   ///< 101, the whole head
};

WebSocketHandshake ReadHandshake(const HandshakeHeaders& headers);

}  // namespace bluemarble::api
