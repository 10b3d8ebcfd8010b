/// One open stream of messages, as net/stream_transport.h needs it; the real one is a WebSocket of
/// api/, which net/ does not know.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace bluemarble::net {

/// Any thread; no method waits for the network.
class StreamLink {
 public:
  virtual ~StreamLink() = default;
  /// Queues one message. False: it is closed, or closes because too much waits.
  virtual bool Send(std::span<const std::byte> message) = 0;
  /// What waits to be written.
  virtual size_t queued_bytes() const = 0;
  /// To the client and back, as measured last. 0: not known.
  virtual uint32_t round_trip_ms() const { return 0; }
  /// Ends it once what waits is written, or after a short while.
  virtual void Close(uint16_t code, std::string_view reason) = 0;
};

}  // namespace bluemarble::net
