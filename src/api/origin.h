/// Which web pages may ask: decided by the Origin header, which browsers add and pages cannot
/// change. Pure function, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bluemarble::api {

enum class OriginKind : uint8_t {
  kNone,     ///< no Origin: not a browser, or a page that only reads what is its own host's
  kOwn,      ///< the host and port that the request was sent to
  kListed,   ///< http.origins
  kForeign,  ///< neither
};

/// `host`: the Host header. The scheme is not compared with ours, which may stand behind a proxy
/// that speaks TLS.
OriginKind KindOfOrigin(std::string_view origin, std::string_view host,
                        const std::vector<std::string>& listed);

/// One line per entry that is no origin: "scheme://host", "scheme://host:port", "*" or "null".
void ValidateOrigins(const std::vector<std::string>& origins, std::vector<std::string>& problems);

}  // namespace bluemarble::api
