/// A stage for the replicator alone: entities on the ground, viewers, and clients at the end of a
/// perfect wire, some of whose acks come late.
#pragma once

#include <gtest/gtest.h>

#include <deque>

#include "client/ack_window.h"
#include "client/replica.h"
#include "replication/replicator.h"

namespace bluemarble::replication {

inline constexpr int kHz = 30;
inline constexpr size_t kDatagram = 1139;

class Stage {
 public:
  explicit Stage(ReplicationSettings settings = {.max_viewers = 700}, int workers = 1,
                 uint32_t max_entities = 2000)
      : pool_(workers),
        world_({.max_entities = max_entities}),
        octree_({.max_entities = max_entities}),
        replicator_(settings, kHz, kDatagram, world_, octree_, pool_),
        centre_(geo::ToEcef({8.5, 47.4, 0})),
        frame_(geo::FrameAt(centre_)) {}

  core::EntityId Put(double east_m, double north_m = 0) {
    const geo::Vec3 at =
        geo::WithHeight(centre_ + frame_.east * east_m + frame_.north * north_m, 0);
    const core::EntityId id = *world_.Create(world::Kind::kPlayer, {.position = at}, {});
    EXPECT_TRUE(octree_.Insert(id, geo::ToGrid(at), tick_ + 1).ok());
    return id;
  }
  void Push(core::EntityId id, double east_m) {
    world::Body& body = world_.bodies()[world_.RowOf(id)];
    body.position = geo::WithHeight(body.position + frame_.east * east_m, 0);
    octree_.Move(id, geo::ToGrid(body.position), tick_ + 1);
  }
  void BeginAt(core::Tick tick) { tick_ = tick; }
  ViewerSlot View(core::EntityId id) { return *replicator_.AddViewer(id, tick_ + 1); }

  void Tick() {
    ++tick_;
    octree_.Restructure(tick_);
    replicator_.Interest(tick_);
    octree_.ClearGone();
    replicator_.Replicate(tick_);
  }

  Replicator& replicator() { return replicator_; }
  core::Tick tick() const { return tick_; }

 private:
  core::WorkerPool pool_;
  world::World world_;
  aoi::Octree octree_;
  Replicator replicator_;
  geo::Vec3 centre_;
  geo::LocalFrame frame_;
  core::Tick tick_ = 5000;
};

/// A client at the end of a perfect wire.
struct Watcher {
  client::Replica replica{kHz};
  client::AckWindow acks;
  uint64_t bytes = 0, datagrams = 0;
  protocol::PrivateBlock own;

  bool Receive(Stage& stage, ViewerSlot viewer) {
    if (!Read(stage, viewer)) return false;
    stage.replicator().OnAck(viewer, acks.newest(), acks.bits());
    return true;
  }
  bool Read(Stage& stage, ViewerSlot viewer) {
    const auto snapshot = stage.replicator().SnapshotOf(viewer);
    if (snapshot.empty()) return false;
    bytes += snapshot.size();
    ++datagrams;
    protocol::SnapshotReader reader;
    EXPECT_TRUE(reader.Begin(snapshot).ok());
    own = reader.own();
    EXPECT_TRUE(replica.Apply(reader, stage.tick()).ok());
    acks.Note(own.sequence);
    return true;
  }
};

/// Acks of `watcher` that come `late` ticks later.
struct LateAcks {
  struct Ack {
    core::Tick at;
    uint16_t newest;
    uint64_t bits;
  };
  core::Tick late = 4;
  std::deque<Ack> acks;

  void Receive(Stage& stage, ViewerSlot viewer, Watcher& watcher) {
    if (watcher.Read(stage, viewer))
      acks.push_back({stage.tick() + late, watcher.acks.newest(), watcher.acks.bits()});
    for (; !acks.empty() && acks.front().at <= stage.tick(); acks.pop_front())
      stage.replicator().OnAck(viewer, acks.front().newest, acks.front().bits);
  }
};

}  // namespace bluemarble::replication
