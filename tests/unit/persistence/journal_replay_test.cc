/// From the journal back into the store.
#include <gtest/gtest.h>

#include <memory>

#include "fixture.h"
#include "persistence/journal.h"
#include "persistence/journal_format.h"
#include "sim_disk.h"
#include "support/sim_store.h"

namespace bluemarble::persistence {
namespace {

class JournalReplayTest : public testing::Test {
 protected:
  JournalReplayTest() {
    for (int i = 0; i < 3; ++i)
      rows_[i] =
          CommitOne(store_, Login(static_cast<uint64_t>(i) + 1, "P" + std::to_string(i))).row;
    CommitReport report;
    EXPECT_TRUE(store_.Commit({{}, {}, kReserved}, {}, report).ok());
  }
  std::unique_ptr<Journal> Opened() {
    return std::make_unique<Journal>(settings_, "zone", std::make_unique<SimJournalDisk>(folder_),
                                     clock_);
  }
  // What a process leaves when it dies; then another one opens the store.
  void Leave(std::span<const PositionSave> saves) {
    auto journal = Opened();
    journal->Begin(store_.meta().run);
    journal->Append(saves, 1);
    journal->Take();
    ASSERT_TRUE(journal->Pass());
    store_.Reopen();
  }
  PositionSave SaveOf(int player, core::Tick tick, double x) {
    return {rows_[player].player_id, rows_[player].epoch, tick, StateAt(x)};
  }
  PlayerState Stored(int player) { return store_.LoadPlayer("P" + std::to_string(player))->state; }
  static constexpr core::Tick kReserved = 200;
  ManualClock clock_;
  PersistenceSettings settings_;
  SimFolder folder_;
  support::SimStore store_;
  PlayerRow rows_[3];
};

TEST_F(JournalReplayTest, NewerSavesAreCommittedStaleOnesAndForeignOnesReported) {
  PositionSave old_epoch = SaveOf(2, 90, 9);
  old_epoch.epoch -= 1;
  const PositionSave saves[] = {SaveOf(0, 50, 5), SaveOf(1, 3, 6), old_epoch};
  Leave(saves);
  auto journal = Opened();
  const auto report = ReplayJournal(store_, *journal);
  ASSERT_TRUE(report.ok()) << report.status().ToString();
  EXPECT_EQ(report->players, 3u);
  EXPECT_EQ(report->applied, 1u);
  EXPECT_EQ(report->stale, 1u);
  EXPECT_EQ(report->refused, 1u);
  EXPECT_EQ(Stored(0), StateAt(5));
  EXPECT_EQ(Stored(1), StateAt(1));
  EXPECT_EQ(Stored(2), StateAt(1));
  EXPECT_TRUE(folder_.files.empty());
}

TEST_F(JournalReplayTest, TheFilesStayUntilTheCommit) {
  const PositionSave save = SaveOf(0, 50, 5);
  Leave({&save, 1});
  store_.set_away(true);
  EXPECT_EQ(ReplayJournal(store_, *Opened()).status().code(), core::Code::kUnavailable);
  EXPECT_EQ(folder_.files.size(), 1u);
  store_.set_away(false);
  EXPECT_EQ(ReplayJournal(store_, *Opened())->applied, 1u);
  EXPECT_TRUE(folder_.files.empty());
}

TEST_F(JournalReplayTest, ALostAnswerIsAskedForAgain) {
  const PositionSave save = SaveOf(0, 50, 5);
  Leave({&save, 1});
  store_.set_faults({.unknown_applied = 0.5});
  const auto report = ReplayJournal(store_, *Opened());
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(Stored(0), StateAt(5));
  EXPECT_EQ(report->applied + report->stale, 1u);
}

TEST_F(JournalReplayTest, DamagedFilesAreSetAsideAndWhatWasWholeIsUsed) {
  const PositionSave save = SaveOf(0, 50, 5);
  Leave({&save, 1});
  auto& bytes = folder_.files.begin()->second.bytes;
  AppendBatch(bytes, 2, {&save, 1});
  bytes.back() ^= std::byte{1};
  const auto report = ReplayJournal(store_, *Opened());
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->reading.corrupt, 1u);
  EXPECT_EQ(report->applied, 1u);
  ASSERT_EQ(folder_.files.size(), 1u);
  EXPECT_EQ(folder_.files.begin()->first, SegmentName(1) + ".corrupt");
  EXPECT_EQ(ReplayJournal(store_, *Opened())->reading.segments, 0u);
}

TEST_F(JournalReplayTest, OfATickThatTheStoreHasNotReservedIsOfAnotherFutureAndNothingIsApplied) {
  settings_.data_dir = "/srv/shard";
  const PositionSave saves[] = {SaveOf(0, 50, 5), SaveOf(1, kReserved + 1, 6)};
  Leave(saves);
  const auto status = ReplayJournal(store_, *Opened()).status();
  EXPECT_EQ(status.code(), core::Code::kConflict);
  for (const char* part : {"restored from a backup", "/srv/shard/journal", "201", "200"})
    EXPECT_NE(status.ToString().find(part), std::string::npos) << status.ToString();
  EXPECT_EQ(Stored(0), StateAt(1));
  EXPECT_EQ(folder_.files.size(), 1u) << "the operator moves it away";
}

TEST_F(JournalReplayTest, TheLastReservedTickIsStillOfThisHistory) {
  const PositionSave save = SaveOf(0, kReserved, 5);
  Leave({&save, 1});
  EXPECT_EQ(ReplayJournal(store_, *Opened())->applied, 1u);
}

TEST_F(JournalReplayTest, OfARunThatTheStoreHasNotSeenIsOfAnotherFuture) {
  const PositionSave save = SaveOf(0, 50, 5);
  Leave({&save, 1});
  Leave({});                   // opened once more, and nobody played
  support::SimStore restored;  // begins its first run; the journal is of a first run as well
  CommitReport report;
  ASSERT_TRUE(restored.Commit({{}, {}, kReserved}, {}, report).ok());
  EXPECT_EQ(ReplayJournal(restored, *Opened()).status().code(), core::Code::kConflict);
  EXPECT_EQ(ReplayJournal(store_, *Opened())->applied, 1u);
}

TEST_F(JournalReplayTest, MorePlayersThanAGroupAreCommittedInGroups) {
  constexpr int kPlayers = 2500;
  std::vector<PositionSave> saves;
  for (int i = 0; i < kPlayers; ++i) {
    const PlayerRow row =
        CommitOne(store_, Login(100 + static_cast<uint64_t>(i), "Q" + std::to_string(i))).row;
    saves.push_back({row.player_id, row.epoch, 70, StateAt(7)});
  }
  for (std::span<const PositionSave> rest = saves; !rest.empty();) {
    const auto part = rest.first(std::min<size_t>(rest.size(), 500));
    Leave(part);  // a process each: several files
    SimFolder::File file = std::move(folder_.files.at(SegmentName(1)));
    folder_.files.erase(SegmentName(1));
    folder_.files[SegmentName(1 + rest.size())] = std::move(file);
    rest = rest.subspan(part.size());
  }
  const auto report = ReplayJournal(store_, *Opened());
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->reading.segments, 5u);
  EXPECT_EQ(report->applied, uint64_t{kPlayers});
}

}  // namespace
}  // namespace bluemarble::persistence
