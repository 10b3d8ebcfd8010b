#include "insider.h"

#include <arpa/inet.h>
#include <enet/enet.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <variant>

#include "protocol/input.h"

namespace bluemarble::insiders {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kPatienceNs = 4000 * kMs;
constexpr int64_t kActNs = 100 * kMs;
constexpr int kLeadTicks = 4;
// Not where the bots are, whose budgets per address it must not spend.
constexpr uint32_t kOwnV4 = 0x7f000042;
// Out of sight of everybody: the bots' scenes lie in Europe.
constexpr double kLonDeg = 101, kLatDeg = -41;

}  // namespace

void SendToLoopback(int fd, uint16_t port, std::span<const std::byte> datagram) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(port);
  (void)sendto(fd, datagram.data(), datagram.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
               reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

Insider::Insider(const core::Clock& clock, Tapped& tapped, bool plays, uint64_t seed)
    : clock_(clock), tapped_(tapped), plays_(plays), seed_(seed) {}

Insider::~Insider() { Destroy(); }

bool Insider::Begin(const JoinTicket& ticket) {
  Destroy();
  state_ = State::kEnded;
  end_reason_ = 0;
  const auto token = net::DecodeConnectToken(ticket.token);
  if (!token.ok()) return false;
  server_ = {token->address.v4, ticket.port};
  const ENetAddress own{htonl(kOwnV4), 0};
  host_ = enet_host_create(&own, 1, 2, 0, 0);
  if (host_ == nullptr || !net::RegisterSocket(host_->socket, this).ok()) return false;
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(server_.v4);
  name.sin_port = htons(server_.port);
  if (connect(host_->socket, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0)
    return false;
  began_ns_ = heard_ns_ = clock_.NowNs();
  sealed_ = std::make_unique<net::SealedClient>(*token, 0, began_ns_);
  welcome_.reset();
  said_ = 0;
  state_ = State::kShaking;
  AnswerSealed();
  return true;
}

bool Insider::ConnectEnet() {
  host_->mtu = static_cast<enet_uint32>(kEnetMtu);
  const ENetAddress address{htonl(server_.v4), server_.port};
  peer_ = enet_host_connect(host_, &address, 2, 0);
  if (peer_ == nullptr) return false;
  peer_->mtu = static_cast<enet_uint32>(kEnetMtu);
  enet_host_flush(host_);
  return true;
}

void Insider::Service() {
  if (state_ == State::kIdle || state_ == State::kEnded) return;
  const int64_t now_ns = clock_.NowNs();
  if (state_ == State::kShaking) {
    net::Address from;
    std::array<std::byte, 2048> buffer;
    while (Receive(from, buffer) > 0) {
    }
    AnswerSealed();
    if (sealed_->state() == net::SealedClient::State::kOpen) {
      if (!ConnectEnet()) return End(0);
      state_ = State::kConnecting;
    }
  } else {
    ENetEvent event;
    while (enet_host_service(host_, &event, 0) > 0) {
      if (event.type == ENET_EVENT_TYPE_CONNECT) {
        state_ = State::kConnected;
        if (plays_) LogIn();
      } else if (event.type == ENET_EVENT_TYPE_RECEIVE) {
        if (event.channelID == 0)
          OnMessage(std::as_bytes(std::span(event.packet->data, event.packet->dataLength)));
        enet_packet_destroy(event.packet);
      } else if (event.type == ENET_EVENT_TYPE_DISCONNECT) {
        return End(event.data);
      }
    }
    if (state_ == State::kPlaying) Play(now_ns);
  }
  if (sealed_->state() == net::SealedClient::State::kEnded) return End(sealed_->end_reason());
  // Who cheats well is not told by everybody: its own mutants may have ended one side of it only.
  if (now_ns - heard_ns_ > kPatienceNs) End(0);
}

void Insider::OnMessage(std::span<const std::byte> bytes) {
  const auto message = protocol::DecodeServerControl(bytes);
  if (!message.ok()) return;
  if (const auto* welcome = std::get_if<protocol::Welcome>(&*message)) {
    welcome_ = *welcome;
    entered_ns_ = said_ns_ = clock_.NowNs();
    state_ = State::kPlaying;
  }
}

void Insider::LogIn() {
  protocol::Login login;
  login.client_version = "insider";
  login.spawn = geo::Geodetic{kLonDeg + static_cast<double>(seed_ % 100) / 1000, kLatDeg, 0};
  Say(0, protocol::Encode(protocol::ClientControl(login)));
}

// Some of everything that an honest client says, so that there is something to mutate.
void Insider::Play(int64_t now_ns) {
  if (now_ns - said_ns_ < kActNs) return;
  said_ns_ = now_ns;
  ++said_;
  const auto ticks = (now_ns - entered_ns_) * int64_t{welcome_->tick_hz} / 1'000'000'000;
  protocol::InputMessage input;
  input.newest_tick =
      static_cast<uint32_t>(welcome_->tick + static_cast<uint64_t>(ticks) + uint64_t{kLeadTicks});
  input.count = kMinInputCommands;
  std::array<std::byte, protocol::kMaxInputBytes> buffer;
  if (const auto size = protocol::EncodeInput(input, buffer); size.ok())
    Say(1, std::span(buffer).first(*size));
  if (said_ % 10 == 1) {
    protocol::Action action;
    action.key.fill(static_cast<std::byte>(said_));
    action.key[0] = std::byte{1};
    action.what = protocol::AcceptTrade{said_};
    Say(0, protocol::Encode(protocol::ClientControl(action)));
  }
  if (said_ % 20 == 5)
    Say(0, protocol::Encode(
               protocol::ClientControl(protocol::ChatSay{ChatScope::kLocal, "nobody hears", 1})));
}

void Insider::Say(uint8_t channel, std::span<const std::byte> bytes) {
  ENetPacket* packet =
      enet_packet_create(bytes.data(), bytes.size(),
                         channel == 0 ? ENET_PACKET_FLAG_RELIABLE : ENET_PACKET_FLAG_UNSEQUENCED);
  if (packet != nullptr && enet_peer_send(peer_, channel, packet) < 0) enet_packet_destroy(packet);
}

void Insider::Seal(std::span<const std::byte> enet) {
  if (sealed_ == nullptr) return;
  const iovec part{const_cast<std::byte*>(enet.data()), enet.size()};
  const auto datagram = sealed_->Seal({&part, 1});
  if (!datagram.empty()) SendRaw(datagram);
}

void Insider::SendRaw(std::span<const std::byte> datagram) {
  if (diverted_ == 0) return ToServer(datagram);
  if (host_ != nullptr) SendToLoopback(host_->socket, diverted_, datagram);
}

// What the kernel refuses is lost, as everywhere.
void Insider::ToServer(std::span<const std::byte> datagram) {
  if (host_ != nullptr)
    (void)send(host_->socket, datagram.data(), datagram.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void Insider::SayGoodbye(uint32_t reason) {
  if (sealed_ == nullptr) return;
  if (const auto goodbye = sealed_->Goodbye(reason); !goodbye.empty()) SendRaw(goodbye);
}

void Insider::Quit() {
  constexpr auto kQuit = static_cast<uint32_t>(DisconnectReason::kClientQuit);
  constexpr int kGoodbyes = 3;
  diverted_ = 0;
  for (int i = 0; i < kGoodbyes; ++i) SayGoodbye(kQuit);
  End(kQuit);
}

uint16_t Insider::head() const {
  if (peer_ == nullptr) return 0x0fff;
  return static_cast<uint16_t>(peer_->outgoingPeerID | peer_->outgoingSessionID << 12);
}

void Insider::End(uint32_t reason) {
  Destroy();
  state_ = State::kEnded;
  end_reason_ = reason;
}

void Insider::Destroy() {
  if (host_ != nullptr) {
    net::UnregisterSocket(host_->socket);
    enet_host_destroy(host_);
  }
  host_ = nullptr;
  peer_ = nullptr;
  sealed_.reset();
}

int Insider::Send(const net::Address&, std::span<const iovec> parts) noexcept {
  std::array<std::byte, 4096> whole;
  size_t bytes = 0;
  for (const iovec& part : parts) {
    if (bytes + part.iov_len > whole.size()) break;
    std::memcpy(whole.data() + bytes, part.iov_base, part.iov_len);
    bytes += part.iov_len;
  }
  tapped_.enet.Add(std::span(whole).first(bytes));
  const auto datagram = sealed_->Seal(parts);
  if (!datagram.empty()) {
    tapped_.wire.Add(datagram);
    ToServer(datagram);
  }
  return static_cast<int>(bytes);
}

int Insider::Receive(net::Address& from, std::span<std::byte> out) noexcept {
  from = server_;
  for (;;) {
    const ssize_t got = recv(host_->socket, out.data(), out.size(), MSG_DONTWAIT);
    if (got <= 0) return 0;
    auto datagram = out.first(static_cast<size_t>(got));
    heard_ns_ = clock_.NowNs();
    const bool for_enet = sealed_->Open(datagram, heard_ns_);
    AnswerSealed();
    if (!for_enet) continue;
    std::memmove(out.data(), datagram.data(), datagram.size());
    return static_cast<int>(datagram.size());
  }
}

void Insider::AnswerSealed() noexcept {
  const int64_t now_ns = clock_.NowNs();
  for (auto due = sealed_->Poll(now_ns); !due.empty(); due = sealed_->Poll(now_ns)) {
    tapped_.wire.Add(due);
    ToServer(due);
  }
}

}  // namespace bluemarble::insiders
