#include "net/stream_transport.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/alloc_counter.h"
#include "net/identity.h"
#include "net/merged_transport.h"

namespace bluemarble::net {
namespace {

constexpr uint32_t kStreamHost = 2;
constexpr size_t kStreamUnreliableBytes = 1100;

class HandClock final : public core::Clock {
 public:
  int64_t NowNs() const override { return now_ns.load(); }
  int64_t WallUs() const override { return 0; }
  std::atomic<int64_t> now_ns{1'000'000'000};
};

/// A stream that keeps what it is sent and waits as full as a test says.
class FakeLink final : public StreamLink {
 public:
  bool Send(std::span<const std::byte> message) override {
    if (gone) return false;
    const std::lock_guard lock(mutex_);
    sent_.emplace_back(reinterpret_cast<const char*>(message.data()), message.size());
    return true;
  }
  size_t queued_bytes() const override { return waits; }
  uint32_t round_trip_ms() const override { return 17; }
  void Close(uint16_t code, std::string_view) override { close_code = code; }

  std::vector<std::string> sent() const {
    const std::lock_guard lock(mutex_);
    return sent_;
  }

  std::atomic<bool> gone{false};
  std::atomic<size_t> waits{0};
  std::atomic<int> close_code{0};

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> sent_;
};

std::span<const std::byte> AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

template <typename Condition>
bool StreamBecomes(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < end) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

class Streams : public ::testing::Test {
 protected:
  struct Came {
    std::shared_ptr<FakeLink> link = std::make_shared<FakeLink>();
    core::PeerId peer;
  };

  StreamTransport& Open(NetSettings settings = {}, size_t slots = 8) {
    streams_ = std::make_unique<StreamTransport>(
        settings,
        StreamTransport::Shape{
            .host = kStreamHost, .slots = slots, .max_unreliable_bytes = kStreamUnreliableBytes},
        clock_);
    EXPECT_TRUE(streams_->Start().ok());
    return *streams_;
  }
  Came Enter(uint32_t address = 1) {
    Came came;
    const auto peer = streams_->Enter(came.link, address);
    EXPECT_TRUE(peer.ok());
    if (peer.ok()) came.peer = *peer;
    return came;
  }
  /// One that the zone knows.
  Came Join(std::string_view name = "Ada", int64_t account = 7) {
    Came came = Enter();
    EXPECT_TRUE(streams_->Take(came.peer, AsBytes(*streams_->Mint(account, name))));
    Inbound in;
    EXPECT_TRUE(streams_->Receive(in));
    EXPECT_EQ(in.kind, InboundKind::kConnected);
    EXPECT_EQ(in.peer, came.peer);
    return came;
  }
  void Flush() { streams_->Flush(1, 0); }

  HandClock clock_;
  std::unique_ptr<StreamTransport> streams_;
};

TEST_F(Streams, ATokenMakesAPeerWithItsIdentityAndAddress) {
  Open();
  const Came came = Enter(0x0a000001);
  Inbound in;
  EXPECT_FALSE(streams_->Receive(in)) << "the zone knows nobody without a token";
  EXPECT_TRUE(streams_->Take(came.peer, AsBytes(*streams_->Mint(42, "Ada"))));
  ASSERT_TRUE(streams_->Receive(in));
  EXPECT_EQ(in.kind, InboundKind::kConnected);
  EXPECT_EQ(in.address_v4, 0x0a000001u);
  EXPECT_EQ(in.peer.host(), kStreamHost);
  const auto identity = ReadIdentity(in.bytes);
  ASSERT_TRUE(identity.has_value());
  EXPECT_EQ(identity->account_id, 42);
  EXPECT_EQ(identity->name, "Ada");
}

TEST_F(Streams, TheRoundTripIsTheLinks) {
  Open();
  const Came came = Join();
  EXPECT_EQ(streams_->RoundTripMs(came.peer), 17u);
  streams_->Leave(came.peer, 0);
  EXPECT_EQ(streams_->RoundTripMs(came.peer), 0u);
  EXPECT_EQ(streams_->RoundTripMs(core::PeerId::Make(kStreamHost + 1, 0, 1)), 0u);
}

TEST_F(Streams, RoundTripsOfWhoIsConnectedAreCounted) {
  Open();
  const Came came = Join();
  const core::Histogram& counted = streams_->stats().round_trip_ms;
  EXPECT_TRUE(StreamBecomes([&] {
    clock_.now_ns += 60'000'000;
    // Wakes its thread.
    EXPECT_TRUE(streams_->Send(came.peer, Channel::kReliable, AsBytes("x")).ok());
    Flush();
    return counted.count() >= 2;
  }));
  EXPECT_EQ(counted.sum(), 17 * counted.count());
}

TEST_F(Streams, ATokenIsGoodOnceAndInTimeAndOnlyHere) {
  Open({.token_life_s = 10});
  TokenMint foreign(clock_, 0x7f000001, 10, kAllCiphers);
  const std::string good = *streams_->Mint(1, "Ada"), late = *streams_->Mint(2, "Bob");
  const auto shown = [&](std::string_view token) {
    const Came came = Enter();
    EXPECT_TRUE(streams_->Take(came.peer, AsBytes(token)));
    return came.link->close_code.load();
  };
  EXPECT_EQ(shown(good), 0);
  EXPECT_EQ(shown(good), 4103);
  EXPECT_EQ(shown(*foreign.Mint(1, 1, "Ada")), 4101) << "of an ENet host";
  EXPECT_EQ(shown("nonsense"), 4101);
  EXPECT_EQ(shown(""), 4101);
  auto forged = *DecodeConnectToken(*streams_->Mint(3, "Eve"));
  forged.to_server[0] ^= std::byte{1};
  EXPECT_EQ(shown(EncodeConnectToken(forged)), 4101) << "without the keys inside";
  clock_.now_ns += int64_t{11} * 1'000'000'000;
  EXPECT_EQ(shown(late), 4102);
  EXPECT_EQ(streams_->stats().connects.Get(), 1u);
  EXPECT_EQ(streams_->stats().refused_bad_token.Get(), 4u);
}

TEST_F(Streams, RotatingTheKeyKeepsTokensThatAreOut) {
  Open();
  const std::string before = *streams_->Mint(1, "Ada");
  streams_->RotateTokenKey();
  const Came came = Enter();
  EXPECT_TRUE(streams_->Take(came.peer, AsBytes(before)));
  EXPECT_EQ(came.link->close_code, 0);
  EXPECT_EQ(streams_->stats().connected.Get(), 1u);
}

TEST_F(Streams, InPlainModeTheFirstMessageIsAnything) {
  Open({.security = "plain"});
  EXPECT_FALSE(streams_->Mint(1, "Ada").ok());
  const Came came = Enter();
  EXPECT_TRUE(streams_->Take(came.peer, AsBytes("Ada")));
  Inbound in;
  ASSERT_TRUE(streams_->Receive(in));
  EXPECT_EQ(in.kind, InboundKind::kConnected);
  EXPECT_TRUE(in.bytes.empty()) << "the Login says who";
}

TEST_F(Streams, MessagesKeepTheirChannelAndOrderBothWays) {
  Open();
  const Came came = Join();
  for (int i = 0; i < 100; ++i) {
    const std::string text =
        (i % 2 == 0 ? std::string(1, '\0') : std::string(1, '\1')) + std::to_string(i);
    EXPECT_TRUE(streams_->Take(came.peer, AsBytes(text)));
  }
  Inbound in;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(streams_->Receive(in));
    EXPECT_EQ(in.channel, i % 2 == 0 ? Channel::kReliable : Channel::kUnreliable);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(in.bytes.data()), in.bytes.size()),
              std::to_string(i));
  }
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(streams_
                    ->Send(came.peer, i % 2 == 0 ? Channel::kReliable : Channel::kUnreliable,
                           AsBytes(std::to_string(i)))
                    .ok());
  }
  Flush();
  ASSERT_TRUE(StreamBecomes([&] { return came.link->sent().size() == 100; }));
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(came.link->sent()[static_cast<size_t>(i)],
              std::string(1, static_cast<char>(i % 2)) + std::to_string(i));
  EXPECT_TRUE(StreamBecomes([&] { return streams_->unsent() == 0; }));
  const StreamStats& stats = streams_->stats();
  EXPECT_EQ(stats.messages_in.Get(), 100u);
  uint64_t parts = stats.sent_unreliable_bytes.Get() + stats.messages_out.Get();
  for (const auto& field : stats.sent_reliable_bytes) parts += field.Get();
  EXPECT_EQ(parts, stats.bytes_out.Get());
}

TEST_F(Streams, ALateStreamMissesSnapshotsButNothingReliable) {
  Open({.stream_late_bytes = 5000});
  const Came came = Join();
  came.link->waits = 5001;
  ASSERT_TRUE(streams_->Send(came.peer, Channel::kUnreliable, AsBytes("old")).ok());
  ASSERT_TRUE(streams_->Send(came.peer, Channel::kReliable, AsBytes("kept")).ok());
  Flush();
  ASSERT_TRUE(StreamBecomes([&] { return streams_->unsent() == 0; }));
  EXPECT_EQ(came.link->sent(), std::vector{std::string("\0kept", 5)});
  EXPECT_EQ(streams_->stats().late_snapshots.Get(), 1u);
  EXPECT_EQ(streams_->stats().late_bytes.Get(), 3u);
  came.link->waits = 5000;
  ASSERT_TRUE(streams_->Send(came.peer, Channel::kUnreliable, AsBytes("new")).ok());
  Flush();
  EXPECT_TRUE(StreamBecomes([&] { return came.link->sent().size() == 2; }));
}

TEST_F(Streams, SnapshotsForAStreamThatHasGoneAreAmongTheBytesThatWereNotSent) {
  Open({});
  const Came came = Join();
  came.link->gone = true;
  ASSERT_TRUE(streams_->Send(came.peer, Channel::kUnreliable, AsBytes("lost")).ok());
  ASSERT_TRUE(streams_->Send(came.peer, Channel::kReliable, AsBytes("gone")).ok());
  Flush();
  ASSERT_TRUE(StreamBecomes([&] { return streams_->unsent() == 0; }));
  EXPECT_EQ(streams_->stats().outbound_stale.Get(), 2u);
  EXPECT_EQ(streams_->stats().late_bytes.Get(), 4u);
  EXPECT_EQ(streams_->stats().bytes_out.Get(), 0u);
}

TEST_F(Streams, WhoDoesNotReadIsEndedAtTheLimitAndTheZoneIsTold) {
  Open({.peer_queue_bytes = 100'000});
  const Came came = Join();
  came.link->waits = 99'999;
  ASSERT_TRUE(streams_->Send(came.peer, Channel::kReliable, AsBytes("no")).ok());
  Flush();
  ASSERT_TRUE(StreamBecomes([&] { return came.link->close_code == 4015; }));
  Inbound in;
  ASSERT_TRUE(StreamBecomes([&] { return streams_->Receive(in); }));
  EXPECT_EQ(in.kind, InboundKind::kDisconnected);
  EXPECT_EQ(in.reason, static_cast<uint32_t>(DisconnectReason::kQueueOverflow));
  EXPECT_EQ(streams_->Send(came.peer, Channel::kReliable, AsBytes("no")).code(),
            core::Code::kStale);
}

TEST_F(Streams, TheZonesLastWordsComeBeforeTheClose) {
  Open();
  const Came came = Join();
  ASSERT_TRUE(streams_->Send(came.peer, Channel::kReliable, AsBytes("goodbye")).ok());
  streams_->Disconnect(came.peer, static_cast<uint32_t>(DisconnectReason::kReplaced));
  EXPECT_EQ(streams_->Send(came.peer, Channel::kReliable, AsBytes("?")).code(), core::Code::kStale);
  Flush();
  ASSERT_TRUE(StreamBecomes([&] { return came.link->close_code == 4014; }));
  EXPECT_EQ(came.link->sent().size(), 1u);
  streams_->Leave(came.peer, 0);
  Inbound in;
  EXPECT_FALSE(streams_->Receive(in)) << "the zone is not told of whom it ended";
}

TEST_F(Streams, ALostStreamIsToldAndItsSlotServesAnother) {
  Open({}, 1);
  const Came first = Join();
  EXPECT_FALSE(streams_->Enter(std::make_shared<FakeLink>(), 1).ok()) << "full";
  streams_->Take(first.peer, AsBytes(std::string_view("\0last", 5)));
  streams_->Leave(first.peer, 0);
  Inbound in;
  ASSERT_TRUE(streams_->Receive(in));
  EXPECT_EQ(in.kind, InboundKind::kMessage);
  ASSERT_TRUE(streams_->Receive(in));
  EXPECT_EQ(in.kind, InboundKind::kDisconnected);
  EXPECT_EQ(in.peer, first.peer);
  const Came second = Join("Bob", 8);
  EXPECT_EQ(second.peer.slot(), first.peer.slot());
  EXPECT_NE(second.peer, first.peer);
  EXPECT_TRUE(streams_->Take(first.peer, AsBytes(std::string_view("\0ghost", 6))));
  EXPECT_FALSE(streams_->Receive(in));
}

TEST_F(Streams, WhoShowsNoTokenMakesRoomAndIsNotWaitedForLong) {
  Open({.half_open_ms = 1000}, 8);
  const Came a = Enter(), b = Enter();
  clock_.now_ns += 1;
  const Came c = Enter();
  EXPECT_TRUE(a.link->close_code == 4013 || b.link->close_code == 4013)
      << "a quarter of the places may wait";
  EXPECT_EQ(c.link->close_code, 0);
  clock_.now_ns += int64_t{1'100} * 1'000'000;
  EXPECT_TRUE(StreamBecomes([&] { return c.link->close_code == 4013; }));
  EXPECT_EQ(streams_->stats().no_token.Get(), 3u);
  EXPECT_EQ(streams_->stats().waiting.Get(), 0u);
}

TEST_F(Streams, AnAddressHasItsShare) {
  Open({.max_peers_per_address = 1});
  Enter(1);
  EXPECT_EQ(streams_->Enter(std::make_shared<FakeLink>(), 1).status().code(), core::Code::kFull);
  Enter(2);
}

TEST_F(Streams, AFullQueueDropsInputsAndHoldsWhatIsReliable) {
  Open({.stream_queue_bytes = 8 * 65'536});
  const Came came = Join();
  const std::string input = std::string(1, '\1') + std::string(1000, 'i');
  const std::string action = std::string(1, '\0') + std::string(1000, 'a');
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(streams_->Take(came.peer, AsBytes(input)));
  const uint64_t dropped = streams_->stats().inbound_dropped.Get();
  EXPECT_GT(dropped, 0u);
  // Up to the last gap, so that not even an end fits.
  while (streams_->stats().inbound_dropped.Get() == dropped)
    streams_->Take(came.peer, AsBytes(std::string_view("\1i", 2)));
  EXPECT_FALSE(streams_->Take(came.peer, AsBytes(action)));
  streams_->Leave(came.peer, 0);
  Inbound in;
  while (streams_->Receive(in)) EXPECT_EQ(in.kind, InboundKind::kMessage);
  clock_.now_ns += int64_t{100} * 1'000'000;
  EXPECT_TRUE(StreamBecomes([&] { return streams_->Receive(in); })) << "an end is told later";
  EXPECT_EQ(in.kind, InboundKind::kDisconnected);
}

TEST_F(Streams, AMessageWithoutChannelEndsTheStream) {
  Open();
  for (const std::string_view message :
       {std::string_view("\2x", 2), std::string_view("\0", 1), std::string_view()}) {
    const Came came = Join();
    EXPECT_TRUE(streams_->Take(came.peer, AsBytes(message)));
    EXPECT_EQ(came.link->close_code, 4007);
    Inbound in;
    ASSERT_TRUE(streams_->Receive(in));
    EXPECT_EQ(in.kind, InboundKind::kDisconnected);
  }
}

TEST_F(Streams, AStopTellsEverybodyAndLetsNobodyIn) {
  Open();
  const Came came = Join(), waiting = Enter();
  ASSERT_TRUE(streams_->Send(came.peer, Channel::kReliable, AsBytes("bye")).ok());
  Flush();
  streams_->Stop(static_cast<uint32_t>(DisconnectReason::kServerStopping));
  EXPECT_EQ(came.link->close_code, 4002);
  EXPECT_EQ(came.link->sent().size(), 1u);
  EXPECT_EQ(waiting.link->close_code, 4002);
  EXPECT_EQ(streams_->Enter(std::make_shared<FakeLink>(), 1).status().code(),
            core::Code::kUnavailable);
}

TEST_F(Streams, TheZonesThreadAllocatesNothing) {
  Open();
  const Came came = Join();
  const std::string snapshot(kStreamUnreliableBytes, 's');
  for (int i = 0; i < 10; ++i) streams_->Take(came.peer, AsBytes(std::string_view("\1i", 2)));
  const uint64_t before = core::ThreadAllocations();
  Inbound in;
  while (streams_->Receive(in)) {
  }
  EXPECT_TRUE(streams_->Send(came.peer, Channel::kUnreliable, AsBytes(snapshot)).ok());
  Flush();
  streams_->Disconnect(came.peer, 1);
  Flush();
  EXPECT_EQ(core::ThreadAllocations(), before);
}

TEST_F(Streams, MergedWithAnotherTransportEachPeerGoesItsWay) {
  Open();
  StreamTransport other({}, {.host = 0, .slots = 2, .max_unreliable_bytes = kStreamUnreliableBytes},
                        clock_);
  ASSERT_TRUE(other.Start().ok());
  MergedTransport merged(other, kStreamHost, *streams_);
  const Came here = Enter();
  const auto link = std::make_shared<FakeLink>();
  const auto there = other.Enter(link, 1);
  EXPECT_TRUE(streams_->Take(here.peer, AsBytes(*streams_->Mint(1, "Ada"))));
  EXPECT_TRUE(other.Take(*there, AsBytes(*other.Mint(2, "Bob"))));
  Inbound in;
  ASSERT_TRUE(merged.Receive(in));
  EXPECT_EQ(in.peer, *there);
  ASSERT_TRUE(merged.Receive(in));
  EXPECT_EQ(in.peer, here.peer);
  EXPECT_FALSE(merged.Receive(in));
  ASSERT_TRUE(merged.Send(here.peer, Channel::kReliable, AsBytes("a")).ok());
  ASSERT_TRUE(merged.Send(*there, Channel::kReliable, AsBytes("b")).ok());
  merged.Flush(1, 0);
  EXPECT_TRUE(StreamBecomes([&] { return merged.unsent() == 0; }));
  EXPECT_EQ(here.link->sent(), std::vector{std::string("\0a", 2)});
  EXPECT_EQ(link->sent(), std::vector{std::string("\0b", 2)});
}

}  // namespace
}  // namespace bluemarble::net
