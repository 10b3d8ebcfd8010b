#include "tools/zonebot/trace.h"

#include <gtest/gtest.h>

#include <string>

namespace bluemarble::zonebot {
namespace {

const std::string kMetres = "t_s,agent,x_m,y_m,z_m\n";

TEST(Trace, ReadsMetresWithAndWithoutHeight) {
  const auto with = ParseTrace(kMetres + "0,a,1,2,1.8\n0.5,a,2,2,1.8\n0,b,5,5,1.7\n", "t.csv");
  ASSERT_TRUE(with.ok()) << with.status().ToString();
  ASSERT_EQ(with->agents.size(), 2u);
  EXPECT_EQ(with->agents[0].name, "a");
  EXPECT_EQ(with->agents[0].samples[1].east_m, 2);
  EXPECT_EQ(with->end_s, 0.5);
  EXPECT_TRUE(ParseTrace("t_s,agent,x_m,y_m\n0,a,1,2\n", "t.csv").ok());
}

TEST(Trace, ReadsDegreesAsMetresFromTheFirstSample) {
  const auto trace =
      ParseTrace("t_s,agent,lon_deg,lat_deg,alt_m\n0,a,13,52,30\n10,a,13.001,52.001,30\n", "t.csv");
  ASSERT_TRUE(trace.ok());
  ASSERT_TRUE(trace->agents[0].origin.has_value());
  EXPECT_EQ(trace->agents[0].samples[0].east_m, 0);
  EXPECT_NEAR(trace->agents[0].samples[1].east_m, 68.7, 0.2);
  EXPECT_NEAR(trace->agents[0].samples[1].north_m, 111.3, 0.2);
}

TEST(Trace, ReadsLinesThatEndWithCarriageReturn) {
  EXPECT_TRUE(ParseTrace("t_s,agent,x_m,y_m\r\n0,a,1,2\r\n", "t.csv").ok());
}

struct BadTrace {
  const char* text;
  const char* message;
};
class BadTraces : public ::testing::TestWithParam<BadTrace> {};
TEST_P(BadTraces, AreRefusedWithFileLineAndColumn) {
  const auto trace = ParseTrace(GetParam().text, "walk.csv");
  ASSERT_FALSE(trace.ok());
  EXPECT_EQ(trace.status().detail().find(GetParam().message), 0u) << trace.status().detail();
}
INSTANTIATE_TEST_SUITE_P(
    Cases, BadTraces,
    ::testing::Values(
        BadTrace{"", "walk.csv:1:1: "}, BadTrace{"x,y\n", "walk.csv:1:1: expected the header"},
        BadTrace{"t_s,agent,x_m,y_m\n", "walk.csv:2:1: no samples"},
        BadTrace{"t_s,agent,x_m,y_m\n0,a,1\n", "walk.csv:2:3: expected 4 fields"},
        BadTrace{"t_s,agent,x_m,y_m\n0,a,1,2\n1,a,1,2x\n", "walk.csv:3:4: not a number"},
        BadTrace{"t_s,agent,x_m,y_m\n0,a,nan,2\n", "walk.csv:2:3: not a number"},
        BadTrace{"t_s,agent,x_m,y_m\n0,,1,2\n", "walk.csv:2:2: the agent has no name"},
        BadTrace{"t_s,agent,x_m,y_m\n1,a,1,2\n1,a,1,2\n", "walk.csv:3:1: times"},
        BadTrace{"t_s,agent,lon_deg,lat_deg,alt_m\n0,a,13,95,0\n", "walk.csv:2:3: not a place"}));

class Replay : public ::testing::Test {
 protected:
  const Trace trace_ =
      *ParseTrace(kMetres + "0,a,0,0,0\n10,a,10,5,0\n4,b,1,1,0\n6,b,3,1,0\n", "t.csv");
};

TEST_F(Replay, GoesBetweenTheSamplesWithTheirSpeed) {
  const TracePoint point = trace_.At(0, 2.5);
  EXPECT_DOUBLE_EQ(point.east_m, 2.5);
  EXPECT_DOUBLE_EQ(point.north_m, 1.25);
  EXPECT_DOUBLE_EQ(point.east_mps, 1);
}

TEST_F(Replay, TurnsBackAtTheEndInsteadOfJumping) {
  EXPECT_DOUBLE_EQ(trace_.At(0, 12.5).east_m, 7.5);
  EXPECT_DOUBLE_EQ(trace_.At(0, 12.5).east_mps, -1);
  EXPECT_DOUBLE_EQ(trace_.At(0, 22.5).east_m, 2.5);
  EXPECT_DOUBLE_EQ(trace_.At(0, 22.5).east_mps, 1);
}

TEST_F(Replay, StandsBeforeTheFirstAndAfterTheLastSample) {
  EXPECT_DOUBLE_EQ(trace_.At(1, 1).east_m, 1);
  EXPECT_DOUBLE_EQ(trace_.At(1, 1).east_mps, 0);
  EXPECT_DOUBLE_EQ(trace_.At(1, 9).east_m, 3);
}

TEST_F(Replay, KnowsWhoWasThereAtATime) {
  for (const double inside : {4.0, 5.0, 6.0, 14.0, 15.9})
    EXPECT_TRUE(trace_.Recorded(1, inside)) << inside;
  for (const double outside : {0.0, 3.9, 6.1, 13.9, 16.1})
    EXPECT_FALSE(trace_.Recorded(1, outside)) << outside;
}

}  // namespace
}  // namespace bluemarble::zonebot
