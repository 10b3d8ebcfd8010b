/// What the client's protocol logic needs of a transport, and nothing of ENet or sockets: the real
/// one is behind client.cc, tests put a simulated network here. Owned by the thread that owns the
/// client.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "net/transport.h"

namespace bluemarble::client {

class Link {
 public:
  virtual ~Link() = default;
  /// Copies `bytes`; kReliable arrives or the connection ends, kUnreliable may be lost.
  virtual void Send(net::Channel channel, std::span<const std::byte> bytes) = 0;
  /// Ends the connection once what was sent on kReliable is out; `reason` reaches the server.
  virtual void Close(uint32_t reason) = 0;
};

}  // namespace bluemarble::client
