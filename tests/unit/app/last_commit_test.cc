#include "app/last_commit.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/clock.h"

namespace bluemarble::app {
namespace {

class ManualClock final : public core::Clock {
 public:
  int64_t NowNs() const override { return now_ns; }
  int64_t WallUs() const override { return now_ns / 1000; }
  int64_t now_ns = 1'000'000'000;
};

class LastCommitTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/last_commit_test_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
  const LastCommit known_{"zone", "sqlite seed 1", 41};
};

TEST_F(LastCommitTest, IsReadAsItWasWritten) {
  ASSERT_TRUE(WriteLastCommit(folder_, known_).ok());
  EXPECT_EQ(ReadLastCommit(folder_), known_);
}

TEST_F(LastCommitTest, AMissingOrTornFileSaysNothing) {
  EXPECT_EQ(ReadLastCommit(folder_), std::nullopt);
  ASSERT_TRUE(WriteLastCommit(folder_, known_).ok());
  const std::string path = folder_ + "/" + kLastCommitFile;
  const auto size = std::filesystem::file_size(path);
  for (uintmax_t left = 0; left + 3 < size; ++left) {
    ASSERT_TRUE(WriteLastCommit(folder_, known_).ok());
    std::filesystem::resize_file(path, left);
    EXPECT_EQ(ReadLastCommit(folder_), std::nullopt) << left;
  }
}

TEST_F(LastCommitTest, AStoreThatIsBehindIsRefusedWithBothNumbers) {
  LastCommit found = known_;
  EXPECT_TRUE(CheckLastCommit(known_, found, false).ok());
  found.seq = 42;
  EXPECT_TRUE(CheckLastCommit(known_, found, false).ok());
  EXPECT_TRUE(CheckLastCommit(std::nullopt, found, false).ok());
  found.seq = 40;
  const core::Status status = CheckLastCommit(known_, found, false);
  EXPECT_EQ(status.code(), core::Code::kStale);
  EXPECT_NE(status.ToString().find("40"), std::string::npos);
  EXPECT_NE(status.ToString().find("41"), std::string::npos);
  EXPECT_NE(status.ToString().find("--accept-restored"), std::string::npos);
  EXPECT_TRUE(CheckLastCommit(known_, found, true).ok());
}

TEST_F(LastCommitTest, AnotherShardOrStoreIsNotCompared) {
  EXPECT_TRUE(CheckLastCommit(known_, {"east", known_.store, 1}, false).ok());
  EXPECT_TRUE(CheckLastCommit(known_, {"zone", "sqlite seed 2", 1}, false).ok());
}

TEST_F(LastCommitTest, IsWrittenOnceASecondAndAtOnceWhenAsked) {
  ManualClock clock;
  LastCommitKeeper keeper(folder_, known_, clock);
  keeper.Note(50);
  EXPECT_EQ(ReadLastCommit(folder_)->seq, 50);
  clock.now_ns += 999'999'999;
  keeper.Note(60);
  EXPECT_EQ(ReadLastCommit(folder_)->seq, 50);
  clock.now_ns += 1;
  keeper.Note(61);
  EXPECT_EQ(ReadLastCommit(folder_)->seq, 61);
  keeper.Note(62, /*at_once=*/true);
  EXPECT_EQ(ReadLastCommit(folder_)->seq, 62);
  keeper.Note(3, /*at_once=*/true);
  EXPECT_EQ(ReadLastCommit(folder_)->seq, 62) << "never lowered";
}

}  // namespace
}  // namespace bluemarble::app
