#include "app/relief.h"

#include <gtest/gtest.h>

#include "replication/replicator.h"

namespace bluemarble::app {
namespace {

constexpr int kHz = 30;

Relief After(ReliefControl& control, double used, int unsent, int ticks) {
  Relief last;
  for (int i = 0; i < ticks; ++i) last = control.AfterTick(used, unsent);
  return last;
}

TEST(ReliefControl, TicksThatFitAreLeftAlone) {
  ReliefControl control({}, kHz);
  EXPECT_EQ(After(control, 0.85, 1, 100 * kHz), Relief{});
}

TEST(ReliefControl, OneLongTickIsNoOverload) {
  ReliefControl control({}, kHz);
  for (int second = 0; second < 60; ++second) {
    EXPECT_EQ(After(control, 3.0, 1, 1), Relief{});
    EXPECT_EQ(After(control, 0.3, 1, kHz - 1), Relief{});
  }
}

TEST(ReliefControl, StepsComeBeforeTimeSlowsDownAndOnlySoFar) {
  ReliefControl control({.max_dilation_pct = 150}, kHz);
  uint16_t dilation = 100;
  for (int window = 1; window <= 20; ++window) {
    const Relief now = After(control, 1.4, 1, kHz / 2);
    if (window <= replication::kReliefSteps) {
      EXPECT_EQ(now, (Relief{static_cast<uint8_t>(window), 100}));
    } else {
      EXPECT_EQ(now.step, replication::kReliefSteps);
      EXPECT_LE(now.dilation_pct, dilation + 10) << "not smooth";
    }
    dilation = now.dilation_pct;
  }
  EXPECT_EQ(dilation, 150);
}

TEST(ReliefControl, SaysWhenThereIsNoFurtherStep) {
  ReliefControl control({.max_dilation_pct = 120}, kHz);
  for (int window = 1; window <= replication::kReliefSteps + 2; ++window) {
    EXPECT_FALSE(control.exhausted()) << window;
    After(control, 1.4, 1, kHz / 2);
  }
  EXPECT_TRUE(control.exhausted());
  After(control, 0.3, 1, 4 * kHz);
  EXPECT_FALSE(control.exhausted());
}

TEST(ReliefControl, TicksThatStayWithTheNetThreadsAreOverloadToo) {
  ReliefControl control({}, kHz);
  EXPECT_EQ(After(control, 0.2, 2, kHz / 2).step, 1);
}

TEST(ReliefControl, GoesBackAfterFourCalmSeconds) {
  ReliefControl control({}, kHz);
  ASSERT_EQ(After(control, 1.4, 1, kHz).step, 2);
  EXPECT_EQ(After(control, 0.3, 1, 4 * kHz - 1).step, 2);
  EXPECT_EQ(After(control, 0.3, 1, 1).step, 1);
  EXPECT_EQ(After(control, 0.3, 1, 4 * kHz), Relief{});
}

TEST(ReliefControl, WaitsLongerEachTimeThatGoingBackWasTooEarly) {
  ReliefControl control({}, kHz);
  After(control, 1.4, 1, kHz / 2);
  int waited_before = 0;
  for (int round = 0; round < 3; ++round) {
    int waited = 0;
    while (After(control, 0.3, 1, 1).step > 0) ++waited;
    EXPECT_GE(waited, 2 * waited_before - kHz) << "round " << round;
    EXPECT_GT(waited, waited_before);
    waited_before = waited;
    ASSERT_EQ(After(control, 1.4, 1, kHz / 2).step, 1);
  }
}

TEST(ReliefControl, IsTakenBackThoughATickIsLongNowAndThen) {
  ReliefControl control({}, kHz);
  After(control, 1.4, 1, 30 * kHz);
  for (int round = 0; round < 4; ++round) {  // back too early, again and again
    while (After(control, 0.3, 1, 1).dilation_pct == 200) {
    }
    After(control, 1.4, 1, kHz / 2);
  }
  Relief now;
  int seconds = 0;
  for (; seconds < 600; seconds += 7) {  // one tick in 210
    After(control, 3.0, 1, 1);
    now = After(control, 0.3, 1, 7 * kHz - 1);
    if (now == Relief{}) break;
  }
  EXPECT_EQ(now, Relief{}) << "after " << seconds << " s";
}

TEST(ReliefControl, SwitchedOffItDoesNothing) {
  ReliefControl control({.enabled = false}, kHz);
  EXPECT_EQ(After(control, 9.0, 9, 100 * kHz), Relief{});
}

}  // namespace
}  // namespace bluemarble::app
