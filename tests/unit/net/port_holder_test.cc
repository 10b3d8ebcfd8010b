#include "net/port_holder.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace bluemarble::net {
namespace {

uint16_t BindAnywhere(int fd) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
  socklen_t length = sizeof name;
  getsockname(fd, reinterpret_cast<sockaddr*>(&name), &length);
  return ntohs(name.sin_port);
}

std::string ThisProcess() { return "(pid " + std::to_string(getpid()) + ")"; }

TEST(PortHolder, NamesTheProcessThatHoldsAUdpPort) {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  const uint16_t port = BindAnywhere(fd);
  const std::string text = DescribePortHolder(PortKind::kUdp, port);
  EXPECT_NE(text.find("udp port " + std::to_string(port) + " is held by "), std::string::npos)
      << text;
  EXPECT_NE(text.find(ThisProcess()), std::string::npos) << text;
  close(fd);
}

TEST(PortHolder, NamesTheProcessThatListensOnATcpPort) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const uint16_t port = BindAnywhere(fd);
  ASSERT_EQ(listen(fd, 1), 0);
  const std::string text = DescribePortHolder(PortKind::kTcp, port);
  EXPECT_NE(text.find(ThisProcess()), std::string::npos) << text;
  close(fd);
}

TEST(PortHolder, SaysInUseWhenNobodyIsFound) {
  EXPECT_EQ(DescribePortHolder(PortKind::kUdp, 0), "udp port 0 is in use");
}

}  // namespace
}  // namespace bluemarble::net
