#include "net/flood_filter.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/hash.h"
#include "net/byte_order.h"
#include "sealed_pair.h"

namespace bluemarble::net {
namespace {

constexpr uint64_t kSeed = 31;
constexpr uint64_t kRounds = 2000;

/// A UDP socket with a filter, and one that sends to it.
class Filtered {
 public:
  explicit Filtered(std::span<const sock_filter> filter)
      : fd_(socket(AF_INET, SOCK_DGRAM, 0)), sender_(socket(AF_INET, SOCK_DGRAM, 0)) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof name;
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&name), length), 0);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&name), &length);
    EXPECT_EQ(connect(sender_, reinterpret_cast<sockaddr*>(&name), length), 0);
    const sock_fprog program{static_cast<unsigned short>(filter.size()),
                             const_cast<sock_filter*>(filter.data())};
    EXPECT_EQ(setsockopt(fd_, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0);
  }
  ~Filtered() {
    close(fd_);
    close(sender_);
  }
  // Over loopback a datagram has arrived, or has not, when the call that sends it returns.
  bool Passes(std::span<const std::byte> datagram) {
    EXPECT_EQ(send(sender_, datagram.data(), datagram.size(), 0),
              static_cast<ssize_t>(datagram.size()));
    std::array<std::byte, 2048> buffer;
    return recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT) >= 0;
  }

 private:
  int fd_, sender_;
};

Datagram Sealed(uint64_t session, size_t bytes = kSealBytes, uint8_t type = 4) {
  Datagram out(bytes);
  out[0] = static_cast<std::byte>(type);
  WriteLe(std::span<std::byte>(out), 1, session);
  return out;
}

TEST(FloodFilter, PassesSessionsWithTheMarkAndHardlyAnyOther) {
  const SessionMark mark(RandomKey());
  Filtered host(mark.Filter());
  core::Random random(kSeed);
  uint64_t unmarked = 0;
  for (uint64_t i = 0; i < kRounds; ++i) {
    const uint64_t id = mark.IdOf(random.Next());
    for (const int type : {0x04, 0x05, 0x84, 0x85})
      ASSERT_TRUE(host.Passes(Sealed(id, kSealBytes + i % 1000, static_cast<uint8_t>(type))));
    unmarked += host.Passes(Sealed(random.Next())) ? 1 : 0;
    unmarked += host.Passes(Sealed(id ^ uint64_t{1} << random.Below(64))) ? 1 : 0;
  }
  EXPECT_LE(unmarked, 4u);  // each passes by 1 in 65,536
}

TEST(FloodFilter, PassesRequestsAndNothingElseThatIsNoSessions) {
  SealedPair pair;
  const SessionMark mark(RandomKey());
  Filtered host(mark.Filter());
  const Datagram request = Copy(pair.Ask(pair.Token(), pair.At(1))->sealed.Poll(pair.clock.now_ns));
  EXPECT_TRUE(host.Passes(request));
  EXPECT_FALSE(host.Passes(std::span(request).first(kRequestBytes - 1)));
  for (size_t i = 4; i < 8; ++i) {
    Datagram other = request;
    other[i] ^= std::byte{1};
    EXPECT_FALSE(host.Passes(other)) << i;
  }
  const uint64_t id = mark.IdOf(kSeed);
  for (int type = 0; type < 256; ++type) {
    const bool sealed = (type & 0x7f) == 4 || (type & 0x7f) == 5;
    EXPECT_EQ(host.Passes(Sealed(id, 100, static_cast<uint8_t>(type))), sealed) << type;
  }
  const Datagram good = Sealed(id);
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(host.Passes(std::span(good).first(size))) << size;
}

TEST(FloodFilter, PassesWhatPlayersSendAlsoAfterARestart) {
  SealedPair pair;
  auto client = pair.Join(pair.At(5000));
  for (int life = 0; life < 2; ++life) {
    Filtered host(pair.server->FloodFilter());
    EXPECT_TRUE(host.Passes(pair.Up(*client, "x")));
    EXPECT_TRUE(host.Passes(client->sealed.Goodbye(1)));
    pair.Restart();
  }
}

TEST(FloodFilter, KnowsSessionsOfOtherHostsByTheirMark) {
  SealedPair pair;
  std::vector<Datagram> theirs;
  for (uint16_t i = 0; i < 8; ++i)
    theirs.push_back(pair.Up(*pair.Join(pair.At(static_cast<uint16_t>(5000 + i))), "x"));
  SealedServer neighbour(pair.settings, pair.mint, pair.reset_key);
  class Silent final : public DatagramOutlet {
    void SendDirect(const Address&, std::span<const std::byte>) noexcept override {}
  } silent;
  HostStats stats;
  neighbour.Attach(silent, stats, SealedPair::kPort + 1);
  Filtered host(neighbour.FloodFilter());
  int passed = 0;
  for (const Datagram& datagram : theirs) passed += host.Passes(datagram) ? 1 : 0;
  EXPECT_LE(passed, 1);
}

}  // namespace
}  // namespace bluemarble::net
