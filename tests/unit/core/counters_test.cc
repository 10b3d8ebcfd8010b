#include "core/counters.h"

#include <gtest/gtest.h>

namespace bluemarble::core {
namespace {

TEST(Histogram, BucketsCoverTheRangeWithoutGaps) {
  for (int i = 1; i < Histogram::kBuckets; ++i) {
    ASSERT_EQ(Histogram::BucketOf(Histogram::UpperBound(i - 1) + 1), i);
    ASSERT_EQ(Histogram::BucketOf(Histogram::UpperBound(i)), i);
  }
  EXPECT_EQ(Histogram::UpperBound(Histogram::kBuckets - 1), 0xffffffffull);
}

TEST(Histogram, QuantilesAreWithinAStep) {
  Histogram histogram;
  for (uint64_t v = 1; v <= 10'000; ++v) histogram.Add(v);
  EXPECT_NEAR(static_cast<double>(histogram.Quantile(0.5)), 5000, 5000 * 0.0625);
  EXPECT_NEAR(static_cast<double>(histogram.Quantile(0.99)), 9900, 9900 * 0.0625);
  EXPECT_EQ(histogram.max(), 10'000u);
  EXPECT_EQ(histogram.sum(), 50'005'000u);
}

}  // namespace
}  // namespace bluemarble::core
