#include "tests/soak/stranger.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <utility>

#include "core/clock.h"

namespace bluemarble::stranger {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int kTries = 20;
constexpr int64_t kTryNs = 200 * kMs;

const core::SystemClock kClock;

const char* TypeName(std::span<const std::byte> datagram) {
  constexpr std::array kNames = {"request", "challenge", "accept", "data",
                                 "control", "reset",     "refused"};
  const auto type = net::TypeOf(datagram);
  return type ? kNames[static_cast<size_t>(*type) - 1] : "unknown";
}

}  // namespace

void GiveUp(const std::string& why) {
  std::fprintf(stderr, "stranger_attack: %s\n", why.c_str());
  std::exit(2);
}

int64_t NowNs() { return kClock.NowNs(); }

void SleepUntil(int64_t ns) {
  const timespec until{ns / 1'000'000'000, ns % 1'000'000'000};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
}

Offers::Offers(const std::string& file) {
  std::ifstream in(file);
  std::string kind, text;
  while (in >> kind >> text) {
    const auto token = net::DecodeConnectToken(text);
    if (!token.ok()) GiveUp(file + ": " + token.status().ToString());
    offers_.push_back({kind, text, *token});
  }
}

Offer Offers::Take(const std::string& kind, uint16_t port) {
  const auto found = std::find_if(offers_.begin(), offers_.end(), [&](const Offer& offer) {
    return offer.kind == kind && (port == 0 || offer.token.address.port == port);
  });
  if (found == offers_.end())
    GiveUp("too few tokens: " + kind + " for port " + std::to_string(port));
  Offer offer = *found;
  offers_.erase(found);
  return offer;
}

Source::Source(uint32_t v4, uint16_t port) : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  const auto name = [](uint32_t address, uint16_t its_port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_addr.s_addr = htonl(address);
    out.sin_port = htons(its_port);
    return out;
  };
  const sockaddr_in own = name(v4, 0), zone = name(0x7f00'0001, port);
  const int room = 4 << 20;
  setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  if (bind(fd_, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0 ||
      connect(fd_, reinterpret_cast<const sockaddr*>(&zone), sizeof zone) != 0) {
    GiveUp(std::string("no socket: ") + std::strerror(errno));
  }
}

Source::~Source() {
  if (fd_ >= 0) close(fd_);
}

Source::Source(Source&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

// An error only tells of an earlier datagram's fate.
void Source::Send(std::span<const std::byte> datagram) const {
  for (int tries = 0; tries < 2; ++tries)
    if (send(fd_, datagram.data(), datagram.size(), MSG_NOSIGNAL) >= 0) return;
}

std::span<std::byte> Source::Receive(int64_t until_ns) const {
  static thread_local std::array<std::byte, 65536> buffer;
  for (;;) {
    const ssize_t got = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got > 0) return std::span(buffer).first(static_cast<size_t>(got));
    const int64_t left_ns = until_ns - NowNs();
    if (left_ns <= 0) return {};
    pollfd readable{fd_, POLLIN, 0};
    poll(&readable, 1, static_cast<int>(left_ns / kMs + 1));
  }
}

void Tally::Sent(std::span<const std::byte> datagram) {
  ++sent;
  bytes_sent += datagram.size();
}

void Tally::Heard(std::span<const std::byte> answer) {
  ++heard;
  bytes_heard += answer.size();
  ++by_type[TypeName(answer)];
}

void Tally::Hear(const Source& source, int64_t until_ns) {
  for (auto answer = source.Receive(until_ns); !answer.empty(); answer = source.Receive(until_ns))
    Heard(answer);
}

uint64_t Tally::accepts() const {
  const auto found = by_type.find("accept");
  return found == by_type.end() ? 0 : found->second;
}

Json Tally::ToJson() const {
  return {{"sent", sent},         {"bytes_sent", bytes_sent},
          {"heard", heard},       {"bytes_heard", bytes_heard},
          {"accepts", accepts()}, {"by_type", by_type}};
}

Datagram RequestOf(const net::ConnectToken& token, const net::Cookie& cookie) {
  Datagram out(net::kRequestBytes);
  net::WriteRequest(token, net::kAllCiphers, cookie,
                    std::span<std::byte, net::kRequestBytes>(out.data(), out.size()));
  return out;
}

net::Cookie CookieOf(const Source& source, const net::ConnectToken& token) {
  const Datagram request = RequestOf(token);
  for (int tries = 0; tries < kTries; ++tries) {
    source.Send(request);
    const int64_t until_ns = NowNs() + kTryNs;
    for (auto answer = source.Receive(until_ns); !answer.empty();
         answer = source.Receive(until_ns)) {
      const auto challenge = net::ReadChallenge(answer);
      const auto tag = std::span(token.sealed).last<net::kTagBytes>();
      if (!challenge || !std::equal(tag.begin(), tag.end(), challenge->token_tag.begin())) continue;
      net::Cookie cookie;
      std::copy(challenge->cookie.begin(), challenge->cookie.end(), cookie.begin());
      return cookie;
    }
  }
  GiveUp("the zone gives no cookie");
}

OpenSession::OpenSession(uint32_t v4, const Offer& offer)
    : source_(v4, offer.token.address.port),
      request_(RequestOf(offer.token, CookieOf(source_, offer.token))) {
  for (int tries = 0; tries < kTries; ++tries) {
    source_.Send(request_);
    const auto answer = source_.Receive(NowNs() + kTryNs);
    const auto accept = net::ReadAccept(aead_, offer.token.to_client, answer);
    if (!accept) continue;
    accept_.assign(answer.begin(), answer.end());
    pipe_.Start(net::SealedPipe::Side::kClient, accept->cipher, accept->session,
                offer.token.to_server, offer.token.to_client);
    return;
  }
  GiveUp("the zone accepts no good token");
}

Datagram OpenSession::Seal(net::PacketType type, std::span<const std::byte> text) {
  Datagram out(text.size() + net::kSealBytes);
  std::copy(text.begin(), text.end(), out.begin() + net::kSealHeadBytes);
  pipe_.Seal(aead_, type, out);
  return out;
}

Datagram OpenSession::SealPings(size_t count) {
  constexpr std::byte kSentTimeFollows{0x80}, kPingWithAck{0x85}, kNoChannel{0xff};
  Datagram text(4 + 4 * count);
  text[0] = kSentTimeFollows;
  for (size_t i = 0; i < count; ++i) {
    text[4 + 4 * i] = kPingWithAck;
    text[5 + 4 * i] = kNoChannel;
    text[7 + 4 * i] = static_cast<std::byte>(i);
  }
  return Seal(net::PacketType::kData, text);
}

void OpenSession::SayGoodbye() {
  const std::array<std::byte, 5> goodbye{static_cast<std::byte>(net::ControlKind::kGoodbye),
                                         std::byte{1}};
  for (int i = 0; i < 3; ++i) source_.Send(Seal(net::PacketType::kControl, goodbye));
}

}  // namespace bluemarble::stranger
