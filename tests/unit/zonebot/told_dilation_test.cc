#include "tools/zonebot/told_dilation.h"

#include <gtest/gtest.h>

namespace bluemarble::zonebot {
namespace {

TEST(ToldDilation, JoinsWhatWasToldAlike) {
  ToldDilation told;
  for (int64_t us : {1'000'000, 1'040'000, 1'120'000, 1'450'000}) told.Add(us, 100);
  const auto spans = told.Spans();
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_EQ(spans[0].from_us, 1'000'000);
  EXPECT_EQ(spans[0].to_us, 1'500'000);
  EXPECT_EQ(spans[0].dilation_pct, 100);
  EXPECT_EQ(spans[0].snapshots, 4u);
}

TEST(ToldDilation, KeepsTheTenthsApartInWhichPlayersWereToldDifferently) {
  ToldDilation told;
  told.Add(1'000'000, 100);
  told.Add(1'110'000, 100);
  told.Add(1'120'000, 110);
  told.Add(1'130'000, 110);
  told.Add(1'210'000, 110);
  told.Add(1'310'000, 110);
  const auto spans = told.Spans();
  ASSERT_EQ(spans.size(), 4u);
  EXPECT_EQ(spans[0].to_us, 1'100'000);
  EXPECT_EQ(spans[1].dilation_pct, 100);
  EXPECT_EQ(spans[1].snapshots, 1u);
  EXPECT_EQ(spans[2].from_us, 1'100'000);
  EXPECT_EQ(spans[2].snapshots, 2u);
  EXPECT_EQ(spans[3].from_us, 1'200'000);
  EXPECT_EQ(spans[3].to_us, 1'400'000);
  EXPECT_EQ(spans[3].snapshots, 2u);
}

TEST(ToldDilation, HasNothingToTellBeforeTheFirstSnapshot) {
  EXPECT_TRUE(ToldDilation().Spans().empty());
}

}  // namespace
}  // namespace bluemarble::zonebot
