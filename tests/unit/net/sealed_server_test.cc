#include "net/sealed_server.h"

#include <gtest/gtest.h>

#include "core/hash.h"
#include "sealed_pair.h"

namespace bluemarble::net {
namespace {

constexpr auto kPass = DatagramSeam::Opened::kPass;
constexpr auto kRefused = DatagramSeam::Opened::kRefused;
constexpr uint8_t kAes = 1, kChaCha = 2;

TEST(SealedServer, OpensASessionThatCarriesDataBothWays) {
  for (const uint8_t cipher : {kAes, kChaCha}) {
    SealedPair pair;
    auto client = pair.Join(pair.At(5000), cipher);
    EXPECT_EQ(client->sealed.cipher(), static_cast<Cipher>(cipher));
    EXPECT_EQ(pair.Receive(client->address, pair.Up(*client, "up")).text, "up");
    const auto down = pair.Down(pair.seen, "down");
    EXPECT_EQ(down.to, client->address);
    EXPECT_EQ(pair.Hear(*client, down.bytes), "down");
  }
}

TEST(SealedServer, TakesTheCipherThatBothWant) {
  auto settings = SealedPair::Small();
  settings.cipher = "chacha20poly1305";
  SealedPair pair(settings);
  EXPECT_EQ(pair.Join(pair.At(1), kAllCiphers)->sealed.cipher(), Cipher::kChaCha20Poly1305);
  auto other = pair.Ask(pair.Token(), pair.At(2), kAes);
  pair.Settle(*other);
  EXPECT_EQ(pair.Counted(SealEvent::kNoCipher), 1u);
  EXPECT_EQ(other->sealed.state(), SealedClient::State::kAsking);
}

TEST(SealedServer, GivesThePlayersIdentityAndRealAddressOfAVirtualOne) {
  SealedPair pair;
  const Address from = pair.At(5000, 0x7f000009);
  pair.Join(from);
  EXPECT_EQ(pair.seen.v4 >> 28, 0xfu);
  const auto peer = pair.server->OnConnected(pair.seen);
  EXPECT_EQ(peer.address_v4, from.v4);
  const auto identity = ReadIdentity(peer.identity);
  ASSERT_TRUE(identity.has_value());
  EXPECT_EQ(identity->account_id, 7);
  EXPECT_EQ(identity->name, "ada");
}

TEST(SealedServer, SealsNothingForAnAddressThatIsNoSessions) {
  SealedPair pair;
  pair.Join(pair.At(5000));
  const Address others[] = {pair.At(5000),
                            {pair.seen.v4, static_cast<uint16_t>(pair.seen.port + 1)},
                            {pair.seen.v4 + 1, pair.seen.port},
                            {0xffffffff, pair.seen.port}};
  for (const Address& to : others) EXPECT_TRUE(pair.Down(to, "secret").bytes.empty());
}

// ---- captured traffic (T-6)

TEST(SealedServer, AcceptsNothingReplayedTruncatedFlippedOrOfAnotherSession) {
  SealedPair pair;
  auto ada = pair.Join(pair.At(5000));
  auto bob = pair.Join(pair.At(5001));
  const Datagram good = pair.Up(*ada, "good");
  const Datagram unsent = pair.Up(*ada, "to be changed");
  EXPECT_EQ(pair.Receive(ada->address, good).opened, kPass);
  EXPECT_EQ(pair.Receive(ada->address, good).opened, kRefused);
  EXPECT_EQ(pair.Counted(SealEvent::kReplayed), 1u);

  Datagram to_bob = unsent;  // ada's datagram with bob's session id
  const Datagram bobs = pair.Up(*bob, "x");
  std::copy_n(bobs.begin() + 1, 8, to_bob.begin() + 1);
  EXPECT_EQ(pair.Receive(bob->address, to_bob).opened, kRefused);
  for (size_t size = 0; size < unsent.size(); ++size)
    EXPECT_EQ(pair.Receive(ada->address, std::span(unsent).first(size)).opened, kRefused) << size;
  for (size_t i = 0; i < unsent.size(); ++i) {
    Datagram bad = unsent;
    bad[i] ^= std::byte{1};
    EXPECT_EQ(pair.Receive(ada->address, bad).opened, kRefused) << i;
  }
  // Reflected: what the server sent, back to it.
  EXPECT_EQ(pair.Receive(ada->address, pair.Down(pair.seen, "down").bytes).opened, kRefused);
  EXPECT_EQ(pair.Receive(ada->address, unsent).text, "to be changed");
}

TEST(SealedServer, CountsWhatItsSessionsSentAndWhatOfItWasOpened) {
  SealedPair pair;
  auto client = pair.Join(pair.At(5000));
  const uint64_t before = pair.stats->seal_opened.Get();
  EXPECT_EQ(pair.stats->seal_sequences.Get(), before);
  const Datagram late = pair.Up(*client, "late");
  const Datagram lost = pair.Up(*client, "lost");
  pair.Receive(client->address, pair.Up(*client, "newest"));
  EXPECT_EQ(pair.stats->seal_opened.Get() - before, 1u);
  EXPECT_EQ(pair.stats->seal_sequences.Get() - before, 3u);
  for (int i = 0; i < 2; ++i) pair.Receive(client->address, late);
  Datagram forged = lost;
  forged.back() ^= std::byte{1};
  pair.Receive(client->address, forged);
  EXPECT_EQ(pair.stats->seal_opened.Get() - before, 2u);
  EXPECT_EQ(pair.stats->seal_sequences.Get() - before, 3u);
}

TEST(SealedServer, LetsNoLeapOfOneClientSpoilWhatItCountsOfAll) {
  SealedPair pair;
  auto client = pair.Join(pair.At(5000));
  const uint64_t before = pair.stats->seal_sequences.Get();
  for (int i = 0; i < 5000; ++i) pair.Up(*client, "lost");
  pair.Receive(client->address, pair.Up(*client, "after the leap"));
  EXPECT_EQ(pair.stats->seal_sequences.Get() - before, SealedPipe::kReplaySpan);
}

TEST(SealedServer, LetsASecondConnectOfASessionNotPass) {
  SealedPair pair;
  auto client = pair.Join(pair.At(5000));
  std::string connect(52, '\0');  // sent time and no peer; then CONNECT with its id at 44
  connect[0] = static_cast<char>(0x8f);
  connect[1] = static_cast<char>(0xff);
  connect[4] = static_cast<char>(0x82);
  connect[44] = 1;
  EXPECT_EQ(pair.Receive(client->address, pair.Up(*client, connect)).opened, kPass);
  EXPECT_EQ(pair.Receive(client->address, pair.Up(*client, connect)).opened, kPass);
  connect[44] = 2;
  EXPECT_EQ(pair.Receive(client->address, pair.Up(*client, connect)).opened, kRefused);
  EXPECT_EQ(pair.Counted(SealEvent::kSecondConnect), 1u);
}

TEST(SealedServer, ChangesKeysByCountAndByTime) {
  auto settings = SealedPair::Small();
  settings.rekey_datagrams = 64;
  settings.rekey_s = 10;
  SealedPair pair(settings);
  auto client = pair.Join(pair.At(5000));
  const auto round = [&] {
    EXPECT_EQ(pair.Hear(*client, pair.Down(pair.seen, "down").bytes), "down");
    EXPECT_EQ(pair.Receive(client->address, pair.Up(*client, "up")).text, "up");
  };
  for (int i = 0; i < 640; ++i) round();
  EXPECT_EQ(pair.Counted(SealEvent::kRekeyed), 10u);
  pair.Advance(10'000);
  round();
  EXPECT_EQ(pair.Counted(SealEvent::kRekeyed), 11u);
}

// ---- addresses

TEST(SealedServer, KeepsTheSessionOfAClientWhoseAddressChanges) {
  SealedPair pair;
  auto client = pair.Join(pair.At(5000));
  const Address was = pair.seen;
  client->address = pair.At(6000, 0x7f000003);
  const auto arrived = pair.Receive(client->address, pair.Up(*client, "from elsewhere, sealed"));
  EXPECT_EQ(arrived.text, "from elsewhere, sealed");
  EXPECT_EQ(arrived.seen, was);
  EXPECT_EQ(pair.Down(was, "x").to, pair.At(5000));  // not proven yet
  pair.Settle(*client);
  EXPECT_EQ(pair.Down(was, "x").to, client->address);
  EXPECT_EQ(pair.Counted(SealEvent::kPathMoved), 1u);
}

TEST(SealedServer, FollowsNobodyWhoCopiesDatagramsFromAnotherAddress) {
  SealedPair pair;
  auto client = pair.Join(pair.At(5000));
  const Address thief = pair.At(6666, 0x7f000009);
  // Faster than the original, again and again.
  for (int i = 0; i < 50; ++i) {
    const Datagram stolen = pair.Up(*client, "something long enough");
    EXPECT_EQ(pair.Receive(thief, stolen).opened, kPass);
    EXPECT_EQ(pair.Receive(client->address, stolen).opened, kRefused);
    pair.Advance(30);
    EXPECT_EQ(pair.Down(pair.seen, "x").to, client->address);
  }
  // The thief hands the challenge on to the client, whose response comes from the right address.
  ASSERT_FALSE(pair.sent.empty());
  EXPECT_EQ(pair.sent[0].to, thief);
  EXPECT_EQ(pair.Hear(*client, pair.sent.back().bytes), "");
  const Datagram response = Copy(client->sealed.Poll(pair.clock.now_ns));
  ASSERT_FALSE(response.empty());
  pair.Receive(client->address, response);
  EXPECT_EQ(pair.Down(pair.seen, "x").to, client->address);
  EXPECT_EQ(pair.Counted(SealEvent::kPathMoved), 0u);
  EXPECT_EQ(pair.Counted(SealEvent::kPathUnproven), 1u);
}

TEST(SealedServer, AsksNobodyForProofOfAnOldSequence) {
  SealedPair pair;
  auto client = pair.Join(pair.At(5000));
  const Datagram old = pair.Up(*client, "something long enough");
  EXPECT_EQ(pair.Receive(client->address, pair.Up(*client, "newer")).opened, kPass);
  EXPECT_EQ(pair.Receive(pair.At(6666), old).opened, kPass);
  EXPECT_EQ(pair.Counted(SealEvent::kPathChallenged), 0u);
}

TEST(SealedServer, AsksForProofWithNoMoreThanItWasSentAndTenTimesASecondAtMost) {
  SealedPair pair;
  auto client = pair.Join(pair.At(5000));
  pair.Receive(pair.At(6666), pair.Up(*client, "12345678"));  // one byte less than the question
  EXPECT_TRUE(pair.sent.empty());
  for (int i = 0; i < 100; ++i) {
    const Datagram datagram = pair.Up(*client, "123456789");
    pair.Receive(pair.At(6666), datagram);
    for (const auto& question : pair.sent) EXPECT_LE(question.bytes.size(), datagram.size());
    pair.Advance(10);
  }
  EXPECT_EQ(pair.sent.size(), 10u);
}

// ---- ends

TEST(SealedServer, SaysGoodbyeThreeTimesAndForgetsTheSession) {
  SealedPair pair;
  auto client = pair.Join(pair.At(5000));
  pair.server->SetNow(pair.clock.now_ns);
  pair.server->OnGone(pair.seen, 14);
  EXPECT_EQ(pair.Receive(client->address, pair.Up(*client, "x")).opened, kRefused);
  EXPECT_EQ(pair.Counted(SealEvent::kSessionEnding), 1u);
  for (int i = 0; i < 8; ++i) {
    pair.Advance(250);
    pair.Maintain();
  }
  EXPECT_EQ(pair.sent.size(), 3u);
  EXPECT_EQ(pair.server->sessions(), 0u);
  pair.Hear(*client, pair.sent[2].bytes);  // any of them will do
  EXPECT_EQ(client->sealed.state(), SealedClient::State::kEnded);
  EXPECT_EQ(client->sealed.end_reason(), 14u);
}

TEST(SealedServer, EndsASessionByTheClientsSealedGoodbye) {
  SealedPair pair;
  auto client = pair.Join(pair.At(5000));
  EXPECT_FALSE(pair.server->Ended(pair.seen).has_value());
  pair.Receive(client->address, client->sealed.Goodbye(1));
  EXPECT_EQ(pair.server->Ended(pair.seen), 1u);
  EXPECT_EQ(pair.Counted(SealEvent::kClientGoodbye), 1u);
}

TEST(SealedServer, EndsASessionWhoseClientSealsWhatIsNoEnet) {
  SealedPair pair;
  auto client = pair.Join(pair.At(5000));
  const Address seen = pair.seen;
  constexpr int kTaken = 7;  // a client's author errs, too
  for (int i = 0; i < kTaken; ++i) pair.server->OnMalformed(seen);
  EXPECT_FALSE(pair.server->Ended(seen).has_value());
  pair.server->OnMalformed(seen);
  EXPECT_EQ(pair.server->Ended(seen), static_cast<uint32_t>(DisconnectReason::kMalformed));
  EXPECT_EQ(pair.Counted(SealEvent::kMalformedEnded), 1u);
  pair.Settle(*client);
  EXPECT_EQ(client->sealed.state(), SealedClient::State::kEnded);
  EXPECT_EQ(client->sealed.end_reason(), static_cast<uint32_t>(DisconnectReason::kMalformed));
  pair.server->OnMalformed({seen.v4 + 1, seen.port});  // nobody's
  EXPECT_EQ(pair.Counted(SealEvent::kMalformedEnded), 1u);
}

TEST(SealedServer, FreesSessionsThatFallSilent) {
  SealedPair pair;
  auto client = pair.Join(pair.At(5000));
  pair.Advance(2 * pair.settings.peer_timeout_ms - 1);
  pair.Maintain();
  EXPECT_EQ(pair.Counted(SealEvent::kIdleFreed), 0u);
  pair.Advance(1);
  pair.Maintain();
  EXPECT_EQ(pair.Counted(SealEvent::kIdleFreed), 1u);
  EXPECT_EQ(pair.server->Ended(pair.seen), static_cast<uint32_t>(DisconnectReason::kTimeout));
}

TEST(SealedServer, GivesAReusedSlotAnotherVirtualAddress) {
  SealedPair pair;
  auto client = pair.Join(pair.At(5000));
  const Address before = pair.seen;
  pair.server->OnGone(before, 1);
  pair.Advance(1000);
  pair.Maintain();
  auto next = pair.Join(pair.At(5001));
  EXPECT_EQ(pair.seen.v4, before.v4);
  EXPECT_NE(pair.seen, before);
  EXPECT_TRUE(pair.server->Ended(before).has_value());
  EXPECT_TRUE(pair.Down(before, "x").bytes.empty());
}

TEST(SealedServer, FindsEverySessionWhileOthersComeAndGo) {
  constexpr uint64_t kSeed = 17;
  auto settings = SealedPair::Small();
  settings.max_peers_per_host = 64;
  settings.requests_per_address_s = 100'000;
  SealedPair pair(settings);
  core::Random random(kSeed);
  struct Joined {
    std::unique_ptr<Client> client;
    Address seen;
  };
  std::vector<Joined> joined;
  uint16_t port = 1;
  for (int i = 0; i < 1000; ++i) {
    if (joined.size() < 60 && random.Chance(0.6)) {
      auto client = pair.Join(pair.At(port++));
      joined.push_back({std::move(client), pair.seen});
    } else if (!joined.empty()) {
      std::swap(joined[random.Below(joined.size())], joined.back());
      pair.server->OnGone(joined.back().seen, 1);
      joined.pop_back();
      pair.Advance(1000);
      for (auto& each : joined) pair.Receive(each.client->address, pair.Up(*each.client, "alive"));
      pair.Maintain();
    }
    for (auto& each : joined) {
      const auto arrived = pair.Receive(each.client->address, pair.Up(*each.client, "x"));
      ASSERT_EQ(arrived.opened, kPass);
      ASSERT_EQ(arrived.seen, each.seen);
    }
    ASSERT_EQ(pair.server->sessions(), joined.size());
  }
}

TEST(SealedServer, KeepsASessionsSecurityStateSmall) {
  EXPECT_LE(SealedServer::kSessionBytes, 2048u);
}

}  // namespace
}  // namespace bluemarble::net
