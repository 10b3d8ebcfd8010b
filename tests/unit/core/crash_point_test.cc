#include "core/crash_point.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <set>

namespace bluemarble::core {
namespace {

TEST(CrashPoint, LabelsAreUniqueAndNamedByStep) {
  const auto labels = CrashLabels();
  EXPECT_EQ(std::set<std::string_view>(labels.begin(), labels.end()).size(), labels.size());
  for (const std::string_view label : labels)
    EXPECT_NE(label.find('.'), std::string_view::npos) << label;
}

#ifdef BLUEMARBLE_CRASH_POINTS

void PassThrice() {
  for (int pass = 1; pass <= 3; ++pass) {
    CrashPoint("commit.before_begin");
    CrashPoint("commit.before_answers");
    if (pass == 2) _exit(2);
  }
}

TEST(CrashPointDeathTest, KillsAtTheNthPassOfItsLabelAndNowhereElse) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto run_with = [](const char* at) {
    setenv("BLUEMARBLE_CRASH_AT", at, 1);
    PassThrice();
  };
  EXPECT_EXIT(run_with("commit.before_begin"), testing::KilledBySignal(SIGKILL), "");
  EXPECT_EXIT(run_with("commit.before_answers:2"), testing::KilledBySignal(SIGKILL), "");
  EXPECT_EXIT(run_with("commit.before_answers:3"), testing::ExitedWithCode(2), "");
  EXPECT_EXIT(run_with("stop.begin"), testing::ExitedWithCode(2), "");
  EXPECT_EXIT(run_with(""), testing::ExitedWithCode(2), "");
  EXPECT_EXIT(run_with("commit.nowhere"), testing::KilledBySignal(SIGABRT), "no such crash point");
  EXPECT_EXIT(run_with("stop.begin:x"), testing::KilledBySignal(SIGABRT), "no such crash point");
}

#else

TEST(CrashPoint, AReleaseHasNone) { EXPECT_FALSE(CrashPointsCompiled()); }

#endif

}  // namespace
}  // namespace bluemarble::core
