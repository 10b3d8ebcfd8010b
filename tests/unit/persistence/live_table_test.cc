#include "persistence/live_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace bluemarble::persistence {
namespace {

PositionSave SaveOf(int64_t player_id, int64_t epoch, core::Tick tick) {
  PositionSave save{player_id, epoch, tick, {}};
  save.state.x_m = static_cast<double>(tick);
  return save;
}

TEST(LiveTable, TheNewestByEpochThenTickIsFound) {
  LiveTable table;
  EXPECT_FALSE(table.Find(7).has_value());
  for (const auto& save : {SaveOf(7, 1, 20), SaveOf(7, 1, 19), SaveOf(8, 2, 5), SaveOf(8, 1, 50)})
    table.Update({&save, 1});
  EXPECT_EQ(table.Find(7)->tick, 20u);
  EXPECT_EQ(table.Find(8)->tick, 5u);
  EXPECT_EQ(table.Size(), 2u);
}

TEST(LiveTable, ALogoutRemovesUnlessThePlayerIsBack) {
  LiveTable table;
  const PositionSave saves[] = {SaveOf(7, 1, 20), SaveOf(8, 1, 31)};
  table.Update(saves);
  table.Remove(7, 30);
  table.Remove(8, 30);
  table.Remove(9, 30);
  EXPECT_FALSE(table.Find(7).has_value());
  EXPECT_EQ(table.Find(8)->tick, 31u);
  EXPECT_EQ(table.Size(), 1u);
}

TEST(LiveTable, ReadersSeeWholeSavesWhileOneWrites) {
  LiveTable table;
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (core::Tick tick = 1; !stop; ++tick) {
      const PositionSave saves[] = {SaveOf(1, 1, tick), SaveOf(17, 1, tick)};
      table.Update(saves);
    }
  });
  core::Tick last = 0;
  while (last < 2000) {
    const auto save = table.Find(17);
    if (!save) continue;
    EXPECT_GE(save->tick, last);
    EXPECT_EQ(save->state.x_m, static_cast<double>(save->tick));
    last = save->tick;
  }
  stop = true;
  writer.join();
}

}  // namespace
}  // namespace bluemarble::persistence
