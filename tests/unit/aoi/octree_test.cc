#include "aoi/octree.h"

#include <algorithm>
#include <bit>

#include "crowd.h"

namespace bluemarble::aoi {
namespace {

OctreeLimits Small(uint32_t max_entities = 1'000) {
  OctreeLimits limits;
  limits.max_entities = max_entities;
  return limits;
}

void Fill(Octree& tree, uint32_t first, uint32_t count, geo::GridPoint at, core::Tick now) {
  for (uint32_t i = first; i < first + count; ++i) {
    ASSERT_TRUE(tree.Insert(Entity(i), at, now).ok());
  }
}

void Settle(Octree& tree, core::Tick from, int ticks) {
  for (int i = 0; i < ticks; ++i) tree.Restructure(from + static_cast<core::Tick>(i));
}

TEST(Octree, StartsEmpty) {
  const Octree tree(Small());
  EXPECT_EQ(tree.entities(), 0u);
  EXPECT_EQ(tree.leaves(), 0u);
  ExpectSound(tree);
}

TEST(Octree, FirstLeafIsMadeAtTheMinimumLevel) {
  Octree tree(Small());
  ASSERT_TRUE(tree.Insert(Entity(3), CellCentre(), 7).ok());
  EXPECT_EQ(LeafOf(tree, Entity(3)).key, geo::NodeKey::At(CellCentre(), 16));
  EXPECT_EQ(LeafOf(tree, Entity(3)).created, 7u);
  EXPECT_EQ(tree.PositionOf(Entity(3)), CellCentre());
  EXPECT_EQ(SinceOf(tree, Entity(3)), 7u);
}

TEST(Octree, RefusesWhatItAlreadyHoldsOrCannotHold) {
  Octree tree(Small(10));
  ASSERT_TRUE(tree.Insert(Entity(3), CellCentre(), 1).ok());
  EXPECT_EQ(tree.Insert(Entity(3), CellCentre(), 1).code(), core::Code::kConflict);
  EXPECT_EQ(tree.Insert(Entity(3, 2), CellCentre(), 1).code(), core::Code::kConflict);
  EXPECT_EQ(tree.Insert(core::EntityId{}, CellCentre(), 1).code(), core::Code::kInvalid);
  EXPECT_EQ(tree.Insert(Entity(4), {1 << 30, 0, 0}, 1).code(), core::Code::kInvalid);
  const core::Status full = tree.Insert(Entity(10), CellCentre(), 1);
  EXPECT_EQ(full.code(), core::Code::kFull);
  EXPECT_STREQ(full.context(), "world.max_entities");
  ExpectSound(tree);
}

TEST(Octree, TakesEveryEntityOfItsCapacity) {
  core::Random random(1);
  Octree tree(Small(2'000));
  for (uint32_t i = 0; i < 2'000; ++i) {
    // All over the cube, not only the surface: the most nodes that so many entities can need.
    const auto any = [&] { return static_cast<int32_t>(random.Range(-0x1p30, 0x1p30 - 1)); };
    ASSERT_TRUE(tree.Insert(Entity(i), {any(), any(), any()}, 1).ok());
  }
  ExpectSound(tree);
}

TEST(Octree, StaleGenerationsAreNotFound) {
  Octree tree(Small());
  ASSERT_TRUE(tree.Insert(Entity(3, 2), CellCentre(), 1).ok());
  EXPECT_EQ(tree.Remove(Entity(3, 1), 1).code(), core::Code::kNotFound);
  EXPECT_EQ(tree.PlaceOf(Entity(3, 1)), Place{});
  EXPECT_FALSE(tree.Move(Entity(3, 1), {0, 0, 0}, 1));
  EXPECT_FALSE(tree.WouldRelink(Entity(3, 1), {0, 0, 0}));
  EXPECT_EQ(tree.PositionOf(Entity(3, 2)), CellCentre());
}

TEST(Octree, AMemberStaysUntilAQuarterOfTheWidthOutside) {
  Octree tree(Small());
  const geo::NodeKey key = geo::NodeKey::At(CellCentre(), 16);
  const geo::GridPoint low = key.corner();
  const int64_t width = key.width_cm();
  ASSERT_TRUE(tree.Insert(Entity(1), Offset(low, 9, 9, 9), 1).ok());
  const LeafId leaf = tree.PlaceOf(Entity(1)).leaf;
  for (const int64_t x : {-width / 4, width + width / 4 - 1}) {
    EXPECT_FALSE(tree.WouldRelink(Entity(1), Offset(low, x, 9, 9)));
    EXPECT_FALSE(tree.Move(Entity(1), Offset(low, x, 9, 9), 2));
    EXPECT_EQ(tree.PlaceOf(Entity(1)).leaf, leaf);
    EXPECT_EQ(tree.PositionOf(Entity(1)), Offset(low, x, 9, 9));
    EXPECT_EQ(SinceOf(tree, Entity(1)), 1u);
  }
  EXPECT_TRUE(tree.WouldRelink(Entity(1), Offset(low, -width / 4 - 1, 9, 9)));
  EXPECT_TRUE(tree.Move(Entity(1), Offset(low, -width / 4 - 1, 9, 9), 3));
  EXPECT_NE(tree.PlaceOf(Entity(1)).leaf, leaf);
  EXPECT_EQ(SinceOf(tree, Entity(1)), 3u);
  ExpectSound(tree);
}

TEST(Octree, FreeSlotsAreReusedLowestFirstAndGetAFreshSince) {
  Octree tree(Small());
  Fill(tree, 1, 40, CellCentre(), 1);
  for (const uint32_t i : {36u, 5u, 20u}) ASSERT_TRUE(tree.Remove(Entity(i), 4).ok());
  Fill(tree, 50, 4, CellCentre(), 4);
  EXPECT_EQ(tree.PlaceOf(Entity(50)).slot, 4);
  EXPECT_EQ(tree.PlaceOf(Entity(51)).slot, 19);
  EXPECT_EQ(tree.PlaceOf(Entity(52)).slot, 35);
  EXPECT_EQ(tree.PlaceOf(Entity(53)).slot, 40);
  EXPECT_EQ(SinceOf(tree, Entity(50)), 4u);
  EXPECT_EQ(SinceOf(tree, Entity(6)), 1u);
}

TEST(Octree, LeavingAndReturningInOneTickGivesAFreshSince) {
  Octree tree(Small());
  ASSERT_TRUE(tree.Insert(Entity(1), CellCentre(), 1).ok());
  const Place before = tree.PlaceOf(Entity(1));
  EXPECT_TRUE(tree.Move(Entity(1), OnSphere(0, 0, 1), 5));
  EXPECT_TRUE(tree.Move(Entity(1), CellCentre(), 5));
  EXPECT_EQ(tree.PlaceOf(Entity(1)), before);
  EXPECT_EQ(SinceOf(tree, Entity(1)), 5u);
}

TEST(Octree, AnEmptyLeafGoesWithItsAncestorsAtRestructure) {
  Octree tree(Small());
  ASSERT_TRUE(tree.Insert(Entity(1), CellCentre(), 1).ok());
  const LeafId leaf = tree.PlaceOf(Entity(1)).leaf;
  const geo::NodeKey key = tree.Find(leaf)->key;
  ASSERT_TRUE(tree.Remove(Entity(1), 2).ok());
  EXPECT_NE(tree.Find(leaf), nullptr);
  tree.Restructure(2);
  EXPECT_EQ(tree.Find(leaf), nullptr);
  EXPECT_EQ(tree.leaves(), 0u);
  ASSERT_EQ(tree.gone().size(), 1u);
  EXPECT_EQ(tree.gone()[0].key, key);
  EXPECT_EQ(tree.gone()[0].id, leaf);
  tree.ClearGone();
  EXPECT_TRUE(tree.gone().empty());
  ExpectSound(tree);  // counts the nodes
}

TEST(Octree, ALeafIndexComesBackWithAnotherGeneration) {
  Octree tree(Small());
  ASSERT_TRUE(tree.Insert(Entity(1), CellCentre(), 1).ok());
  const LeafId old = tree.PlaceOf(Entity(1)).leaf;
  ASSERT_TRUE(tree.Remove(Entity(1), 2).ok());
  tree.Restructure(2);
  ASSERT_TRUE(tree.Insert(Entity(1), CellCentre(), 3).ok());
  const LeafId now = tree.PlaceOf(Entity(1)).leaf;
  EXPECT_EQ(now.index, old.index);
  EXPECT_NE(now.generation, old.generation);
  EXPECT_EQ(tree.Find(old), nullptr);
}

TEST(Octree, ALooseBoxIsAQuarterOfTheWidthWiderOnEachSide) {
  const geo::NodeKey leaf = geo::NodeKey::At(CellCentre(), 19);
  const auto width = static_cast<int32_t>(leaf.width_cm());
  const geo::GridPoint corner = leaf.corner();
  const int32_t east = corner.x + width + width / 4;
  EXPECT_EQ(NearestSquared(leaf, {east - 1, corner.y, corner.z - width / 4}), 0);
  EXPECT_EQ(NearestSquared(leaf, {east + 99, corner.y, corner.z}), 100 * 100);
  const int64_t wide = width + width / 2;
  EXPECT_EQ(FarthestSquared(leaf, leaf), 3 * wide * wide);
  const geo::NodeKey next = geo::NodeKey::At({corner.x + width, corner.y, corner.z}, 19);
  EXPECT_EQ(FarthestSquared(leaf, next), 2 * wide * wide + (wide + width) * (wide + width));
  EXPECT_EQ(FarthestSquared(next, leaf), FarthestSquared(leaf, next));
  EXPECT_GT(FarthestSquared(geo::NodeKey::Root(), leaf), int64_t{1} << 60);
}

TEST(Octree, SplitsAboveTheLimitByPosition) {
  Octree tree(Small());
  const geo::NodeKey key = geo::NodeKey::At(CellCentre(), 16);
  const int64_t eighth = key.width_cm() / 8;
  Fill(tree, 0, 24, Offset(key.corner(), eighth, eighth, eighth), 1);
  Fill(tree, 24, 24, Offset(key.corner(), 7 * eighth, eighth, eighth), 1);
  tree.Restructure(1);
  EXPECT_EQ(tree.leaves(), 1u);  // 48 is not above 48
  ASSERT_TRUE(tree.Insert(Entity(48), Offset(key.corner(), eighth, eighth, 7 * eighth), 2).ok());
  const LeafId parent = tree.PlaceOf(Entity(0)).leaf;
  tree.Restructure(2);
  EXPECT_EQ(tree.leaves(), 3u);
  ASSERT_EQ(tree.gone().size(), 1u);
  EXPECT_EQ(tree.gone()[0].id, parent);
  EXPECT_EQ(LeafOf(tree, Entity(0)).key, key.child(0));
  EXPECT_EQ(LeafOf(tree, Entity(24)).key, key.child(1));
  EXPECT_EQ(LeafOf(tree, Entity(48)).key, key.child(4));
  for (uint32_t i = 0; i < 48; ++i) {
    EXPECT_EQ(tree.PlaceOf(Entity(i)).slot, i % 24);  // in the order of the old slots
    EXPECT_EQ(SinceOf(tree, Entity(i)), 2u);
  }
  ExpectSound(tree);
}

TEST(Octree, ASplitFindsAPlaceForMembersOutOfDoors) {
  Octree tree(Small());
  const geo::NodeKey key = geo::NodeKey::At(CellCentre(), 16);
  Fill(tree, 0, 60, Offset(key.corner(), 10, 10, 10), 1);
  // Within the leaf's margin, but beyond the margin that a child has.
  const geo::GridPoint outside = Offset(key.corner(), -key.width_cm() / 5, 10, 10);
  EXPECT_FALSE(tree.Move(Entity(7), outside, 1));
  tree.Restructure(1);
  EXPECT_EQ(LeafOf(tree, Entity(7)).key, geo::NodeKey::At(outside, 16));
  ExpectSound(tree);
}

TEST(Octree, ASplitOfMembersAllOutOfDoorsLeavesNoHollowNode) {
  Octree tree(Small());
  const geo::NodeKey key = geo::NodeKey::At(CellCentre(), 16);
  Fill(tree, 0, 60, Offset(key.corner(), 10, 10, 10), 1);
  for (uint32_t i = 0; i < 60; ++i) {
    EXPECT_FALSE(tree.Move(Entity(i), Offset(key.corner(), -key.width_cm() / 5, 10, 10), 1));
  }
  Settle(tree, 1, 10);
  ExpectSound(tree);
  EXPECT_EQ(tree.leaves(), 1u);
}

TEST(Octree, ACrowdOfFiveThousandInOneSmallestLeafHasManyParts) {
  Octree tree(Small(5'000));
  core::Random random(5);
  for (uint32_t i = 0; i < 5'000; ++i) {
    ASSERT_TRUE(tree.Insert(Entity(i), Scatter(random, CellCentre(), 500), 1).ok());
  }
  Settle(tree, 1, 10);
  ExpectSound(tree);
  const Leaf& leaf = LeafOf(tree, Entity(0));
  EXPECT_EQ(leaf.key.level(), OctreeLimits().max_level);
  EXPECT_EQ(leaf.members, 5'000u);
  uint32_t parts = 0;
  for (uint32_t id = leaf.first_part; id != Part::kNone; id = tree.part(id).next) {
    EXPECT_EQ(tree.part(id).number, parts++);
    EXPECT_LT(id, tree.part_capacity());
  }
  EXPECT_EQ(parts, (5'000u + 31) / 32);
}

TEST(Octree, MergesOnlyAfterTheWait) {
  Octree tree(Small());
  core::Random random(5);
  const geo::NodeKey key = geo::NodeKey::At(CellCentre(), 16);
  const geo::GridPoint centre =
      Offset(key.corner(), key.width_cm() / 2, key.width_cm() / 2, key.width_cm() / 2);
  for (uint32_t i = 0; i < 60; ++i) {
    const auto half = static_cast<double>(key.width_cm()) / 2.0;
    ASSERT_TRUE(tree.Insert(Entity(i), Scatter(random, centre, half), 1).ok());
  }
  tree.Restructure(1);
  ASSERT_GT(tree.leaves(), 4u);
  tree.ClearGone();
  for (uint32_t i = 15; i < 60; ++i) ASSERT_TRUE(tree.Remove(Entity(i), 10).ok());
  for (core::Tick now = 10; now < 70; ++now) {
    tree.Restructure(now);
    ASSERT_GT(tree.leaves(), 1u) << now;
  }
  tree.Restructure(70);
  EXPECT_EQ(tree.leaves(), 1u);
  EXPECT_EQ(LeafOf(tree, Entity(0)).key, key);
  EXPECT_EQ(SinceOf(tree, Entity(0)), 70u);
  ExpectSound(tree);
}

TEST(Octree, AMergeThatIsInterruptedWaitsAgain) {
  Octree tree(Small());
  const geo::NodeKey key = geo::NodeKey::At(CellCentre(), 16);
  const geo::GridPoint low = Offset(key.corner(), 10, 10, 10);
  const geo::GridPoint high = Offset(low, 3 * key.width_cm() / 4, 0, 0);
  Fill(tree, 0, 30, low, 1);
  Fill(tree, 30, 30, high, 1);
  tree.Restructure(1);
  ASSERT_EQ(tree.leaves(), 2u);
  for (uint32_t i = 15; i < 60; ++i) {
    if (i == 30) continue;
    ASSERT_TRUE(tree.Remove(Entity(i), 10).ok());
  }
  ASSERT_TRUE(tree.Remove(Entity(0), 10).ok());  // 15 stay: one short of too many
  Settle(tree, 10, 40);
  ASSERT_TRUE(tree.Insert(Entity(0), low, 50).ok());
  tree.Restructure(50);
  ASSERT_TRUE(tree.Remove(Entity(0), 51).ok());
  for (core::Tick now = 51; now < 111; ++now) {
    tree.Restructure(now);
    ASSERT_EQ(tree.leaves(), 2u) << now;
  }
  tree.Restructure(111);
  EXPECT_EQ(tree.leaves(), 1u);
}

TEST(Octree, MergedMembersComeInOctantThenSlotOrder) {
  Octree tree(Small());
  const geo::NodeKey key = geo::NodeKey::At(CellCentre(), 16);
  const geo::GridPoint low = Offset(key.corner(), 10, 10, 10);
  const geo::GridPoint high = Offset(low, 3 * key.width_cm() / 4, 0, 0);
  Fill(tree, 0, 30, high, 1);
  Fill(tree, 30, 30, low, 1);
  tree.Restructure(1);
  for (uint32_t i = 0; i < 60; ++i) {
    if (i % 10 == 9) continue;
    ASSERT_TRUE(tree.Remove(Entity(i), 2).ok());
  }
  Settle(tree, 2, 61);
  ASSERT_EQ(tree.leaves(), 1u);
  uint16_t slot = 0;
  for (const uint32_t i : {39u, 49u, 59u, 9u, 19u, 29u}) {
    EXPECT_EQ(tree.PlaceOf(Entity(i)).slot, slot++);
  }
}

TEST(Octree, NoMoreRestructuresPerTickThanAllowedAndTheOldestWishFirst) {
  OctreeLimits limits = Small(2'000);
  limits.max_restructures_per_tick = 2;
  Octree tree(limits);
  const int64_t far = 10 * geo::NodeKey::At(CellCentre(), 16).width_cm();
  // The last on the curve wishes first.
  std::vector<geo::NodeKey> expected;
  for (int i = 0; i < 5; ++i) {
    const geo::GridPoint at = Offset(CellCentre(), i * far, 0, 0);
    Fill(tree, static_cast<uint32_t>(i) * 60, 60, at, 1);
    expected.push_back(geo::NodeKey::At(at, 16));
  }
  std::sort(expected.begin(), expected.end());
  std::vector<geo::NodeKey> split;
  for (core::Tick now = 1; now < 4; ++now) {
    tree.Restructure(now);
    EXPECT_LE(tree.gone().size(), 2u);
    for (const LeafGone& gone : tree.gone()) {
      if (gone.key.level() == 16) split.push_back(gone.key);
    }
    tree.ClearGone();
  }
  EXPECT_EQ(split, expected);
}

TEST(Octree, ALeafThatACrowdHasLeftIsRenewedAfterTheWait) {
  Octree tree(Small());
  Fill(tree, 0, 400, CellCentre(), 1);
  Settle(tree, 1, 10);
  for (uint32_t i = 0; i < 380; ++i) ASSERT_TRUE(tree.Remove(Entity(i), 20).ok());
  const LeafId old = tree.PlaceOf(Entity(399)).leaf;
  ASSERT_EQ(tree.PlaceOf(Entity(399)).slot, 399);
  tree.ClearGone();
  Settle(tree, 20, 60);
  EXPECT_EQ(tree.PlaceOf(Entity(399)).leaf, old);
  tree.Restructure(80);
  ExpectSound(tree);
  EXPECT_EQ(tree.Find(old), nullptr);
  EXPECT_EQ(LeafOf(tree, Entity(399)).key, geo::NodeKey::At(CellCentre(), 20));
  EXPECT_EQ(tree.PlaceOf(Entity(399)).slot, 19);
  EXPECT_EQ(SinceOf(tree, Entity(399)), 80u);
  ASSERT_EQ(tree.gone().size(), 1u);
  EXPECT_EQ(tree.gone()[0].id, old);
}

// Every entity visits one place after the other and one stays behind in each: all leaves hold parts
// of the crowd, more than the pool has, unless they are given back when it runs out.
TEST(Octree, ACrowdThatWandersDoesNotUseUpTheParts) {
  OctreeLimits limits = Small(1'000);
  limits.max_restructures_per_tick = 0;  // no renewal in time
  limits.min_level = limits.max_level;
  Octree tree(limits);
  Fill(tree, 0, 1'000, CellCentre(), 1);
  for (uint32_t stop = 1; stop < 200; ++stop) {
    for (uint32_t i = stop; i < 1'000; ++i) {
      tree.Move(Entity(i), Offset(CellCentre(), 5'000 * int64_t{stop}, 0, 0), stop);
    }
    tree.Restructure(stop);
    ExpectSound(tree);
  }
}

TEST(Octree, EmptyLeavesMakeRoomWhenEverybodyTeleportsInOneTick) {
  Octree tree(Small(50));
  core::Random random(3);
  for (uint32_t i = 0; i < 50; ++i) {
    ASSERT_TRUE(tree.Insert(Entity(i), OnSphere(1, i, 3), 1).ok());
  }
  for (int round = 0; round < 20; ++round) {
    for (uint32_t i = 0; i < 50; ++i) {
      const geo::GridPoint to =
          OnSphere(random.Range(-1, 1), random.Range(-1, 1), random.Range(-1, 1));
      ASSERT_TRUE(tree.Move(Entity(i), to, 2));
      ASSERT_EQ(tree.PositionOf(Entity(i)), to);
    }
  }
  ExpectSound(tree);
  EXPECT_TRUE(tree.gone_lost());  // nobody cleared the list, and it says so
  tree.ClearGone();
  EXPECT_FALSE(tree.gone_lost());
}

TEST(Octree, AFullLeafSplitsAtOnceAndASmallestOneRefuses) {
  Octree tree(Small(40'000));
  uint32_t i = 0;
  for (; i < 32'768; ++i) ASSERT_TRUE(tree.Insert(Entity(i), CellCentre(), 1).ok());
  const core::Status full = tree.Insert(Entity(i), CellCentre(), 1);
  EXPECT_EQ(full.code(), core::Code::kFull);
  EXPECT_EQ(LeafOf(tree, Entity(0)).key.level(), OctreeLimits().max_level);
  const geo::GridPoint elsewhere = Offset(CellCentre(), 100'000, 0, 0);
  ASSERT_TRUE(tree.Insert(Entity(i), elsewhere, 1).ok());
  EXPECT_FALSE(tree.Move(Entity(i), CellCentre(), 1));
  EXPECT_EQ(tree.PositionOf(Entity(i)), elsewhere);
  ExpectSound(tree);
}

TEST(Octree, ARootThatIsALeafSplitsAndMergesLikeAnyOther) {
  OctreeLimits limits = Small();
  limits.min_level = 0;
  Octree tree(limits);
  for (uint32_t i = 0; i < 60; ++i) {
    ASSERT_TRUE(tree.Insert(Entity(i), OnSphere(i % 2 ? 1 : -1, i % 3 - 0.9, i % 5 - 1.9), 1).ok());
  }
  EXPECT_EQ(LeafOf(tree, Entity(0)).key, geo::NodeKey::Root());
  tree.Restructure(1);
  ExpectSound(tree);
  EXPECT_GT(tree.leaves(), 1u);
  for (uint32_t i = 0; i < 59; ++i) ASSERT_TRUE(tree.Remove(Entity(i), 2).ok());
  Settle(tree, 2, 200);
  EXPECT_EQ(LeafOf(tree, Entity(59)).key, geo::NodeKey::Root());
  ExpectSound(tree);
}

TEST(Octree, QueriesSayWhenTheListIsFullAndWhenTheCentreIsNowhere) {
  Octree tree(Small());
  Fill(tree, 0, 10, CellCentre(), 1);
  std::vector<core::EntityId> entities;
  entities.reserve(4);
  const size_t room = entities.capacity();
  EXPECT_EQ(tree.QueryEntities(CellCentre(), 100, entities).code(), core::Code::kFull);
  EXPECT_EQ(entities.size(), room);
  std::vector<LeafId> leaves;
  EXPECT_EQ(tree.QueryLeaves(CellCentre(), 100, leaves).code(), core::Code::kFull);
  leaves.reserve(4);
  EXPECT_EQ(tree.QueryLeaves({1 << 30, 0, 0}, 1, leaves).code(), core::Code::kInvalid);
  EXPECT_TRUE(tree.QueryLeaves(CellCentre(), -1, leaves).ok());
  EXPECT_TRUE(leaves.empty());
}

TEST(Octree, ARadiusBeyondThePlanetReachesEverything) {
  Octree tree(Small());
  constexpr int32_t kLow = -(1 << 30), kHigh = (1 << 30) - 1;
  ASSERT_TRUE(tree.Insert(Entity(1), {kLow, kLow, kLow}, 1).ok());
  ASSERT_TRUE(tree.Insert(Entity(2), {kHigh, kHigh, kHigh}, 1).ok());
  std::vector<core::EntityId> found;
  found.reserve(8);
  // (2^31 - 1) * sqrt(3), rounded up.
  constexpr int64_t kDiagonal = 3'719'550'786;
  EXPECT_TRUE(tree.QueryEntities({kLow, kLow, kLow}, kDiagonal, found).ok());
  EXPECT_EQ(found.size(), 2u);
  found.clear();
  EXPECT_TRUE(tree.QueryEntities({kLow, kLow, kLow}, kDiagonal - 1, found).ok());
  EXPECT_EQ(found.size(), 1u);
  found.clear();
  EXPECT_TRUE(tree.QueryEntities({kLow, kLow, kLow}, int64_t{1} << 62, found).ok());
  EXPECT_EQ(found.size(), 2u);
}

}  // namespace
}  // namespace bluemarble::aoi
