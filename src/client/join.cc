#include <nlohmann/json.hpp>

#include "bluemarble/client.h"
#include "client/http_client.h"
#include "client/join_reply.h"

namespace bluemarble {

JoinResult Join(const std::string& http_url, const std::string& player_name,
                const HttpOptions& options) {
  using nlohmann::json;
  const std::string url = client::TrimmedUrl(http_url) + "/v1/join";
  // Replaced, not thrown: the server says what is wrong with a name that is not UTF-8.
  const std::string request =
      json{{"name", player_name}}.dump(-1, ' ', false, json::error_handler_t::replace);
  const auto reply = client::HttpPost(url, request, options.timeout_ms, {options.ca_file, true});
  const client::Failure failure = client::FailureOf(reply, 200, "join");
  if (failure.failure != RequestFailure::kNone) return client::Failed(failure);
  return client::ReadJoin(*reply, url);
}

JoinResult Join(const std::string& http_url, const std::string& player_name, int timeout_ms) {
  return Join(http_url, player_name, HttpOptions{.ca_file = {}, .timeout_ms = timeout_ms});
}

}  // namespace bluemarble
