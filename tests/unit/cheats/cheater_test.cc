#include "tools/cheats/cheater.h"

#include <gtest/gtest.h>

#include <atomic>
#include <variant>

#include "net/identity.h"
#include "tests/unit/net/loopback.h"
#include "tools/cheats/cheat_fleet.h"

namespace bluemarble::cheats {
namespace {

const core::SystemClock kClock;

net::NetSettings Settings(const char* security) {
  net::NetSettings settings = net::Loopback::Small();
  settings.security = security;
  return settings;
}

JoinTicket TicketOf(net::Loopback& net) {
  JoinTicket ticket{.address = "127.0.0.1", .port = net.server->port(0), .token = "cheat-speed"};
  if (!net.server->sealed()) return ticket;
  ticket.token = *net.server->Mint(0, 7, "cheat-speed");
  ticket.security = "sealed";
  return ticket;
}

TEST(Cheater, IsInPlayAndCheatsWhetherTheZoneIsSealedOrPlain) {
  for (const char* security : {"sealed", "plain"}) {
    SCOPED_TRACE(security);
    net::Loopback net(Settings(security));
    Cheater cheater({.style = CheatStyle::kSpeed, .spawn = {}});
    ASSERT_TRUE(cheater.Connect(TicketOf(net)));
    const auto messages = [&](size_t count) {
      return net.Until([&] {
        cheater.Poll(kClock.NowNs());
        return net.Count(net::InboundKind::kMessage) >= count;
      });
    };
    ASSERT_TRUE(messages(1));
    const auto identity =
        net::ReadIdentity(net::Bytes(net.Last(net::InboundKind::kConnected)->text));
    ASSERT_EQ(identity.has_value(), net.server->sealed());
    EXPECT_EQ(identity ? identity->name : "cheat-speed", "cheat-speed");
    const net::Seen said = *net.Last(net::InboundKind::kMessage);
    const auto first = protocol::DecodeClientControl(net::Bytes(said.text));
    ASSERT_TRUE(first.ok());
    const auto* login = std::get_if<protocol::Login>(&*first);
    ASSERT_NE(login, nullptr);
    EXPECT_EQ(login->token, net.server->sealed() ? "" : "cheat-speed");
    const protocol::Welcome welcome;
    ASSERT_TRUE(net.server
                    ->Send(said.peer, net::Channel::kReliable,
                           protocol::Encode(protocol::ServerControl(welcome)))
                    .ok());
    ASSERT_TRUE(messages(3));
    EXPECT_TRUE(cheater.was_in());
    EXPECT_EQ(net.Last(net::InboundKind::kMessage)->channel, net::Channel::kUnreliable);
  }
}

TEST(Cheater, EndsWithATicketThatIsSealedByNobody) {
  Cheater cheater({.style = CheatStyle::kSpeed, .spawn = {}});
  EXPECT_FALSE(cheater.Connect(
      {.address = "127.0.0.1", .port = 1, .token = "no token", .security = "sealed"}));
  EXPECT_EQ(cheater.ended(), DisconnectReason::kInternal);
}

TEST(CheatFleet, AsksAgainWhenItIsToldToComeLater) {
  net::Loopback net(Settings("sealed"));
  std::atomic<int> calls = 0;
  CheatFleet fleet;
  fleet.Add({.style = CheatStyle::kHops, .spawn = {}});
  fleet.Start({[&] {
                JoinResult result;
                result.failure = RequestFailure::kBusy;
                result.retry_after_ms = 1;
                if (++calls < 3) return result;
                return JoinResult{.ok = true, .ticket = TicketOf(net), .error = {}};
              }},
              1000);
  EXPECT_TRUE(net.Until([&] {
    fleet.Poll(kClock.NowNs());
    return net.Count(net::InboundKind::kMessage) > 0;
  }));
  EXPECT_TRUE(fleet.started());
  EXPECT_EQ(calls, 3);
}

TEST(CheatFleet, DoesNotAskAgainWhenItIsRefused) {
  std::atomic<int> calls = 0;
  CheatFleet fleet;
  fleet.Add({.style = CheatStyle::kHops, .spawn = {}});
  fleet.Start({[&] {
                ++calls;
                JoinResult result;
                result.failure = RequestFailure::kRefused;
                return result;
              }},
              1000);
  while (!fleet.started()) fleet.Poll(kClock.NowNs());
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(fleet.figures().at("hops").connected, 0u);
}

}  // namespace
}  // namespace bluemarble::cheats
