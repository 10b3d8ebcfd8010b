#include "api/http_handshake.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/uuid/detail/sha1.hpp>
#include <cstdint>
#include <span>

namespace bluemarble::api {
namespace {

constexpr std::string_view kAcceptGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455, 1.3
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return lower;
}

/// Is `token` one of a comma-separated header's?
bool HasToken(std::string_view list, std::string_view token) {
  const std::string lower = LowerCase(list);
  for (size_t at = 0; at <= lower.size();) {
    const size_t end = std::min(lower.find(',', at), lower.size());
    std::string_view item = std::string_view(lower).substr(at, end - at);
    while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) item.remove_prefix(1);
    while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) item.remove_suffix(1);
    if (item == token) return true;
    at = end + 1;
  }
  return false;
}

/// 16 bytes in base64: 22 letters, the last of which carries two bits, and two "=".
bool IsKey(std::string_view key) {
  if (key.size() != 24 || !key.ends_with("==")) return false;
  const auto letters = key.substr(0, 22);
  return letters.find_first_not_of(kBase64) == std::string_view::npos &&
         kBase64.find(letters.back()) % 16 == 0;
}

std::string AcceptOf(std::string_view key) {
  boost::uuids::detail::sha1 sha;
  sha.process_bytes(key.data(), key.size());
  sha.process_bytes(kAcceptGuid.data(), kAcceptGuid.size());
  unsigned int words[5];
  sha.get_digest(words);
  std::array<uint8_t, 21> digest{};  // one more: a multiple of three
  for (size_t i = 0; i < 20; ++i)
    digest[i] = static_cast<uint8_t>(words[i / 4] >> (24 - 8 * (i % 4)));
  std::string out;
  for (size_t i = 0; i < digest.size(); i += 3) {
    const uint32_t bits =
        static_cast<uint32_t>(digest[i] << 16 | digest[i + 1] << 8 | digest[i + 2]);
    for (int shift = 18; shift >= 0; shift -= 6) out += kBase64[bits >> shift & 63];
  }
  out.back() = '=';
  return out;
}

}  // namespace

WebSocketHandshake ReadHandshake(const HandshakeHeaders& headers) {
  if (headers.method != "GET")
    return {
        HttpResponse{.status = 405, .body = "method not allowed\n", .headers = {{"Allow", "GET"}}},
        {}};
  if (!HasToken(headers.upgrade, "websocket") || !HasToken(headers.connection, "upgrade")) {
    return {HttpResponse{.status = 426,
                         .body = "here are WebSockets only: \"Upgrade: websocket\"\n",
                         .headers = {{"Upgrade", "websocket"}}},
            {}};
  }
  if (headers.version != "13") {
    return {HttpResponse{.status = 426,
                         .body = "only version 13 of WebSocket is spoken here\n",
                         .headers = {{"Sec-WebSocket-Version", "13"}}},
            {}};
  }
  if (!IsKey(headers.key))
    return {HttpResponse{.status = 400, .body = "Sec-WebSocket-Key is not 16 bytes in base64\n"},
            {}};
  return {std::nullopt, fmt::format("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                    "Connection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
                                    AcceptOf(headers.key))};
}

}  // namespace bluemarble::api
