// Covers src/protocol/control.cc.
#include "fuzz_target.h"
#include "protocol/control.h"

namespace protocol = bluemarble::protocol;

FUZZ_TARGET(client_control) {
  const auto message = protocol::DecodeClientControl(bytes);
  if (!message.ok()) return;
  const auto written = protocol::Encode(*message);
  const auto again = protocol::DecodeClientControl(written);
  bluemarble::fuzz::Require(again.ok() && protocol::Encode(*again) == written);
  if (const auto* action = std::get_if<protocol::Action>(&*message)) {
    bluemarble::fuzz::Require(std::get<protocol::Action>(*again) == *action);
    bluemarble::fuzz::Require(protocol::DigestOf(*action) ==
                              protocol::DigestOf(std::get<protocol::Action>(*again)));
  }
}
