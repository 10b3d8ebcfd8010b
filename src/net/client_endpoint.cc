#include "net/client_endpoint.h"

#include <arpa/inet.h>
#include <enet/enet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>

#include "bluemarble/wire.h"
#include "net/precheck.h"

namespace bluemarble::net {
namespace {

constexpr size_t kMaxUp = kEnetMtu - 28;  // above it ENet sends fragments, which no server takes

}  // namespace

ClientEndpoint::ClientEndpoint(const core::Clock& clock, const ClientEndpointOptions& options)
    : clock_(clock), options_(options) {
  if (!options.link.perfect()) {
    up_ = std::make_unique<LinkQueue>(options.link, 1);
    down_ = std::make_unique<LinkQueue>(options.link, 2);
  }
}

ClientEndpoint::~ClientEndpoint() { Destroy(); }

core::Status ClientEndpoint::Connect(const std::string& address_v4, uint16_t port) {
  if (auto status = OpenSocket(address_v4, port); !status.ok()) return status;
  auto status = ConnectEnet();
  if (!status.ok()) Destroy();
  return status;
}

core::Status ClientEndpoint::Connect(const std::string& address_v4, uint16_t port,
                                     const ConnectToken& token) {
  if (auto status = OpenSocket(address_v4, port); !status.ok()) return status;
  const int64_t now_ns = clock_.NowNs();
  sealed_ = std::make_unique<SealedClient>(token, options_.ciphers, now_ns);
  give_up_ns_ = now_ns + int64_t{options_.timeout_ms} * 1'000'000;
  shaking_ = true;
  AnswerSealed();
  return {};
}

core::Status ClientEndpoint::OpenSocket(const std::string& address_v4, uint16_t port) {
  if (host_ != nullptr && (peer_ != nullptr || shaking_))
    return {core::Code::kConflict, "already connected or connecting"};
  const auto v4 = ParseV4(address_v4);
  if (!v4.ok()) return v4.status();
  Destroy();
  server_ = {*v4, port};
  host_ = enet_host_create(nullptr, 1, 2, 0, 0);
  if (host_ == nullptr) return {core::Code::kFull, "no socket for a client (open files limit)"};
  auto status = RegisterSocket(host_->socket, this);
  if (status.ok()) status = PrepareSocket(host_->socket);
  if (!status.ok()) Destroy();
  return status;
}

core::Status ClientEndpoint::PrepareSocket(int fd) const {
  const int buffer = options_.socket_buffer_bytes;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
  // A connected socket hears nobody else, and the kernel looks up its route once.
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(server_.v4);
  name.sin_port = htons(server_.port);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0)
    return {core::Code::kUnavailable, "no route to the server"};
  return {};
}

core::Status ClientEndpoint::ConnectEnet() {
  host_->mtu = static_cast<enet_uint32>(kEnetMtu);
  host_->maximumPacketSize = kMaxMessageBytes;
  const ENetAddress address{htonl(server_.v4), server_.port};
  peer_ = enet_host_connect(host_, &address, 2, 0);
  if (peer_ == nullptr) return {core::Code::kInternal, "ENet has no peer for a client"};
  peer_->mtu = static_cast<enet_uint32>(kEnetMtu);
  const auto timeout_ms = static_cast<enet_uint32>(options_.timeout_ms);
  enet_peer_timeout(peer_, ENET_PEER_TIMEOUT_LIMIT, timeout_ms, timeout_ms);
  Flush();
  return {};
}

// dup2 puts the new socket in the place of the old, so that ENet and our table notice nothing.
core::Status ClientEndpoint::Rebind() {
  if (host_ == nullptr) return {core::Code::kStale, "not connected"};
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  if (fd < 0) return {core::Code::kFull, "no socket for a client (open files limit)"};
  auto status = PrepareSocket(fd);
  if (status.ok() && dup2(fd, host_->socket) < 0)
    status = {core::Code::kFull, "no descriptor for a client (open files limit)"};
  close(fd);
  return status;
}

void ClientEndpoint::Service(bool readable) {
  if (shaking_) Shake(readable);
  if (host_ == nullptr || peer_ == nullptr) return;
  ReleaseDelayed();
  readable_ = readable;
  // Without an event ENet does not stop at each message; it queues them for Receive.
  enet_host_service(host_, nullptr, 0);
  if (peer_->state == ENET_PEER_STATE_CONNECTION_SUCCEEDED) {
    // Now, not at the next Receive: until then ENet would refuse what the server says.
    ENetEvent event;
    if (enet_host_check_events(host_, &event) > 0 && event.type == ENET_EVENT_TYPE_CONNECT)
      OnConnect();
  }
  // Else ENet sends the server its bandwidth, reliably, for nothing.
  host_->recalculateBandwidthLimits = 0;
}

// The sealed handshake; ENet starts when both sides have the keys.
void ClientEndpoint::Shake(bool readable) {
  ReleaseDelayed();
  readable_ = readable;
  Address from;
  std::array<std::byte, kDatagramBytes> buffer;
  while (Receive(from, buffer) > 0) ++counters_.dropped_down;  // data before ENet exists
  AnswerSealed();
  if (sealed_->state() == SealedClient::State::kOpen) {
    shaking_ = false;
    if (!ConnectEnet().ok()) End(static_cast<uint32_t>(DisconnectReason::kInternal));
  } else if (sealed_->state() == SealedClient::State::kEnded) {
    End(sealed_->end_reason());
  } else if (clock_.NowNs() >= give_up_ns_) {
    End(static_cast<uint32_t>(DisconnectReason::kNone));
  }
}

void ClientEndpoint::OnConnect() {
  connected_ = true;
  connect_untold_ = true;
  // ENet resends at doubling pauses: on a slow path three losses in a row take longer than the
  // silence that ends a connection, and nothing is wrong yet. Who owns this end watches the
  // silence.
  const auto patience_ms = static_cast<enet_uint32>(3 * options_.timeout_ms);
  enet_peer_timeout(peer_, ENET_PEER_TIMEOUT_LIMIT, patience_ms, patience_ms);
  enet_peer_ping_interval(peer_, kPingIntervalMs);
  peer_->mtu = std::min(peer_->mtu, static_cast<enet_uint32>(kEnetMtu));
  peer_->packetThrottleInterval = kThrottleIntervalMs;
  peer_->packetThrottleAcceleration = kThrottleAcceleration;
  peer_->packetThrottleDeceleration = kThrottleDeceleration;
}

bool ClientEndpoint::Receive(Inbound& out) {
  if (held_ != nullptr) enet_packet_destroy(held_);
  held_ = nullptr;
  out = {};
  out.peer = core::PeerId::Make(0, 0, 1);
  if (connect_untold_) {
    connect_untold_ = false;
    out.kind = InboundKind::kConnected;
    out.address_v4 = server_.v4;
    return true;
  }
  ENetEvent event;
  if (host_ != nullptr && peer_ != nullptr && enet_host_check_events(host_, &event) > 0) {
    if (event.type == ENET_EVENT_TYPE_RECEIVE) {
      held_ = event.packet;
      out.kind = InboundKind::kMessage;
      out.channel = static_cast<Channel>(event.channelID);
      out.bytes = std::as_bytes(std::span(held_->data, held_->dataLength));
      return true;
    }
    if (event.type == ENET_EVENT_TYPE_DISCONNECT) End(goodbye_.value_or(event.data));
  }
  // What the server said before its goodbye has been told by now.
  if (peer_ != nullptr && sealed_ != nullptr && sealed_->state() == SealedClient::State::kEnded)
    End(goodbye_.value_or(sealed_->end_reason()));
  if (!end_untold_) return false;
  out.kind = InboundKind::kDisconnected;
  out.reason = *end_untold_;
  end_untold_.reset();
  return true;
}

void ClientEndpoint::End(uint32_t reason) {
  peer_ = nullptr;
  connected_ = shaking_ = false;
  end_untold_ = reason;
}

core::Status ClientEndpoint::Send(Channel channel, std::span<const std::byte> bytes) {
  if (!connected_) return {core::Code::kStale, "not connected"};
  const bool reliable = channel == Channel::kReliable;
  if (bytes.size() > kMaxUp)
    return {core::Code::kNoSpace, "larger than a message to a server may be"};
  ENetPacket* packet =
      enet_packet_create(bytes.data(), bytes.size(),
                         reliable ? ENET_PACKET_FLAG_RELIABLE : ENET_PACKET_FLAG_UNSEQUENCED);
  if (packet == nullptr) return {core::Code::kFull, "no memory for a message"};
  if (enet_peer_send(peer_, static_cast<enet_uint8>(channel), packet) < 0) {
    enet_packet_destroy(packet);
    return {core::Code::kStale, "not connected"};
  }
  return {};
}

void ClientEndpoint::Flush() {
  if (host_ == nullptr || peer_ == nullptr) return;
  enet_host_flush(host_);
  ReleaseDelayed();
}

void ClientEndpoint::Disconnect(uint32_t reason) {
  if (shaking_) End(reason);
  if (peer_ == nullptr || goodbye_) return;
  goodbye_ = reason;
  if (connected_) {
    enet_peer_disconnect_later(peer_, reason);
    Flush();
  } else {
    if (sealed_ != nullptr) SayGoodbye();
    enet_peer_reset(peer_);
    End(reason);
  }
}

void ClientEndpoint::Abandon() {
  goodbye_.reset();
  Destroy();
  end_untold_.reset();
}

uint32_t ClientEndpoint::rtt_ms() const { return connected_ ? peer_->roundTripTime : 0; }

int ClientEndpoint::fd() const { return host_ == nullptr ? -1 : host_->socket; }

int64_t ClientEndpoint::next_due_ns() const {
  const int64_t sealed_ns = shaking_ ? sealed_->next_due_ns() : std::numeric_limits<int64_t>::max();
  if (up_ == nullptr) return sealed_ns;
  return std::min({sealed_ns, up_->next_due_ns(), down_->next_due_ns()});
}

std::optional<Cipher> ClientEndpoint::cipher() const {
  if (sealed_ == nullptr || shaking_) return std::nullopt;
  return sealed_->cipher();
}

int ClientEndpoint::Send(const Address&, std::span<const iovec> parts) noexcept {
  size_t bytes = 0;
  for (const iovec& part : parts) bytes += part.iov_len;
  if (sealed_ == nullptr) {
    Put(parts, bytes);
  } else {
    SendSealed(sealed_->Seal(parts));
  }
  return static_cast<int>(bytes);
}

void ClientEndpoint::SendSealed(std::span<const std::byte> datagram) noexcept {
  if (datagram.empty()) return;
  const iovec part{const_cast<std::byte*>(datagram.data()), datagram.size()};
  Put({&part, 1}, datagram.size());
}

void ClientEndpoint::AnswerSealed() noexcept {
  const int64_t now_ns = clock_.NowNs();
  for (auto due = sealed_->Poll(now_ns); !due.empty(); due = sealed_->Poll(now_ns)) SendSealed(due);
}

// Onto the link, whose faults stay below the seal.
void ClientEndpoint::Put(std::span<const iovec> parts, size_t bytes) noexcept {
  ++counters_.datagrams_up;
  counters_.bytes_up += bytes;
  if (up_ == nullptr) {
    Transmit(parts);
    return;
  }
  std::array<std::byte, kDatagramBytes> whole;
  size_t used = 0;
  for (const iovec& part : parts) {
    if (used + part.iov_len > whole.size()) return;
    std::memcpy(whole.data() + used, part.iov_base, part.iov_len);
    used += part.iov_len;
  }
  up_->Offer(clock_.NowNs(), std::span(whole).first(used));
}

void ClientEndpoint::Transmit(std::span<const iovec> parts) noexcept {
  if (dark()) return;
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  // ECONNREFUSED and its like only say that a datagram was lost; the connection's timeout decides.
  if (sendmsg(host_->socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) ++counters_.send_errors;
}

void ClientEndpoint::ReleaseDelayed() {
  if (up_ == nullptr) return;
  const int64_t now_ns = clock_.NowNs();
  for (auto bytes = up_->Take(now_ns); bytes.data() != nullptr; bytes = up_->Take(now_ns)) {
    const iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
    Transmit({&part, 1});
  }
}

// One datagram of the kernel's, or 0 when there is none.
size_t ClientEndpoint::ReadSocket(std::span<std::byte> out) noexcept {
  while (readable_) {
    const ssize_t got = recv(host_->socket, out.data(), out.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (got > 0 && dark()) continue;
    if (got > 0 && static_cast<size_t>(got) <= std::min(out.size(), kDatagramBytes)) {
      return static_cast<size_t>(got);
    }
    if (got >= 0) {
      ++counters_.dropped_down;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      readable_ = false;
    } else if (errno != ECONNREFUSED && errno != EINTR) {
      readable_ = false;
    }
  }
  return 0;
}

int ClientEndpoint::Receive(Address& from, std::span<std::byte> out) noexcept {
  from = server_;
  for (;;) {
    size_t length = 0;
    if (down_ == nullptr) {
      length = ReadSocket(out);
    } else {
      const int64_t now_ns = clock_.NowNs();
      while ((length = ReadSocket(out)) > 0) down_->Offer(now_ns, out.first(length));
      const auto arrived = down_->Take(now_ns);
      std::copy(arrived.begin(), arrived.end(), out.begin());
      length = arrived.size();
    }
    if (length == 0) return 0;
    ++counters_.datagrams_down;
    counters_.bytes_down += length;
    if (sealed_ != nullptr) {
      auto datagram = out.first(length);
      const bool for_enet = sealed_->Open(datagram, clock_.NowNs());
      AnswerSealed();
      if (!for_enet) continue;
      std::memmove(out.data(), datagram.data(), datagram.size());
      length = datagram.size();
    }
    if (Precheck(out.first(length), Direction::kToClient) == Verdict::kOk)
      return static_cast<int>(length);
    ++counters_.dropped_down;
  }
}

// We asked to leave and go before the server has heard it.
void ClientEndpoint::SayGoodbye() noexcept {
  constexpr int kGoodbyes = 3;
  for (int i = 0; i < kGoodbyes; ++i) SendSealed(sealed_->Goodbye(*goodbye_));
  while (up_ != nullptr && up_->next_due_ns() != std::numeric_limits<int64_t>::max()) {
    const auto bytes = up_->Take(std::numeric_limits<int64_t>::max());
    const iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
    Transmit({&part, 1});
  }
}

void ClientEndpoint::Destroy() {
  if (host_ != nullptr && peer_ != nullptr && sealed_ != nullptr && goodbye_) SayGoodbye();
  sealed_.reset();
  shaking_ = false;
  if (held_ != nullptr) enet_packet_destroy(held_);
  held_ = nullptr;
  if (host_ != nullptr) {
    UnregisterSocket(host_->socket);
    enet_host_destroy(host_);
  }
  host_ = nullptr;
  peer_ = nullptr;
  connected_ = connect_untold_ = false;
  goodbye_.reset();
}

}  // namespace bluemarble::net
