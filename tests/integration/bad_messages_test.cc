// What happens to a peer that says something wrong: it is told why and ended, the reason is
// counted, and a player beside it notices nothing.
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <thread>
#include <variant>

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

enum class When { kOnConnect, kInPlay };

struct Case {
  const char* name;
  std::vector<Said> says;
  DisconnectReason reason;
  When when = When::kOnConnect;
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
       {{Channel::kReliable, std::vector<std::byte>(1100, std::byte{10})}},
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
      {"truncated input in play",
       {{Channel::kUnreliable, short_input}},
       DisconnectReason::kMalformed,
       When::kInPlay},
      // Ten seconds of ticks at once, and then some.
      {"flood of inputs in play", std::vector<Said>(500, {Channel::kUnreliable, InputBytes()}),
       DisconnectReason::kRateLimited, When::kInPlay},
      {"second login in play",
       {{Channel::kReliable, login}},
       DisconnectReason::kOutOfState,
       When::kInPlay},
      {"oversized input in play",
       {{Channel::kUnreliable, long_input}},
       DisconnectReason::kOversized,
       When::kInPlay},
      {"oversized control in play",
       {{Channel::kReliable, std::vector<std::byte>(1100, std::byte{10})}},
       DisconnectReason::kOversized,
       When::kInPlay},
      {"unknown datagram in play",
       {{Channel::kUnreliable, Bytes({77, 1, 2, 3})}},
       DisconnectReason::kUnknownMessage,
       When::kInPlay},
      {"unknown control in play",
       {{Channel::kReliable, Bytes({0x7a, 0x00})}},
       DisconnectReason::kUnknownMessage,
       When::kInPlay},
      {"input on the reliable channel in play",
       {{Channel::kReliable, InputBytes()}},
       DisconnectReason::kWrongChannel,
       When::kInPlay},
      {"login on the unreliable channel in play",
       {{Channel::kUnreliable, login}},
       DisconnectReason::kWrongChannel,
       When::kInPlay},
  };
}

/// What a peer was told before it was disconnected, and the number that the disconnection carried.
struct Farewell {
  DisconnectReason told = DisconnectReason::kNone;
  std::optional<uint32_t> disconnected;  ///< None: still connected after five seconds.
};

/// Connects, says it when it is time, and listens until the end.
Farewell Say(const ZonedProcess& zoned, const Case& test, Player& bystander) {
  const core::SystemClock clock;
  net::ClientEndpoint endpoint(clock);
  Farewell farewell;
  if (!endpoint.Connect("127.0.0.1", zoned.net_port()).ok()) return farewell;
  const auto say = [&](const std::vector<Said>& says) {
    for (const Said& said : says) (void)endpoint.Send(said.channel, said.bytes);
  };
  const auto hear = [&](const protocol::ServerControl& control) {
    if (const auto* refused = std::get_if<protocol::Refused>(&control)) {
      farewell.told = refused->reason;
    } else if (const auto* goodbye = std::get_if<protocol::ServerGoodbye>(&control)) {
      farewell.told = goodbye->reason;
    } else if (test.when == When::kInPlay) {
      say(test.says);
    }
  };
  const int64_t deadline_ns = clock.NowNs() + 5'000'000'000;
  while (clock.NowNs() < deadline_ns) {
    endpoint.Service();
    bystander.Poll();
    net::Inbound inbound;
    while (endpoint.Receive(inbound)) {
      if (inbound.kind == net::InboundKind::kDisconnected) {
        farewell.disconnected = inbound.reason;
        return farewell;
      }
      if (inbound.kind == net::InboundKind::kConnected) {
        say(test.when == When::kInPlay ? std::vector<Said>{{Channel::kReliable, LoginBytes("eve")}}
                                       : test.says);
      } else if (inbound.channel == Channel::kReliable) {
        const auto control = protocol::DecodeServerControl(inbound.bytes);
        if (control.ok()) hear(*control);
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return farewell;
}

std::string Series(const char* name, DisconnectReason reason) {
  return std::string(name) + "{reason=\"" + DisconnectReasonName(reason) + "\"}";
}

TEST(BadMessages, EachIsCountedByReasonAndEndsOnlyItsOwnPeer) {
  ZonedProcess zoned;
  ASSERT_TRUE(zoned.StartReady()) << zoned.output();
  Player bystander(zoned, "bystander");
  ASSERT_TRUE(
      PollUntil({&bystander}, [&] { return bystander.client.state() == ClientState::kPlaying; }));
  for (const Case& test : Cases()) {
    SCOPED_TRACE(test.name);
    const std::string ended = Series("session_ended_total", test.reason);
    const std::string refused = Series("session_refused_messages_total", test.reason);
    const double ended_before = zoned.Metric(ended), refused_before = zoned.Metric(refused);
    const double logins_before = zoned.Metric("session_logins_total");
    ASSERT_GE(ended_before, 0) << ended;
    ASSERT_GE(refused_before, 0) << refused;
    const uint64_t snapshots = bystander.client.stats().snapshots;

    const Farewell farewell = Say(zoned, test, bystander);
    ASSERT_TRUE(farewell.disconnected.has_value());
    EXPECT_EQ(static_cast<DisconnectReason>(*farewell.disconnected), test.reason);
    EXPECT_EQ(farewell.told, test.reason);
    EXPECT_EQ(zoned.Metric(ended), ended_before + 1);
    if (test.when == When::kInPlay) {
      EXPECT_EQ(zoned.Metric(refused), refused_before + 1);
      EXPECT_EQ(zoned.Metric("session_logins_total"), logins_before + 1);
    }
    EXPECT_TRUE(PollUntil({&bystander},
                          [&] { return bystander.client.stats().snapshots > snapshots + 3; }));
    EXPECT_EQ(bystander.client.state(), ClientState::kPlaying);
    EXPECT_EQ(bystander.client.stats().malformed, 0u);
    EXPECT_EQ(zoned.Metric("session_players"), 1);
  }
}

}  // namespace
}  // namespace bluemarble::support
