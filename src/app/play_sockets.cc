#include "app/play_sockets.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "bluemarble/wire.h"
#include "core/hash.h"
#include "net/address.h"

namespace bluemarble::app {
namespace {

class PlayLink final : public net::StreamLink {
 public:
  explicit PlayLink(std::shared_ptr<api::WebSocket> socket) : socket_(std::move(socket)) {}

  bool Send(std::span<const std::byte> message) override {
    return socket_->Send(message, /*binary=*/true);
  }
  size_t queued_bytes() const override { return socket_->queued_bytes(); }
  uint32_t round_trip_ms() const override { return socket_->round_trip_ms(); }
  void Close(uint16_t code, std::string_view reason) override { socket_->Close(code, reason); }

 private:
  const std::shared_ptr<api::WebSocket> socket_;
};

/// What a close code says of the session. A lost connection is no goodbye: the player lingers.
DisconnectReason ReasonOf(uint16_t code) {
  if (code == net::kStreamEnded + static_cast<uint32_t>(DisconnectReason::kClientQuit))
    return DisconnectReason::kClientQuit;
  return code == api::kWebSocketTryLater ? DisconnectReason::kQueueOverflow
                                         : DisconnectReason::kNone;
}

class PlayHandler final : public api::WebSocketHandler {
 public:
  PlayHandler(net::StreamTransport& streams, std::shared_ptr<api::WebSocket> socket,
              core::PeerId peer)
      : streams_(streams), socket_(std::move(socket)), peer_(peer) {}

  bool OnMessage(std::span<const std::byte> message, bool binary) override {
    if (binary) return streams_.Take(peer_, message);
    socket_->Close(api::kWebSocketUnsupported, "only binary messages");
    return true;
  }
  void OnClosed(uint16_t code) override {
    streams_.Leave(peer_, static_cast<uint32_t>(ReasonOf(code)));
  }

 private:
  net::StreamTransport& streams_;
  const std::shared_ptr<api::WebSocket> socket_;
  const core::PeerId peer_;
};

}  // namespace

void AddPlay(api::Router& router, net::StreamTransport& streams) {
  router.AddWebSocket(
      kPlayPath,
      [&streams](const api::HttpRequest& request, std::shared_ptr<api::WebSocket> socket)
          -> std::variant<std::unique_ptr<api::WebSocketHandler>, api::HttpResponse> {
        const auto peer =
            streams.Enter(std::make_shared<PlayLink>(socket), AddressOf(request.remote_address));
        if (!peer.ok()) {
          return api::HttpResponse{.status = 503,
                                   .body = fmt::format("{}\n", peer.status().ToString()),
                                   .retry_after_s = 5};
        }
        return std::make_unique<PlayHandler>(streams, std::move(socket), *peer);
      });
}

uint32_t AddressOf(const std::string& remote_address) {
  if (const auto v4 = net::ParseV4(remote_address); v4.ok()) return *v4;
  std::array<std::byte, 16> v6{};
  if (inet_pton(AF_INET6, remote_address.c_str(), v6.data()) != 1) return 0;
  constexpr std::array<std::byte, 12> kMapped{
      {{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, std::byte{0xff}, std::byte{0xff}}};
  if (std::equal(kMapped.begin(), kMapped.end(), v6.begin())) {
    uint32_t v4 = 0;
    for (size_t i = 12; i < 16; ++i) v4 = v4 << 8 | std::to_integer<uint32_t>(v6[i]);
    return v4;
  }
  return 0xf0000000u | static_cast<uint32_t>(core::HashBytes(std::span(v6).first(8)) >> 36);
}

}  // namespace bluemarble::app
