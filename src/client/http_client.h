/// A small blocking HTTP client: how game clients and tools ask a zone where to connect. Any
/// thread; each keeps its own connections open between calls. Uses no signals, no proxies and
/// follows no redirects.
#pragma once

#include <string>

#include "core/result.h"

namespace bluemarble::client {

struct HttpReply {
  int status = 0;
  std::string body;
  int retry_after_s = 0;  ///< Retry-After in seconds; 0: none.
};

/// Whom https:// believes.
struct HttpTrust {
  std::string ca_file;     ///< PEM of the certificates believed; empty: the system's.
  bool check_name = true;  ///< Does the certificate name the host? False only for a health check of
                           ///< the own machine by its own certificate.
};

/// `url` is http:// or https://. The answer is a reply of any status, or: kUnavailable (no
/// connection, time is up), kInvalid (malformed URL), kNoSpace (body over 1 MiB); the detail names
/// the URL and the cause.
core::Result<HttpReply> HttpGet(const std::string& url, int timeout_ms,
                                const HttpTrust& trust = {});
/// `access_token`: sent as "Authorization: Bearer ..." unless empty.
core::Result<HttpReply> HttpPost(const std::string& url, const std::string& json_body,
                                 int timeout_ms, const HttpTrust& trust = {},
                                 const std::string& access_token = {});

}  // namespace bluemarble::client
