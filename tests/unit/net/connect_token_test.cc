#include "net/connect_token.h"

#include <gtest/gtest.h>

#include "sealed_pair.h"

namespace bluemarble::net {
namespace {

class ConnectTokenTest : public testing::Test {
 protected:
  static constexpr uint16_t kPort = 7777;
  ConnectToken Make(TokenMint& mint, const std::string& name = "ada", uint16_t port = kPort) {
    return *DecodeConnectToken(*mint.Mint(port, -42, name));
  }
  TokenVerdict Read(const TokenMint& mint, const SealedToken& sealed, uint16_t port = kPort) {
    return mint.Open(sealed, port, aead_, content_);
  }
  ManualClock clock_;
  TokenMint mint_{clock_, 0x7f000001, 60, kAllCiphers};
  Aead aead_;
  TokenContent content_;
};

TEST_F(ConnectTokenTest, CarriesThePlayerTheHostAndBothKeys) {
  const ConnectToken token = Make(mint_);
  ASSERT_EQ(Read(mint_, token.sealed), TokenVerdict::kOk);
  EXPECT_EQ(content_.account_id, -42);
  EXPECT_EQ(content_.name(), "ada");
  EXPECT_EQ(content_.address, (Address{0x7f000001, kPort}));
  EXPECT_EQ(token.address, content_.address);
  EXPECT_EQ(token.life_s, 60u);
  EXPECT_EQ(token.to_server, content_.to_server);
  EXPECT_EQ(token.to_client, content_.to_client);
  EXPECT_NE(token.to_server, token.to_client);
}

TEST_F(ConnectTokenTest, IsRefusedWhateverByteOfItIsFlipped) {
  const ConnectToken token = Make(mint_);
  for (size_t i = 0; i < kSealedTokenBytes; ++i) {
    for (const std::byte bit : {std::byte{0x01}, std::byte{0x80}}) {
      SealedToken flipped = token.sealed;
      flipped[i] ^= bit;
      const auto expected = i < 4 ? TokenVerdict::kUnknownKey : TokenVerdict::kForged;
      EXPECT_EQ(Read(mint_, flipped), expected) << i;
    }
  }
}

TEST_F(ConnectTokenTest, IsGoodUntilItExpiresAndNotBeforeItWasMade) {
  const ConnectToken token = Make(mint_);
  clock_.now_ns += 59'999'000'000;
  EXPECT_EQ(Read(mint_, token.sealed), TokenVerdict::kOk);
  clock_.now_ns += 1'000'000;
  EXPECT_EQ(Read(mint_, token.sealed), TokenVerdict::kExpired);
  clock_.now_ns -= 60'001'000'000;
  EXPECT_EQ(Read(mint_, token.sealed), TokenVerdict::kEarly);
}

TEST_F(ConnectTokenTest, IsForOneShardAndOnePort) {
  TokenMint other(clock_, 0x7f000001, 60, kAllCiphers);
  EXPECT_EQ(Read(other, Make(mint_).sealed), TokenVerdict::kUnknownKey);
  EXPECT_EQ(Read(mint_, Make(mint_).sealed, kPort + 1), TokenVerdict::kWrongHost);
}

TEST_F(ConnectTokenTest, SurvivesARotationUntilItExpires) {
  const ConnectToken before = Make(mint_);
  mint_.RotateKey();
  const ConnectToken after = Make(mint_);
  EXPECT_EQ(Read(mint_, before.sealed), TokenVerdict::kOk);
  EXPECT_EQ(Read(mint_, after.sealed), TokenVerdict::kOk);
  EXPECT_FALSE(std::equal(before.sealed.begin(), before.sealed.begin() + 4, after.sealed.begin()));
  clock_.now_ns += 60'001'000'000;
  EXPECT_EQ(Read(mint_, before.sealed), TokenVerdict::kUnknownKey);  // its key is forgotten
  EXPECT_EQ(Read(mint_, after.sealed), TokenVerdict::kExpired);
}

TEST_F(ConnectTokenTest, OfAKeyRotatedAwayTooOftenIsRefused) {
  const ConnectToken before = Make(mint_);
  for (size_t i = 0; i < TokenMint::kMaxKeys; ++i) mint_.RotateKey();
  EXPECT_EQ(Read(mint_, before.sealed), TokenVerdict::kUnknownKey);
}

TEST_F(ConnectTokenTest, HasANumberOfItsOwnAlsoAcrossRotations) {
  const uint64_t first = TokenNumber(Make(mint_).sealed);
  EXPECT_EQ(TokenNumber(Make(mint_).sealed), first + 1);
  mint_.RotateKey();
  EXPECT_EQ(TokenNumber(Make(mint_).sealed), first + 2);
}

TEST_F(ConnectTokenTest, NeedsANameThatFits) {
  EXPECT_EQ(mint_.Mint(kPort, 1, "").status().code(), core::Code::kInvalid);
  EXPECT_EQ(mint_.Mint(kPort, 1, std::string(65, 'x')).status().code(), core::Code::kInvalid);
  EXPECT_EQ(Read(mint_, Make(mint_, std::string(64, 'x')).sealed), TokenVerdict::kOk);
  EXPECT_EQ(content_.name(), std::string(64, 'x'));
}

TEST_F(ConnectTokenTest, IsTextThatDecodesToItselfAndNothingElseDoes) {
  const std::string text = *mint_.Mint(kPort, 1, "ada");
  EXPECT_EQ(text.size(), (kPublicTokenBytes * 8 + 5) / 6);
  EXPECT_EQ(EncodeConnectToken(*DecodeConnectToken(text)), text);
  const std::array<std::string, 7> wrong{"",
                                         text + "A",
                                         text.substr(1),
                                         "*" + text.substr(1),
                                         "B" + text.substr(1),
                                         text.substr(0, text.size() - 1) + "_",
                                         std::string(1 << 20, 'Q')};
  for (const std::string& bad : wrong)
    EXPECT_EQ(DecodeConnectToken(bad).status().code(), core::Code::kInvalid) << bad.substr(0, 400);
}

TEST(Identity, IsReadBackAndNothingElseIs) {
  std::array<std::byte, kMaxIdentityBytes> bytes;
  const size_t size = WriteIdentity({INT64_MIN, "ada"}, bytes);
  ASSERT_EQ(size, 11u);
  const auto read = ReadIdentity(std::span(bytes).first(size));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->account_id, INT64_MIN);
  EXPECT_EQ(read->name, "ada");
  EXPECT_FALSE(ReadIdentity({}).has_value());
  EXPECT_FALSE(ReadIdentity(std::span(bytes).first(8)).has_value());
  EXPECT_EQ(WriteIdentity({1, ""}, bytes), 0u);
  EXPECT_EQ(WriteIdentity({1, std::string(65, 'x')}, bytes), 0u);
}

}  // namespace
}  // namespace bluemarble::net
