#include "persistence/circuit_breaker.h"

#include <gtest/gtest.h>

namespace bluemarble::persistence {
namespace {

using Permission = CircuitBreaker::Permission;
using Side = CircuitBreaker::Side;

constexpr int64_t kOpenNs = 1'000'000;

TEST(CircuitBreaker, OpensAfterThatManyFailuresInARow) {
  CircuitBreaker breaker(3, kOpenNs);
  EXPECT_FALSE(breaker.Failed(Side::kRead, false, 0));
  EXPECT_FALSE(breaker.Failed(Side::kRead, false, 0));
  breaker.Succeeded(Side::kRead);
  EXPECT_FALSE(breaker.Failed(Side::kRead, false, 0));
  EXPECT_FALSE(breaker.Failed(Side::kRead, false, 0));
  EXPECT_EQ(breaker.Ask(0), Permission::kGo);
  EXPECT_TRUE(breaker.Failed(Side::kRead, false, 0));
  EXPECT_EQ(breaker.Ask(0), Permission::kRefused);
  EXPECT_EQ(breaker.opens(), 1u);
}

TEST(CircuitBreaker, CountsWritesApartFromReadsThatGoOn) {
  CircuitBreaker breaker(2, kOpenNs);
  EXPECT_FALSE(breaker.Failed(Side::kWrite, false, 0));
  breaker.Succeeded(Side::kRead);
  EXPECT_TRUE(breaker.Failed(Side::kWrite, false, 0));
}

TEST(CircuitBreaker, OpensAtOnceWhenTheServerSaysThatItIsDown) {
  CircuitBreaker breaker(100, kOpenNs);
  EXPECT_TRUE(breaker.Failed(Side::kWrite, true, 0));
  EXPECT_FALSE(breaker.closed());
}

TEST(CircuitBreaker, LetsExactlyOneProbeAfterItsTime) {
  CircuitBreaker breaker(1, kOpenNs);
  ASSERT_TRUE(breaker.Failed(Side::kRead, false, 5));
  EXPECT_EQ(breaker.Ask(5 + kOpenNs - 1), Permission::kRefused);
  EXPECT_EQ(breaker.Ask(5 + kOpenNs), Permission::kProbe);
  EXPECT_EQ(breaker.Ask(5 + 2 * kOpenNs), Permission::kRefused);
  breaker.EndProbe(false, 5 + 2 * kOpenNs);
  EXPECT_EQ(breaker.Ask(5 + 3 * kOpenNs - 1), Permission::kRefused);
  EXPECT_EQ(breaker.Ask(5 + 3 * kOpenNs), Permission::kProbe);
  breaker.EndProbe(true, 5 + 3 * kOpenNs);
  EXPECT_EQ(breaker.Ask(5 + 3 * kOpenNs), Permission::kGo);
}

TEST(CircuitBreaker, IsNotClosedByAnAnswerThatComesLate) {
  CircuitBreaker breaker(1, kOpenNs);
  ASSERT_TRUE(breaker.Failed(Side::kRead, false, 0));
  breaker.Succeeded(Side::kRead);
  EXPECT_EQ(breaker.Ask(1), Permission::kRefused);
  EXPECT_FALSE(breaker.Failed(Side::kRead, true, 1)) << "it is open already";
  EXPECT_EQ(breaker.opens(), 1u);
}

TEST(CircuitBreaker, CountsFromZeroAfterItClosed) {
  CircuitBreaker breaker(2, kOpenNs);
  breaker.Failed(Side::kRead, false, 0);
  ASSERT_TRUE(breaker.Failed(Side::kRead, false, 0));
  ASSERT_EQ(breaker.Ask(kOpenNs), Permission::kProbe);
  breaker.EndProbe(true, kOpenNs);
  EXPECT_FALSE(breaker.Failed(Side::kRead, false, kOpenNs));
  EXPECT_TRUE(breaker.closed());
}

}  // namespace
}  // namespace bluemarble::persistence
