#include "core/bits.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "core/hash.h"

namespace bluemarble::core {
namespace {

TEST(Bits, ReadsBackWhatWasWrittenForRandomFields) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::array<std::byte, 4096> buffer{};
    BitWriter writer(buffer);
    std::vector<std::pair<uint64_t, int>> fields;
    for (int i = 0; i < 300; ++i) {
      const int count = static_cast<int>(random.Below(65));
      const uint64_t value =
          count == 64 ? random.Next() : random.Next() & ((uint64_t{1} << count) - 1);
      writer.Write64(value, count);
      fields.emplace_back(value, count);
    }
    ASSERT_FALSE(writer.overflow());
    writer.Align();
    BitReader reader({buffer.data(), writer.size_bytes()});
    for (const auto& [value, count] : fields) ASSERT_EQ(reader.Read64(count), value);
    EXPECT_FALSE(reader.overflow());
  }
}

TEST(Bits, WritingPastTheEndSetsOverflowAndWritesNothingMore) {
  std::array<std::byte, 3> buffer{};
  buffer[2] = std::byte{0xee};
  BitWriter writer({buffer.data(), 2});
  writer.Write(0xffffff, 24);
  EXPECT_TRUE(writer.overflow());
  EXPECT_EQ(buffer[2], std::byte{0xee});
}

TEST(Bits, ReadingPastTheEndYieldsZerosAndOverflow) {
  const std::array<std::byte, 1> buffer{std::byte{0xff}};
  BitReader reader(buffer);
  EXPECT_EQ(reader.Read(12), 0xffu);
  EXPECT_TRUE(reader.overflow());
}

TEST(Bits, BytesAreAlignedAndBounded) {
  std::array<std::byte, 8> buffer{};
  BitWriter writer(buffer);
  const std::array<std::byte, 2> payload{std::byte{1}, std::byte{2}};
  writer.Write(1, 1);
  writer.WriteBytes(payload);
  BitReader reader({buffer.data(), writer.size_bytes()});
  EXPECT_TRUE(reader.ReadBool());
  const auto bytes = reader.ReadBytes(2);
  ASSERT_EQ(bytes.size(), 2u);
  EXPECT_EQ(bytes[1], std::byte{2});
  EXPECT_TRUE(reader.ReadBytes(1).empty());
  EXPECT_TRUE(reader.overflow());
}

TEST(Bits, ZigZagRoundTripsTheExtremes) {
  for (int32_t v : {0, 1, -1, 2, -2, INT32_MAX, INT32_MIN}) EXPECT_EQ(UnZigZag(ZigZag(v)), v);
}

}  // namespace
}  // namespace bluemarble::core
