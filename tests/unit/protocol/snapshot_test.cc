#include "protocol/snapshot.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/hash.h"

namespace bluemarble::protocol {
namespace {

const geo::NodeKey kLeaf = geo::NodeKey::At({1, 2, 3}, 18);

TEST(Snapshot, RoundTripsPrivateBlockDropsAndParts) {
  PrivateBlock own{.sequence = 9,
                   .tick = 123456,
                   .input_depth = -3,
                   .health = 77,
                   .exact = true,
                   .position = {1, 2, 3},
                   .velocity = {4, 5, 6},
                   .ground_height_m = 7,
                   .yaw = 8,
                   .confirmed = true,
                   .confirmed_age = 200};
  const std::vector<geo::NodeKey> drops{kLeaf.parent(), kLeaf.child(3)};
  const std::vector<std::byte> payload(300, std::byte{5});
  std::array<std::byte, 1200> buffer;
  SnapshotWriter writer;
  ASSERT_TRUE(writer.Begin(own, drops, buffer).ok());
  ASSERT_TRUE(writer.AddPart({kLeaf, 0, ReplicationClass::kCombat, 0}, payload));
  ASSERT_TRUE(writer.AddPart({kLeaf, 255, ReplicationClass::kExtended, kBaseTicks - 1},
                             {payload.data(), 1}));

  SnapshotReader reader;
  ASSERT_TRUE(reader.Begin({buffer.data(), writer.size_bytes()}).ok());
  EXPECT_EQ(reader.own().tick, 123456u);
  EXPECT_EQ(reader.own().input_depth, -3);
  EXPECT_EQ(reader.own().position, own.position);
  EXPECT_EQ(reader.own().velocity, own.velocity);
  EXPECT_EQ(reader.own().confirmed_age, 200);
  ASSERT_EQ(reader.drops().size(), 2u);
  EXPECT_EQ(reader.drops()[1], drops[1]);
  PartHeader header;
  std::span<const std::byte> bytes;
  ASSERT_TRUE(reader.NextPart(header, bytes));
  EXPECT_EQ(header.leaf, kLeaf);
  EXPECT_EQ(header.base_age, 0);
  EXPECT_EQ(bytes.size(), 300u);
  ASSERT_TRUE(reader.NextPart(header, bytes));
  EXPECT_EQ(header.part, 255);
  EXPECT_EQ(header.cls, ReplicationClass::kExtended);
  EXPECT_EQ(header.base_age, kBaseTicks - 1);
  EXPECT_FALSE(reader.NextPart(header, bytes));
  EXPECT_FALSE(reader.malformed());
}

TEST(Snapshot, RefusesAPartThatDoesNotFitAndStaysReadable) {
  std::array<std::byte, 100> buffer;
  SnapshotWriter writer;
  ASSERT_TRUE(writer.Begin({.sequence = 1}, {}, buffer).ok());
  const size_t before = writer.size_bytes();
  EXPECT_FALSE(
      writer.AddPart({kLeaf, 0, ReplicationClass::kCombat, 0}, std::vector<std::byte>(200)));
  EXPECT_EQ(writer.size_bytes(), before);
}

TEST(Snapshot, EveryTruncationAndRandomMutationIsHandled) {
  std::array<std::byte, 400> buffer;
  SnapshotWriter writer;
  const std::vector<geo::NodeKey> drops{kLeaf};
  ASSERT_TRUE(writer.Begin({.sequence = 1, .exact = true, .confirmed = true}, drops, buffer).ok());
  ASSERT_TRUE(writer.AddPart({kLeaf, 0, ReplicationClass::kCombat, 0}, std::vector<std::byte>(40)));
  const size_t whole = writer.size_bytes();
  const size_t head = whole - kPartHeaderBytes - 40;
  PartHeader header;
  std::span<const std::byte> bytes;
  for (size_t cut = 0; cut < whole; ++cut) {
    SnapshotReader reader;
    const bool begun = reader.Begin({buffer.data(), cut}).ok();
    EXPECT_EQ(begun, cut >= head) << cut;
    if (!begun || cut == head) continue;
    EXPECT_FALSE(reader.NextPart(header, bytes)) << cut;
    EXPECT_TRUE(reader.malformed()) << cut;
  }
  for (uint64_t seed = 1; seed <= 20'000; ++seed) {
    core::Random random(seed);
    auto copy = buffer;
    for (int i = 0; i < 3; ++i) copy[random.Below(whole)] = static_cast<std::byte>(random.Next());
    SnapshotReader reader;
    if (!reader.Begin({copy.data(), whole}).ok()) continue;
    size_t parts = 0;
    while (reader.NextPart(header, bytes)) ++parts;
    ASSERT_LE(parts, whole / kPartHeaderBytes);
  }
}

}  // namespace
}  // namespace bluemarble::protocol
