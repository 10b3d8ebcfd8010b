#include "net/client_endpoint.h"

#include <gtest/gtest.h>

#include "loopback.h"

namespace bluemarble::net {
namespace {

TEST(ClientEndpoint, RefusesWhatIsNoAddress) {
  const core::SystemClock clock;
  ClientEndpoint client(clock);
  EXPECT_EQ(client.Connect("localhost", 7777).code(), core::Code::kInvalid);
  EXPECT_EQ(client.fd(), -1);
}

TEST(ClientEndpoint, RefusesToSendBeforeItIsConnected) {
  Loopback net;
  ClientEndpoint& client = net.AddClient();
  EXPECT_EQ(client.Send(Channel::kReliable, Bytes("x")).code(), core::Code::kStale);
  EXPECT_EQ(client.Connect("127.0.0.1", net.server->port(0)).code(), core::Code::kConflict);
}

TEST(ClientEndpoint, RefusesMessagesThatDoNotFit) {
  Loopback net;
  net.Join();
  const std::string large(kEnetMtu - 27, 'x');
  EXPECT_EQ(net.clients[0]->Send(Channel::kUnreliable, Bytes(large)).code(), core::Code::kNoSpace);
}

TEST(ClientEndpoint, GivesUpWhenNobodyAnswers) {
  const core::SystemClock clock;
  // A port that was free a moment ago: the kernel refuses each datagram, and the endpoint absorbs
  // that.
  uint16_t port = 0;
  {
    Loopback gone;
    port = gone.server->port(0);
  }
  ClientEndpoint client(clock, {.timeout_ms = 300});
  ASSERT_TRUE(client.Connect("127.0.0.1", port).ok());
  Inbound in;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  bool ended = false;
  while (!ended && std::chrono::steady_clock::now() < deadline) {
    client.Service();
    while (client.Receive(in)) ended = in.kind == InboundKind::kDisconnected;
    std::this_thread::yield();
  }
  EXPECT_TRUE(ended);
  EXPECT_EQ(in.reason, 0u);
}

TEST(ClientEndpoint, CanConnectAgainAfterTheEnd) {
  Loopback net;
  const auto peer = net.Join();
  net.server->Disconnect(peer, 9);
  ASSERT_TRUE(net.Until([&] { return net.CountAt(0, InboundKind::kDisconnected) == 1; }));
  ASSERT_TRUE(net.clients[0]->Connect("127.0.0.1", net.server->port(0)).ok());
  EXPECT_TRUE(net.Until(
      [&] { return net.Count(InboundKind::kConnected) == 2 && net.clients[0]->connected(); }));
}

TEST(ClientEndpoint, TellsItsOwnGoodbye) {
  Loopback net;
  net.Join();
  net.clients[0]->Disconnect(7);
  ASSERT_TRUE(net.Until([&] { return net.CountAt(0, InboundKind::kDisconnected) == 1; }));
  EXPECT_EQ(net.heard[0].back().reason, 7u);
  EXPECT_FALSE(net.clients[0]->connected());
}

TEST(ClientEndpoint, EndsAtOnceWhenItGivesUpConnecting) {
  Loopback net;
  ClientEndpoint& client = net.AddClient();
  client.Disconnect(3);
  Inbound in;
  ASSERT_TRUE(client.Receive(in));
  EXPECT_EQ(in.kind, InboundKind::kDisconnected);
  EXPECT_EQ(in.reason, 3u);
}

TEST(ClientEndpoint, CountsWhatItSendsAndHears) {
  Loopback net;
  const auto peer = net.Join();
  const LinkCounters before = net.clients[0]->counters();
  const std::string text(1000, 'x');
  ASSERT_TRUE(net.clients[0]->Send(Channel::kUnreliable, Bytes(text)).ok());
  ASSERT_TRUE(net.server->Send(peer, Channel::kUnreliable, Bytes(text)).ok());
  ASSERT_TRUE(net.Until([&] {
    return net.Count(InboundKind::kMessage) == 1 && net.CountAt(0, InboundKind::kMessage) == 1;
  }));
  const LinkCounters after = net.clients[0]->counters();
  EXPECT_GE(after.bytes_up - before.bytes_up, text.size());
  EXPECT_GE(after.bytes_down - before.bytes_down, text.size());
  EXPECT_GT(after.datagrams_up, before.datagrams_up);
  EXPECT_GT(after.datagrams_down, before.datagrams_down);
}

TEST(ClientEndpoint, KeepsReliableMessagesOnceAndInOrderOnABadLink) {
  ClientEndpointOptions bad;
  bad.link = {.loss = 0.15, .duplicate = 0.1, .latency_ms = 2, .jitter_ms = 6, .seed = 20};
  SCOPED_TRACE(bad.link.seed);
  Loopback net;
  net.AddClient(bad);
  ASSERT_TRUE(net.Until(
      [&] { return net.Count(InboundKind::kConnected) == 1 && net.clients[0]->connected(); }));
  const auto peer = net.events[0].peer;
  constexpr size_t kMessages = 100;
  size_t sent = 0;
  ASSERT_TRUE(net.Until([&] {
    if (sent < kMessages) {
      const std::string text = std::to_string(sent++);
      (void)net.clients[0]->Send(Channel::kReliable, Bytes(text));
      (void)net.server->Send(peer, Channel::kReliable, Bytes(text));
    }
    return net.Count(InboundKind::kMessage) == kMessages &&
           net.CountAt(0, InboundKind::kMessage) == kMessages;
  }));
  for (const auto* seen : {&net.events, &net.heard[0]}) {
    size_t next = 0;
    for (const Seen& message : *seen) {
      if (message.kind != InboundKind::kMessage) continue;
      EXPECT_EQ(message.text, std::to_string(next++));
    }
  }
}

}  // namespace
}  // namespace bluemarble::net
