#include "tests/soak/wiretap.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace bluemarble::stranger {
namespace {

constexpr int64_t kTurnNs = 4'000'000;
constexpr size_t kMostCaptured = 1000;

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  out.sin_port = htons(port);
  return out;
}

void Keep(std::vector<Datagram>& where, std::span<const std::byte> datagram) {
  if (where.size() < kMostCaptured) where.emplace_back(datagram.begin(), datagram.end());
}

}  // namespace

Wiretap::Wiretap(const Offer& offer, uint32_t v4)
    : to_zone_(v4, offer.token.address.port),
      relay_fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  sockaddr_in name = Loopback(0);
  socklen_t length = sizeof name;
  if (bind(relay_fd_, reinterpret_cast<const sockaddr*>(&name), length) != 0 ||
      getsockname(relay_fd_, reinterpret_cast<sockaddr*>(&name), &length) != 0) {
    GiveUp("no socket for a relay");
  }
  const JoinTicket ticket{"127.0.0.1", ntohs(name.sin_port), offer.text, "sealed"};
  if (!client_.Connect(ticket)) GiveUp("the client does not connect: " + client_.error());
  client_.SetInput({.move_east = 0.5});
}

Wiretap::~Wiretap() { close(relay_fd_); }

void Wiretap::Play(double seconds) {
  const auto end_ns = NowNs() + static_cast<int64_t>(seconds * 1e9);
  while (NowNs() < end_ns) {
    Turn();
    SleepUntil(NowNs() + kTurnNs);
  }
}

void Wiretap::Turn() {
  client_.Poll(NowNs());
  std::array<std::byte, 2048> buffer;
  sockaddr_in from{};
  socklen_t length = sizeof from;
  for (;;) {
    const ssize_t got = recvfrom(relay_fd_, buffer.data(), buffer.size(), 0,
                                 reinterpret_cast<sockaddr*>(&from), &length);
    if (got <= 0) break;
    const auto datagram = std::span(buffer).first(static_cast<size_t>(got));
    client_port_ = ntohs(from.sin_port);
    const auto type = net::TypeOf(datagram);
    if (type == net::PacketType::kData || type == net::PacketType::kControl) ++sealed_up_;
    if (capturing_) Keep(up_, datagram);
    to_zone_.Send(datagram);
  }
  for (auto datagram = to_zone_.Receive(); !datagram.empty(); datagram = to_zone_.Receive()) {
    if (capturing_) Keep(down_, datagram);
    if (!client_port_) continue;
    const sockaddr_in to = Loopback(*client_port_);
    // One lost here is one lost on the path.
    (void)sendto(relay_fd_, datagram.data(), datagram.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&to), sizeof to);
  }
}

}  // namespace bluemarble::stranger
