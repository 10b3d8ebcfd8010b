#include "net/sealed_server.h"

#include <gtest/gtest.h>

#include "core/hash.h"
#include "sealed_pair.h"

namespace bluemarble::net {
namespace {

constexpr auto kRefused = DatagramSeam::Opened::kRefused;

/// The Request with the right cookie, ready to be shown; nothing of it has been answered yet.
Datagram ProvenRequest(SealedPair& pair, Client& client) {
  pair.sent.clear();
  pair.Receive(client.address, client.sealed.Poll(pair.clock.now_ns));
  if (pair.sent.size() != 1) {
    ADD_FAILURE() << "no challenge";
    return {};
  }
  auto challenge = pair.sent[0].bytes;
  std::span<std::byte> bytes(challenge);
  client.sealed.Open(bytes, pair.clock.now_ns);
  pair.sent.clear();
  return Copy(client.sealed.Poll(pair.clock.now_ns));
}

// ---- tokens (T-6)

TEST(SealedServer, HoldsNothingForARequestWithoutACookie) {
  SealedPair pair;
  for (uint16_t port = 1; port < 500; ++port) {
    auto client = pair.Ask(pair.Token(), pair.At(port));
    pair.Receive(client->address, client->sealed.Poll(pair.clock.now_ns));
  }
  EXPECT_EQ(pair.Counted(SealEvent::kChallenged), 499u);
  EXPECT_EQ(pair.server->sessions(), 0u);
}

TEST(SealedServer, AcceptsNoTokenWithAnyByteFlipped) {
  SealedPair pair;
  auto client = pair.Ask(pair.Token(), pair.At(5000));
  const Datagram good = ProvenRequest(pair, *client);
  for (size_t i = 0; i < kProofAt + 16; ++i) {
    Datagram bad = good;
    bad[i] ^= std::byte{0x10};
    pair.Receive(client->address, bad);
    pair.Advance(1);
  }
  EXPECT_EQ(pair.Counted(SealEvent::kAccepted), 0u);
  EXPECT_EQ(pair.server->sessions(), 0u);
  // A changed tag also misses the cookie, which is over it.
  EXPECT_EQ(pair.Counted(SealEvent::kTokenUnknownKey), 4u);
  EXPECT_EQ(pair.Counted(SealEvent::kTokenForged), kSealedTokenBytes - 4 - kTagBytes);
  EXPECT_EQ(pair.Counted(SealEvent::kTokenUnproven), 16u + 2u);  // proof, and what it is over
  EXPECT_EQ(pair.Counted(SealEvent::kBadCookie), kCookieBytes + kTagBytes);
  pair.Receive(client->address, good);
  EXPECT_EQ(pair.Counted(SealEvent::kAccepted), 1u);
}

TEST(SealedServer, AcceptsNoExpiredToken) {
  SealedPair pair;
  const ConnectToken token = pair.Token();
  pair.Advance(60'000);
  auto client = pair.Ask(token, pair.At(5000));
  pair.Settle(*client);
  EXPECT_EQ(pair.Counted(SealEvent::kTokenExpired), 1u);
  pair.Advance(600);
  pair.Settle(*client);
  EXPECT_EQ(client->sealed.state(), SealedClient::State::kEnded);
  EXPECT_EQ(client->sealed.end_reason(), static_cast<uint32_t>(DisconnectReason::kBadToken));
}

TEST(SealedServer, AcceptsNoTokenFromTheFuture) {
  SealedPair pair;
  const ConnectToken token = pair.Token();
  pair.Advance(-5);
  auto client = pair.Ask(token, pair.At(5000));
  pair.Settle(*client);
  EXPECT_EQ(pair.Counted(SealEvent::kTokenEarly), 1u);
  EXPECT_EQ(pair.server->sessions(), 0u);
}

TEST(SealedServer, AcceptsNoTokenOfAnotherPortOrShard) {
  SealedPair pair, other;
  auto wrong_port = pair.Ask(pair.Token("ada", SealedPair::kPort + 1), pair.At(1));
  pair.Settle(*wrong_port);
  EXPECT_EQ(pair.Counted(SealEvent::kTokenWrongHost), 1u);
  auto wrong_shard = pair.Ask(other.Token(), pair.At(2));
  pair.Settle(*wrong_shard);
  EXPECT_EQ(pair.Counted(SealEvent::kTokenUnknownKey), 1u);
  EXPECT_EQ(pair.server->sessions(), 0u);
}

TEST(SealedServer, AcceptsNoTokenOfTheProcessBeforeARestart) {
  SealedPair before;
  SealedPair after;  // a process of its own: other sealing keys
  after.reset_key = before.reset_key;
  after.Restart();
  auto client = after.Ask(before.Token(), after.At(5000));
  after.Settle(*client);
  EXPECT_EQ(after.Counted(SealEvent::kTokenUnknownKey), 1u);
  EXPECT_EQ(after.server->sessions(), 0u);
}

TEST(SealedServer, GivesARepeatFromTheSameAddressTheSameAnswer) {
  SealedPair pair;
  auto client = pair.Ask(pair.Token(), pair.At(5000));
  const Datagram request = ProvenRequest(pair, *client);
  for (int i = 0; i < 3; ++i) pair.Receive(client->address, request);
  ASSERT_EQ(pair.sent.size(), 3u);
  EXPECT_EQ(pair.sent[0].bytes, pair.sent[1].bytes);
  EXPECT_EQ(pair.sent[0].bytes, pair.sent[2].bytes);
  EXPECT_EQ(pair.server->sessions(), 1u);
  EXPECT_EQ(pair.Counted(SealEvent::kAcceptRepeated), 2u);
}

TEST(SealedServer, GivesAUsedTokenFromAnotherAddressNothing) {
  SealedPair pair;
  const ConnectToken token = pair.Token();
  auto first = pair.Ask(token, pair.At(5000));
  pair.Settle(*first);
  for (const Address from : {pair.At(5001), pair.At(5000, 0x7f000002)}) {
    auto second = pair.Ask(token, from);
    const Datagram request = ProvenRequest(pair, *second);
    pair.Receive(from, request);
    EXPECT_TRUE(pair.sent.empty());
  }
  EXPECT_EQ(pair.Counted(SealEvent::kTokenStolen), 2u);
  EXPECT_EQ(pair.server->sessions(), 1u);
}

TEST(SealedServer, TakesNoTokenAgainAfterItsSession) {
  SealedPair pair;
  const ConnectToken token = pair.Token();
  auto client = pair.Ask(token, pair.At(5000));
  pair.Settle(*client);
  pair.Advance(pair.settings.half_open_ms);
  pair.Maintain();
  EXPECT_EQ(pair.Counted(SealEvent::kHalfOpenFreed), 1u);
  auto again = pair.Ask(token, pair.At(5000));
  pair.Settle(*again);
  EXPECT_EQ(pair.Counted(SealEvent::kTokenUsed), 1u);
  EXPECT_EQ(pair.server->sessions(), 0u);
}

TEST(SealedServer, AcceptsNoCopiedTokenWhoseKeysTheBearerDoesNotKnow) {
  SealedPair pair;
  ConnectToken copied = pair.Token();  // as read from the wire: only the sealed part
  copied.to_server = RandomKey();
  auto thief = pair.Ask(copied, pair.At(6000));
  pair.Settle(*thief);
  EXPECT_EQ(pair.Counted(SealEvent::kTokenUnproven), 1u);
  EXPECT_EQ(pair.server->sessions(), 0u);
}

TEST(SealedServer, TakesACookieOnlyFromItsAddressAndInItsTime) {
  SealedPair pair;
  auto client = pair.Ask(pair.Token(), pair.At(5000));
  const Datagram request = ProvenRequest(pair, *client);
  pair.Receive(pair.At(5001), request);
  pair.Receive(pair.At(5000, 0x7f000002), request);
  EXPECT_EQ(pair.Counted(SealEvent::kBadCookie), 2u);
  pair.Advance(10'000);
  pair.Receive(client->address, request);
  EXPECT_EQ(pair.Counted(SealEvent::kBadCookie), 3u);
  EXPECT_EQ(pair.server->sessions(), 0u);
  // Each was challenged anew, so an honest client only loses a round trip.
  EXPECT_EQ(pair.sent.size(), 3u);
}

TEST(SealedServer, RefusesWhenItIsFullWithoutUsingUpTheToken) {
  SealedPair pair;
  std::vector<std::unique_ptr<Client>> clients;
  for (uint16_t i = 0; i < 8; ++i)
    clients.push_back(pair.Join(pair.At(static_cast<uint16_t>(1 + i))));
  const ConnectToken token = pair.Token();
  auto late = pair.Ask(token, pair.At(100));
  pair.Settle(*late);
  EXPECT_EQ(pair.Counted(SealEvent::kFull), 1u);
  pair.server->OnGone(pair.seen, 1);
  pair.Advance(1000);
  pair.Maintain();
  pair.Settle(*late);
  EXPECT_EQ(late->sealed.end_reason(), static_cast<uint32_t>(DisconnectReason::kZoneFull));
  auto again = pair.Ask(token, pair.At(100));
  pair.Settle(*again);
  EXPECT_EQ(again->sealed.state(), SealedClient::State::kOpen);
}

TEST(SealedServer, LimitsSessionsPerRealAddress) {
  auto settings = SealedPair::Small();
  settings.max_peers_per_address = 2;
  SealedPair pair(settings);
  auto a = pair.Join(pair.At(1)), b = pair.Join(pair.At(2));
  auto c = pair.Ask(pair.Token(), pair.At(3));
  pair.Settle(*c);
  EXPECT_EQ(pair.Counted(SealEvent::kAddressFull), 1u);
  pair.Join(pair.At(4, 0x7f000002));
}

TEST(SealedServer, LimitsWhatOneAddressCanAskAndServesTheOthers) {
  auto settings = SealedPair::Small();
  settings.requests_per_address_s = 10;
  SealedPair pair(settings);
  auto flooder = pair.Ask(pair.Token(), pair.At(1));
  const Datagram request = Copy(flooder->sealed.Poll(pair.clock.now_ns));
  for (int i = 0; i < 1000; ++i) pair.Receive(flooder->address, request);
  EXPECT_EQ(pair.sent.size(), 10u);
  EXPECT_EQ(pair.Counted(SealEvent::kRequestLimited), 990u);
  pair.Join(pair.At(1, 0x7f000002));
  pair.sent.clear();
  pair.Advance(1000);
  for (int i = 0; i < 1000; ++i) pair.Receive(flooder->address, request);
  EXPECT_EQ(pair.sent.size(), 10u);
}

TEST(SealedServer, LetsForgedAddressesNotSpendTheBudgetOfProvenOnes) {
  auto settings = SealedPair::Small();
  settings.requests_per_s = 100;
  SealedPair pair(settings);
  auto client = pair.Ask(pair.Token(), pair.At(5000));
  const Datagram proven = ProvenRequest(pair, *client);
  const Datagram blank = Copy(pair.Ask(pair.Token(), pair.At(1))->sealed.Poll(pair.clock.now_ns));
  for (uint32_t i = 0; i < 10'000; ++i) pair.Receive({0x0a000000 + i, 1234}, blank);
  EXPECT_GT(pair.Counted(SealEvent::kRequestLimited), 9'000u);
  pair.Receive(client->address, proven);
  EXPECT_EQ(pair.Counted(SealEvent::kAccepted), 1u);
}

// ---- resets

TEST(SealedServer, TellsClientsOfTheProcessBeforeThatItIsGone) {
  SealedPair pair;
  auto client = pair.Join(pair.At(5000));
  pair.Restart();
  const Datagram datagram = pair.Up(*client, "x");
  EXPECT_EQ(pair.Receive(client->address, datagram).opened, kRefused);
  ASSERT_EQ(pair.sent.size(), 1u);
  EXPECT_LE(pair.sent[0].bytes.size(), datagram.size());
  pair.Settle(*client);
  EXPECT_EQ(client->sealed.state(), SealedClient::State::kEnded);
  EXPECT_EQ(client->sealed.end_reason(), static_cast<uint32_t>(DisconnectReason::kSessionUnknown));
}

TEST(SealedServer, SaysResetsThatOnlyTheRightKeyPortAndSessionMake) {
  SealedPair pair;
  auto client = pair.Join(pair.At(5000));
  const Datagram datagram = pair.Up(*client, "x");
  pair.Restart();
  pair.Receive(client->address, datagram);
  ASSERT_EQ(pair.sent.size(), 1u);
  const Datagram reset = pair.sent[0].bytes;
  for (size_t i = 0; i < reset.size(); ++i) {
    Datagram forged = reset;
    forged[i] ^= std::byte{1};
    pair.Hear(*client, forged);
  }
  pair.sent.clear();
  SealedServer neighbour(pair.settings, pair.mint, pair.reset_key);
  HostStats stats;
  class Keeper final : public DatagramOutlet {
   public:
    void SendDirect(const Address&, std::span<const std::byte> bytes) noexcept override {
      kept = Copy(bytes);
    }
    Datagram kept;
  } keeper;
  neighbour.Attach(keeper, stats, SealedPair::kPort + 1);
  Datagram copy = datagram;
  std::span<std::byte> bytes(copy);
  Address from = client->address;
  neighbour.SetNow(pair.clock.now_ns);
  neighbour.Open(from, bytes);
  ASSERT_EQ(keeper.kept.size(), kResetBytes);
  pair.Hear(*client, keeper.kept);  // another host knows the key, and yet cannot say it
  EXPECT_EQ(client->sealed.state(), SealedClient::State::kOpen);
  pair.Hear(*client, reset);
  EXPECT_EQ(client->sealed.state(), SealedClient::State::kEnded);
}

TEST(SealedServer, LimitsItsResets) {
  auto settings = SealedPair::Small();
  settings.resets_per_address_s = 5;
  SealedPair pair(settings);
  auto client = pair.Join(pair.At(5000));
  pair.Restart();
  const Datagram datagram = pair.Up(*client, "x");
  for (int i = 0; i < 100; ++i) pair.Receive(client->address, datagram);
  EXPECT_EQ(pair.sent.size(), 5u);
  EXPECT_EQ(pair.Counted(SealEvent::kResetLimited), 95u);
}

// ---- amplification (T-3)

// Each kind of datagram, from an address that has proven nothing, as it is, cut short and with
// random bytes.
TEST(SealedServer, SendsUnprovenAddressesNoMoreThanTheySent) {
  SealedPair pair;
  auto ada = pair.Join(pair.At(5000));
  auto asking = pair.Ask(pair.Token(), pair.At(5001));
  const Datagram request = Copy(asking->sealed.Poll(pair.clock.now_ns));
  const Datagram proven = ProvenRequest(pair, *pair.Ask(pair.Token(), pair.At(5002)));
  Datagram stale_session = pair.Up(*ada, std::string(100, 'x'));
  stale_session[1] ^= std::byte{1};
  core::Random random(23);
  std::vector<Datagram> kinds{request,
                              proven,
                              pair.Up(*ada, "replayed"),
                              pair.Up(*ada, std::string(1000, 'x')),
                              stale_session,
                              pair.Down(pair.seen, "reflected").bytes};
  for (uint8_t type = 0; type < 9; ++type) {
    Datagram junk(1 + random.Below(kDatagramBytes));
    for (std::byte& byte : junk) byte = static_cast<std::byte>(random.Next());
    junk[0] = static_cast<std::byte>(type);
    kinds.push_back(junk);
  }
  uint16_t port = 7000;
  for (const Datagram& kind : kinds) {
    for (int variant = 0; variant < 40; ++variant) {
      Datagram bytes = kind;
      if (variant > 20) bytes.resize(1 + random.Below(bytes.size()));
      if (variant % 20 > 0)
        bytes[random.Below(bytes.size())] ^= static_cast<std::byte>(random.Next());
      const Address stranger = pair.At(port++, 0x0a000001);
      pair.sent.clear();
      pair.Receive(stranger, bytes);
      size_t out = 0;
      for (const auto& datagram : pair.sent) out += datagram.bytes.size();
      EXPECT_LE(pair.sent.size(), 1u);
      EXPECT_LE(out, bytes.size()) << "first byte " << static_cast<int>(kind[0]);
      pair.Advance(1);
    }
  }
  // And nothing afterwards: only ada, who has proven her address, is told of her end.
  pair.sent.clear();
  for (int i = 0; i < 480; ++i) {
    pair.Advance(250);
    pair.Maintain();
  }
  for (const auto& datagram : pair.sent) EXPECT_EQ(datagram.to, ada->address);
}

}  // namespace
}  // namespace bluemarble::net
