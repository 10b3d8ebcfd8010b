#include "net/sealed_pipe.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/hash.h"
#include "sealed_pair.h"

namespace bluemarble::net {
namespace {

class SealedPipeTest : public testing::TestWithParam<Cipher> {
 protected:
  SealedPipeTest() {
    const Key up = RandomKey(), down = RandomKey();
    server_.Start(SealedPipe::Side::kServer, GetParam(), 99, up, down);
    client_.Start(SealedPipe::Side::kClient, GetParam(), 99, up, down);
  }
  Datagram Seal(SealedPipe& from, const std::string& text, PacketType type = PacketType::kData) {
    Datagram buffer(text.size() + kSealBytes);
    std::memcpy(buffer.data() + kSealHeadBytes, text.data(), text.size());
    from.Seal(aead_, type, buffer);
    return buffer;
  }
  SealedPipe::Opened Open(SealedPipe& at, Datagram datagram) {
    const auto text = at.Open(aead_, datagram);
    last_ = text.opened == SealedPipe::Opened::kOk ? TextOf(text.bytes) : "";
    return text.opened;
  }
  static constexpr auto kOk = SealedPipe::Opened::kOk;
  static constexpr auto kReplayed = SealedPipe::Opened::kReplayed;
  static constexpr auto kBadTag = SealedPipe::Opened::kBadTag;

  Aead aead_;
  SealedPipe server_, client_;
  std::string last_;
};

INSTANTIATE_TEST_SUITE_P(BothCiphers, SealedPipeTest,
                         testing::Values(Cipher::kAes256Gcm, Cipher::kChaCha20Poly1305));

TEST_P(SealedPipeTest, CarriesTextsOfEverySizeBothWays) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{15}, size_t{16}, size_t{300}, kEnetMtu}) {
    const std::string text(size, 'x');
    ASSERT_EQ(Open(server_, Seal(client_, text)), kOk);
    EXPECT_EQ(last_, text);
    ASSERT_EQ(Open(client_, Seal(server_, text)), kOk);
    EXPECT_EQ(last_, text);
  }
}

TEST_P(SealedPipeTest, HidesTheTextAndNeverSealsItTheSameWay) {
  const std::string text(64, 'x');
  const Datagram first = Seal(client_, text), second = Seal(client_, text);
  EXPECT_EQ(TextOf(first).find("xxxx"), std::string::npos);
  EXPECT_FALSE(
      std::equal(first.begin() + kSealHeadBytes, first.end(), second.begin() + kSealHeadBytes));
}

TEST_P(SealedPipeTest, RefusesADatagramWithAnyBitFlipped) {
  const Datagram good = Seal(client_, "hello");
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    Datagram bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    EXPECT_EQ(Open(server_, bad), kBadTag) << bit;
  }
  EXPECT_EQ(Open(server_, good), kOk);  // the bad ones have not used up its sequence
}

TEST_P(SealedPipeTest, RefusesATruncatedDatagram) {
  const Datagram good = Seal(client_, std::string(40, 'x'));
  for (size_t size = kSealBytes; size < good.size(); ++size)
    EXPECT_EQ(Open(server_, {good.begin(), good.begin() + static_cast<ptrdiff_t>(size)}), kBadTag);
}

TEST_P(SealedPipeTest, RefusesItsOwnDatagramsReflected) {
  EXPECT_EQ(Open(client_, Seal(client_, "hello")), kBadTag);
  EXPECT_EQ(Open(server_, Seal(server_, "hello")), kBadTag);
}

TEST_P(SealedPipeTest, RefusesTheSameDatagramTwiceAndTakesReorderedOnes) {
  std::vector<Datagram> sent;
  for (int i = 0; i < 1000; ++i) sent.push_back(Seal(client_, std::to_string(i)));
  core::Random random(5);
  std::vector<size_t> order(sent.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.Below(i)]);
  for (const size_t i : order) {
    EXPECT_EQ(Open(server_, sent[i]), kOk);
    EXPECT_EQ(last_, std::to_string(i));
  }
  for (const size_t i : order) EXPECT_EQ(Open(server_, sent[i]), kReplayed);
}

TEST_P(SealedPipeTest, TakesWhatIs1024DatagramsLateAndNothingFarOlder) {
  const Datagram late = Seal(client_, "late");
  const Datagram older = Seal(client_, "older");
  for (int i = 0; i < 1023; ++i) Seal(client_, "lost");
  ASSERT_EQ(Open(server_, Seal(client_, "new")), kOk);
  EXPECT_EQ(Open(server_, late), kOk);
  for (int i = 0; i < 2000; ++i) Seal(client_, "lost");
  ASSERT_EQ(Open(server_, Seal(client_, "newer")), kOk);
  EXPECT_EQ(Open(server_, older), kReplayed);
}

TEST_P(SealedPipeTest, TellsTheNewestFromLateOnes) {
  Datagram first = Seal(client_, "1"), second = Seal(client_, "2");
  EXPECT_EQ(server_.Open(aead_, second).steps, 2u);
  EXPECT_EQ(server_.Open(aead_, first).steps, 0u);
}

TEST_P(SealedPipeTest, FollowsTheServersKeysAndStillOpensLateDatagrams) {
  const Datagram late = Seal(server_, "late");
  ASSERT_TRUE(server_.NextPhase());
  const Datagram fresh = Seal(server_, "fresh");
  EXPECT_NE(fresh[0] & std::byte{kPhaseBit}, std::byte{0});
  const Datagram up_late = Seal(client_, "up late");
  ASSERT_EQ(Open(client_, fresh), kOk);
  EXPECT_EQ(Open(client_, late), kOk);
  const Datagram up = Seal(client_, "up");
  EXPECT_NE(up[0] & std::byte{kPhaseBit}, std::byte{0});
  EXPECT_EQ(Open(server_, up), kOk);
  EXPECT_EQ(Open(server_, up_late), kOk);
}

TEST_P(SealedPipeTest, TakesNoSecondKeyBeforeTheClientHasAnswered) {
  ASSERT_TRUE(server_.NextPhase());
  EXPECT_FALSE(server_.NextPhase());
  ASSERT_EQ(Open(client_, Seal(server_, "x")), kOk);
  ASSERT_EQ(Open(server_, Seal(client_, "x")), kOk);
  EXPECT_TRUE(server_.NextPhase());
}

TEST_P(SealedPipeTest, LetsTheClientNotRunAhead) {
  Datagram forged = Seal(client_, "x");
  forged[0] ^= std::byte{kPhaseBit};
  EXPECT_EQ(Open(server_, forged), kBadTag);
  EXPECT_EQ(Open(server_, Seal(client_, "y")), kOk);
}

// 200 changes of keys with a third of all datagrams lost and the rest late by up to ten others.
TEST_P(SealedPipeTest, LosesNothingByNewKeysOnALossyLink) {
  constexpr uint64_t kSeed = 11, kMostLate = 10;
  struct Flying {
    uint64_t due;
    bool up;
    Datagram bytes;
  };
  core::Random random(kSeed);
  std::vector<Flying> flying;
  int phases = 0;
  for (uint64_t now = 0; phases < 200; ++now) {
    ASSERT_LT(now, 200'000u) << "the keys stopped changing";
    if (server_.datagrams_in_phase() >= 16 && server_.NextPhase()) ++phases;
    const bool up = random.Chance(0.5);
    Datagram datagram = Seal(up ? client_ : server_, "text");
    if (!random.Chance(1.0 / 3))
      flying.push_back({now + random.Below(kMostLate), up, std::move(datagram)});
    std::erase_if(flying, [&](const Flying& f) {
      if (f.due > now) return false;
      EXPECT_EQ(Open(f.up ? server_ : client_, f.bytes), kOk) << now;
      return true;
    });
  }
}

TEST(NumberWindow, AgreesWithASetOfNumbers) {
  core::Random random(3);
  NumberWindow<4> window;
  std::vector<bool> seen(200'000, false);
  uint64_t top = 0;
  for (int i = 0; i < 50'000; ++i) {
    const uint64_t number = random.Chance(0.01) ? top + random.Below(600)
                                                : top + 3 - std::min(top + 3, random.Below(300));
    const bool too_old = top > 0 && number < top && top - number > NumberWindow<4>::kSpan;
    ASSERT_EQ(window.Seen(number), too_old || seen[number]) << number;
    if (too_old || seen[number]) continue;
    window.Mark(number);
    seen[number] = true;
    top = std::max(top, number + 1);
  }
}

}  // namespace
}  // namespace bluemarble::net
