#include "replication/settings.h"

#include <gtest/gtest.h>

namespace bluemarble::replication {
namespace {

TEST(ReplicationSettings, DefaultsAreValid) {
  std::vector<std::string> problems;
  ReplicationSettings{}.Validate(problems);
  EXPECT_TRUE(problems.empty()) << problems.front();
}

TEST(ReplicationSettings, ListsEveryProblemAtOnce) {
  ReplicationSettings settings;
  settings.radius_m = {300, 50, 1000};
  settings.rate_hz = {0, 100, 2};
  settings.budget_bytes_per_s = 10;
  settings.max_silence_ms = 5;
  settings.interest_ticks = 0;
  settings.max_viewers = 0;
  settings.max_leaves_per_viewer = 1;
  std::vector<std::string> problems;
  settings.Validate(problems);
  EXPECT_EQ(problems.size(), 7u);
  for (const auto& problem : problems) EXPECT_EQ(problem.rfind("replication.", 0), 0u) << problem;
}

}  // namespace
}  // namespace bluemarble::replication
