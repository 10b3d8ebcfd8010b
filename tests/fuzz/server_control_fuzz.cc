// Covers src/protocol/control.cc.
#include "fuzz_target.h"
#include "protocol/control.h"

namespace protocol = bluemarble::protocol;

FUZZ_TARGET(server_control) {
  const auto message = protocol::DecodeServerControl(bytes);
  if (!message.ok()) return;
  const auto written = protocol::Encode(*message);
  const auto again = protocol::DecodeServerControl(written);
  bluemarble::fuzz::Require(again.ok() && protocol::Encode(*again) == written);
}
