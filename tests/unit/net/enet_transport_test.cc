#include "net/enet_transport.h"

#include <gtest/gtest.h>

#include "loopback.h"

namespace bluemarble::net {
namespace {

TEST(EnetTransport, CarriesMessagesBothWaysOnBothChannels) {
  Loopback net;
  const auto peer = net.Join();
  ASSERT_TRUE(net.clients[0]->Send(Channel::kReliable, Bytes("up reliable")).ok());
  ASSERT_TRUE(net.clients[0]->Send(Channel::kUnreliable, Bytes("up unreliable")).ok());
  ASSERT_TRUE(net.server->Send(peer, Channel::kReliable, Bytes("down reliable")).ok());
  ASSERT_TRUE(net.server->Send(peer, Channel::kUnreliable, Bytes("down unreliable")).ok());
  ASSERT_TRUE(net.Until([&] {
    return net.Count(InboundKind::kMessage) == 2 && net.CountAt(0, InboundKind::kMessage) == 2;
  }));
  for (const auto* seen : {&net.events, &net.heard[0]}) {
    for (const Seen& message : *seen) {
      if (message.kind != InboundKind::kMessage) continue;
      const bool reliable = message.text.find("unreliable") == std::string::npos;
      EXPECT_EQ(message.channel, reliable ? Channel::kReliable : Channel::kUnreliable)
          << message.text;
    }
  }
}

}  // namespace
}  // namespace bluemarble::net
