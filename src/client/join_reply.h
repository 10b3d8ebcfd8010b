/// What the server's HTTP answers to accounts and joins say. Pure functions, any thread.
#pragma once

#include <string>

#include "bluemarble/client.h"
#include "client/http_client.h"
#include "core/result.h"

namespace bluemarble::client {

/// Why a request came to nothing, or nothing of the kind when it did not.
struct Failure {
  RequestFailure failure = RequestFailure::kNone;
  int retry_after_ms = 0;
  std::string text;
};

std::string TrimmedUrl(const std::string& http_url);

/// `wanted_status` is success. `what` begins the text.
Failure FailureOf(const core::Result<HttpReply>& reply, int wanted_status, const std::string& what);

/// `reply` has status 200.
JoinResult ReadJoin(const HttpReply& reply, const std::string& url);
JoinResult Failed(const Failure& failure);

}  // namespace bluemarble::client
