#include "geo/grid.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "sphere.h"

namespace bluemarble::geo {
namespace {

constexpr int32_t kRootLow = -(1 << 30);
constexpr int32_t kRootHigh = (1 << 30) - 1;

GridPoint RandomGridPoint(core::Random& random) {
  const auto coordinate = [&] {
    return static_cast<int32_t>(static_cast<int64_t>(random.Below(uint64_t{1} << 31)) + kRootLow);
  };
  return {coordinate(), coordinate(), coordinate()};
}

bool InCube(NodeKey key, GridPoint p) {
  const GridPoint low = key.corner();
  const auto in = [&](int32_t v, int32_t c) { return v >= c && v - int64_t{c} < key.width_cm(); };
  return in(p.x, low.x) && in(p.y, low.y) && in(p.z, low.z);
}

TEST(Grid, PointsRoundToTheNearestCentimetre) {
  for (const Geodetic& at : SpherePoints(20'000, 9'000)) {
    const Vec3 ecef = ToEcef(at);
    const GridPoint p = ToGrid(ecef);
    EXPECT_EQ(p.x, std::nearbyint(ecef.x * 100));
    EXPECT_EQ(p.y, std::nearbyint(ecef.y * 100));
    EXPECT_EQ(p.z, std::nearbyint(ecef.z * 100));
    const Vec3 off = FromGrid(p) - ecef;
    EXPECT_LE(std::max({std::fabs(off.x), std::fabs(off.y), std::fabs(off.z)}), 0.005 + 1e-9);
    EXPECT_EQ(ToGrid(FromGrid(p)), p);
  }
}

TEST(Grid, TiesRoundToEven) {
  EXPECT_EQ(ToGrid({0.125, 0.375, -0.125}), (GridPoint{12, 38, -12}));
  EXPECT_EQ(ToGrid({-0.375, 0.625, -0.625}), (GridPoint{-38, 62, -62}));
}

TEST(Grid, TheWholePlanetWithItsAirIsInsideTheRootCube) {
  for (const Geodetic& at : SpherePoints(2'000, 100'000)) {
    EXPECT_TRUE(InCube(NodeKey::Root(), ToGrid(ToEcef(at))));
  }
}

TEST(NodeKey, HoldsItsPointAtEveryLevel) {
  core::Random random(kSphereSeed);
  for (int i = 0; i < 5'000; ++i) {
    const GridPoint p = RandomGridPoint(random);
    for (int level = 0; level <= kMaxLevel; ++level) {
      const NodeKey key = NodeKey::At(p, level);
      ASSERT_EQ(key.level(), level);
      ASSERT_TRUE(key.valid());
      ASSERT_TRUE(InCube(key, p));
      if (level > 0) {
        ASSERT_EQ(key.parent(), NodeKey::At(p, level - 1));
      }
      ASSERT_EQ(NodeKey::At(p, kMaxLevel).ancestor(level), key);
    }
  }
}

TEST(NodeKey, CornersOfTheRootCubeAreOrdinaryPoints) {
  EXPECT_EQ(NodeKey::At({kRootLow, kRootLow, kRootLow}, kMaxLevel).bits, uint64_t{1} << 63);
  EXPECT_EQ(NodeKey::At({kRootHigh, kRootHigh, kRootHigh}, kMaxLevel).bits, ~uint64_t{0});
  EXPECT_EQ(NodeKey::Root().corner(), (GridPoint{kRootLow, kRootLow, kRootLow}));
  EXPECT_EQ(NodeKey::Root().width_cm(), int64_t{1} << 31);
}

TEST(NodeKey, ChildrenTakeTheOctantsInXYZBitOrder) {
  for (int octant = 0; octant < 8; ++octant) {
    const NodeKey child = NodeKey::Root().child(octant);
    const GridPoint p{octant & 1 ? 5 : -5, octant & 2 ? 5 : -5, octant & 4 ? 5 : -5};
    EXPECT_EQ(NodeKey::At(p, 1), child);
    EXPECT_EQ(child.parent(), NodeKey::Root());
    EXPECT_TRUE(NodeKey::Root().Contains(child));
    EXPECT_FALSE(child.Contains(NodeKey::Root()));
  }
}

TEST(NodeKey, ContainsItselfAndItsDescendantsOnly) {
  core::Random random(kSphereSeed);
  for (int i = 0; i < 5'000; ++i) {
    const GridPoint a = RandomGridPoint(random), b = RandomGridPoint(random);
    const int level = static_cast<int>(random.Below(4));
    const NodeKey key = NodeKey::At(a, level);
    EXPECT_TRUE(key.Contains(key));
    EXPECT_TRUE(key.Contains(NodeKey::At(a, kMaxLevel)));
    EXPECT_EQ(key.Contains(NodeKey::At(b, 8)), InCube(key, b));
  }
}

TEST(NodeKey, OutsideKeysAreCheckedForTheirMarker) {
  EXPECT_FALSE(NodeKey{0}.valid());
  EXPECT_TRUE(NodeKey{1}.valid());
  EXPECT_FALSE(NodeKey{2}.valid());
  EXPECT_FALSE(NodeKey{4}.valid());
  EXPECT_TRUE(NodeKey{8}.valid());
  EXPECT_TRUE(NodeKey{~uint64_t{0}}.valid());
  EXPECT_FALSE(NodeKey{~uint64_t{0} >> 1}.valid());
}

TEST(SectorFrame, PositionsRoundTripWithinHalfACentimetre) {
  core::Random random(kSphereSeed);
  for (const Geodetic& at : SpherePoints(5'000, 500)) {
    const Vec3 ecef = ToEcef(at);
    const SectorFrame frame = SectorFrame::Of(NodeKey::At(ToGrid(ecef), kSectorLevel));
    const SectorPoint p = frame.ToSector(ecef);
    // 0.87 cm is half the diagonal of a centimetre cube.
    EXPECT_LT(Length(frame.ToEcef(p) - ecef), 0.00867);
    EXPECT_EQ(frame.ToSector(frame.ToEcef(p)), p);
    EXPECT_LT(std::max({std::abs(p.east), std::abs(p.north), std::abs(p.up)}), 1 << 20);
  }
}

TEST(SectorFrame, DirectionsRoundTrip) {
  core::Random random(kSphereSeed);
  for (const Geodetic& at : SpherePoints(2'000, 500)) {
    const SectorFrame frame = SectorFrame::Of(NodeKey::At(ToGrid(ToEcef(at)), kSectorLevel));
    const Vec3 d{random.Range(-9, 9), random.Range(-9, 9), random.Range(-9, 9)};
    EXPECT_LT(Length(frame.RotateToEcef(frame.RotateToSector(d)) - d), 1e-13);
    EXPECT_LT(Length(frame.RotateToEcef({0, 0, 1}) - UpAt(frame.origin)), 1e-15);
  }
}

TEST(SectorFrame, UpHardlyMovesWithinASector) {
  for (const Geodetic& at : SpherePoints(2'000, 500)) {
    const Vec3 ecef = ToEcef(at);
    const SectorFrame frame = SectorFrame::Of(NodeKey::At(ToGrid(ecef), kSectorLevel));
    EXPECT_GT(frame.RotateToSector(UpAt(ecef)).z, 0.9999995);
  }
}

TEST(SectorFrame, TheEarthsCentreHasTheAxesOfEcef) {
  const SectorFrame frame = SectorFrame::Of(NodeKey::Root());
  EXPECT_EQ(frame.origin, Vec3{});
  EXPECT_EQ(frame.RotateToSector({1, 2, 3}), (Vec3{1, 2, 3}));
}

}  // namespace
}  // namespace bluemarble::geo
