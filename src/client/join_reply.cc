#include "client/join_reply.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace bluemarble::client {
namespace {

using nlohmann::json;

constexpr int kMostRetryMs = 3'600'000;

// The server's own words where it gave some, else the status.
std::string RefusalText(const HttpReply& reply, const json& body) {
  const json::json_pointer message("/error/message");
  if (body.is_object() && body.contains(message) && body[message].is_string())
    return body[message].get<std::string>();
  return "HTTP status " + std::to_string(reply.status);
}

// Milliseconds where the server tells them, which spread a crowd better than whole seconds.
int RetryAfterMs(const HttpReply& reply, const json& body) {
  const json::json_pointer member("/error/retry_after_ms");
  if (body.is_object() && body.contains(member) && body[member].is_number_unsigned())
    return static_cast<int>(std::min<uint64_t>(body[member].get<uint64_t>(), kMostRetryMs));
  return reply.retry_after_s * 1000;
}

bool Has(const json& body, const char* member, json::value_t type) {
  return body.is_object() && body.contains(member) && body[member].type() == type;
}

}  // namespace

std::string TrimmedUrl(const std::string& http_url) {
  std::string url = http_url;
  while (!url.empty() && url.back() == '/') url.pop_back();
  return url;
}

Failure FailureOf(const core::Result<HttpReply>& reply, int wanted_status,
                  const std::string& what) {
  if (!reply.ok()) {
    const bool hopeless = reply.status().code() == core::Code::kInvalid;
    return {hopeless ? RequestFailure::kRefused : RequestFailure::kUnreachable, 0,
            reply.status().ToString()};
  }
  if (reply->status == wanted_status) return {};
  const json body = json::parse(reply->body, nullptr, /*allow_exceptions=*/false);
  Failure failure{RequestFailure::kRefused, 0, what + " refused: " + RefusalText(*reply, body)};
  if (reply->status == 401) {
    failure.failure = RequestFailure::kDenied;
  } else if (reply->status == 429 || reply->status >= 500) {
    failure.failure = RequestFailure::kBusy;
    failure.retry_after_ms = RetryAfterMs(*reply, body);
  }
  return failure;
}

JoinResult Failed(const Failure& failure) {
  JoinResult result;
  result.error = failure.text;
  result.failure = failure.failure;
  result.retry_after_ms = failure.retry_after_ms;
  return result;
}

JoinResult ReadJoin(const HttpReply& reply, const std::string& url) {
  using Type = json::value_t;
  const json body = json::parse(reply.body, nullptr, /*allow_exceptions=*/false);
  const bool complete = Has(body, "address", Type::string) &&
                        Has(body, "port", Type::number_unsigned) &&
                        Has(body, "token", Type::string) && body["port"].get<uint64_t>() <= 65535;
  if (!complete) return Failed({RequestFailure::kRefused, 0, url + ": not an answer to a join"});
  JoinResult result;
  result.ok = true;
  result.ticket.address = body["address"].get<std::string>();
  result.ticket.port = body["port"].get<uint16_t>();
  result.ticket.token = body["token"].get<std::string>();
  if (Has(body, "security", Type::string))
    result.ticket.security = body["security"].get<std::string>();
  return result;
}

}  // namespace bluemarble::client
