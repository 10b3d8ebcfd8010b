#include "replication/replicator.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <vector>

#include "core/alloc_counter.h"
#include "core/hash.h"
#include "tests/unit/replication/stage.h"

namespace bluemarble::replication {
namespace {

using core::EntityId;
using core::Tick;

TEST(Replicator, ALonePlayerGetsOnlyTheHeartbeat) {
  Stage stage;
  const auto viewer = stage.View(stage.Put(0));
  Watcher watcher;
  for (int i = 0; i < 301; ++i) {
    stage.Tick();
    watcher.Receive(stage, viewer);
  }
  EXPECT_EQ(watcher.datagrams, 100u);  // every 100 ms at 30 Hz
  EXPECT_EQ(watcher.replica.entities(), 0u);
}

TEST(Replicator, ClassFollowsTheNearestOtherEntityOfTheLeaf) {
  const struct {
    double distance_m;
    ReplicationClass cls;
  } cases[] = {{20, ReplicationClass::kCombat},
               {200, ReplicationClass::kVisual},
               {900, ReplicationClass::kExtended}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.distance_m);
    Stage stage;
    const auto viewer = stage.View(stage.Put(0));
    const EntityId other = stage.Put(c.distance_m);
    Watcher watcher;
    std::vector<Tick> updates;
    for (int i = 0; i < 120; ++i) {
      stage.Tick();
      watcher.Receive(stage, viewer);
      const auto* held = watcher.replica.Find(other);
      if (held != nullptr && (updates.empty() || held->tick != updates.back()))
        updates.push_back(held->tick);
    }
    ASSERT_GT(updates.size(), 3u);
    EXPECT_EQ(watcher.replica.Find(other)->cls, c.cls);
    EXPECT_EQ(updates.back() - updates[updates.size() - 2], stage.replicator().period_ticks(c.cls));
  }
}

TEST(Replicator, NothingBeyondTheOutermostClassIsSent) {
  Stage stage;
  const auto viewer = stage.View(stage.Put(0));
  const EntityId far = stage.Put(1'500);
  Watcher watcher;
  for (int i = 0; i < 60; ++i) {
    stage.Tick();
    watcher.Receive(stage, viewer);
  }
  EXPECT_EQ(watcher.replica.Find(far), nullptr);
}

TEST(Replicator, NobodyIsToldOfSomebodyBeyondTheLastClassAndOneSmallLeaf) {
  Stage stage;
  const auto viewer = stage.View(stage.Put(0));
  double distance_m = 980;
  const EntityId other = stage.Put(distance_m);
  Watcher watcher;
  double told_m = 0;
  Tick told = 0;
  for (int i = 0; i < 450; ++i) {
    stage.Push(other, 0.4);
    distance_m += 0.4;
    stage.Tick();
    watcher.Receive(stage, viewer);
    const auto* held = watcher.replica.Find(other);
    if (held == nullptr || held->tick == told) continue;
    told = held->tick;
    told_m = distance_m;
  }
  EXPECT_EQ(watcher.replica.Find(other), nullptr) << "still known at " << distance_m;
  EXPECT_GT(told_m, 1'000);
  EXPECT_LT(told_m, 1'000 + 41 + 15 * 0.4 + 1) << "a small leaf, and until interest is refreshed";
}

// The turns of the leaves can all go past a viewer that is in another one each time.
TEST(Replicator, WhoeverGoesFromLeafToLeafStillLooksAroundInTime) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    Stage stage;
    const EntityId own = stage.Put(0), left_behind = stage.Put(10);
    // So many in each leaf that somebody who comes is no arrival.
    constexpr uint64_t kPlaces = 8;
    for (uint64_t i = 0; i < 5 * kPlaces; ++i)
      stage.Put(10'000 + static_cast<double>(i % kPlaces) * 400, static_cast<double>(i / kPlaces));
    const auto viewer = stage.View(own);
    core::Random random(seed);
    Watcher watcher;
    double east_m = 0;
    Tick told = 0;
    for (int i = 0; i < 80; ++i) {
      if (i >= 40) {
        const double to_m = 10'000 + static_cast<double>(random.Below(kPlaces)) * 400;
        stage.Push(own, to_m - east_m);
        east_m = to_m;
      }
      stage.Tick();
      watcher.Receive(stage, viewer);
      if (const auto* held = watcher.replica.Find(left_behind)) told = held->tick;
    }
    EXPECT_GE(told, 5000u + 40);
    EXPECT_LE(told, 5000u + 40 + ReplicationSettings().interest_ticks);
  }
}

TEST(Replicator, WhoComesIntoALeafThatIsWatchedFromAfarStaysInView) {
  Stage stage;
  const auto viewer = stage.View(stage.Put(0));
  // In every leaf beyond its own there is somebody already, in the farthest class.
  for (int at = -400; at <= 400; at += 25) stage.Put(at, 310 + at % 3);
  const EntityId walker = stage.Put(-160, 250);
  Watcher watcher;
  int away = 0, longest = 0;
  for (int i = 0; i < 1'100; ++i) {
    if (i > 60) stage.Push(walker, 0.3);
    stage.Tick();
    watcher.Receive(stage, viewer);
    if (i < 60) continue;
    away = watcher.replica.Find(walker) == nullptr ? away + 1 : 0;
    longest = std::max(longest, away);
  }
  EXPECT_LE(longest, 3) << "ticks in which the walker was not shown";
}

// Who is everywhere and hears nothing has more leaves to be told to forget than are remembered.
TEST(Replicator, NothingStaysOfLeavesThatCouldNotBeForgottenAtOnce) {
  constexpr int kPlaces = 60;
  Stage stage({.interest_ticks = 1, .max_viewers = 2, .max_leaves_per_viewer = 16});
  const EntityId own = stage.Put(0);
  std::vector<EntityId> left;
  for (int i = 0; i < kPlaces; ++i) {
    for (int other = 0; other < 25; ++other) {
      const EntityId id = stage.Put(i * 4'000.0 + other % 5 * 330, other / 5 * 330 - 660);
      if (i < kPlaces - 1) left.push_back(id);
    }
  }
  const auto viewer = stage.View(own);
  Watcher watcher;
  for (int i = 0; i < kPlaces - 1; ++i) {
    stage.Tick();
    if (i < 20)
      watcher.Receive(stage, viewer);
    else
      watcher.Read(stage, viewer);
    stage.Push(own, 4'000);
  }
  EXPECT_GT(stage.replicator().stats().drops_full.Get(), 0u);
  for (int i = 0; i < 200; ++i) {
    stage.Tick();
    watcher.Receive(stage, viewer);
  }
  EXPECT_GT(watcher.replica.entities(), 10u);
  for (const EntityId id : left) EXPECT_EQ(watcher.replica.Find(id), nullptr);
}

TEST(Replicator, NoTickNumberIsSpecial) {
  Stage stage;
  stage.BeginAt((Tick{1} << 31) - 1);
  const auto viewer = stage.View(stage.Put(0));
  const EntityId other = stage.Put(10);
  Watcher watcher;
  for (int i = 0; i < 5; ++i) {
    stage.Tick();
    watcher.Receive(stage, viewer);
    ASSERT_NE(watcher.replica.Find(other), nullptr);
    EXPECT_EQ(watcher.replica.Find(other)->tick, stage.tick());
  }
}

TEST(Replicator, WhatIsLeftBehindIsForgottenByTheClient) {
  Stage stage;
  const EntityId own = stage.Put(0);
  const auto viewer = stage.View(own);
  const EntityId other = stage.Put(100);
  Watcher watcher;
  for (int i = 0; i < 30; ++i) {
    stage.Tick();
    watcher.Receive(stage, viewer);
  }
  ASSERT_NE(watcher.replica.Find(other), nullptr);
  stage.Push(own, 3'000);
  for (int i = 0; i < 30; ++i) {
    stage.Tick();
    watcher.Receive(stage, viewer);
  }
  EXPECT_EQ(watcher.replica.Find(other), nullptr);
}

TEST(Replicator, ACompanionIsNeverOutOfViewWhileLeavesChange) {
  Stage stage;
  const EntityId own = stage.Put(0);
  const EntityId companion = stage.Put(3);
  const auto viewer = stage.View(own);
  Watcher watcher;
  for (int i = 0; i < 60 * kHz; ++i) {
    stage.Push(own, 0.5);
    stage.Push(companion, 0.5);
    stage.Tick();
    watcher.Receive(stage, viewer);
    if (i < 15) continue;
    ASSERT_NE(watcher.replica.Find(companion), nullptr) << "after " << i << " ticks";
  }
}

TEST(Replicator, ALeafWhoseDropWasCalledOffIsStillForgottenLater) {
  for (int stay = 1; stay <= 20; ++stay) {
    SCOPED_TRACE(stay);
    Stage stage;
    const EntityId own = stage.Put(0);
    const EntityId other = stage.Put(900);
    const auto viewer = stage.View(own);
    Watcher watcher;
    for (int i = 0; i < 40; ++i) {
      stage.Tick();
      watcher.Receive(stage, viewer);
    }
    ASSERT_NE(watcher.replica.Find(other), nullptr);
    stage.Push(own, -1'000);
    for (int i = 0; i < 25; ++i) stage.Tick();  // the drop is said, and lost
    stage.Push(own, 1'000);
    for (int i = 0; i < stay; ++i) stage.Tick();
    stage.Push(own, -1'000);
    for (int i = 0; i < 60; ++i) {
      stage.Tick();
      watcher.Receive(stage, viewer);
    }
    EXPECT_EQ(watcher.replica.Find(other), nullptr);
  }
}

TEST(Replicator, TheLeafLimitKeepsTheNearestAndIsCounted) {
  ReplicationSettings settings;
  settings.max_viewers = 8;
  settings.max_leaves_per_viewer = 16;
  Stage stage(settings);
  const auto viewer = stage.View(stage.Put(0));
  const EntityId near = stage.Put(30);
  for (int i = -9; i <= 9; ++i) {
    for (int k = -9; k <= 9; ++k) stage.Put(i * 100, k * 100);
  }
  Watcher watcher;
  for (int i = 0; i < 60; ++i) {
    stage.Tick();
    watcher.Receive(stage, viewer);
  }
  EXPECT_NE(watcher.replica.Find(near), nullptr);
  EXPECT_GT(stage.replicator().stats().leaves_over_limit.Get(), 0u);
}

TEST(Replicator, OwnReportTravelsAndAnExactStateIsDueAtOnce) {
  Stage stage;
  const auto viewer = stage.View(stage.Put(0));
  Watcher watcher;
  for (int i = 0; i < 4; ++i) {
    stage.Tick();
    watcher.Receive(stage, viewer);
  }
  stage.replicator().SetOwn(
      viewer, {.input_depth = 2, .exact = true, .confirmed = true, .confirmed_tick = stage.tick()});
  stage.Tick();
  ASSERT_TRUE(watcher.Receive(stage, viewer));
  EXPECT_TRUE(watcher.own.exact);
  EXPECT_EQ(watcher.own.input_depth, 2);
  EXPECT_TRUE(watcher.own.confirmed);
  EXPECT_EQ(watcher.own.confirmed_age, 1);
  stage.replicator().SetOwn(viewer, {.input_depth = 2});
  stage.Tick();
  EXPECT_FALSE(watcher.Receive(stage, viewer));
}

TEST(Replicator, AnAckOfASnapshotThatWasNeverSentIsCountedAndHarmless) {
  Stage stage;
  const auto viewer = stage.View(stage.Put(0));
  stage.Put(10);
  Watcher watcher;
  stage.replicator().OnAck(viewer, 77, ~uint64_t{0});
  for (int i = 0; i < 10; ++i) {
    stage.Tick();
    stage.replicator().OnAck(viewer, 20'000, ~uint64_t{0});
    watcher.Receive(stage, viewer);
  }
  EXPECT_EQ(stage.replicator().stats().acks_unknown.Get(), 11u);
  EXPECT_EQ(watcher.replica.stats().missing_base, 0u);
}

TEST(Replicator, WhatSnapshotsAreMadeOfAddsUpToThem) {
  Stage stage;
  const EntityId own = stage.Put(0), leaver = stage.Put(60);
  for (double east_m : {3.0, 30.0, 150.0, 220.0, 700.0}) stage.Put(east_m);
  const auto viewer = stage.View(own);
  Watcher watcher;
  uint64_t drops = 0, headers = 0;
  std::array<uint64_t, kReplicationClasses> payloads{};
  for (int i = 0; i < 120; ++i) {
    stage.Push(leaver, 20);  // out of view in the end: there are drops
    stage.Tick();
    const auto snapshot = stage.replicator().SnapshotOf(viewer);
    if (snapshot.empty()) continue;
    protocol::SnapshotReader reader;
    ASSERT_TRUE(reader.Begin(snapshot).ok());
    drops += 8 * reader.drops().size();
    protocol::PartHeader header;
    size_t rest = reader.rest_bytes();
    for (std::span<const std::byte> payload; reader.NextPart(header, payload);) {
      headers += rest - reader.rest_bytes() - payload.size();
      rest = reader.rest_bytes();
      payloads[static_cast<size_t>(header.cls)] += payload.size();
    }
    watcher.Receive(stage, viewer);
  }
  const ReplicationStats& stats = stage.replicator().stats();
  uint64_t sum = stats.private_bytes.Get() + drops + headers;
  for (size_t cls = 0; cls < kReplicationClasses; ++cls) {
    EXPECT_GT(payloads[cls], 0u) << cls;
    EXPECT_EQ(stats.part_payload_bytes[cls].Get(), payloads[cls]) << cls;
    headers -= stats.part_header_bytes[cls].Get();
    sum += payloads[cls];
  }
  EXPECT_EQ(headers, 0u);
  EXPECT_GT(drops, 0u);
  EXPECT_EQ(stats.drop_bytes.Get(), drops);
  EXPECT_EQ(sum, watcher.bytes);
  EXPECT_EQ(stats.bytes.Get(), watcher.bytes);
}

TEST(Replicator, FieldsAddUpToThePayloadsAndAreTheSameForAnyNumberOfWorkers) {
  std::vector<uint64_t> of_one_worker;
  for (int workers : {1, 2, 3}) {
    SCOPED_TRACE(workers);
    // Who hears nothing is sent all in full: not every block that is looked at fits the datagram.
    Stage stage({.budget_bytes_per_s = 60'000, .max_viewers = 200}, workers);
    core::Random random(9);
    std::vector<EntityId> all;
    std::vector<ViewerSlot> viewers;
    std::vector<Watcher> watchers(60);
    for (size_t i = 0; i < 300; ++i) {
      all.push_back(stage.Put(random.Range(-25, 25), random.Range(-25, 25)));
      if (i < watchers.size()) viewers.push_back(stage.View(all.back()));
    }
    for (int tick = 0; tick < 60; ++tick) {
      for (EntityId id : all) stage.Push(id, random.Range(-0.3, 0.3));
      stage.Tick();
      // Everybody hears another share of it: their bases differ.
      for (size_t i = 0; i < viewers.size(); ++i) {
        if (random.Below(8) < i % 8) watchers[i].Receive(stage, viewers[i]);
      }
      const ReplicationStats& stats = stage.replicator().stats();
      uint64_t payloads = 0, fields = stats.part_fields.coder.Get();
      for (const core::Counter& cls : stats.part_payload_bytes) payloads += cls.Get();
      for (const auto& kind : stats.part_fields.by_kind) {
        for (const core::Counter& field : kind) fields += field.Get();
      }
      ASSERT_EQ(fields, payloads);
    }
    const FieldBytes& bytes = stage.replicator().stats().part_fields;
    EXPECT_GT(stage.replicator().stats().parts_deferred.Get(), 1000u);
    // What nobody spent is the last one or two bytes of each payload.
    const uint64_t parts = stage.replicator().stats().parts_sent.Get();
    EXPECT_GT(bytes.coder.Get() * 3, parts);
    EXPECT_LT(bytes.coder.Get(), 2 * parts);
    std::vector<uint64_t> counts{bytes.coder.Get()};
    for (const auto& kind : bytes.by_kind) {
      for (const core::Counter& field : kind) counts.push_back(field.Get());
    }
    if (workers == 1) of_one_worker = counts;
    EXPECT_EQ(counts, of_one_worker);
  }
}

TEST(Replicator, RefusesViewersBeyondTheSettingAndReusesSlots) {
  ReplicationSettings settings;
  settings.max_viewers = 2;
  Stage stage(settings);
  const auto first = stage.View(stage.Put(0));
  stage.View(stage.Put(5));
  const auto refused = stage.replicator().AddViewer(stage.Put(9), stage.tick());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), core::Code::kFull);
  EXPECT_NE(std::string(refused.status().context()).find("replication.max_viewers"),
            std::string::npos);
  stage.replicator().RemoveViewer(first);
  EXPECT_TRUE(stage.replicator().AddViewer(stage.Put(9), stage.tick()).ok());
}

TEST(Replicator, PhasesDoNotAllocateInSteadyStateNorWhenReliefChanges) {
  if (!core::CountsAllocations()) GTEST_SKIP() << "sanitizers bring their own operator new";
  Stage stage;
  core::Random random(5);
  std::vector<EntityId> all;
  std::vector<ViewerSlot> viewers;
  for (int i = 0; i < 200; ++i) {
    all.push_back(stage.Put(random.Range(-300, 300), random.Range(-300, 300)));
    viewers.push_back(stage.View(all.back()));
  }
  uint64_t allocations = 0;
  for (int i = 0; i < 200; ++i) {
    const uint64_t before = core::ThreadAllocations();
    for (EntityId id : all) stage.Push(id, random.Range(-0.3, 0.3));
    stage.replicator().SetRelief(static_cast<uint8_t>(i / 30 % (kReliefSteps + 1)), 100);
    stage.Tick();
    if (i >= 20) allocations += core::ThreadAllocations() - before;
  }
  EXPECT_EQ(allocations, 0u);
}

}  // namespace
}  // namespace bluemarble::replication
