#include "fuzz_target.h"
#include "protocol/control.h"

namespace protocol = bluemarble::protocol;

FUZZ_TARGET(client_control) {
  const auto message = protocol::DecodeClientControl(bytes);
  if (!message.ok()) return;
  if (const auto* action = std::get_if<protocol::Action>(&*message)) {
    const auto again = protocol::DecodeClientControl(protocol::Encode(*message));
    bluemarble::fuzz::Require(again.ok() && std::get<protocol::Action>(*again) == *action);
    bluemarble::fuzz::Require(protocol::DigestOf(*action) ==
                              protocol::DigestOf(std::get<protocol::Action>(*again)));
  }
}
