#include "core/hash.h"

#include <gtest/gtest.h>

#include <array>

namespace bluemarble::core {
namespace {

TEST(Hash, EveryArgumentOfARandomDecisionMatters) {
  const uint64_t base = RandomBits(1, 2, 3, 4);
  EXPECT_NE(base, RandomBits(2, 2, 3, 4));
  EXPECT_NE(base, RandomBits(1, 3, 3, 4));
  EXPECT_NE(base, RandomBits(1, 2, 4, 4));
  EXPECT_NE(base, RandomBits(1, 2, 3, 5));
  EXPECT_EQ(base, RandomBits(1, 2, 3, 4));
}

TEST(Hash, BytesDifferByContentAndLength) {
  std::array<std::byte, 20> bytes{};
  const uint64_t zeros = HashBytes(bytes);
  EXPECT_NE(zeros, HashBytes({bytes.data(), 19}));
  for (auto& byte : bytes) {
    byte = std::byte{1};
    EXPECT_NE(zeros, HashBytes(bytes));
    byte = std::byte{0};
  }
}

TEST(Hash, UnitIsUniformEnoughForDecisions) {
  double sum = 0;
  for (uint64_t i = 0; i < 100'000; ++i) {
    const double u = RandomUnit(RandomBits(9, i, 0, 0));
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
  }
  EXPECT_NEAR(sum / 100'000, 0.5, 0.005);
}

}  // namespace
}  // namespace bluemarble::core
