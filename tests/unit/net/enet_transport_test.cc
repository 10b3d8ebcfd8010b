#include "net/enet_transport.h"

#include <arpa/inet.h>
#include <enet/enet.h>
#include <gtest/gtest.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "core/alloc_counter.h"
#include "loopback.h"

namespace bluemarble::net {
namespace {

// A socket of no endpoint: sends what it likes.
class Stranger {
 public:
  explicit Stranger(uint16_t port) : fd_(socket(AF_INET, SOCK_DGRAM, 0)) {
    to_.sin_family = AF_INET;
    to_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to_.sin_port = htons(port);
  }
  ~Stranger() { close(fd_); }
  void Send(std::span<const std::byte> bytes) {
    EXPECT_EQ(
        sendto(fd_, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&to_), sizeof to_),
        static_cast<ssize_t>(bytes.size()));
  }

 private:
  int fd_;
  sockaddr_in to_{};
};

// One message each way, which needs the whole path to be alive.
void ExpectStillServed(Loopback& net, core::PeerId peer, size_t client = 0) {
  const size_t up = net.Count(InboundKind::kMessage),
               down = net.CountAt(client, InboundKind::kMessage);
  ASSERT_TRUE(net.clients[client]->Send(Channel::kReliable, Bytes("ping")).ok());
  ASSERT_TRUE(net.server->Send(peer, Channel::kUnreliable, Bytes("pong")).ok());
  EXPECT_TRUE(net.Until([&] {
    return net.Count(InboundKind::kMessage) > up &&
           net.CountAt(client, InboundKind::kMessage) > down;
  }));
}

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

TEST(EnetTransport, KnowsTheRoundTripOfItsPeers) {
  Loopback net;
  const auto peer = net.Join();
  EXPECT_TRUE(net.Until([&] { return net.server->round_trip_ms(peer) != 0; }));
  EXPECT_LT(net.server->round_trip_ms(peer), 1000u);
  EXPECT_EQ(net.server->round_trip_ms(core::PeerId::Make(0, peer.slot() + 1, 1)), 0u);
  EXPECT_EQ(net.server->round_trip_ms(core::PeerId::Make(7, peer.slot(), 1)), 0u);
  EXPECT_EQ(net.server->round_trip_ms(core::PeerId::Make(0, 0xffff, 1)), 0u);
}

TEST(EnetTransport, CountsTheRoundTripsOfWhoIsConnected) {
  Loopback net;
  const core::Histogram& counted = net.server->host_stats(0).round_trip_ms;
  EXPECT_EQ(counted.count(), 0u);
  net.Join();
  EXPECT_TRUE(net.Until([&] { return counted.count() != 0; }));
  const uint64_t count = counted.count();
  EXPECT_GE(counted.sum(), count) << "a free slot's zero was counted";
  EXPECT_LT(counted.max(), 1000u);
}

TEST(EnetTransport, CarriesTheLargestMessages) {
  Loopback net;
  const auto peer = net.Join();
  std::string large(kMaxMessageBytes, 'x');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 7);
  const std::string datagram = large.substr(0, net.server->max_unreliable_bytes());
  ASSERT_TRUE(net.server->Send(peer, Channel::kReliable, Bytes(large)).ok());
  ASSERT_TRUE(net.server->Send(peer, Channel::kUnreliable, Bytes(datagram)).ok());
  ASSERT_TRUE(net.clients[0]->Send(Channel::kReliable, Bytes(datagram)).ok());
  ASSERT_TRUE(net.Until([&] {
    return net.Count(InboundKind::kMessage) == 1 && net.CountAt(0, InboundKind::kMessage) == 2;
  }));
  EXPECT_EQ(net.Last(InboundKind::kMessage)->text, datagram);
  for (const Seen& seen : net.heard[0]) {
    if (seen.kind == InboundKind::kMessage) {
      EXPECT_TRUE(seen.text == (seen.channel == Channel::kReliable ? large : datagram));
    }
  }
}

TEST(EnetTransport, ServesEveryHostOnItsOwnPort) {
  auto settings = Loopback::Small();
  settings.hosts = 3;
  Loopback net(settings);
  for (int host = 0; host < 3; ++host) net.AddClient({}, host);
  ASSERT_TRUE(net.Until([&] { return net.Count(InboundKind::kConnected) == 3; }));
  std::array<int, 3> per_host{};
  for (const Seen& seen : net.events) ++per_host[seen.peer.host()];
  EXPECT_EQ(per_host, (std::array{1, 1, 1}));
}

TEST(EnetTransport, RefusesMessagesThatDoNotFit) {
  Loopback net;
  const auto peer = net.Join();
  const std::string too_large(net.server->max_unreliable_bytes() + 1, 'x');
  EXPECT_EQ(net.server->Send(peer, Channel::kUnreliable, Bytes(too_large)).code(),
            core::Code::kNoSpace);
  // To a server nothing goes in fragments, which it would have to hold until the last one comes.
  const std::string two_datagrams(kEnetMtu, 'x');
  EXPECT_EQ(net.clients[0]->Send(Channel::kReliable, Bytes(two_datagrams)).code(),
            core::Code::kNoSpace);
  const std::string far_too_large(kMaxMessageBytes + 1, 'x');
  EXPECT_EQ(net.server->Send(peer, Channel::kReliable, Bytes(far_too_large)).code(),
            core::Code::kNoSpace);
}

TEST(EnetTransport, RefusesToSendToNobody) {
  Loopback net;
  EXPECT_EQ(net.server->Send({}, Channel::kReliable, Bytes("x")).code(), core::Code::kStale);
  EXPECT_EQ(net.server->Send(core::PeerId::Make(9, 0, 1), Channel::kReliable, Bytes("x")).code(),
            core::Code::kStale);
  EXPECT_EQ(net.server->Send(core::PeerId::Make(0, 0, 1), Channel::kReliable, Bytes("x")).code(),
            core::Code::kStale);
}

TEST(EnetTransport, GivesAReusedSlotANewGeneration) {
  Loopback net;
  const auto first = net.Join();
  net.clients[0]->Disconnect(1);
  ASSERT_TRUE(net.Until([&] { return net.Count(InboundKind::kDisconnected) == 1; }));
  ASSERT_TRUE(net.Until([&] { return net.CountAt(0, InboundKind::kDisconnected) == 1; }));
  const auto second = net.Join();
  EXPECT_EQ(second.slot(), first.slot());
  EXPECT_NE(second, first);
  EXPECT_GE(first.generation(), 1u);
  EXPECT_EQ(net.server->Send(first, Channel::kReliable, Bytes("x")).code(), core::Code::kStale);
}

TEST(EnetTransport, TellsTheZoneAClientsReason) {
  Loopback net;
  net.Join();
  net.clients[0]->Disconnect(static_cast<uint32_t>(DisconnectReason::kClientQuit));
  ASSERT_TRUE(net.Until([&] { return net.Count(InboundKind::kDisconnected) == 1; }));
  EXPECT_EQ(net.Last(InboundKind::kDisconnected)->reason,
            static_cast<uint32_t>(DisconnectReason::kClientQuit));
}

TEST(EnetTransport, EndsAPeerAfterWhatWasQueuedForIt) {
  Loopback net;
  const auto peer = net.Join();
  ASSERT_TRUE(net.server->Send(peer, Channel::kReliable, Bytes("last words")).ok());
  net.server->Disconnect(peer, static_cast<uint32_t>(DisconnectReason::kReplaced));
  EXPECT_EQ(net.server->Send(peer, Channel::kReliable, Bytes("x")).code(), core::Code::kStale);
  ASSERT_TRUE(net.Until([&] { return net.CountAt(0, InboundKind::kDisconnected) == 1; }));
  EXPECT_EQ(net.heard[0].back().reason, static_cast<uint32_t>(DisconnectReason::kReplaced));
  EXPECT_EQ(net.CountAt(0, InboundKind::kMessage), 1u);
  EXPECT_EQ(net.Count(InboundKind::kDisconnected), 0u);
}

TEST(EnetTransport, DoesNotPassOnWhatAPeerSaidBeforeWeEndedIt) {
  Loopback net;
  const auto peer = net.Join();
  net.server->Disconnect(peer, 4);
  ASSERT_TRUE(net.clients[0]->Send(Channel::kReliable, Bytes("too late")).ok());
  ASSERT_TRUE(net.Until([&] { return net.CountAt(0, InboundKind::kDisconnected) == 1; }));
  EXPECT_EQ(net.Count(InboundKind::kMessage), 0u);
}

TEST(EnetTransport, NoticesAClientThatVanished) {
  auto settings = Loopback::Small();
  settings.peer_timeout_ms = 500;
  Loopback net(settings);
  net.Join();
  net.clients[0]->Abandon();
  ASSERT_TRUE(net.Until([&] { return net.Count(InboundKind::kDisconnected) == 1; }));
  EXPECT_EQ(net.Last(InboundKind::kDisconnected)->reason, 0u);
  EXPECT_EQ(net.server->host_stats(0).timeouts.Get(), 1u);
}

TEST(EnetTransport, StopTellsEveryClientWhy) {
  Loopback net;
  for (int i = 0; i < 5; ++i) net.Join();
  std::thread stopper(
      [&] { net.server->Stop(static_cast<uint32_t>(DisconnectReason::kServerStopping)); });
  EXPECT_TRUE(net.Until([&] {
    size_t told = 0;
    for (size_t i = 0; i < 5; ++i) told += net.CountAt(i, InboundKind::kDisconnected);
    return told == 5;
  }));
  stopper.join();
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(net.heard[i].back().reason, static_cast<uint32_t>(DisconnectReason::kServerStopping));
  }
}

TEST(EnetTransport, SurvivesOversizedDatagrams) {
  Loopback net;
  const auto peer = net.Join();
  Stranger stranger(net.server->port(0));
  const std::vector<std::byte> poison(65507);
  for (size_t size : {size_t{1201}, size_t{4096}, size_t{4097}, poison.size()}) {
    for (int i = 0; i < 25; ++i) stranger.Send(std::span(poison).first(size));
    ExpectStillServed(net, peer);
  }
  EXPECT_EQ(net.Drops(DropReason::kOversized), 100u);
  EXPECT_EQ(net.server->host_stats(0).service_failures.Get(), 0u);
  EXPECT_EQ(net.Count(InboundKind::kDisconnected), 0u);
}

TEST(EnetTransport, CountsMalformedDatagramsByReason) {
  Loopback net;
  const auto peer = net.Join();
  Stranger stranger(net.server->port(0));
  stranger.Send(std::array<std::byte, 1>{});
  stranger.Send(std::array{std::byte{0xc0}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{0},
                           std::byte{0}});
  ExpectStillServed(net, peer);
  const HostStats& stats = net.server->host_stats(0);
  EXPECT_EQ(net.Drops(DropReason::kMalformed), 2u);
  EXPECT_EQ(stats.malformed[static_cast<size_t>(Verdict::kTooShort)].Get(), 1u);
  EXPECT_EQ(stats.malformed[static_cast<size_t>(Verdict::kCompressed)].Get(), 1u);
}

// A CONNECT whose answer cannot be sent; ENet alone stops serving everybody behind its slot.
std::vector<std::byte> UnanswerableConnect(uint16_t to_port) {
  std::vector<std::byte> packet(sizeof(udphdr) + 52);
  udphdr head{};
  head.uh_sport = 0;
  head.uh_dport = htons(to_port);
  head.uh_ulen = htons(static_cast<uint16_t>(packet.size()));
  std::memcpy(packet.data(), &head, sizeof head);
  constexpr std::array<uint8_t, 52> kConnect{
      0x8f, 0xff, 0, 0, 0x82, 0xff, 0, 1, 0, 0, 0xff, 0xff, 0, 0, 4, 0x8f, 0,    1,
      0,    0,    0, 0, 0,    2,    0, 0, 0, 0, 0,    0,    0, 0, 0, 0,    0x13, 0x88,
      0,    0,    0, 2, 0,    0,    0, 2, 1, 2, 3,    4,    0, 0, 0, 0};
  std::memcpy(packet.data() + sizeof head, kConnect.data(), kConnect.size());
  return packet;
}

TEST(EnetTransport, ServesOthersDespiteUnanswerableSources) {
  const int raw = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
  if (raw < 0) GTEST_SKIP() << "raw sockets need root";
  Loopback net;
  const auto first = net.Join();
  const auto packet = UnanswerableConnect(net.server->port(0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int i = 0; i < 80; ++i) {
    EXPECT_GT(
        sendto(raw, packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to),
        0);
  }
  close(raw);
  ASSERT_TRUE(net.Until([&] { return net.Drops(DropReason::kSourcePort) == 80; }));
  ExpectStillServed(net, first);
  const auto second = net.Join();
  ExpectStillServed(net, second, 1);
  EXPECT_EQ(second.slot(), first.slot() + 1) << "a slot was given away";
}

// ENet's own client, which asks for datagrams of 4,096 bytes.
struct GreedyClient {
  static inline size_t largest = 0;
  static int Look(ENetHost* host, ENetEvent*) {
    largest = std::max(largest, host->receivedDataLength);
    return 0;
  }
  GreedyClient() : host(enet_host_create(nullptr, 1, 2, 0, 0), enet_host_destroy) {
    host->mtu = 4096;
    host->intercept = Look;
    enet_peer_reset(&host->peers[0]);
  }
  std::unique_ptr<ENetHost, void (*)(ENetHost*)> host;
};

TEST(EnetTransport, SendsNothingAboveItsDatagramSizeWhateverAClientAsks) {
  Loopback net;
  GreedyClient greedy;
  const ENetAddress address{htonl(INADDR_LOOPBACK), net.server->port(0)};
  ENetPeer* peer = enet_host_connect(greedy.host.get(), &address, 2, 0);
  const std::string large(kMaxMessageBytes, 'x');
  bool sent = false, got = false;
  ASSERT_TRUE(net.Until([&] {
    ENetEvent event;
    while (enet_host_service(greedy.host.get(), &event, 0) > 0) {
      if (event.type != ENET_EVENT_TYPE_RECEIVE) continue;
      got = event.packet->dataLength == large.size();
      enet_packet_destroy(event.packet);
    }
    if (!sent && net.Count(InboundKind::kConnected) == 1) {
      sent = net.server->Send(net.events[0].peer, Channel::kReliable, Bytes(large)).ok();
    }
    return got;
  }));
  EXPECT_LE(GreedyClient::largest, kDatagramBytes);
  EXPECT_GT(GreedyClient::largest, 1000u);
  EXPECT_EQ(peer->mtu, kEnetMtu) << "the client was told, too";
}

TEST(EnetTransport, RefusesASecondListenerAndNamesTheFirst) {
  Loopback net;
  auto settings = Loopback::Small();
  settings.port = net.server->port(0);
  const auto second = EnetTransport::Open(settings, net.clock_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), core::Code::kConflict);
  const std::string text = second.status().ToString();
  EXPECT_NE(text.find("udp port " + std::to_string(settings.port)), std::string::npos) << text;
  EXPECT_NE(text.find("(pid " + std::to_string(getpid()) + ")"), std::string::npos) << text;
}

TEST(EnetTransport, APrivilegedPortIsDeniedWithTheSystemsReason) {
  int first_free = 0;
  std::ifstream("/proc/sys/net/ipv4/ip_unprivileged_port_start") >> first_free;
  if (first_free < 1024) GTEST_SKIP() << "every port is free for all on this machine";
  constexpr uid_t kNobody = 65534;
  const uid_t before = geteuid();
  if (before == 0) {
    ASSERT_EQ(seteuid(kNobody), 0);
  }
  core::SystemClock clock;
  NetSettings settings = Loopback::Small();
  settings.port = 1023;
  const auto opened = EnetTransport::Open(settings, clock);
  ASSERT_EQ(seteuid(before), 0);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.status().code(), core::Code::kDenied);
  EXPECT_EQ(opened.status().detail(), std::string("127.0.0.1:1023: ") + std::strerror(EACCES));
}

TEST(EnetTransport, PlainModeListensOnLoopbackOnly) {
  auto settings = Loopback::Small();
  settings.bind = "0.0.0.0";
  settings.public_address = "127.0.0.1";
  EXPECT_EQ(EnetTransport::Open(settings, core::SystemClock()).status().code(),
            core::Code::kDenied);
}

TEST(EnetTransport, ListsEveryWrongSetting) {
  auto settings = Loopback::Small();
  settings.hosts = 0;
  settings.service_budget = 0;
  const auto status = EnetTransport::Open(settings, core::SystemClock()).status();
  EXPECT_EQ(status.code(), core::Code::kInvalid);
  EXPECT_NE(status.detail().find("net.hosts"), std::string::npos);
  EXPECT_NE(status.detail().find("net.service_budget"), std::string::npos);
}

TEST(EnetTransport, SaysWhenTheQueueToANetThreadIsFull) {
  auto settings = Loopback::Small();
  settings.outbound_queue_bytes = 8 * kMaxMessageBytes;
  settings.idle_service_ms = 1000;
  Loopback net(settings);
  const auto peer = net.Join();
  const std::string large(kMaxMessageBytes, 'x');
  core::Status status;
  for (int i = 0; i < 1000 && status.ok(); ++i)
    status = net.server->Send(peer, Channel::kReliable, Bytes(large));
  EXPECT_EQ(status.code(), core::Code::kFull);
  EXPECT_STREQ(status.context(), "net.outbound_queue_bytes");
  EXPECT_EQ(net.server->host_stats(0).outbound_refused.Get(), 1u);
}

TEST(EnetTransport, EndsAPeerThoughTheQueueToItsNetThreadWasFull) {
  auto settings = Loopback::Small();
  settings.outbound_queue_bytes = 8 * kMaxMessageBytes;
  settings.idle_service_ms = 1000;  // between two flushes nobody empties the queue
  Loopback net(settings);
  const auto& refused = net.server->host_stats(0).outbound_refused;
  core::PeerId peer;
  uint64_t before = 0;
  do {  // again when the net thread was just emptying the queue
    ASSERT_LT(net.clients.size(), 20u);
    peer = net.Join();
    while (net.server->Send(peer, Channel::kUnreliable, {}).ok()) {
    }
    before = refused.Get();
    net.server->Disconnect(peer, static_cast<uint32_t>(DisconnectReason::kMalformed));
  } while (refused.Get() == before);
  EXPECT_EQ(net.server->Send(peer, Channel::kReliable, {}).code(), core::Code::kStale);
  const size_t last = net.clients.size() - 1;
  ASSERT_TRUE(net.Until([&] { return net.CountAt(last, InboundKind::kDisconnected) == 1; }));
  EXPECT_EQ(net.heard[last].back().reason, static_cast<uint32_t>(DisconnectReason::kMalformed));
}

TEST(EnetTransport, LosesOnlyUnreliableMessagesWhenTheZoneDoesNotRead) {
  auto settings = Loopback::Small();
  settings.inbound_queue_bytes = 8 * kMaxMessageBytes;
  Loopback net(settings);
  net.Join();
  ClientEndpoint& client = *net.clients[0];
  const std::string filler(1000, 'x');
  const HostStats& stats = net.server->host_stats(0);
  // The zone is away: only the client is serviced, until the queue has overflowed and blocked.
  int sent = 0;
  for (int rounds = 0;
       rounds < 200'000 && (stats.inbound_dropped.Get() == 0 || stats.inbound_blocked.Get() == 0);
       ++rounds) {
    ASSERT_TRUE(client.Send(Channel::kUnreliable, Bytes(filler)).ok());
    if (rounds % 2 == 0) {
      ASSERT_TRUE(client.Send(Channel::kReliable, Bytes(std::to_string(sent++) + filler)).ok());
    }
    client.Service();
    std::this_thread::yield();
  }
  EXPECT_GT(stats.inbound_dropped.Get(), 0u);
  EXPECT_GT(stats.inbound_blocked.Get(), 0u);
  auto reliable = [&] {
    return std::ranges::count_if(net.events, [](const Seen& s) {
      return s.kind == InboundKind::kMessage && s.channel == Channel::kReliable;
    });
  };
  ASSERT_TRUE(net.Until([&] { return reliable() == sent; }));
  int next = 0;
  for (const Seen& seen : net.events) {
    if (seen.kind != InboundKind::kMessage || seen.channel != Channel::kReliable) continue;
    EXPECT_EQ(std::stoi(seen.text), next++);
  }
}

TEST(EnetTransport, EndsAPeerThatDoesNotReadWhatItIsSent) {
  auto settings = Loopback::Small();
  settings.peer_queue_bytes = 4 * kMaxMessageBytes;
  Loopback net(settings);
  const auto peer = net.Join();
  const std::string large(kMaxMessageBytes, 'x');
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(net.server->Send(peer, Channel::kReliable, Bytes(large)).ok());
  ASSERT_TRUE(net.server->Send(peer, Channel::kUnreliable, Bytes("dropped before")).ok());
  ASSERT_TRUE(net.Until([&] { return net.Count(InboundKind::kDisconnected) == 1; }));
  EXPECT_EQ(net.Last(InboundKind::kDisconnected)->reason,
            static_cast<uint32_t>(DisconnectReason::kQueueOverflow));
  EXPECT_EQ(net.server->host_stats(0).peer_queue_ended.Get(), 1u);
}

TEST(EnetTransport, RefusesMorePeersOfOneAddressThanAllowed) {
  auto settings = Loopback::Small();
  settings.max_peers_per_address = 2;
  Loopback net(settings);
  net.Join();
  net.Join();
  net.AddClient({.timeout_ms = 500});
  ASSERT_TRUE(net.Until([&] { return net.CountAt(2, InboundKind::kDisconnected) == 1; }));
  EXPECT_EQ(net.Count(InboundKind::kConnected), 2u);
}

TEST(EnetTransport, MeasuresEveryTickOnce) {
  auto settings = Loopback::Small();
  settings.hosts = 2;
  Loopback net(settings);
  const TickStats& ticks = net.server->tick_stats();
  ASSERT_TRUE(net.Until([&] { return ticks.ticks_flushed.Get() >= 100; }));
  ASSERT_TRUE(net.Until([&] { return ticks.tick_to_wire_us.count() >= 100; }));
  EXPECT_LE(ticks.tick_to_wire_us.count() + ticks.ticks_unmeasured.Get(),
            ticks.ticks_flushed.Get());
}

TEST(EnetTransport, ZoneCallsDoNotAllocate) {
  if (!core::CountsAllocations()) GTEST_SKIP() << "sanitizers bring their own operator new";
  Loopback net;
  const auto peer = net.Join();
  const std::string text(500, 'x');
  Inbound in;
  uint64_t allocations = 0;
  size_t received = 0;
  ASSERT_TRUE(net.Until([&] {
    for (int i = 0; i < 5; ++i) (void)net.clients[0]->Send(Channel::kUnreliable, Bytes(text));
    net.clients[0]->Service();
    const uint64_t before = core::ThreadAllocations();
    while (net.server->Receive(in)) received += in.kind == InboundKind::kMessage ? 1 : 0;
    for (int i = 0; i < 20; ++i) (void)net.server->Send(peer, Channel::kUnreliable, Bytes(text));
    net.server->Flush(0, 0);
    allocations += core::ThreadAllocations() - before;
    return received > 500;
  }));
  EXPECT_EQ(allocations, 0u);
}

}  // namespace
}  // namespace bluemarble::net
