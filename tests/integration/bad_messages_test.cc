// What happens to a peer that says something wrong: it is told why and ended, the reason is
// counted, and a player beside it notices nothing.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "core/clock.h"
#include "net/client_endpoint.h"
#include "protocol/control.h"
#include "protocol/input.h"
#include "zoned_process.h"

namespace bluemarble::support {
namespace {

using net::Channel;

std::vector<std::byte> Bytes(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

std::vector<std::byte> LoginBytes(const std::string& token, uint32_t version = kProtocolVersion) {
  protocol::Login login;
  login.token = token;
  login.protocol_version = version;
  return protocol::Encode(protocol::ClientControl(login));
}

std::vector<std::byte> InputBytes() {
  protocol::InputMessage input;
  input.count = kMinInputCommands;
  std::vector<std::byte> bytes(protocol::kMaxInputBytes);
  bytes.resize(*protocol::EncodeInput(input, bytes));
  return bytes;
}

struct Said {
  Channel channel;
  std::vector<std::byte> bytes;
};

struct Case {
  const char* name;
  std::vector<Said> says;
  DisconnectReason reason;
};

std::vector<Case> Cases() {
  const auto login = LoginBytes("mallory");
  auto truncated = login;
  truncated.resize(truncated.size() - 3);
  auto long_input = InputBytes();
  long_input.resize(200);
  auto short_input = InputBytes();
  short_input.resize(7);
  return {
      {"wrong version",
       {{Channel::kReliable, LoginBytes("mallory", 99)}},
       DisconnectReason::kWrongVersion},
      {"truncated login", {{Channel::kReliable, truncated}}, DisconnectReason::kMalformed},
      {"empty token", {{Channel::kReliable, LoginBytes("")}}, DisconnectReason::kBadToken},
      {"control characters in the name",
       {{Channel::kReliable, LoginBytes("a\nb")}},
       DisconnectReason::kBadToken},
      {"oversized control",
       {{Channel::kReliable, std::vector<std::byte>(2000, std::byte{10})}},
       DisconnectReason::kOversized},
      {"unknown control",
       {{Channel::kReliable, Bytes({0x7a, 0x00})}},
       DisconnectReason::kUnknownMessage},
      {"unknown datagram",
       {{Channel::kUnreliable, Bytes({77, 1, 2, 3})}},
       DisconnectReason::kUnknownMessage},
      {"input before login", {{Channel::kUnreliable, InputBytes()}}, DisconnectReason::kOutOfState},
      {"second login",
       {{Channel::kReliable, login}, {Channel::kReliable, login}},
       DisconnectReason::kOutOfState},
      {"input on the reliable channel",
       {{Channel::kReliable, InputBytes()}},
       DisconnectReason::kWrongChannel},
      {"login on the unreliable channel",
       {{Channel::kUnreliable, login}},
       DisconnectReason::kWrongChannel},
      {"oversized input", {{Channel::kUnreliable, long_input}}, DisconnectReason::kOversized},
  };
}

/// Connects, says it, and returns the reason of the disconnection; nothing after two seconds.
std::optional<uint32_t> Say(const ZonedProcess& zoned, const Case& test, Player& bystander) {
  const core::SystemClock clock;
  net::ClientEndpoint endpoint(clock);
  if (!endpoint.Connect("127.0.0.1", zoned.net_port()).ok()) return std::nullopt;
  const int64_t deadline_ns = clock.NowNs() + 2'000'000'000;
  while (clock.NowNs() < deadline_ns) {
    endpoint.Service();
    bystander.Poll();
    net::Inbound inbound;
    while (endpoint.Receive(inbound)) {
      if (inbound.kind == net::InboundKind::kDisconnected) return inbound.reason;
      if (inbound.kind != net::InboundKind::kConnected) continue;
      for (const Said& said : test.says) (void)endpoint.Send(said.channel, said.bytes);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return std::nullopt;
}

TEST(BadMessages, EachIsCountedByReasonAndEndsOnlyItsOwnPeer) {
  ZonedProcess zoned;
  ASSERT_TRUE(zoned.StartReady()) << zoned.output();
  Player bystander(zoned, "bystander");
  ASSERT_TRUE(
      PollUntil({&bystander}, [&] { return bystander.client.state() == ClientState::kPlaying; }));
  for (const Case& test : Cases()) {
    const std::string series =
        std::string("session_ended_total{reason=\"") + DisconnectReasonName(test.reason) + "\"}";
    const double before = zoned.Metric(series);
    ASSERT_GE(before, 0) << series;
    const auto reason = Say(zoned, test, bystander);
    ASSERT_TRUE(reason.has_value()) << test.name;
    EXPECT_EQ(static_cast<DisconnectReason>(*reason), test.reason) << test.name;
    EXPECT_EQ(zoned.Metric(series), before + 1) << test.name;
  }
  const uint64_t snapshots = bystander.client.stats().snapshots;
  EXPECT_TRUE(
      PollUntil({&bystander}, [&] { return bystander.client.stats().snapshots > snapshots + 10; }));
  EXPECT_EQ(bystander.client.state(), ClientState::kPlaying);
  EXPECT_EQ(bystander.client.stats().malformed, 0u);
}

}  // namespace
}  // namespace bluemarble::support
