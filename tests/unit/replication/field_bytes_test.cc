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
    protocol::PartSpending part;
    part.kinds = (1u << protocol::kSpendingKinds) - 1;
    for (auto& kind : part.eighths) {
      for (uint16_t& field : kind) eighths += field = static_cast<uint16_t>(random.Below(100));
    }
    AddCopies(spent, part, 1);
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
  part.eighths[1] = {60'000, 33, 7, 50'000};
  FieldBytes bytes;
  for (int tick = 0; tick < 10; ++tick) {
    SpentEighths spent{};
    AddCopies(spent, part, 40);
    bytes.Add(spent, 40 * 2000);
  }
  EXPECT_EQ(bytes.by_kind[protocol::kNobody][0].Get(), 400u * 20 / 64);
  EXPECT_EQ(bytes.by_kind[1][0].Get(), 400u * 60'000 / 64);
  EXPECT_EQ(bytes.by_kind[1][1].Get(), 400u * 33 / 64);
  EXPECT_EQ(bytes.by_kind[1][2].Get(), 400u * 7 / 64);
  EXPECT_EQ(bytes.by_kind[1][3].Get(), 400u * 50'000 / 64);
  EXPECT_EQ(bytes.by_kind[2][1].Get(), 0u);
  EXPECT_EQ(SumOf(bytes), 400u * 2000);
}

}  // namespace
}  // namespace bluemarble::replication
