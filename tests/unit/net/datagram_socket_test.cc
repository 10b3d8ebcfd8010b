#include "net/datagram_socket.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace bluemarble::net {
namespace {

// A DatagramSocket over a plain bound socket, and a sender next to it.
class DatagramSocketTest : public testing::Test {
 protected:
  DatagramSocketTest()
      : fd_(socket(AF_INET, SOCK_DGRAM, 0)), sender_(socket(AF_INET, SOCK_DGRAM, 0)) {
    settings_.datagram_queue = 64;
    name_.sin_family = AF_INET;
    name_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&name_), sizeof name_), 0);
    socklen_t length = sizeof name_;
    getsockname(fd_, reinterpret_cast<sockaddr*>(&name_), &length);
    socket_ = std::make_unique<DatagramSocket>(settings_, seam_, stats_);
    socket_->Attach(fd_);
  }
  ~DatagramSocketTest() override {
    close(fd_);
    close(sender_);
  }

  void SendIn(std::span<const uint8_t> bytes) {
    EXPECT_EQ(sendto(sender_, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&name_),
                     sizeof name_),
              static_cast<ssize_t>(bytes.size()));
  }
  size_t TakeAll() {
    Address from;
    size_t taken = 0;
    while (socket_->Take(from, out_) > 0) ++taken;
    return taken;
  }
  uint64_t Drops(DropReason reason) const {
    return stats_.drops[static_cast<size_t>(reason)].Get();
  }

  static constexpr std::array<uint8_t, 8> kPing{0x80, 3, 0, 0, 0x85, 0xff, 0, 1};
  NetSettings settings_;
  PlainSeam seam_;
  HostStats stats_;
  int fd_, sender_;
  sockaddr_in name_{};
  std::unique_ptr<DatagramSocket> socket_;
  std::array<std::byte, 4096> out_{};
};

TEST_F(DatagramSocketTest, CountsAFailedSend) {
  std::array<std::byte, 10> bytes{};
  const iovec part{bytes.data(), bytes.size()};
  const Address nowhere{0x7f000001, 0};
  EXPECT_FALSE(socket_->Send(nowhere, {&part, 1}));
  EXPECT_EQ(stats_.send_errors.Get(), 1u);
  EXPECT_EQ(stats_.datagrams_out.Get(), 0u);
}

TEST_F(DatagramSocketTest, KeepsTheOldestWhenItsQueueIsFull) {
  for (int i = 0; i < 100; ++i) SendIn(kPing);
  while (!socket_->Drain(10)) {
  }
  EXPECT_EQ(Drops(DropReason::kQueueFull), 36u);
  EXPECT_EQ(TakeAll(), 64u);
  SendIn(kPing);
  socket_->Drain(10);
  EXPECT_EQ(TakeAll(), 1u);
}

TEST_F(DatagramSocketTest, TakesGoodDatagramsFromBetweenBadOnes) {
  const std::array<uint8_t, 3> bad{0xff, 0xff, 0xff};
  const std::array<uint8_t, 1300> oversized{};
  for (int i = 0; i < 10; ++i) {
    SendIn(bad);
    SendIn(kPing);
    SendIn(oversized);
  }
  socket_->Drain(1000);
  Address from;
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(socket_->Take(from, out_), static_cast<int>(kPing.size()));
    EXPECT_EQ(std::memcmp(out_.data(), kPing.data(), kPing.size()), 0);
    EXPECT_EQ(from.v4, 0x7f000001u);
  }
  EXPECT_EQ(socket_->Take(from, out_), 0);
  EXPECT_EQ(Drops(DropReason::kMalformed), 10u);
  EXPECT_EQ(Drops(DropReason::kOversized), 10u);
}

TEST_F(DatagramSocketTest, PostsManyAndAttributesWhatLeftAndWhatDidNot) {
  const std::array<std::byte, 10> head{std::byte{1}};
  const Address here{0x7f000001, ntohs(name_.sin_port)}, nowhere{0x7f000001, 0};
  constexpr size_t kMessages = 40;  // more than one call's
  for (size_t i = 0; i < kMessages; ++i) {
    const std::array<std::byte, 20> message{std::byte{static_cast<uint8_t>(i)}};
    socket_->Post(i == 3 || i == 33 ? nowhere : here, head, message);
  }
  EXPECT_LT(stats_.datagrams_out.Get(), kMessages - 2);
  socket_->SendPosted();
  socket_->SendPosted();
  EXPECT_EQ(stats_.datagrams_out.Get(), kMessages - 2);
  EXPECT_EQ(stats_.bytes_out.Get(), (kMessages - 2) * 30);
  EXPECT_EQ(stats_.sent_enet_bytes.Get(), (kMessages - 2) * 10);
  EXPECT_EQ(stats_.sent_unreliable_bytes.Get(), (kMessages - 2) * 20);
  EXPECT_EQ(stats_.sent_seal_bytes.Get(), 0u);
  EXPECT_EQ(stats_.send_errors.Get(), 2u);
  EXPECT_EQ(stats_.unsent_unreliable_bytes.Get(), 40u);
  std::array<std::byte, 64> got;
  for (size_t i = 0; i < kMessages; ++i) {
    if (i == 3 || i == 33) continue;
    ASSERT_EQ(recv(fd_, got.data(), got.size(), MSG_DONTWAIT), 30) << i;
    EXPECT_EQ(got[0], head[0]);
    EXPECT_EQ(std::to_integer<size_t>(got[10]), i) << "in order, each with its own bytes";
  }
}

class RefusingSeam final : public DatagramSeam {
 public:
  core::Status AllowBind(uint32_t) const override { return {}; }
  Opened Open(Address&, std::span<std::byte>&) noexcept override { return Opened::kRefused; }
  size_t Seal(Address&, std::span<const iovec>, std::span<std::byte>) noexcept override {
    return 0;
  }
  std::span<const sock_filter> FloodFilter() const noexcept override { return kNothingPasses; }

 private:
  static constexpr std::array<sock_filter, 1> kNothingPasses{{{BPF_RET | BPF_K, 0, 0, 0}}};
};

TEST_F(DatagramSocketTest, LetsTheKernelDropInAFloodAndNoLonger) {
  RefusingSeam seam;
  DatagramSocket refusing(settings_, seam, stats_);
  refusing.Attach(fd_);
  const auto send = [&](uint64_t count) {
    const uint64_t before = stats_.datagrams_in.Get();
    for (uint64_t i = 0; i < count; ++i) {
      SendIn(kPing);
      if (i % 32 == 0) refusing.Drain(1000);
    }
    refusing.Drain(1000);
    refusing.ReadKernelDrops();
    refusing.GuardAgainstFloods();
    return stats_.datagrams_in.Get() - before;
  };
  constexpr uint64_t kFlood = DatagramSocket::kFloodPerLook + 1;
  EXPECT_EQ(send(kFlood - 1), kFlood - 1);
  EXPECT_EQ(stats_.flood_filter.Get(), 0u);  // just bearable
  EXPECT_EQ(send(kFlood), kFlood);
  EXPECT_EQ(stats_.flood_filter.Get(), 1u);
  EXPECT_EQ(send(kFlood), 0u);
  EXPECT_EQ(stats_.kernel_drops.Get(), kFlood);
  for (int i = 1; i < DatagramSocket::kCalmLooks; ++i) EXPECT_EQ(send(1), 0u);
  EXPECT_EQ(send(1), 0u);
  EXPECT_EQ(stats_.flood_filter.Get(), 0u);
  EXPECT_EQ(send(1), 1u);
}

TEST_F(DatagramSocketTest, LetsNothingPastASeamThatRefuses) {
  RefusingSeam seam;
  DatagramSocket refusing(settings_, seam, stats_);
  refusing.Attach(fd_);
  SendIn(kPing);
  refusing.Drain(10);
  Address from;
  EXPECT_EQ(refusing.Take(from, out_), 0);
  EXPECT_EQ(Drops(DropReason::kSeal), 1u);
  const iovec part{out_.data(), 10};
  EXPECT_FALSE(refusing.Send({0x7f000001, ntohs(name_.sin_port)}, {&part, 1}));
  EXPECT_EQ(stats_.send_refused.Get(), 1u);
  EXPECT_EQ(stats_.datagrams_out.Get(), 0u);
}

}  // namespace
}  // namespace bluemarble::net
