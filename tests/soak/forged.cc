#include "forged.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "bluemarble/wire.h"
#include "net/sealed_packets.h"

namespace bluemarble::insiders {
namespace {

constexpr size_t kBatch = 64;
constexpr size_t kIpBytes = 20, kUdpBytes = 8;
constexpr uint16_t kTimeFlag = 0x8000;
// Command byte with the flags that it ought to have, channel, bytes after its four.
struct Kind {
  uint8_t command;
  uint8_t channel;
  size_t body;
};
constexpr std::array<Kind, kEnetKinds + 1> kKinds{{{0, 0, 0},
                                                   {0x01, 0, 4},
                                                   {0x82, 0xff, 44},
                                                   {0x83, 0xff, 40},
                                                   {0x84, 0xff, 4},
                                                   {0x85, 0xff, 0},
                                                   {0x86, 0, 2},
                                                   {0x07, 1, 4},
                                                   {0x88, 0, 20},
                                                   {0x49, 1, 4},
                                                   {0x8a, 0xff, 8},
                                                   {0x8b, 0xff, 12},
                                                   {0x0c, 1, 20}}};
constexpr int kDisconnect = 4, kReliable = 6, kFragment = 8, kUnsequenced = 9;

void Put(Bytes& out, uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<std::byte>(value >> (8 * i)));
}

void PutGarbage(Bytes& out, size_t bytes, core::Random& random) {
  for (size_t i = 0; i < bytes; ++i) out.push_back(static_cast<std::byte>(random.Next()));
}

}  // namespace

Bytes EnetCommand(int kind, int variant, uint16_t peer, uint16_t session, core::Random& random) {
  const Kind& known = kKinds[static_cast<size_t>(kind)];
  if (kind == kFragment)
    return EnetFragment(static_cast<uint16_t>(peer | session << 12),
                        {.start = 1, .count = 1, .number = 0, .total = 64, .bytes = 64});
  Bytes out;
  Put(out, kTimeFlag | (session & 3u) << 12 | (peer & 0x0fffu), 2);
  Put(out, random.Next(), 2);
  Put(out, kind == kDisconnect && variant == 1 ? 0x44 : known.command, 1);
  Put(out, known.channel, 1);
  Put(out, 1 + random.Below(8), 2);
  if (kind == kReliable || kind == kUnsequenced) {
    constexpr size_t kMessage = 12;
    if (kind == kUnsequenced) Put(out, 1 + random.Below(64), 2);
    Put(out, kMessage, 2);
    PutGarbage(out, kMessage, random);
  } else if (kind == kDisconnect) {
    Put(out, static_cast<uint32_t>(DisconnectReason::kKicked), 4);
  } else {
    PutGarbage(out, known.body, random);
  }
  return out;
}

Bytes EnetFragment(uint16_t head, const Fragment& fragment) {
  Bytes out;
  Put(out, kTimeFlag | head, 2);
  Put(out, 0, 2);
  Put(out, 0x88, 1);
  Put(out, 0, 1);
  Put(out, fragment.start, 2);
  Put(out, fragment.start, 2);
  Put(out, fragment.bytes, 2);
  Put(out, fragment.count, 4);
  Put(out, fragment.number, 4);
  Put(out, fragment.total, 4);
  Put(out, fragment.offset, 4);
  out.resize(out.size() + fragment.bytes, std::byte{0xa5});
  return out;
}

Bytes SealedGuess(uint8_t type, uint64_t session, size_t bytes, core::Random& random) {
  Bytes out{static_cast<std::byte>(type)};
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<std::byte>(session >> (8 * i)));
  const uint64_t sequence = random.Below(4096);
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<std::byte>(sequence >> (8 * i)));
  if (bytes > out.size()) PutGarbage(out, bytes - out.size(), random);
  out.resize(bytes);
  return out;
}

Bytes HandshakeGuess(uint8_t type, core::Random& random) {
  Bytes out{static_cast<std::byte>(type)};
  switch (static_cast<net::PacketType>(type)) {
    case net::PacketType::kRequest:
      for (const char c : {'\1', '\3', '\0', 'B', 'M', 'S', 'D'})
        out.push_back(static_cast<std::byte>(c));
      PutGarbage(out, net::kProofAt + 16 - out.size(), random);
      out.resize(net::kRequestBytes);
      break;
    case net::PacketType::kChallenge: PutGarbage(out, net::kChallengeBytes - 1, random); break;
    case net::PacketType::kAccept:
      out.push_back(static_cast<std::byte>(1 + random.Below(2)));
      PutGarbage(out, net::kAcceptBytes - 2, random);
      break;
    case net::PacketType::kReset: PutGarbage(out, net::kResetBytes - 1, random); break;
    case net::PacketType::kRefused:
      out.push_back(static_cast<std::byte>(1 + random.Below(5)));
      PutGarbage(out, net::kRefusedBytes - 2, random);
      break;
    case net::PacketType::kData:
    case net::PacketType::kControl:
      return SealedGuess(type, random.Next(), net::kSealBytes + 9, random);
  }
  return out;
}

RawSocket::RawSocket() : fd_(socket(AF_INET, SOCK_RAW, IPPROTO_RAW)), packets_(kBatch) {
  const int buffer = 1 << 22;
  if (fd_ >= 0) setsockopt(fd_, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
}

RawSocket::~RawSocket() {
  if (fd_ >= 0) close(fd_);
}

void RawSocket::Send(const net::Address& from, const net::Address& to,
                     std::span<const std::byte> datagram) {
  Packet& packet = packets_[waiting_++];
  packet.to = to;
  Bytes& out = packet.bytes;
  out.clear();
  const size_t udp_bytes = kUdpBytes + datagram.size();
  Put(out, 0x4500, 2);
  Put(out, kIpBytes + udp_bytes, 2);
  Put(out, 0, 4);
  Put(out, 64 << 8 | IPPROTO_UDP, 2);
  Put(out, 0, 2);  // the kernel's
  Put(out, from.v4, 4);
  Put(out, to.v4, 4);
  Put(out, from.port, 2);
  Put(out, to.port, 2);
  Put(out, udp_bytes, 2);
  Put(out, 0, 2);  // no checksum
  out.insert(out.end(), datagram.begin(), datagram.end());
  if (waiting_ == packets_.size()) Flush();
}

void RawSocket::Flush() {
  std::array<mmsghdr, kBatch> messages{};
  std::array<iovec, kBatch> parts{};
  std::array<sockaddr_in, kBatch> names{};
  for (size_t i = 0; i < waiting_; ++i) {
    names[i].sin_family = AF_INET;
    names[i].sin_addr.s_addr = htonl(packets_[i].to.v4);
    parts[i] = {packets_[i].bytes.data(), packets_[i].bytes.size()};
    messages[i].msg_hdr.msg_name = &names[i];
    messages[i].msg_hdr.msg_namelen = sizeof names[i];
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  for (size_t done = 0; done < waiting_;) {
    const int got =
        sendmmsg(fd_, messages.data() + done, static_cast<unsigned>(waiting_ - done), 0);
    if (got > 0) {
      sent_ += static_cast<uint64_t>(got);
      done += static_cast<size_t>(got);
    } else {
      ++failed_;
      ++done;
    }
  }
  waiting_ = 0;
}

}  // namespace bluemarble::insiders
