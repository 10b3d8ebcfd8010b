// Covers src/net/connect_token.cc.
#include "fuzz_target.h"
#include "net/connect_token.h"

namespace net = bluemarble::net;

FUZZ_TARGET(connect_token) {
  const std::string_view text = bluemarble::fuzz::TextOf(bytes);
  const auto token = net::DecodeConnectToken(text);
  // One reading, one writing: two texts of one token would be two tokens to a log.
  if (token.ok()) bluemarble::fuzz::Require(net::EncodeConnectToken(*token) == text);
}
