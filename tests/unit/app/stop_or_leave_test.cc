#include "app/stop_or_leave.h"

#include <gtest/gtest.h>

#include <memory>

namespace bluemarble::app {
namespace {

struct Seen {
  int stops = 0;
  int deadline_ms = 0;
  bool destroyed = false;
};

struct FakeSide {
  ~FakeSide() { seen.destroyed = true; }
  persistence::StopReport Stop(int deadline_ms) {
    ++seen.stops;
    seen.deadline_ms = deadline_ms;
    persistence::StopReport report;
    report.timed_out = timed_out;
    return report;
  }
  Seen& seen;
  bool timed_out;
};

TEST(StopOrLeave, AnEarlyReturnStopsAndDestroys) {
  Seen seen;
  { StopOrLeave side(std::make_unique<FakeSide>(seen, false), 70); }
  EXPECT_EQ(seen.stops, 1);
  EXPECT_EQ(seen.deadline_ms, 70);
  EXPECT_TRUE(seen.destroyed);
}

TEST(StopOrLeave, WhatDoesNotStopInTimeIsNeverDestroyed) {
  for (const bool told : {false, true}) {
    Seen seen;
    FakeSide* left = nullptr;
    {
      StopOrLeave side(std::make_unique<FakeSide>(seen, true), 70);
      left = &*side;
      if (told) {
        EXPECT_TRUE(side.Stop().timed_out);
      }
    }
    EXPECT_EQ(seen.stops, 1) << told;
    EXPECT_FALSE(seen.destroyed) << told;
    delete left;  // no thread behind this one
  }
}

}  // namespace
}  // namespace bluemarble::app
