#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <limits>
#include <set>
#include <string_view>
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

TEST(CompletionCodec, TakesTheLastOfEachEnumeratorAndNotTheNext) {
  Completion in;
  in.kind = CompletionKind::kWorldItemsEnd;
  in.outcome = Outcome::kUnknown;
  in.refusal = static_cast<Refusal>(kRefusals - 1);
  std::array<std::byte, kCompletionBytes> bytes;
  ASSERT_TRUE(EncodeCompletion(in, bytes).ok());
  Completion out;
  EXPECT_TRUE(DecodeCompletion(bytes, out).ok());
  for (size_t field : {8u, 9u, 10u}) {
    auto bad = bytes;
    bad[field] = static_cast<std::byte>(static_cast<uint8_t>(bad[field]) + 1);
    EXPECT_EQ(DecodeCompletion(bad, out).code(), core::Code::kCorrupt) << field;
  }
}

TEST(Names, EachRefusalAndEventKindHasItsOwn) {
  std::set<std::string_view> names;
  for (uint8_t i = 0; i < kRefusals; ++i) names.insert(RefusalName(static_cast<Refusal>(i)));
  EXPECT_EQ(names.size(), kRefusals);
  EXPECT_FALSE(names.contains("unnamed"));
  names.clear();
  for (uint8_t i = 1; i <= 13; ++i) names.insert(EventKindName(static_cast<EventKind>(i)));
  for (uint8_t i = 1; i <= 3; ++i) names.insert(AggregateTypeName(static_cast<AggregateType>(i)));
  EXPECT_EQ(names.size(), 16u);
  EXPECT_FALSE(names.contains("unknown"));
}

TEST(ItemEventCodec, GivesBackWhatWasEncodedAndRefusesTheRest) {
  const ItemRow item{17, 3, kHeldByWorld, 7, 4'000'000'000u, PlaceAt(-1.25)};
  const Cause cause{42, Key(42, 0xabcdef).bytes};
  auto bytes = EncodeItemEvent(item, cause);
  EXPECT_EQ(bytes.size(), 73u);
  ItemRow out{.item_id = 17, .version = 3};
  Cause from;
  ASSERT_TRUE(DecodeItemEvent(bytes, out, from));
  EXPECT_EQ(out, item);
  EXPECT_EQ(from, cause);
  bytes[0] = std::byte{2};
  EXPECT_FALSE(DecodeItemEvent(bytes, out, from));
  bytes[0] = std::byte{1};
  bytes.push_back(std::byte{0});
  EXPECT_FALSE(DecodeItemEvent(bytes, out, from));
  EXPECT_FALSE(DecodeItemEvent({}, out, from));
}

TEST(AccountEventCodec, GivesBackWhatWasEncodedAndRefusesTheRest) {
  const Cause cause{42, Key(42, 0xabcdef).bytes};
  auto bytes = EncodeAccountEvent(-5, std::numeric_limits<int64_t>::max(), cause);
  EXPECT_EQ(bytes.size(), 41u);
  int64_t balance = 0;
  int64_t amount = 0;
  Cause from;
  ASSERT_TRUE(DecodeAccountEvent(bytes, balance, amount, from));
  EXPECT_EQ(balance, -5);
  EXPECT_EQ(amount, std::numeric_limits<int64_t>::max());
  EXPECT_EQ(from, cause);
  bytes[0] = std::byte{0};
  EXPECT_FALSE(DecodeAccountEvent(bytes, balance, amount, from));
  EXPECT_FALSE(DecodeAccountEvent({}, balance, amount, from));
}

TEST(ResultCodec, KeepsWhatARepeatIsToldAndNothingElse) {
  WriteResult in;
  in.outcome = Outcome::kOk;
  in.created = true;
  in.item = {17, 3, 5, 7, 2, PlaceAt(1)};
  in.items = {in.item};
  in.gold = 9;
  in.seq = 12;
  auto bytes = EncodeResult(in);
  EXPECT_EQ(bytes.size(), 20u) << "no row: none is stored";
  auto out = DecodeResult(bytes);
  ASSERT_TRUE(out.ok());
  WriteResult told;
  told.outcome = Outcome::kOk;
  told.created = told.repeated = true;
  told.item.item_id = 17;
  told.item.version = 3;
  EXPECT_EQ(*out, told);
  in.row = {.player_id = 3, .version = 2, .epoch = 1, .state = StateAt(2)};
  bytes = EncodeResult(in);
  EXPECT_EQ(bytes.size(), 140u);
  EXPECT_EQ(DecodeResult(bytes)->row, in.row);
  in.row = {.player_id = 3, .version = 2};
  bytes = EncodeResult(in);
  EXPECT_EQ(bytes.size(), 36u) << "a row that says its version only";
  EXPECT_EQ(DecodeResult(bytes)->row, in.row);
  EXPECT_EQ(DecodeResult(bytes)->item.version, 3);
  in.item = {};
  bytes = EncodeResult(in);
  EXPECT_EQ(bytes.size(), 20u);
  EXPECT_EQ(DecodeResult(bytes)->row, in.row);
  EXPECT_EQ(DecodeResult(bytes)->item, ItemRow{});
}

TEST(ResultCodec, StillReadsTheFirstFormat) {
  const PlayerRow row{.player_id = 3, .version = 2, .epoch = 1, .state = StateAt(2)};
  std::vector<std::byte> bytes(4 + sizeof(PlayerRow));
  bytes[0] = std::byte{1};
  bytes[1] = static_cast<std::byte>(Outcome::kRefused);
  bytes[2] = static_cast<std::byte>(Refusal::kVersion);
  std::memcpy(bytes.data() + 4, &row, sizeof(row));
  const auto out = DecodeResult(bytes);
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(out->refusal, Refusal::kVersion);
  EXPECT_EQ(out->row, row);
  EXPECT_TRUE(out->repeated);
}

TEST(ResultCodec, StillReadsTheSecondFormat) {
  const PlayerRow row{.player_id = 3, .version = 2, .epoch = 1, .state = StateAt(2)};
  const int64_t item[2] = {17, 4};
  std::vector<std::byte> bytes(4 + sizeof(item) + sizeof(row));
  bytes[0] = std::byte{2};
  bytes[3] = std::byte{1};
  std::memcpy(bytes.data() + 4, item, sizeof(item));
  std::memcpy(bytes.data() + 20, &row, sizeof(row));
  auto out = DecodeResult(bytes);
  ASSERT_TRUE(out.ok());
  EXPECT_TRUE(out->created);
  EXPECT_EQ(out->item.item_id, 17);
  EXPECT_EQ(out->item.version, 4);
  EXPECT_EQ(out->row, row);
  bytes.resize(20);
  out = DecodeResult(bytes);
  ASSERT_TRUE(out.ok()) << "without a row";
  EXPECT_EQ(out->row, PlayerRow{});
}

TEST(ResultCodec, RefusesWhatIsNoResult) {
  const auto good = EncodeResult({.outcome = Outcome::kOk});
  std::vector<std::vector<std::byte>> wrong = {{},   {std::byte{2}}, good, good, good,
                                               good, good,           good, good};
  wrong[2][0] = std::byte{4};
  wrong[3][1] = std::byte{3};
  wrong[4][2] = std::byte{kRefusals};
  wrong[5].pop_back();
  wrong[6][0] = std::byte{1};
  wrong[7][3] = std::byte{4};   // its version does not follow
  wrong[8][3] = std::byte{16};  // a part that nobody knows
  for (size_t i = 0; i < wrong.size(); ++i)
    EXPECT_EQ(DecodeResult(wrong[i]).status().code(), core::Code::kCorrupt) << i;
}

TEST(RequestDigest, IsTheClientsWhenThereIsOneAndElseCoversEveryPart) {
  DurableWrite write;
  write.owners = {{3, 1}};
  write.items = {Create(7, 1, 3)};
  write.postings = Pay(kMintAccount, 3, 5);
  std::set<uint64_t> digests = {RequestDigest(write)};
  DurableWrite other = write;
  other.owners[0].epoch = 2;
  digests.insert(RequestDigest(other));
  other = write;
  other.items[0].quantity = 2;
  digests.insert(RequestDigest(other));
  other = write;
  other.items[0].place.y_m = 2;
  digests.insert(RequestDigest(other));
  other = write;
  other.postings = Pay(kMintAccount, 3, 6);
  digests.insert(RequestDigest(other));
  other.digest = 77;
  digests.insert(RequestDigest(other));
  EXPECT_EQ(digests.size(), 6u);
  EXPECT_EQ(RequestDigest(other), 77u);
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
