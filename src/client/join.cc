#include <nlohmann/json.hpp>

#include "bluemarble/client.h"
#include "client/http_client.h"

namespace bluemarble {
namespace {

using nlohmann::json;

JoinResult Failed(std::string error) {
  JoinResult result;
  result.error = std::move(error);
  return result;
}

std::string Trimmed(const std::string& http_url) {
  std::string url = http_url;
  while (!url.empty() && url.back() == '/') url.pop_back();
  return url;
}

// The server's own words where it gave some, else the status.
std::string RefusalText(const client::HttpReply& reply, const json& body) {
  const json::json_pointer message("/error/message");
  if (body.is_object() && body.contains(message) && body[message].is_string())
    return body[message].get<std::string>();
  return "HTTP status " + std::to_string(reply.status);
}

}  // namespace

JoinResult Join(const std::string& http_url, const std::string& player_name, int timeout_ms) {
  const std::string url = Trimmed(http_url) + "/v1/join";
  // Replaced, not thrown: the server says what is wrong with a name that is not UTF-8.
  const std::string request =
      json{{"name", player_name}}.dump(-1, ' ', false, json::error_handler_t::replace);
  const auto reply = client::HttpPost(url, request, timeout_ms);
  if (!reply.ok()) return Failed(reply.status().ToString());
  const json body = json::parse(reply->body, nullptr, false);
  if (reply->status != 200) return Failed("join refused: " + RefusalText(*reply, body));
  const bool complete = body.is_object() && body.contains("address") &&
                        body["address"].is_string() && body.contains("port") &&
                        body["port"].is_number_unsigned() && body.contains("token") &&
                        body["token"].is_string() && body["port"].get<uint64_t>() <= 65535;
  if (!complete) return Failed(url + ": not an answer to a join");
  JoinResult result;
  result.ok = true;
  result.ticket = {body["address"].get<std::string>(), body["port"].get<uint16_t>(),
                   body["token"].get<std::string>()};
  return result;
}

}  // namespace bluemarble
