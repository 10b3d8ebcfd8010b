#include "fuzz_target.h"
#include "protocol/control.h"

FUZZ_TARGET(server_control) {
  const auto message = bluemarble::protocol::DecodeServerControl(bytes);
  if (message.ok())
    bluemarble::fuzz::Require(
        bluemarble::protocol::DecodeServerControl(bluemarble::protocol::Encode(*message)).ok());
}
