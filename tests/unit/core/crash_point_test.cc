#include "core/crash_point.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

namespace bluemarble::core {
namespace {

TEST(CrashPoint, LabelsAreUniqueAndNamedByStep) {
  const auto labels = CrashLabels();
  EXPECT_EQ(std::set<std::string_view>(labels.begin(), labels.end()).size(), labels.size());
  for (const std::string_view label : labels)
    EXPECT_NE(label.find('.'), std::string_view::npos) << label;
}

// A label without its place would be a step that no test kills at, and that no test misses.
TEST(CrashPoint, EveryLabelHasItsPlaceInTheSourcesAndEveryPlaceItsLabel) {
  const char* root = getenv("BLUEMARBLE_SOURCE_DIR");
  if (root == nullptr) GTEST_SKIP() << "BLUEMARBLE_SOURCE_DIR is not set";
  std::set<std::string> placed;
  const std::regex call("CrashPoint\\(\"([^\"]*)\"\\)");
  for (const auto& file :
       std::filesystem::recursive_directory_iterator(std::filesystem::path(root) / "src")) {
    if (file.path().extension() != ".cc" && file.path().extension() != ".h") continue;
    std::ifstream in(file.path());
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    for (std::sregex_iterator found(text.begin(), text.end(), call), end; found != end; ++found)
      placed.insert((*found)[1]);
  }
  const auto labels = CrashLabels();
  EXPECT_EQ(placed, std::set<std::string>(labels.begin(), labels.end()));
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
