/// What the daemon's HTTP port gives to those who serve WebSockets (RFC 6455) on it: one object for
/// an open socket, one for what its client says. Registered by Router::AddWebSocket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace bluemarble::api {

struct HttpRequest;
struct HttpResponse;

/// Close codes of RFC 6455 that are used here.
enum WebSocketCode : uint16_t {
  kWebSocketNormal = 1000,
  kWebSocketGoingAway = 1001,
  kWebSocketProtocol = 1002,
  kWebSocketUnsupported = 1003,  ///< text where binary is wanted, or the other way round
  kWebSocketNoCode = 1005,       ///< never sent: a close without a code
  kWebSocketLost = 1006,         ///< never sent: the connection ended without a close
  kWebSocketBadText = 1007,      ///< text that is not UTF-8
  kWebSocketPolicy = 1008,       ///< more, or in more pieces, than is allowed
  kWebSocketTooBig = 1009,
  kWebSocketInternal = 1011,
  kWebSocketTryLater = 1013,  ///< its queue is full: it does not read
};

/// One open socket. Every method from any thread, none waits for the network. It may outlive its
/// connection and its server; it is closed then.
class WebSocket {
 public:
  virtual ~WebSocket() = default;

  /// Queues one message behind what waits. False: the socket is closed or closing; also when the
  /// message would exceed http.websocket_queue_bytes, which closes it with kWebSocketTryLater and
  /// is counted.
  virtual bool Send(std::span<const std::byte> message, bool binary) = 0;
  bool SendText(std::string_view text) {
    return Send(std::as_bytes(std::span(text.data(), text.size())), /*binary=*/false);
  }
  /// What waits to be written, frame heads included; what the kernel has taken does not count
  /// (some 128 KiB at most).
  virtual size_t queued_bytes() const = 0;
  /// To the client and back, by a ping every three seconds. 0: not known.
  virtual uint32_t round_trip_ms() const { return 0; }
  /// Ends it once what waits is written, at the latest after a second. `reason`: UTF-8 for people,
  /// cut at 123 bytes. Twice is once.
  virtual void Close(uint16_t code, std::string_view reason) = 0;
  virtual const std::string& remote_address() const = 0;
};

/// What one socket's client says. Called on api threads, one call at a time; must answer in
/// milliseconds. What it throws closes the socket with kWebSocketInternal.
class WebSocketHandler {
 public:
  virtual ~WebSocketHandler() = default;
  /// One whole message, of at most http.websocket_message_bytes; text is UTF-8. False: not now.
  /// Then it is offered again some milliseconds later, and nothing else is read meanwhile.
  virtual bool OnMessage(std::span<const std::byte> message, bool binary) = 0;
  /// Once, and last, whoever ended it: the code that the client gave (kWebSocketNoCode: none), or
  /// ours, or kWebSocketLost. Destroyed right after.
  virtual void OnClosed(uint16_t code) = 0;
};

/// Decides about a client that asks for a socket: what serves it, or the answer to who must not,
/// before the upgrade. Runs on an api thread. The socket may be kept and sent to from now on; when
/// an answer is returned it must be let go.
using WebSocketOpener = std::function<std::variant<std::unique_ptr<WebSocketHandler>, HttpResponse>(
    const HttpRequest&, std::shared_ptr<WebSocket>)>;

}  // namespace bluemarble::api
