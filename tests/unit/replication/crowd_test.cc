// Crowds beyond what a budget carries, and relief.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "core/hash.h"
#include "tests/unit/replication/stage.h"

namespace bluemarble::replication {
namespace {

using core::EntityId;
using core::Tick;

TEST(Replicator, ReliefSendsLessOftenAndTellsTheDilation) {
  struct Case {
    uint8_t step;
    double distance_m;
    uint64_t updates;  // in 240 ticks at 30 Hz
  };
  for (const Case& c : {Case{0, 20, 240}, Case{2, 20, 240}, Case{3, 20, 120}, Case{4, 20, 60},
                        Case{1, 200, 80}, Case{2, 200, 40}, Case{0, 900, 16}, Case{1, 900, 8}}) {
    SCOPED_TRACE(testing::Message() << "step " << int{c.step} << ", " << c.distance_m << " m");
    Stage stage;
    const auto viewer = stage.View(stage.Put(0));
    const EntityId other = stage.Put(c.distance_m);
    Watcher watcher;
    for (int i = 0; i < 60; ++i) {
      stage.Tick();
      watcher.Receive(stage, viewer);
    }
    stage.replicator().SetRelief(c.step, 130);
    Tick shown = watcher.replica.Find(other)->tick;
    uint64_t updates = 0;
    for (int i = 0; i < 240; ++i) {
      stage.Tick();
      watcher.Receive(stage, viewer);
      if (watcher.replica.Find(other)->tick != shown) ++updates;
      shown = watcher.replica.Find(other)->tick;
    }
    EXPECT_NEAR(static_cast<double>(updates), static_cast<double>(c.updates), 1);
    EXPECT_EQ(watcher.own.dilation_pct, 130);
  }
}

// Half of the ticks under relief, and acks that take a while: a round of keyframes is longer than a
// base lives.
TEST(Replicator, ACrowdBeyondTheBudgetDoesNotStayWithKeyframes) {
  Stage stage({.max_viewers = 8}, 1, 5000);
  const EntityId own = stage.Put(0);
  for (int i = 1; i < 4000; ++i) stage.Put(i % 63 * 0.5, i / 63 * 0.5);
  const auto viewer = stage.View(own);
  stage.replicator().SetRelief(3, 100);
  Watcher watcher;
  LateAcks acks;
  const ReplicationStats& stats = stage.replicator().stats();
  uint64_t keyframes = 0, parts = 0;
  for (int i = 0; i < 900; ++i) {
    if (i == 600) keyframes = stats.keyframes_sent.Get(), parts = stats.parts_sent.Get();
    stage.Tick();
    acks.Receive(stage, viewer, watcher);
  }
  keyframes = stats.keyframes_sent.Get() - keyframes;
  parts = stats.parts_sent.Get() - parts;
  EXPECT_EQ(watcher.replica.entities(), 4000u);
  EXPECT_LT(static_cast<double>(keyframes), 0.05 * static_cast<double>(parts));
}

// A crowd moves in the west; in the leaf of those who stand in the east there are soon too many. Of
// that tick and so many after it no datagram arrives.
int LongestAwayWhileALeafSplits(double east, int lost, size_t& more_leaves) {
  Stage stage({.max_viewers = 8}, 1, 3'000);
  const EntityId own = stage.Put(0);
  std::vector<EntityId> crowd, beside;
  for (int i = 0; i < 2'600; ++i) crowd.push_back(stage.Put(-5 - i % 40, i / 40));
  for (int i = 0; i < 42; ++i) beside.push_back(stage.Put(east + i % 6, i / 6));
  const auto viewer = stage.View(own);
  Watcher watcher;
  LateAcks acks;
  const auto run = [&](int ticks, int not_arriving, auto check) {
    for (int i = 0; i < ticks; ++i) {
      for (size_t one = 0; one < crowd.size(); ++one)
        stage.Push(crowd[one], (stage.tick() / 20 + one) % 2 == 0 ? 0.1 : -0.1);
      stage.Tick();
      if (i >= not_arriving) acks.Receive(stage, viewer, watcher);
      check();
    }
  };
  run(300, 0, [] {});
  stage.replicator().SetRelief(4, 100);
  run(300, 0, [] {});
  const auto leaves = [&] {
    std::set<uint64_t> keys;
    stage.replicator().EachPart(
        viewer, [&](geo::NodeKey key, uint8_t, ReplicationClass) { keys.insert(key.bits); });
    return keys.size();
  };
  const size_t leaves_before = leaves();
  for (int i = 0; i < 12; ++i) stage.Put(east + i % 6 + 0.5, i / 6 + 0.5);
  std::map<uint32_t, int> away;
  int longest = 0;
  run(200, lost, [&] {
    for (const EntityId id : beside) {
      int& its = away[id.index()];
      its = watcher.replica.Find(id) == nullptr ? its + 1 : 0;
      longest = std::max(longest, its);
    }
  });
  more_leaves += leaves() - leaves_before;
  return longest;
}

TEST(Replicator, ALeafThatSplitsInAFullCrowdTakesNobodyAway) {
  for (const double east : {20.0, 40.0}) {
    for (const int lost : {0, 4, 8}) {
      size_t more_leaves = 0;
      EXPECT_EQ(LongestAwayWhileALeafSplits(east, lost, more_leaves), 0)
          << "ticks in which somebody who stands " << east << " m away was not shown, " << lost
          << " lost";
      EXPECT_GT(more_leaves, 0u);
    }
  }
}

TEST(Replicator, ACrowdThatLeavesTakesNobodyElseAway) {
  Stage stage({.max_viewers = 8}, 1, 3000);
  const EntityId own = stage.Put(0);
  std::vector<EntityId> crowd, staying;
  for (int i = 0; i < 1'200; ++i) crowd.push_back(stage.Put(5 + i % 30, i / 30 * 0.5));
  for (int i = 0; i < 60; ++i) staying.push_back(stage.Put(5 + i % 10, i / 10));
  const auto viewer = stage.View(own);
  Watcher watcher;
  LateAcks acks;
  const auto slots = [&] {
    int most = 0;
    stage.replicator().EachPart(viewer, [&](geo::NodeKey, uint8_t number, ReplicationClass) {
      most = std::max<int>(most, number);
    });
    return most;
  };
  int away = 0;
  for (int i = 0; i < 500; ++i) {
    if (i == 200) {
      EXPECT_GT(slots(), 10);
      for (EntityId id : crowd) stage.Push(id, 3'000);
    }
    stage.Tick();
    acks.Receive(stage, viewer, watcher);
    for (EntityId id : staying) away += i >= 200 && watcher.replica.Find(id) == nullptr;
  }
  EXPECT_EQ(away, 0) << "ticks, each for everybody who was not shown";
  EXPECT_LT(slots(), 4) << "the parts that the crowd had are there still";
  EXPECT_EQ(watcher.replica.entities(), 61u);
}

TEST(Replicator, UnderReliefNothingComesBetweenTurns) {
  Stage stage;
  const auto viewer = stage.View(stage.Put(0));
  std::vector<EntityId> crowd;
  for (int i = 0; i < 600; ++i) crowd.push_back(stage.Put(2 + i % 18, i / 18 * 0.5));
  for (int i = 0; i < 600; ++i) crowd.push_back(stage.Put(60 + i % 60 * 3, i / 60 * 3));
  stage.replicator().SetRelief(4, 100);
  Watcher watcher;
  for (int i = 0; i < 480; ++i) {
    if (i == 240) watcher.datagrams = 0;
    for (size_t one = 0; one < crowd.size(); ++one)
      stage.Push(crowd[one], (stage.tick() / 20 + one) % 2 == 0 ? 0.1 : -0.1);
    stage.Tick();
    watcher.Receive(stage, viewer);
  }
  EXPECT_EQ(watcher.datagrams, 60u);
  EXPECT_EQ(watcher.replica.entities(), 1'201u);
}

// A class that has its turn more rarely than bases live is sent in full each time.
TEST(Replicator, UnderAnyReliefWhatIsFarGoesOnAsDeltas) {
  for (uint8_t step = 1; step <= kReliefSteps; ++step) {
    SCOPED_TRACE(int{step});
    Stage stage;
    const auto viewer = stage.View(stage.Put(0));
    std::vector<EntityId> far;
    for (int i = 0; i < 60; ++i) far.push_back(stage.Put(600 + i % 8 * 40, i / 8 * 40));
    stage.replicator().SetRelief(step, 100);
    Watcher watcher;
    LateAcks acks;
    uint64_t parts = 0, keyframes = 0;
    for (int i = 0; i < 600; ++i) {
      for (EntityId id : far) stage.Push(id, i / 60 % 2 == 0 ? 0.2 : -0.2);
      stage.Tick();
      protocol::SnapshotReader reader;
      if (const auto bytes = stage.replicator().SnapshotOf(viewer);
          i >= 120 && reader.Begin(bytes).ok()) {
        protocol::PartHeader header;
        for (std::span<const std::byte> payload; reader.NextPart(header, payload);) {
          if (header.cls != ReplicationClass::kExtended) continue;
          ++parts;
          if (header.base_age == 0) ++keyframes;
        }
      }
      acks.Receive(stage, viewer, watcher);
    }
    EXPECT_GT(parts, 60u);
    EXPECT_LT(keyframes * 10, parts);
  }
}

TEST(Replicator, ACrowdStaysWithinTheBudgetAndNobodyStarves) {
  ReplicationSettings settings;
  settings.max_viewers = 8;
  settings.budget_bytes_per_s = 20'000;
  Stage stage(settings);
  const EntityId own = stage.Put(0);
  const auto viewer = stage.View(own);
  std::vector<EntityId> crowd;
  core::Random random(3);
  for (int i = 0; i < 400; ++i)
    crowd.push_back(stage.Put(random.Range(-20, 20), random.Range(-20, 20)));
  Watcher watcher;
  core::Tick oldest = 0;
  for (int i = 0; i < 300; ++i) {
    for (EntityId id : crowd) stage.Push(id, random.Range(-0.1, 0.1));
    stage.Tick();
    watcher.Receive(stage, viewer);
    if (i < 90) continue;
    for (EntityId id : crowd) {
      const auto* held = watcher.replica.Find(id);
      ASSERT_NE(held, nullptr);
      oldest = std::max(oldest, stage.tick() - held->tick);
    }
  }
  EXPECT_LE(watcher.bytes, 20'000u * 300 / kHz + 2 * kDatagram);
  EXPECT_GT(watcher.bytes, 15'000u * 300 / kHz);
  EXPECT_LE(oldest, 20u);
  EXPECT_GT(stage.replicator().stats().parts_deferred.Get(), 0u);
}

TEST(Replicator, ASmallBudgetIsKeptAndStillShowsEverybody) {
  for (uint32_t budget : {3'000u, 5'000u, 10'000u, 15'000u}) {
    SCOPED_TRACE(budget);
    ReplicationSettings settings;
    settings.max_viewers = 8;
    settings.budget_bytes_per_s = budget;
    Stage stage(settings);
    const auto viewer = stage.View(stage.Put(0));
    std::vector<EntityId> crowd;
    core::Random random(3);
    for (int i = 0; i < 300; ++i) {
      crowd.push_back(stage.Put(random.Range(-20, 20), random.Range(-20, 20)));
    }
    Watcher watcher;
    for (int i = 0; i < 30 * kHz; ++i) {
      for (EntityId id : crowd) stage.Push(id, random.Range(-0.1, 0.1));
      stage.Tick();
      watcher.Receive(stage, viewer);
    }
    EXPECT_LE(watcher.bytes, budget * 30 + 2 * kDatagram);
    for (EntityId id : crowd) EXPECT_NE(watcher.replica.Find(id), nullptr);
  }
}

}  // namespace
}  // namespace bluemarble::replication
