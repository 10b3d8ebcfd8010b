#include "persistence/settings.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bluemarble::persistence {
namespace {

TEST(PersistenceSettings, DefaultsAreValid) {
  std::vector<std::string> problems;
  PersistenceSettings().Validate(problems);
  EXPECT_TRUE(problems.empty());
}

TEST(PersistenceSettings, EveryWrongFieldIsNamedAtOnce) {
  PersistenceSettings settings;
  settings.data_dir = "";
  settings.queue_bytes = 1;
  settings.position_interval_ms = 2000;
  settings.sample_interval_s = 0;
  settings.max_group = 0;
  settings.key_retention_s = 1;
  settings.check_limit_mib = -1;
  settings.stop_deadline_ms = 0;
  std::vector<std::string> problems;
  settings.Validate(problems);
  ASSERT_EQ(problems.size(), 8u);
  EXPECT_EQ(problems[2], "persistence.position_interval_ms is 2000; it must be 50 to 1000");
}

}  // namespace
}  // namespace bluemarble::persistence
