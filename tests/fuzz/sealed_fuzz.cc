// Covers src/net/sealed_packets.cc, src/net/sealed_server.cc.
// A sealed host hears datagrams of several addresses: for each two bytes of length, one that
// chooses the address, then the datagram. Nobody here knows a key, so nothing may get through to
// ENet, and no address may get more bytes than came from it.
#include <array>
#include <map>

#include "fuzz_target.h"
#include "net/sealed_server.h"

namespace net = bluemarble::net;

namespace {

struct CountingOutlet final : net::DatagramOutlet {
  void SendDirect(const net::Address& to, std::span<const std::byte> datagram) noexcept override {
    sent[to.port] += datagram.size();
  }
  std::map<uint16_t, size_t> sent;
};

}  // namespace

FUZZ_TARGET(sealed) {
  static const bluemarble::core::SystemClock clock;
  constexpr uint32_t kLoopback = 0x7f000001;
  constexpr uint16_t kPort = 7777;
  static net::TokenMint mint(clock, kLoopback, 60, 3);
  net::NetSettings settings;
  settings.max_peers_per_host = 4;
  net::SealedServer server(settings, mint, net::Key{});
  CountingOutlet outlet;
  net::HostStats stats;
  server.Attach(outlet, stats, kPort);
  std::map<uint16_t, size_t> received;
  int64_t now_ns = 1'000'000'000;
  while (bytes.size() > 3) {
    const size_t length = std::to_integer<size_t>(bytes[0]) | std::to_integer<size_t>(bytes[1])
                                                                  << 8;
    const auto port = static_cast<uint16_t>(1000 + std::to_integer<int>(bytes[2]) % 4);
    bytes = bytes.subspan(3);
    std::array<std::byte, 1300> buffer;
    std::span<std::byte> datagram =
        std::span(buffer).first(std::min({length, bytes.size(), buffer.size()}));
    std::copy_n(bytes.begin(), datagram.size(), buffer.begin());
    bytes = bytes.subspan(datagram.size());
    received[port] += datagram.size();
    now_ns += 1'000'000;
    server.SetNow(now_ns);
    net::Address from{kLoopback, port};
    bluemarble::fuzz::Require(server.Open(from, datagram) != net::DatagramSeam::Opened::kPass);
    bluemarble::fuzz::Require(outlet.sent[port] <= received[port]);
    server.Maintain();
  }
  bluemarble::fuzz::Require(server.sessions() == 0);
}
