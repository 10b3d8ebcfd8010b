#include <array>

#include "fuzz_target.h"
#include "protocol/input.h"

namespace protocol = bluemarble::protocol;

FUZZ_TARGET(input) {
  const auto message = protocol::DecodeInput(bytes);
  if (!message.ok()) return;
  bluemarble::fuzz::Require(message->count >= bluemarble::kMinInputCommands &&
                            message->count <= bluemarble::kMaxInputCommands);
  std::array<std::byte, protocol::kMaxInputBytes> out;
  const auto written = protocol::EncodeInput(*message, out);
  bluemarble::fuzz::Require(written.ok());
  const auto again = protocol::DecodeInput(std::span(out).first(*written));
  bluemarble::fuzz::Require(again.ok() && again->newest_tick == message->newest_tick &&
                            again->commands == message->commands);
}
