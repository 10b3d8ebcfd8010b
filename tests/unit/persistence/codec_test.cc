#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "fixture.h"

namespace bluemarble::persistence {
namespace {

TEST(CompletionCodec, GivesBackWhatWasEncoded) {
  Completion in;
  in.request_id = 77;
  in.kind = CompletionKind::kLogout;
  in.outcome = Outcome::kRefused;
  in.refusal = Refusal::kVersion;
  in.reserved_tick = 5;
  in.row.state = StateAt(3);
  in.row.name = PlayerName::From("Ada");
  std::array<std::byte, kCompletionBytes> bytes;
  ASSERT_TRUE(EncodeCompletion(in, bytes).ok());
  Completion out;
  ASSERT_TRUE(DecodeCompletion(bytes, out).ok());
  EXPECT_EQ(out, in);
}

TEST(CompletionCodec, RefusesShortBuffersAndUnknownEnumerators) {
  std::array<std::byte, kCompletionBytes> bytes;
  EXPECT_EQ(EncodeCompletion({}, std::span(bytes).first(10)).code(), core::Code::kNoSpace);
  ASSERT_TRUE(EncodeCompletion({}, bytes).ok());
  Completion out;
  EXPECT_EQ(DecodeCompletion(std::span(bytes).first(10), out).code(), core::Code::kCorrupt);
  for (size_t field : {8u, 9u, 10u}) {
    auto bad = bytes;
    bad[field] = std::byte{99};
    EXPECT_EQ(DecodeCompletion(bad, out).code(), core::Code::kCorrupt) << field;
  }
}

TEST(PlayerStateCodec, GivesBackWhatWasEncodedAndRefusesTheRest) {
  auto bytes = EncodePlayerState(StateAt(-1.25));
  EXPECT_EQ(bytes.size(), 39u);
  PlayerState out;
  ASSERT_TRUE(DecodePlayerState(bytes, out));
  EXPECT_EQ(out, StateAt(-1.25));
  bytes[0] = std::byte{2};
  EXPECT_FALSE(DecodePlayerState(bytes, out));
  bytes[0] = std::byte{1};
  bytes.pop_back();
  EXPECT_FALSE(DecodePlayerState(bytes, out));
}

TEST(RequestDigest, DiffersWithTheRequestButNotWithItsTime) {
  const DurableWrite login = Login(1, "Ada");
  DurableWrite later = login;
  later.at_us += 5;
  later.tick += 5;
  EXPECT_EQ(RequestDigest(login), RequestDigest(later));
  EXPECT_NE(RequestDigest(login), RequestDigest(Login(1, "Bob")));
  const PlayerRow row{.player_id = 3, .version = 1, .epoch = 1};
  EXPECT_NE(RequestDigest(Sample(1, row, 2, 1, 5)), RequestDigest(Sample(1, row, 2, 2, 5)));
  EXPECT_NE(RequestDigest(Sample(1, row, 2, 1, 5)), RequestDigest(Sample(1, row, 3, 1, 5)));
}

TEST(ShardPrefix, FitsAPositivePlayerId) {
  for (const char* id : {"", "zone", "west", "europe-africa", "asia"}) {
    EXPECT_GT(ShardPrefix(id), 0);
    EXPECT_LT(ShardPrefix(id), int64_t{1} << 22);
  }
  EXPECT_NE(ShardPrefix("west"), ShardPrefix("east"));
}

}  // namespace
}  // namespace bluemarble::persistence
