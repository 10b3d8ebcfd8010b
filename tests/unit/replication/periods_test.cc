#include "replication/periods.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace bluemarble::replication {
namespace {

constexpr std::array<uint32_t, kReplicationClasses> kRates{0, 10, 2};

TEST(Periods, FollowTheRatesAndTheStepsOfRelief) {
  const struct {
    int hz;
    uint8_t step;
    Periods periods;
  } cases[] = {
      {30, 0, {1, 3, 15}},  {30, 1, {1, 3, 30}},  {30, 2, {1, 6, 30}},  {30, 3, {2, 6, 28}},
      {30, 4, {4, 12, 24}}, {20, 0, {1, 2, 10}},  {20, 3, {2, 4, 20}},  {20, 4, {4, 8, 24}},
      {60, 0, {1, 6, 30}},  {60, 2, {1, 12, 30}}, {60, 3, {2, 12, 30}}, {60, 4, {4, 24, 28}},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(RelievedPeriods(RegularPeriods(kRates, c.hz), c.step), c.periods)
        << c.hz << " Hz, step " << int{c.step};
  }
}

TEST(Periods, LeaveABaseTimeForOneMoreDatagramWhereTheRegularOnesDo) {
  for (int hz = 10; hz <= 60; ++hz) {
    const Periods regular = RegularPeriods(kRates, hz);
    for (uint8_t step = 1; step <= kReliefSteps; ++step) {
      SCOPED_TRACE(testing::Message() << hz << " Hz, step " << int{step});
      const Periods periods = RelievedPeriods(regular, step);
      for (size_t i = 1; i < periods.size(); ++i) {
        EXPECT_EQ(periods[i] % periods[0], 0u);
        EXPECT_GT(periods[i] + periods[0], regular[i]);
        EXPECT_LT(periods[i], uint32_t{kBaseTicks});
        if (regular[i] + periods[0] < kBaseTicks) {
          EXPECT_LT(periods[i] + periods[0], uint32_t{kBaseTicks});
        }
      }
    }
  }
}

TEST(Periods, OfAClassThatIsSentInFullAnywayGrowAsTheStepsSay) {
  EXPECT_EQ(RelievedPeriods({1, 6, 60}, 1), (Periods{1, 6, 120}));
  EXPECT_EQ(RelievedPeriods({1, 6, 60}, 4), (Periods{4, 24, 240}));
}

TEST(Periods, NeverLeaveATickMoreTurnsThanAnother) {
  for (int hz : {20, 30, 60}) {
    for (uint8_t step = 0; step <= 2; ++step) {  // then slots spread the turns
      SCOPED_TRACE(testing::Message() << hz << " Hz, step " << int{step});
      const Periods periods = RelievedPeriods(RegularPeriods(kRates, hz), step);
      ASSERT_EQ(periods[0], 1u);
      const size_t ticks = std::lcm(periods[1], periods[2]);
      for (int cls : {1, 2}) {
        std::vector<uint32_t> at(ticks);
        for (core::Tick now = 0; now < ticks; ++now) {
          for (uint32_t turn = 0; turn < kNearTurns * kFarTurns; ++turn)
            at[now] += TurnsAt(now, turn / kFarTurns, turn % kFarTurns, periods) >> cls & 1;
        }
        const auto [least, most] = std::minmax_element(at.begin(), at.end());
        EXPECT_EQ(*least, *most) << "class " << cls;
        EXPECT_EQ(*most * periods[static_cast<size_t>(cls)], kNearTurns * kFarTurns);
      }
    }
  }
}

TEST(Periods, GiveEachClassATurnInEachOfItsPeriodsThoughTheyAreNoMultiples) {
  for (uint32_t nearest = 2; nearest <= 12; ++nearest) {
    for (uint32_t visual = 1; visual <= 30; ++visual) {
      for (uint32_t extended : {4u, 15u, 16u, 28u, 30u}) {
        const Periods periods{nearest, visual, extended};
        SCOPED_TRACE(testing::Message() << nearest << ", " << visual << ", " << extended);
        const size_t ticks = std::lcm(nearest, std::lcm(visual, extended));
        for (uint32_t slot : {0u, 7u}) {
          std::array<size_t, kReplicationClasses> turns{};
          for (core::Tick now = 1000; now < 1000 + ticks; ++now) {
            const uint8_t at = SlotTurnsAt(now, slot, periods);
            ASSERT_TRUE(at == 0 || (at & 1) != 0) << "a datagram of its own";
            for (size_t cls = 0; cls < turns.size(); ++cls) turns[cls] += at >> cls & 1;
          }
          for (size_t cls = 0; cls < turns.size(); ++cls)
            ASSERT_EQ(turns[cls], ticks / std::max(periods[cls], nearest)) << "class " << cls;
        }
      }
    }
  }
}

}  // namespace
}  // namespace bluemarble::replication
