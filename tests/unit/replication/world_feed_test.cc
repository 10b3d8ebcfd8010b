#include "replication/world_feed.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <map>
#include <set>

#include "core/alloc_counter.h"

namespace bluemarble::replication {
namespace {

constexpr int kFeedHz = 30;

/// A crowd in one place, some players among animals, and what the feed says of them.
class Feed : public testing::Test {
 protected:
  Feed() : world_({.max_entities = 4000}), octree_({.max_entities = 4000}) {
    const geo::Vec3 centre = geo::ToEcef({8.5, 47.4, 0});
    const geo::LocalFrame frame = geo::FrameAt(centre);
    for (int i = 0; i < 900; ++i) {
      const geo::Vec3 at = geo::WithHeight(
          centre + frame.east * ((i % 30) * 40.0) + frame.north * ((i / 30) * 40.0), 0);
      const auto kind = i % 10 == 0 ? world::Kind::kPlayer : world::Kind::kAnimal;
      const core::EntityId id = *world_.Create(kind, {.position = at, .yaw = 16384}, {});
      EXPECT_TRUE(octree_.Insert(id, geo::ToGrid(at), 1).ok());
    }
    for (core::Tick tick = 1; tick < 200; ++tick) octree_.Restructure(tick);
    octree_.ClearGone();
  }

  struct Seen {
    std::map<uint32_t, geo::Vec3> places;
    std::map<uint64_t, std::set<uint32_t>> ticks;  // by leaf
    uint32_t players = 0;
  };
  Seen Read(WorldFeed& feed) {
    Seen seen;
    for (auto record = feed.ring().Front(); record.data() != nullptr;
         record = feed.ring().Front()) {
      FeedHead head;
      std::memcpy(&head, record.data(), sizeof head);
      protocol::PartState part;
      EXPECT_TRUE(
          protocol::DecodePart(record.subspan(sizeof head), {}, kFeedHz, kFeedClass, part).ok());
      EXPECT_EQ(std::popcount(part.occupied), head.members);
      EXPECT_LT(head.number, head.parts);
      const geo::NodeKey leaf{head.key};
      const auto frame = geo::SectorFrame::Of(leaf.ancestor(geo::kSectorLevel));
      const int32_t unit = protocol::PositionUnitCm(kFeedClass);
      for (uint32_t rest = part.occupied; rest != 0; rest &= rest - 1) {
        const protocol::Member& member = part.members[static_cast<size_t>(std::countr_zero(rest))];
        seen.places[member.id.bits] =
            frame.ToEcef({member.state.position[0] * unit, member.state.position[1] * unit,
                          member.state.position[2] * unit});
      }
      seen.players += head.players;
      seen.ticks[head.key].insert(head.tick);
      feed.ring().Pop();
    }
    return seen;
  }

  world::World world_;
  aoi::Octree octree_;
};

TEST_F(Feed, SaysNothingWhenNobodyWatches) {
  WorldFeed feed({}, kFeedHz, world_, octree_);
  for (core::Tick tick = 300; tick < 400; ++tick) feed.Write(tick);
  EXPECT_EQ(feed.ring().used_bytes(), 0u);
}

TEST_F(Feed, EveryLeafComesOnceASecondWithEverybodyInIt) {
  WorldFeed feed({}, kFeedHz, world_, octree_);
  feed.Watch(true);
  uint64_t most = 0;
  for (core::Tick tick = 300; tick < 330; ++tick) {
    const uint64_t before = feed.stats().leaves.Get();
    feed.Write(tick);
    most = std::max(most, feed.stats().leaves.Get() - before);
  }
  EXPECT_LE(most, octree_.leaves() / 15u) << "spread evenly over the ticks";
  const Seen seen = Read(feed);
  EXPECT_EQ(seen.ticks.size(), octree_.leaves());
  EXPECT_EQ(seen.players, 90u);
  ASSERT_EQ(seen.places.size(), world_.count());
  for (uint32_t row = 0; row < world_.count(); ++row) {
    const auto place = seen.places.find(world_.ids()[row].bits);
    ASSERT_NE(place, seen.places.end());
    EXPECT_LT(Length(place->second - world_.bodies()[row].position), 0.15);
  }
  for (const auto& [leaf, ticks] : seen.ticks) EXPECT_EQ(ticks.size(), 1u);
}

TEST_F(Feed, LeavesInAFocusComeFiveTimesASecond) {
  WorldFeed feed({}, kFeedHz, world_, octree_);
  feed.Watch(true);
  const geo::GridPoint corner = geo::ToGrid(geo::ToEcef({8.5, 47.4, 0}));
  feed.SetFocuses(std::vector<FeedFocus>{{corner, 10'000}});
  for (core::Tick tick = 300; tick < 330; ++tick) feed.Write(tick);
  std::vector<aoi::LeafId> near;
  near.reserve(1000);
  ASSERT_TRUE(octree_.QueryLeaves(corner, 10'000, near).ok());
  ASSERT_LT(near.size(), octree_.leaves() / 4u);
  std::set<uint64_t> keys;
  for (const aoi::LeafId id : near) keys.insert(octree_.Find(id)->key.bits);
  for (const auto& [leaf, ticks] : Read(feed).ticks) {
    if (keys.contains(leaf)) {
      EXPECT_GE(ticks.size(), 5u);
      EXPECT_LE(ticks.size(), 6u);
    } else {
      EXPECT_EQ(ticks.size(), 1u);
    }
  }
  feed.SetFocuses({});
  for (core::Tick tick = 330; tick < 390; ++tick) feed.Write(tick);
  for (const auto& [leaf, ticks] : Read(feed).ticks) EXPECT_EQ(ticks.size(), 2u);
}

TEST_F(Feed, AFullRingDropsCountsAndNeverWaits) {
  WorldFeed feed({.ring_bytes = 4096}, kFeedHz, world_, octree_);
  feed.Watch(true);
  for (core::Tick tick = 300; tick < 360; ++tick) feed.Write(tick);
  EXPECT_GT(feed.stats().dropped.Get(), 10u);
  Read(feed);
  const uint64_t dropped = feed.stats().dropped.Get();
  feed.Write(360);
  EXPECT_EQ(feed.stats().dropped.Get(), dropped) << "there is room again";
}

TEST_F(Feed, AllocatesNothing) {
  WorldFeed feed({}, kFeedHz, world_, octree_);
  feed.Watch(true);
  feed.SetFocuses(std::vector<FeedFocus>{{geo::ToGrid(geo::ToEcef({8.5, 47.4, 0})), 100'000}});
  const uint64_t before = core::ThreadAllocations();
  for (core::Tick tick = 300; tick < 400; ++tick) feed.Write(tick);
  EXPECT_EQ(core::ThreadAllocations(), before);
  EXPECT_GT(feed.stats().members.Get(), 3000u);
}

}  // namespace
}  // namespace bluemarble::replication
