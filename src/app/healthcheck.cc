#include "app/healthcheck.h"

#include <fmt/format.h>

#include "client/http_client.h"
#include "ops/exit_codes.h"

namespace bluemarble::app {

int HealthCheck(const std::string& url, const api::HttpSettings& http) {
  constexpr int kPatienceMs = 2000;
  const std::string host = http.bind == "0.0.0.0" ? "127.0.0.1" : http.bind;
  const bool tls = !http.tls_certificate_file.empty();
  const std::string base =
      url.empty() ? fmt::format("{}://{}:{}", tls ? "https" : "http", host, http.port) : url;
  // The certificate names the server as players know it, not the loopback address asked here.
  const client::HttpTrust trust = url.empty() && tls
                                      ? client::HttpTrust{http.tls_certificate_file, false}
                                      : client::HttpTrust{};
  const auto reply = client::HttpGet(base + "/readyz?verbose", kPatienceMs, trust);
  if (!reply.ok()) {
    fmt::print(stderr, "zoned: {}\n", reply.status().ToString());
    return ops::kExitUnavailable;
  }
  fmt::print("{}", reply->body);
  return reply->status == 200 ? ops::kExitOk : ops::kExitUnavailable;
}

}  // namespace bluemarble::app
