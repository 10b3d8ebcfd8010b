#include "persistence/journal.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fixture.h"
#include "persistence/journal_format.h"
#include "sim_disk.h"

namespace bluemarble::persistence {
namespace {

class JournalTest : public testing::Test {
 protected:
  JournalTest() {
    settings_.journal.segment_bytes = 65536;
    Open();
  }
  void Open() {
    journal_ = std::make_unique<Journal>(settings_, "zone",
                                         std::make_unique<SimJournalDisk>(folder_), clock_);
    sequence_ = 0;
  }
  static PositionSave SaveOf(int64_t player_id, core::Tick tick) {
    return {player_id, 1, tick, StateAt(static_cast<double>(tick))};
  }
  uint64_t Save(int64_t player_id, core::Tick tick) {
    const PositionSave save = SaveOf(player_id, tick);
    journal_->Append({&save, 1}, ++sequence_);
    return sequence_;
  }
  bool Pass() {
    journal_->Take();
    return journal_->Pass();
  }
  /// Another process opens the folder: newest tick of each player.
  std::map<int64_t, core::Tick> Replayed(JournalReading* told = nullptr) {
    Journal next(settings_, "zone", std::make_unique<SimJournalDisk>(folder_), clock_);
    std::map<int64_t, core::Tick> ticks;
    const auto reading = next.Replay([&](const PositionSave& save) {
      EXPECT_EQ(save.state, StateAt(static_cast<double>(save.tick)));
      ticks[save.player_id] = std::max(ticks[save.player_id], save.tick);
    });
    EXPECT_TRUE(reading.ok()) << reading.status().ToString();
    if (reading.ok() && told != nullptr) *told = *reading;
    return ticks;
  }
  using Ticks = std::map<int64_t, core::Tick>;

  ManualClock clock_;
  PersistenceSettings settings_;
  SimFolder folder_;
  std::unique_ptr<Journal> journal_;
  uint64_t sequence_ = 0;
};

TEST_F(JournalTest, WhatWasSyncedSurvivesAndOnlyTheNewestIsWritten) {
  journal_->Begin(1);
  Save(1, 10);
  Save(1, 11);
  Save(2, 10);
  ASSERT_TRUE(Pass());
  EXPECT_EQ(journal_->stats().saves.Get(), 2u);
  Save(1, 12);  // never synced
  journal_->Take();
  folder_.Crash();
  EXPECT_EQ(Replayed(), (Ticks{{1, 11}, {2, 10}}));
}

TEST_F(JournalTest, WhatIsCommittedIsNotWritten) {
  journal_->Begin(1);
  Save(1, 10);
  journal_->Committed(Save(2, 10));
  Save(3, 10);
  ASSERT_TRUE(Pass());
  EXPECT_EQ(Replayed(), (Ticks{{3, 10}}));
  EXPECT_EQ(journal_->stats().waiting.Get(), 1u);
}

TEST_F(JournalTest, NothingIsSyncedWhenNothingIsNew) {
  journal_->Begin(1);
  Save(1, 10);
  Pass();
  const int syncs = folder_.syncs;
  Pass();
  EXPECT_EQ(folder_.syncs, syncs);
}

TEST_F(JournalTest, ASaveThatTheQueueRefusedIsKeptUntilANewerOneIsCommittedOrTheLogout) {
  journal_->Begin(1);
  const PositionSave refused[] = {SaveOf(1, 10), SaveOf(2, 10)};
  journal_->Append(refused, kUncovered);
  journal_->Committed(Save(3, 11));
  Pass();
  EXPECT_EQ(journal_->stats().waiting.Get(), 2u);
  journal_->Committed(Save(1, 12));
  journal_->LoggedOut(2, 11);
  Pass();
  EXPECT_EQ(journal_->stats().waiting.Get(), 0u);
}

TEST_F(JournalTest, ItsSizeIsBoundedByThePlayersNotByTheOutage) {
  journal_->Begin(1);
  for (core::Tick tick = 1; tick <= 5000; ++tick) {
    for (int64_t player = 1; player <= 100; ++player) Save(player, tick);
    ASSERT_TRUE(Pass());
    ASSERT_LE(folder_.used(), 2 * 65536 + 2 * 100 * sizeof(PositionSave));
  }
  EXPECT_GT(journal_->stats().bytes.Get(), 5000u * 100 * 64);
  EXPECT_EQ(folder_.files.size(), 1u);
  const auto ticks = Replayed();
  EXPECT_EQ(ticks.size(), 100u);
  for (const auto& [player, tick] : ticks) EXPECT_EQ(tick, 5000u) << player;
}

TEST_F(JournalTest, MorePlayersThanASegmentHoldsDoNotBeginOneAtEverySync) {
  journal_->Begin(1);
  for (core::Tick tick = 1; tick <= 20; ++tick) {
    for (int64_t player = 1; player <= 4000; ++player) Save(player, tick);
    ASSERT_TRUE(Pass());
  }
  EXPECT_GE(folder_.files.begin()->first, SegmentName(2));
  EXPECT_LE(folder_.files.begin()->first, SegmentName(20 / 2 + 1));
  EXPECT_EQ(Replayed().size(), 4000u);
}

TEST_F(JournalTest, AFullDiskIsToldRetriedAndRecoversAlone) {
  journal_->Begin(1);
  Save(1, 10);
  Save(2, 10);
  ASSERT_TRUE(Pass());
  folder_.capacity = folder_.used() + 40;  // not even one batch
  Save(1, 20);
  EXPECT_FALSE(Pass());
  EXPECT_TRUE(journal_->degraded());
  EXPECT_EQ(Replayed(), (Ticks{{1, 10}, {2, 10}})) << "the torn end costs nothing before it";
  Save(1, 21);
  EXPECT_FALSE(Pass());
  EXPECT_FALSE(Pass());
  EXPECT_GE(journal_->stats().failures.Get(), 3u);
  EXPECT_EQ(Replayed(), (Ticks{{1, 10}, {2, 10}}));
  folder_.capacity = UINT64_MAX;
  EXPECT_TRUE(Pass()) << "by itself, without a new save";
  EXPECT_FALSE(journal_->degraded());
  EXPECT_EQ(Replayed(), (Ticks{{1, 21}, {2, 10}}));
  EXPECT_EQ(folder_.files.size(), 1u);
  Save(2, 22);
  EXPECT_TRUE(Pass());
  folder_.Crash();
  EXPECT_EQ(Replayed(), (Ticks{{1, 21}, {2, 22}}));
}

TEST_F(JournalTest, AFullDiskIsGivenItsSpaceBackWhenAllIsCommitted) {
  journal_->Begin(1);
  Save(1, 10);
  ASSERT_TRUE(Pass());
  folder_.capacity = folder_.used() + 10;
  journal_->Committed(Save(1, 20) - 1);
  EXPECT_FALSE(Pass());
  journal_->Committed(sequence_);
  EXPECT_TRUE(Pass());
  EXPECT_EQ(folder_.used(), 0u);
}

TEST_F(JournalTest, AShortWriteDoesNotSpoilWhatFollows) {
  journal_->Begin(1);
  Save(1, 10);
  ASSERT_TRUE(Pass());
  folder_.failing_appends = 1;
  Save(2, 11);
  EXPECT_FALSE(Pass());
  Save(3, 12);
  EXPECT_TRUE(Pass());
  Save(4, 13);
  EXPECT_TRUE(Pass());
  folder_.Crash();
  JournalReading reading;
  EXPECT_EQ(Replayed(&reading), (Ticks{{1, 10}, {2, 11}, {3, 12}, {4, 13}}));
  EXPECT_EQ(reading.corrupt, 0u);
  EXPECT_EQ(reading.torn, 0u) << "the torn file is gone";
}

TEST_F(JournalTest, AFailedSyncIsNeverRepairedByAnother) {
  journal_->Begin(1);
  Save(1, 10);
  ASSERT_TRUE(Pass());
  const std::string first = folder_.files.begin()->first;
  folder_.failing_syncs = 1;
  Save(2, 11);
  EXPECT_FALSE(Pass());
  EXPECT_TRUE(journal_->degraded());
  EXPECT_TRUE(Pass());
  EXPECT_FALSE(folder_.files.contains(first)) << "everything is in another file";
  folder_.Crash();
  EXPECT_EQ(Replayed(), (Ticks{{1, 10}, {2, 11}}));
}

TEST_F(JournalTest, AFailedNewSegmentKeepsTheOldOnes) {
  journal_->Begin(1);
  Save(1, 10);
  ASSERT_TRUE(Pass());
  core::Tick tick = 10;
  for (int* fault : {&folder_.failing_creates, &folder_.failing_appends, &folder_.failing_syncs}) {
    folder_.failing_syncs = 1;
    Save(2, ++tick);
    EXPECT_FALSE(Pass());
    *fault = 1;
    EXPECT_FALSE(Pass());
    folder_.Crash();
    EXPECT_EQ(Replayed()[1], 10u);
    EXPECT_TRUE(Pass());
    EXPECT_EQ(Replayed(), (Ticks{{1, 10}, {2, tick}}));
  }
}

TEST_F(JournalTest, CutAtEveryByteOfTheLastThreeBatchesWholeOnesCount) {
  journal_->Begin(1);
  std::vector<size_t> ends;
  for (core::Tick tick = 1; tick <= 6; ++tick) {
    Save(1, tick);
    Save(2, tick);
    ASSERT_TRUE(Pass());
    ends.push_back(folder_.used());
  }
  const auto whole = folder_.files.begin()->second.bytes;
  for (size_t cut = ends[2]; cut <= whole.size(); ++cut) {
    folder_.files.begin()->second.bytes.assign(whole.begin(),
                                               whole.begin() + static_cast<std::ptrdiff_t>(cut));
    const auto last =
        static_cast<core::Tick>(std::upper_bound(ends.begin(), ends.end(), cut) - ends.begin());
    JournalReading reading;
    ASSERT_EQ(Replayed(&reading), (Ticks{{1, last}, {2, last}})) << cut;
    ASSERT_EQ(reading.torn, cut == ends[last - 1] ? 0u : 1u) << cut;
    ASSERT_EQ(reading.corrupt, 0u) << cut;
  }
}

TEST_F(JournalTest, AnyByteThatChangedIsFoundAndNothingAfterItIsBelieved) {
  journal_->Begin(1);
  std::vector<size_t> ends;
  for (core::Tick tick = 1; tick <= 4; ++tick) {
    Save(1, tick);
    ASSERT_TRUE(Pass());
    ends.push_back(folder_.used());
  }
  auto& bytes = folder_.files.begin()->second.bytes;
  for (size_t at = ends[1]; at < ends[2]; ++at) {
    bytes[at] ^= std::byte{0x10};
    JournalReading reading;
    ASSERT_EQ(Replayed(&reading), (Ticks{{1, 2}})) << at;
    ASSERT_EQ(reading.corrupt, 1u) << at;
    bytes[at] ^= std::byte{0x10};
  }
  for (size_t at = 12; at < kSegmentHeadBytes; ++at) {
    bytes[at] ^= std::byte{0x10};
    JournalReading reading;
    ASSERT_TRUE(Replayed(&reading).empty()) << at;
    ASSERT_EQ(reading.corrupt, 1u) << at;
    bytes[at] ^= std::byte{0x10};
  }
}

TEST_F(JournalTest, ATailOfZeroesIsATornOne) {
  journal_->Begin(1);
  Save(1, 1);
  ASSERT_TRUE(Pass());
  auto& bytes = folder_.files.begin()->second.bytes;
  bytes.resize(bytes.size() + 4096);
  JournalReading reading;
  EXPECT_EQ(Replayed(&reading), (Ticks{{1, 1}}));
  EXPECT_EQ(reading.torn, 1u);
  EXPECT_EQ(reading.corrupt, 0u);
}

TEST_F(JournalTest, AnUnknownFormatAndAnotherShardsJournalAreRefusedByName) {
  journal_->Begin(1);
  Save(1, 1);
  ASSERT_TRUE(Pass());
  const std::string name = folder_.files.begin()->first;
  Journal other(settings_, "elsewhere", std::make_unique<SimJournalDisk>(folder_), clock_);
  const auto visit = [](const PositionSave&) { ADD_FAILURE() << "nothing of it may be used"; };
  const auto refused = other.Replay(visit);
  EXPECT_EQ(refused.status().code(), core::Code::kConflict);
  EXPECT_NE(refused.status().ToString().find(name), std::string::npos);
  folder_.files.begin()->second.bytes[8] = std::byte{2};
  Journal same(settings_, "zone", std::make_unique<SimJournalDisk>(folder_), clock_);
  const auto unknown = same.Replay(visit);
  EXPECT_EQ(unknown.status().code(), core::Code::kInvalid);
  EXPECT_NE(unknown.status().ToString().find(name), std::string::npos);
  EXPECT_NE(unknown.status().ToString().find("format 2"), std::string::npos);
}

TEST_F(JournalTest, ANewRunDoesNotTouchFilesThatNobodyDropped) {
  journal_->Begin(1);
  Save(1, 1);
  ASSERT_TRUE(Pass());
  Open();
  ASSERT_TRUE(journal_->Replay([](const PositionSave&) {}).ok());
  journal_->Begin(2);
  Save(2, 1);
  ASSERT_TRUE(Pass());
  EXPECT_EQ(folder_.files.size(), 2u);
  EXPECT_EQ(Replayed(), (Ticks{{1, 1}, {2, 1}}));
}

TEST_F(JournalTest, ARingThatIsFullIsCounted) {
  settings_.queue_bytes = 65536;
  Open();
  for (core::Tick tick = 1; tick < 2000; ++tick) Save(1, tick);
  journal_->Take();
  EXPECT_GT(journal_->stats().dropped.Get(), 0u);
}

TEST_F(JournalTest, OnRealFilesAThreadSyncsAndAnEndWithoutLeftoversRemovesThem) {
  TempFolder folder;
  const core::SystemClock clock;
  settings_.journal.sync_interval_ms = 10;
  auto disk = OpenJournalDisk(folder.path());
  ASSERT_TRUE(disk.ok());
  Journal journal(settings_, "zone", std::move(*disk), clock);
  journal.Start(1);
  const PositionSave saves[] = {SaveOf(1, 10), SaveOf(2, 10)};
  journal.Append(saves, 1);
  while (journal.stats().saves.Get() < 2) std::this_thread::yield();
  const std::string file = folder.path() + "/journal/" + SegmentName(1);
  EXPECT_TRUE(std::filesystem::exists(file));
  EXPECT_EQ(journal.live().Find(2)->tick, 10u);
  journal.Committed(1);
  journal.Stop();
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(JournalTest, AnEndWithLeftoversKeepsTheirFiles) {
  TempFolder folder;
  const core::SystemClock clock;
  auto disk = OpenJournalDisk(folder.path());
  ASSERT_TRUE(disk.ok());
  const PositionSave save = SaveOf(1, 10);
  {
    Journal journal(settings_, "zone", std::move(*disk), clock);
    journal.Start(1);
    journal.Append({&save, 1}, 1);
  }
  auto again = OpenJournalDisk(folder.path());
  Journal next(settings_, "zone", std::move(*again), clock);
  std::vector<PositionSave> found;
  ASSERT_TRUE(next.Replay([&](const PositionSave& s) { found.push_back(s); }).ok());
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0], save);
}

}  // namespace
}  // namespace bluemarble::persistence
