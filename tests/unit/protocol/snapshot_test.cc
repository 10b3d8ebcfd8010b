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
                   .dilation_pct = 150,
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
  EXPECT_EQ(reader.own().dilation_pct, 150);
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

TEST(Snapshot, PartHeadersOfAnyOrderComeBack) {
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    core::Random random(seed);
    std::array<std::byte, 1200> buffer;
    SnapshotWriter writer;
    ASSERT_TRUE(writer.Begin({.sequence = 1}, {}, buffer).ok());
    std::vector<PartHeader> written;
    const std::array<std::byte, 300> payload{};
    for (;;) {
      PartHeader header;
      header.leaf = geo::NodeKey::At(
          {static_cast<int32_t>(random.Below(4000)), static_cast<int32_t>(random.Below(4000)),
           random.Chance(0.1) ? 1 << 29 : 0},
          geo::kSectorLevel + static_cast<int>(random.Below(10)));
      if (!written.empty() && random.Chance(0.4)) header.leaf = written.back().leaf;
      if (random.Chance(0.5)) header.part = static_cast<uint8_t>(random.Below(3));
      header.cls = static_cast<ReplicationClass>(random.Below(3));
      if (random.Chance(0.7)) {
        header.base_age = static_cast<uint8_t>(1 + random.Below(2));
        header.base_step = static_cast<uint8_t>(random.Below(30));
      }
      if (!writer.AddPart(header, {payload.data(), random.Below(300)})) break;
      written.push_back(header);
    }
    SnapshotReader reader;
    ASSERT_TRUE(reader.Begin({buffer.data(), writer.size_bytes()}).ok());
    PartHeader header;
    std::span<const std::byte> bytes;
    for (const PartHeader& expected : written) {
      ASSERT_TRUE(reader.NextPart(header, bytes)) << seed;
      ASSERT_EQ(header, expected) << seed;
    }
    EXPECT_FALSE(reader.NextPart(header, bytes));
    EXPECT_FALSE(reader.malformed());
  }
}

TEST(Snapshot, ANeighbouringLeafCostsFourBytesAndTheLeafsNextPartTwo) {
  std::array<std::byte, 1200> buffer;
  SnapshotWriter writer;
  ASSERT_TRUE(writer.Begin({.sequence = 1}, {}, buffer).ok());
  const auto cost = [&](const PartHeader& header) {
    const size_t before = writer.size_bytes();
    EXPECT_TRUE(writer.AddPart(header, {}));
    return writer.size_bytes() - before;
  };
  const PartHeader first{kLeaf, 0, ReplicationClass::kCombat, 3, 3};
  EXPECT_EQ(cost(first), 11u);
  EXPECT_EQ(cost({kLeaf, 1, ReplicationClass::kCombat, 3, 3}), 2u);
  EXPECT_LE(cost({geo::NodeKey{kLeaf.bits ^ 9}, 0, ReplicationClass::kCombat, 3, 3}), 4u);
}

TEST(Snapshot, PartsThatReferToNoneBeforeAreMalformed) {
  std::array<std::byte, 100> buffer;
  PartHeader header;
  std::span<const std::byte> bytes;
  SnapshotWriter writer;
  ASSERT_TRUE(writer.Begin({.sequence = 1}, {}, buffer).ok());
  const size_t head = writer.size_bytes();
  const auto malformed = [&](std::initializer_list<int> part) {
    size_t size = head;
    for (int b : part) buffer[size++] = static_cast<std::byte>(b);
    SnapshotReader reader;
    EXPECT_TRUE(reader.Begin({buffer.data(), size}).ok());
    EXPECT_FALSE(reader.NextPart(header, bytes));
    return reader.malformed();
  };
  EXPECT_TRUE(malformed({0x10, 0}));                             // the next part of no leaf
  EXPECT_TRUE(malformed({0x00, 0x04, 0}));                       // relative to no key
  EXPECT_TRUE(malformed({0x84, 9, 0, 0, 0, 0, 0, 0, 0x80, 0}));  // ages as before, of no part
  EXPECT_TRUE(malformed({0x8c, 9, 0, 0, 0, 0, 0, 0, 0x80, 0xf0, 0x07, 0}));  // 16 + 31 ticks
  EXPECT_TRUE(malformed({0x83, 9, 0, 0, 0, 0, 0, 0, 0x80, 0}));              // class 3
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
  const size_t head = whole - 10 - 40;  // mode, whole key, length
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
    ASSERT_LE(parts, whole / 2);
  }
}

}  // namespace
}  // namespace bluemarble::protocol
