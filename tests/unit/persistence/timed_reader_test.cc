#include "persistence/timed_reader.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "fake_reader.h"

namespace bluemarble::persistence {
namespace {

class HandClock final : public core::Clock {
 public:
  int64_t NowNs() const override { return now_ns; }
  int64_t WallUs() const override { return 0; }
  int64_t now_ns = 1;
};

class TimedReading : public testing::Test {
 protected:
  TimedReading() {
    auto fake = std::make_unique<FakeReader>();
    fake_ = fake.get();
    fake_->Player(17, "Ada", 3.0, EventKind::kLogin);
    // Each row takes the database 3 ms.
    fake_->before_a_row = [this] { clock_.now_ns += 3'000'000; };
    reader_ = TimeReads(std::move(fake), clock_, stats_);
  }
  uint64_t Count(ReadKind kind) const { return stats_.read_us[static_cast<size_t>(kind)].count(); }

  HandClock clock_;
  ReadStats stats_;
  FakeReader* fake_ = nullptr;
  std::unique_ptr<StoreReader> reader_;
};

TEST_F(TimedReading, AnswersAreThoseOfTheReaderItself) {
  ASSERT_TRUE(reader_->LoadPlayer(17).ok());
  EXPECT_EQ(reader_->LoadPlayer(17)->name, PlayerName::From("Ada"));
  EXPECT_EQ(reader_->LoadPlayer(18).status().code(), core::Code::kNotFound);
  EXPECT_EQ(reader_->ReadEvents({AggregateType::kPlayer, 17}, 1, 10)->size(), 1u);
}

TEST_F(TimedReading, AQuestionCountsForAsLongAsTheDatabaseTook) {
  ASSERT_TRUE(reader_->LoadPlayer(17).ok());
  const core::Histogram& state = stats_.read_us[static_cast<size_t>(ReadKind::kState)];
  EXPECT_EQ(state.count(), 1u);
  EXPECT_EQ(state.sum(), 3'000u);
}

TEST_F(TimedReading, QuestionsCountByWhatTheyRead) {
  EXPECT_TRUE(reader_->LoadPlayer("Ada").ok());
  EXPECT_FALSE(reader_->LoadItem(1).ok());
  EXPECT_TRUE(reader_->ItemsOf(17).ok());
  EXPECT_TRUE(reader_->ReadEvents({AggregateType::kPlayer, 17}, 1, 10).ok());
  EXPECT_TRUE(reader_->ReadNotes({}).ok());
  EXPECT_TRUE(reader_->Audit().ok());
  EXPECT_EQ(Count(ReadKind::kState), 3u);
  EXPECT_EQ(Count(ReadKind::kHistory), 2u);
  EXPECT_EQ(Count(ReadKind::kTables), 1u);
}

TEST_F(TimedReading, WhatTheDatabaseDoesNotAnswerCountsToo) {
  fake_->failure = {core::Code::kUnavailable, "away"};
  EXPECT_EQ(reader_->LoadAccount(17).status().code(), core::Code::kUnavailable);
  EXPECT_EQ(Count(ReadKind::kState), 1u);
}

}  // namespace
}  // namespace bluemarble::persistence
