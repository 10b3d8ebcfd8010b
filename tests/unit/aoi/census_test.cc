#include "aoi/census.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/alloc_counter.h"
#include "crowd.h"

namespace bluemarble::aoi {
namespace {

constexpr std::array<int64_t, kRings> kRingRadii{5'000, 30'000, 100'000};
constexpr int64_t kReach = 110'000;

int64_t SquaredBetween(geo::GridPoint a, geo::GridPoint b) {
  const int64_t x = int64_t{a.x} - b.x, y = int64_t{a.y} - b.y, z = int64_t{a.z} - b.z;
  return x * x + y * y + z * z;
}

using Rings = std::array<std::vector<core::EntityId>, kRings>;

Rings Ask(const Census& census, Survey& survey, size_t member,
          const std::array<int64_t, kRings>& radius_cm) {
  Rings rings;
  std::array<core::EntityId*, kRings> end;
  for (size_t ring = 0; ring < kRings; ++ring) {
    rings[ring].resize(census.members().size() + kSiftSlack);
    end[ring] = rings[ring].data();
  }
  survey.Entities(member, radius_cm, end);
  for (size_t ring = 0; ring < kRings; ++ring)
    rings[ring].resize(static_cast<size_t>(end[ring] - rings[ring].data()));
  return rings;
}

Rings Sorted(Rings rings) {
  for (auto& ring : rings) std::sort(ring.begin(), ring.end());
  return rings;
}

size_t MemberOf(const Census& census, core::EntityId entity) {
  const auto members = census.members();
  return static_cast<size_t>(std::find(members.begin(), members.end(), entity) - members.begin());
}

// Entities that walk, crowd, leave and come back around a few places, some of them on borders of
// large nodes.
struct Town {
  explicit Town(uint64_t seed) : random(seed), at(kEntities), in(kEntities, false) {
    for (uint32_t i = 0; i < kEntities; ++i) Enter(i, 1);
    tree.Restructure(1);
  }

  void Enter(uint32_t i, core::Tick now) {
    static const geo::GridPoint kCentres[] = {CellCentre(), Offset(CellCentre(), 150'000, 0, 0),
                                              OnSphere(1, 0, 0), OnSphere(0, 0, -1, 635'675'231.0)};
    static const double kSpreads[] = {300, 5'000, 60'000, 300'000};
    at[i] = Scatter(random, kCentres[random.Below(std::size(kCentres))],
                    kSpreads[random.Below(std::size(kSpreads))]);
    ASSERT_TRUE(tree.Insert(Entity(i), at[i], now).ok());
    in[i] = true;
  }
  void Live(core::Tick now) {
    for (uint32_t i = 0; i < kEntities; ++i) {
      if (!in[i]) {
        if (random.Chance(0.5)) Enter(i, now);
      } else if (random.Chance(0.02)) {
        ASSERT_TRUE(tree.Remove(Entity(i), now).ok());
        in[i] = false;
      } else {
        at[i] = Scatter(random, at[i], 2'000);
        tree.Move(Entity(i), at[i], now);
      }
    }
    tree.Restructure(now);
    tree.ClearGone();
  }
  Rings BruteForce(uint32_t viewer) const {
    Rings rings;
    for (uint32_t i = 0; i < kEntities; ++i) {
      if (!in[i]) continue;
      const int64_t distance_sq = SquaredBetween(at[i], at[viewer]);
      for (size_t ring = 0; ring < kRings; ++ring) {
        if (distance_sq > kRingRadii[ring] * kRingRadii[ring]) continue;
        rings[ring].push_back(Entity(i));
        break;
      }
    }
    return rings;
  }
  // The leaf's nearest member but for the viewer; -1 when there is none.
  int64_t Nearest(const Leaf& leaf, uint32_t viewer) const {
    int64_t nearest = -1;
    for (uint32_t id = leaf.first_part; id != Part::kNone; id = tree.part(id).next) {
      for (const Slot& slot : tree.part(id).slots) {
        if (!slot.entity || slot.entity == Entity(viewer)) continue;
        const int64_t distance_sq = SquaredBetween(tree.PositionOf(slot.entity), at[viewer]);
        if (nearest < 0 || distance_sq < nearest) nearest = distance_sq;
      }
    }
    return nearest;
  }

  static constexpr uint32_t kEntities = 1'500;
  core::Random random;
  std::vector<geo::GridPoint> at;
  std::vector<bool> in;
  Octree tree{{.max_entities = kEntities}};
};

TEST(Census, FindsWhomBruteForceFindsAndInTheSameRing) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    Town town(seed);
    Census census(town.tree, kReach);
    Survey survey(census);
    for (core::Tick now = 2; now < 8; ++now) {
      ASSERT_NO_FATAL_FAILURE(town.Live(now));
      census.Take();
      ASSERT_EQ(census.members().size(), town.tree.entities());
      for (size_t i = 0; i < census.members().size(); ++i) {
        const uint32_t viewer = census.members()[i].index();
        ASSERT_EQ(Sorted(Ask(census, survey, i, kRingRadii)), town.BruteForce(viewer))
            << "seed " << seed << " tick " << now << " viewer " << viewer;
      }
    }
  }
}

TEST(Census, FindsTheLeavesOfWhomeverIsNearWithTheirExactDistance) {
  for (uint64_t seed = 11; seed <= 13; ++seed) {
    Town town(seed);
    Census census(town.tree, kReach);
    Survey survey(census);
    std::vector<LeafId> all;
    std::vector<NearLeaf> found;
    all.reserve(Town::kEntities);
    found.reserve(Town::kEntities);
    for (core::Tick now = 2; now < 6; ++now) {
      ASSERT_NO_FATAL_FAILURE(town.Live(now));
      census.Take();
      all.clear();
      ASSERT_TRUE(town.tree.QueryLeaves({0, 0, 0}, int64_t{1} << 40, all).ok());
      for (uint32_t viewer = 0; viewer < Town::kEntities; viewer += 7) {
        if (!town.in[viewer]) continue;
        found.clear();
        ASSERT_TRUE(survey.Leaves(Entity(viewer), kRingRadii[2], 0, found).ok());
        size_t next = 0;
        for (const LeafId id : all) {  // both along the curve
          const int64_t nearest = town.Nearest(*town.tree.Find(id), viewer);
          if (nearest < 0 || nearest > kRingRadii[2] * kRingRadii[2]) continue;
          ASSERT_LT(next, found.size()) << "a leaf is missing";
          ASSERT_EQ(found[next].id, id);
          ASSERT_EQ(found[next].key, town.tree.Find(id)->key);
          ASSERT_EQ(found[next].distance_sq, nearest);
          ++next;
        }
        ASSERT_EQ(next, found.size());
      }
    }
  }
}

TEST(Census, NearEnoughIsNotLookedAtFurther) {
  Town town(5);
  Census census(town.tree, kReach);
  Survey survey(census);
  census.Take();
  std::vector<NearLeaf> exact, early;
  exact.reserve(Town::kEntities);
  early.reserve(Town::kEntities);
  bool spared = false;
  for (const core::EntityId viewer : census.members()) {
    exact.clear();
    early.clear();
    ASSERT_TRUE(survey.Leaves(viewer, kReach, 0, exact).ok());
    ASSERT_TRUE(survey.Leaves(viewer, kReach, kRingRadii[0], early).ok());
    ASSERT_EQ(exact.size(), early.size());
    for (size_t i = 0; i < exact.size(); ++i) {
      ASSERT_EQ(exact[i].id, early[i].id);
      const bool near = exact[i].distance_sq <= kRingRadii[0] * kRingRadii[0];
      ASSERT_EQ(near, early[i].distance_sq <= kRingRadii[0] * kRingRadii[0]);
      if (!near) {
        ASSERT_EQ(exact[i].distance_sq, early[i].distance_sq);
      }
      spared = spared || exact[i].distance_sq != early[i].distance_sq;
    }
  }
  EXPECT_TRUE(spared);
}

TEST(Census, AnswersDoNotDependOnWhoWasAskedAboutBefore) {
  Town town(6);
  Census census(town.tree, kReach);
  Survey in_order(census), at_random(census);
  census.Take();
  std::vector<Rings> answers;
  for (size_t i = 0; i < census.members().size(); ++i)
    answers.push_back(Ask(census, in_order, i, kRingRadii));
  for (int i = 0; i < 2'000; ++i) {
    const size_t member = town.random.Below(answers.size());
    ASSERT_EQ(Ask(census, at_random, member, kRingRadii), answers[member]);  // their order as well
  }
}

TEST(Census, ReachesAcrossTheBordersOfTheLargestNodes) {
  OctreeLimits limits;
  limits.max_entities = 64;
  for (const int min_level : {0, 8, 16, geo::kMaxLevel}) {
    limits.max_level = geo::kMaxLevel;
    limits.min_level = min_level;
    Octree tree(limits);
    for (uint32_t i = 0; i < 8; ++i) {  // around the root's centre, one in each octant
      const geo::GridPoint at{i & 1 ? 3'000 : -3'000, i & 2 ? 3'000 : -3'000,
                              i & 4 ? 3'000 : -3'000};
      ASSERT_TRUE(tree.Insert(Entity(i), at, 1).ok());
    }
    constexpr int32_t kLow = -(1 << 30), kHigh = (1 << 30) - 1;
    ASSERT_TRUE(tree.Insert(Entity(8), {kLow, kLow, kLow}, 1).ok());
    ASSERT_TRUE(tree.Insert(Entity(9), {kHigh, kHigh, kHigh}, 1).ok());
    for (const int64_t reach : {int64_t{11'000}, kMaxReachCm}) {
      Census census(tree, reach);
      census.Take();
      Survey survey(census);
      const Rings found =
          Sorted(Ask(census, survey, MemberOf(census, Entity(0)), {0, 8'000, 11'000}));
      EXPECT_EQ(found[0], std::vector{Entity(0)});
      EXPECT_EQ(found[1], (std::vector{Entity(1), Entity(2), Entity(4)}));
      // 8,485 cm across a face's diagonal, 10,392 across the cube's.
      EXPECT_EQ(found[2], (std::vector{Entity(3), Entity(5), Entity(6), Entity(7)}));
      EXPECT_EQ(Ask(census, survey, MemberOf(census, Entity(9)), {1, 2, reach})[0],
                std::vector{Entity(9)});
    }
  }
}

TEST(Census, SaysWhenAnEntityWasNotCountedAndWhenTheListIsFull) {
  Octree tree({.max_entities = 100});
  Census census(tree, kReach);
  Survey survey(census);
  ASSERT_TRUE(tree.Insert(Entity(1), CellCentre(), 1).ok());
  std::vector<NearLeaf> leaves;
  EXPECT_EQ(survey.Leaves(Entity(1), kReach, 0, leaves).code(), core::Code::kNotFound);
  census.Take();
  EXPECT_EQ(survey.Leaves(Entity(1, 2), kReach, 0, leaves).code(), core::Code::kNotFound);
  EXPECT_TRUE(survey.Leaves(Entity(1), kReach, 0, leaves).ok());  // nobody else
  ASSERT_TRUE(tree.Insert(Entity(2), CellCentre(), 1).ok());
  census.Take();
  EXPECT_EQ(survey.Leaves(Entity(1), kReach, 0, leaves).code(), core::Code::kFull);
}

TEST(Census, NothingAllocatesAfterTheConstructors) {
  if (!core::CountsAllocations()) GTEST_SKIP() << "sanitizers bring their own operator new";
  Town town(7);
  Census census(town.tree, kReach);
  Survey survey(census);
  std::vector<NearLeaf> leaves;
  leaves.reserve(Town::kEntities);
  std::array<std::vector<core::EntityId>, kRings> rings;
  for (auto& ring : rings) ring.resize(Town::kEntities + kSiftSlack);
  const uint64_t before = core::ThreadAllocations();
  ASSERT_GT(before, 0u);
  size_t hits = 0;
  for (core::Tick now = 2; now < 10; ++now) {
    town.Live(now);
    census.Take();
    for (size_t i = 0; i < census.members().size(); ++i) {
      std::array<core::EntityId*, kRings> end{rings[0].data(), rings[1].data(), rings[2].data()};
      survey.Entities(i, kRingRadii, end);
      hits += static_cast<size_t>(end[2] - rings[2].data());
      leaves.clear();
      hits += survey.Leaves(census.members()[i], kReach, kRingRadii[0], leaves).ok();
    }
  }
  EXPECT_EQ(core::ThreadAllocations(), before);
  EXPECT_GT(hits, 0u);
}

// Points within two centimetres of the rings' borders: single precision cannot tell them apart.
TEST(Sift, EveryMachineTellsACentimetreMoreOrLess) {
  core::Random random(8);
  const geo::GridPoint centre = CellCentre();
  for (const int64_t scale : {1, 7, 1'000}) {
    const Sieve sieve{
        centre,
        {25'000'000 * scale * scale, 900'000'000 * scale * scale, 10'000'000'000 * scale * scale}};
    std::vector<int32_t> x, y, z;
    std::vector<core::EntityId> ids;
    while (x.size() < 4'000) {
      const int64_t reach_sq = sieve.reach_sq[random.Below(kRings)];
      const auto reach = static_cast<int64_t>(std::sqrt(static_cast<double>(reach_sq)));
      const auto dx = static_cast<int64_t>(random.Range(-0.7, 0.7) * static_cast<double>(reach));
      const auto dy = static_cast<int64_t>(random.Range(-0.7, 0.7) * static_cast<double>(reach));
      const auto rest = static_cast<double>(reach_sq - dx * dx - dy * dy);
      const auto dz =
          static_cast<int64_t>(std::sqrt(rest)) + static_cast<int64_t>(random.Below(3)) - 1;
      x.push_back(static_cast<int32_t>(centre.x + dx));
      y.push_back(static_cast<int32_t>(centre.y + dy));
      z.push_back(static_cast<int32_t>(centre.z + (random.Chance(0.5) ? dz : -dz)));
      ids.push_back(Entity(static_cast<uint32_t>(ids.size())));
    }
    std::vector<aoi::Run> runs;  // testing::Test has a Run as well
    for (uint32_t first = 0; first < x.size();) {
      const auto end = std::min(static_cast<uint32_t>(x.size()),
                                first + 1 + static_cast<uint32_t>(random.Below(30)));
      runs.push_back({first, end});
      first = end + static_cast<uint32_t>(random.Below(3));
    }
    std::array<std::vector<core::EntityId>, kRings> expected;
    for (const aoi::Run& run : runs) {
      for (uint32_t i = run.first; i < run.end; ++i) {
        const int64_t distance_sq = SquaredBetween({x[i], y[i], z[i]}, centre);
        for (size_t ring = 0; ring < kRings; ++ring) {
          if (distance_sq > sieve.reach_sq[ring]) continue;
          expected[ring].push_back(ids[i]);
          break;
        }
      }
    }
    for (auto* column : {&x, &y, &z}) column->resize(column->size() + kSiftSlack, centre.x);
    ids.resize(ids.size() + kSiftSlack);
    for (const Sifts& sifts : AllSifts()) {
      std::array<std::vector<core::EntityId>, kRings> found;
      std::array<core::EntityId*, kRings> end;
      for (size_t ring = 0; ring < kRings; ++ring) {
        found[ring].resize(ids.size());
        end[ring] = found[ring].data();
      }
      sifts.members({x.data(), y.data(), z.data(), ids.data()}, runs, sieve, end);
      for (size_t ring = 0; ring < kRings; ++ring) {
        found[ring].resize(static_cast<size_t>(end[ring] - found[ring].data()));
        ASSERT_EQ(found[ring], expected[ring]) << "scale " << scale << " ring " << ring;
        ASSERT_GT(found[ring].size(), 300u);
      }
    }
  }
}

TEST(Sift, BoxesWithinReachAreFoundAndNoneThatIsTwoMillionthsFarther) {
  core::Random random(9);
  std::array<std::vector<int32_t>, 3> low, high;
  constexpr uint32_t kBoxes = 3'000;
  const geo::GridPoint centre = CellCentre();
  for (uint32_t i = 0; i < kBoxes; ++i) {
    const geo::GridPoint corner = Scatter(random, centre, 200'000);
    const std::array<int32_t, 3> at{corner.x, corner.y, corner.z};
    for (size_t axis = 0; axis < 3; ++axis) {
      low[axis].push_back(at[axis]);
      high[axis].push_back(at[axis] + static_cast<int32_t>(random.Below(20'000)));
    }
  }
  for (size_t axis = 0; axis < 3; ++axis) {
    low[axis].resize(kBoxes + kSiftSlack);
    high[axis].resize(kBoxes + kSiftSlack);
  }
  const Box box{{centre.x, centre.y, centre.z}, {centre.x + 900, centre.y + 10, centre.z + 4'000}};
  const Boxes boxes{{low[0].data(), low[1].data(), low[2].data()},
                    {high[0].data(), high[1].data(), high[2].data()}};
  constexpr int64_t kReachSq = 10'000'000'000;
  for (const Sifts& sifts : AllSifts()) {
    for (const uint32_t end : {kBoxes, 5u, 0u}) {
      std::vector<uint32_t> found(kBoxes + kSiftSlack);
      found.resize(static_cast<size_t>(sifts.boxes(boxes, {0, end}, box, kReachSq, found.data()) -
                                       found.data()));
      ASSERT_TRUE(std::is_sorted(found.begin(), found.end()));
      for (uint32_t i = 0; i < end; ++i) {
        int64_t gap_sq = 0;
        for (size_t axis = 0; axis < 3; ++axis) {
          const int64_t gap =
              std::max({0, low[axis][i] - box.high[axis], box.low[axis] - high[axis][i]});
          gap_sq += gap * gap;
        }
        const bool in = std::binary_search(found.begin(), found.end(), i);
        ASSERT_TRUE(in || gap_sq > kReachSq) << i;
        ASSERT_TRUE(!in || gap_sq <= kReachSq + kReachSq / 500'000) << i;
      }
    }
  }
}

}  // namespace
}  // namespace bluemarble::aoi
