// Covers src/protocol/input.cc.
#include <algorithm>
#include <array>

#include "fuzz_target.h"
#include "protocol/input.h"

namespace protocol = bluemarble::protocol;

FUZZ_TARGET(input) {
  auto message = protocol::DecodeInput(bytes);
  if (!message.ok()) return;
  bluemarble::fuzz::Require(message->count >= bluemarble::kMinInputCommands &&
                            message->count <= bluemarble::kMaxInputCommands);
  std::array<std::byte, protocol::kMaxInputBytes> out;
  const auto written = protocol::EncodeInput(*message, out);
  bluemarble::fuzz::Require(written.ok());
  const auto again = protocol::DecodeInput(std::span(out).first(*written));
  bluemarble::fuzz::Require(again.ok() && again->newest_tick == message->newest_tick &&
                            again->commands == message->commands);
  // Where it does not fit, or is none, nothing is written as if it were.
  bluemarble::fuzz::Require(
      !protocol::EncodeInput(*message, std::span(out).first(*written - 1)).ok());
  message->count = bluemarble::kMaxInputCommands + 1;
  bluemarble::fuzz::Require(!protocol::EncodeInput(*message, out).ok());
}
