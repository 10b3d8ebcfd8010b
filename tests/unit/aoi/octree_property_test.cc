// Random lives of an octree against brute force. Each property prints its seed; to look at one
// again, set BLUEMARBLE_SEED to it.
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <unordered_map>

#include "core/alloc_counter.h"
#include "crowd.h"

namespace bluemarble::aoi {
namespace {

uint64_t Seed(uint64_t usual) {
  const char* wanted = std::getenv("BLUEMARBLE_SEED");
  const uint64_t seed = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : usual;
  std::cout << "seed " << seed << "\n";
  return seed;
}

// Places where people gather (poles, antimeridian, a cell's corner), and now and then anywhere.
geo::GridPoint Somewhere(core::Random& random) {
  static const geo::GridPoint kCentres[] = {OnSphere(0, 0, 1, 635'675'231.0),
                                            OnSphere(0, 0, -1, 635'675'231.0),
                                            OnSphere(-1, 0, 0.3),
                                            OnSphere(0.6, 0.1, 0.7),
                                            OnSphere(1, 0, 0, 637'813'700.0),
                                            CellCentre(),
                                            {0, 0, 0}};
  static const double kSpreads[] = {200, 1'500, 10'000, 60'000, 400'000};
  if (random.Chance(0.1)) {
    return OnSphere(random.Range(-1, 1), random.Range(-1, 1), random.Range(-1, 1));
  }
  return Scatter(random, kCentres[random.Below(std::size(kCentres))],
                 kSpreads[random.Below(std::size(kSpreads))]);
}

struct Life {
  uint32_t max_entities = 600;
  std::vector<uint32_t> generations = std::vector<uint32_t>(600, 1);
  std::vector<geo::GridPoint> at = std::vector<geo::GridPoint>(600);
  std::vector<bool> in = std::vector<bool>(600, false);

  core::EntityId Id(uint32_t i) const { return Entity(i, generations[i]); }
};

OctreeLimits LimitsFor(core::Random& random, uint32_t max_entities) {
  OctreeLimits limits;
  limits.max_entities = max_entities;
  limits.min_level = static_cast<int>(8 + random.Below(12));
  limits.max_level = geo::kMaxLevel;
  limits.split_above = static_cast<int>(6 + random.Below(43));
  limits.merge_below = static_cast<int>(2 + random.Below(4));
  limits.merge_wait_ticks = static_cast<int>(random.Below(10));
  limits.max_restructures_per_tick = static_cast<int>(1 + random.Below(30));
  return limits;
}

// One random change of one entity, the same for any octree that is given the same random numbers.
void Change(Octree& tree, Life& life, core::Random& random, core::Tick now) {
  const auto i = static_cast<uint32_t>(random.Below(life.max_entities));
  if (!life.in[i]) {
    life.at[i] = Somewhere(random);
    ASSERT_TRUE(tree.Insert(life.Id(i), life.at[i], now).ok());
    life.in[i] = true;
  } else if (random.Chance(0.15)) {
    ASSERT_TRUE(tree.Remove(life.Id(i), now).ok());
    life.in[i] = false;
    ++life.generations[i];
  } else {
    life.at[i] = random.Chance(0.1) ? Somewhere(random) : Scatter(random, life.at[i], 400);
    const bool would = tree.WouldRelink(life.Id(i), life.at[i]);
    ASSERT_EQ(tree.Move(life.Id(i), life.at[i], now), would);
  }
}

double Distance(geo::GridPoint a, geo::GridPoint b) {
  return std::hypot(static_cast<double>(a.x) - b.x, static_cast<double>(a.y) - b.y,
                    static_cast<double>(a.z) - b.z);
}

void ExpectQueriesAreRight(const Octree& tree, const Life& life, core::Random& random) {
  static const double kRadii[] = {0, 300, 5'000, 30'000, 100'000, 5e6, 7e8, 4e9};
  const geo::GridPoint centre = Somewhere(random);
  const auto radius = static_cast<int64_t>(kRadii[random.Below(std::size(kRadii))]);
  std::vector<core::EntityId> expected, found;
  std::vector<LeafId> leaves;
  found.reserve(life.max_entities);
  leaves.reserve(life.max_entities);
  for (uint32_t i = 0; i < life.max_entities; ++i) {
    if (life.in[i] && Distance(life.at[i], centre) <= static_cast<double>(radius)) {
      expected.push_back(life.Id(i));
    }
  }
  ASSERT_TRUE(tree.QueryEntities(centre, radius, found).ok());
  std::vector<core::EntityId> sorted = found;
  std::sort(sorted.begin(), sorted.end());
  std::sort(expected.begin(), expected.end());
  ASSERT_EQ(sorted, expected);

  ASSERT_TRUE(tree.QueryLeaves(centre, radius, leaves).ok());
  size_t next = 0;
  for (const core::EntityId entity : found) {  // leaf order, then slot order
    const LeafId leaf = tree.PlaceOf(entity).leaf;
    while (next < leaves.size() && leaves[next] != leaf) ++next;
    ASSERT_LT(next, leaves.size()) << "an entity's leaf is missing or out of order";
  }
  for (size_t i = 1; i < leaves.size(); ++i) {
    const geo::NodeKey a = tree.Find(leaves[i - 1])->key, b = tree.Find(leaves[i])->key;
    const int shared = std::min(a.level(), b.level());
    ASSERT_LT(a.ancestor(shared), b.ancestor(shared)) << "not along the Morton curve";
  }
}

TEST(OctreeProperty, QueriesEqualBruteForceOverARandomLife) {
  const uint64_t first = Seed(1);
  for (uint64_t seed = first; seed < first + 12; ++seed) {
    core::Random random(seed);
    Life life;
    Octree tree(LimitsFor(random, life.max_entities));
    for (core::Tick now = 1; now <= 120; ++now) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << " tick " << now);
      const uint64_t changes = random.Below(60);
      for (uint64_t i = 0; i < changes; ++i) {
        ASSERT_NO_FATAL_FAILURE(Change(tree, life, random, now));
      }
      ASSERT_NO_FATAL_FAILURE(ExpectSound(tree));
      tree.Restructure(now);
      tree.ClearGone();
      ASSERT_NO_FATAL_FAILURE(ExpectSound(tree));
      for (int i = 0; i < 5; ++i) {
        ASSERT_NO_FATAL_FAILURE(ExpectQueriesAreRight(tree, life, random));
      }
    }
  }
}

TEST(OctreeProperty, WhoStaysInALeafKeepsSlotAndSince) {
  core::Random random(Seed(2));
  Life life;
  Octree tree(LimitsFor(random, life.max_entities));
  std::unordered_map<uint32_t, std::pair<Place, core::Tick>> before;
  for (core::Tick now = 1; now <= 300; ++now) {
    for (int i = 0; i < 30; ++i) ASSERT_NO_FATAL_FAILURE(Change(tree, life, random, now));
    tree.Restructure(now);
    tree.ClearGone();
    std::unordered_map<uint32_t, std::pair<Place, core::Tick>> after;
    for (uint32_t i = 0; i < life.max_entities; ++i) {
      if (!life.in[i]) continue;
      const core::EntityId id = life.Id(i);
      const Place place = tree.PlaceOf(id);
      const core::Tick since = SinceOf(tree, id);
      const auto old = before.find(id.bits);
      if (since < now) {
        // The rule of replication: not newer than the last tick, so the same occupant as then.
        ASSERT_NE(old, before.end());
        ASSERT_EQ(old->second.first, place);
        ASSERT_EQ(old->second.second, since);
      }
      after[id.bits] = {place, since};
    }
    before = std::move(after);
  }
}

TEST(OctreeProperty, EqualOperationsGiveEqualStructures) {
  const uint64_t seed = Seed(3);
  core::Random setup(seed);
  const OctreeLimits limits = LimitsFor(setup, 600);
  Octree a(limits), b(limits);
  Life life_a, life_b;
  core::Random random_a(seed), random_b(seed);
  uint64_t last = 0;
  for (core::Tick now = 1; now <= 200; ++now) {
    for (int i = 0; i < 40; ++i) {
      Change(a, life_a, random_a, now);
      Change(b, life_b, random_b, now);
    }
    a.Restructure(now);
    b.Restructure(now);
    ASSERT_EQ(a.StructureHash(), b.StructureHash());
    ASSERT_NE(a.StructureHash(), last);
    last = a.StructureHash();
  }
}

TEST(OctreeProperty, NothingAllocatesAfterTheConstructor) {
  if (!core::CountsAllocations()) GTEST_SKIP() << "sanitizers bring their own operator new";
  core::Random random(Seed(4));
  Life life;
  OctreeLimits limits = LimitsFor(random, life.max_entities);
  limits.min_level = 16;
  Octree tree(limits);
  std::vector<LeafId> leaves;
  std::vector<core::EntityId> entities;
  leaves.reserve(1'000);
  entities.reserve(1'000);
  const geo::GridPoint warm = Somewhere(random);  // its tables are made at the first call
  const uint64_t before = core::ThreadAllocations();
  ASSERT_GT(before, 0u);
  uint64_t failures = 0;
  for (core::Tick now = 1; now <= 500; ++now) {
    for (int i = 0; i < 40; ++i) Change(tree, life, random, now);
    tree.Restructure(now);
    leaves.clear();
    entities.clear();
    failures += !tree.QueryLeaves(warm, 100'000, leaves).ok();
    failures += !tree.QueryEntities(warm, 100'000, entities).ok();
    tree.ClearGone();
  }
  EXPECT_EQ(core::ThreadAllocations(), before);
  EXPECT_EQ(failures, 0u);
}

}  // namespace
}  // namespace bluemarble::aoi
