#include "replication/field_bytes.h"

#include <gtest/gtest.h>

#include "core/hash.h"

namespace bluemarble::replication {
namespace {

uint64_t SumOf(const FieldBytes& bytes) {
  uint64_t sum = bytes.coder.Get();
  for (const auto& kind : bytes.by_kind) {
    for (const core::Counter& field : kind) sum += field.Get();
  }
  return sum;
}

TEST(FieldBytes, AddUpToThePayloadsAfterEveryTickAndNeverDecrease) {
  core::Random random(5);
  FieldBytes bytes;
  uint64_t payloads = 0, coder = 0;
  for (int tick = 0; tick < 2000; ++tick) {
    SpentEighths spent{};
    uint64_t eighths = 0;
    for (auto& kind : spent) {
      for (uint32_t& field : kind) eighths += field = static_cast<uint32_t>(random.Below(100));
    }
    const uint64_t payload = eighths / 64 + random.Below(2);
    payloads += payload;
    bytes.Add(spent, payload);
    ASSERT_EQ(SumOf(bytes), payloads);
    ASSERT_GE(bytes.coder.Get(), coder);
    coder = bytes.coder.Get();
  }
}

TEST(FieldBytes, EachCopyOfAPartCountsAndPartsOfBytesAreNotLost) {
  protocol::PartSpending part;
  part.kinds = 1u << protocol::kNobody | 1u << 1;
  part.eighths[protocol::kNobody][0] = 20;
  part.eighths[1][1] = 33;
  FieldBytes bytes;
  for (int tick = 0; tick < 10; ++tick) {
    SpentEighths spent{};
    for (int viewer = 0; viewer < 40; ++viewer) AddCopy(spent, part);
    bytes.Add(spent, 40);
  }
  EXPECT_EQ(bytes.by_kind[protocol::kNobody][0].Get(), 400u * 20 / 64);
  EXPECT_EQ(bytes.by_kind[1][1].Get(), 400u * 33 / 64);
  EXPECT_EQ(bytes.by_kind[2][1].Get(), 0u);
  EXPECT_EQ(SumOf(bytes), 400u);
}

}  // namespace
}  // namespace bluemarble::replication
