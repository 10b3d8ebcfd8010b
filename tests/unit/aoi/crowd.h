/// Shorthand for octree tests: places on the planet's surface, and what an octree says about them.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "aoi/octree.h"
#include "core/hash.h"

namespace bluemarble::aoi {

inline core::EntityId Entity(uint32_t index, uint32_t generation = 1) {
  return core::EntityId::Make(index, generation);
}

/// Unit direction to grid point at `radius_cm` from the Earth's centre.
inline geo::GridPoint OnSphere(double x, double y, double z, double radius_cm = 637'100'000.0) {
  const double scale = radius_cm / std::sqrt(x * x + y * y + z * z);
  return {static_cast<int32_t>(x * scale), static_cast<int32_t>(y * scale),
          static_cast<int32_t>(z * scale)};
}

inline geo::GridPoint Offset(geo::GridPoint p, int64_t x, int64_t y, int64_t z) {
  return {static_cast<int32_t>(p.x + x), static_cast<int32_t>(p.y + y),
          static_cast<int32_t>(p.z + z)};
}

inline geo::GridPoint Scatter(core::Random& random, geo::GridPoint centre, double spread_cm) {
  const auto off = [&] { return static_cast<int64_t>(random.Range(-spread_cm, spread_cm)); };
  return Offset(centre, off(), off(), off());
}

/// Somewhere well inside one max-level cell of the surface.
inline geo::GridPoint CellCentre() {
  const geo::NodeKey key = geo::NodeKey::At(OnSphere(0.6, 0.1, 0.7), geo::kMaxLevel);
  return Offset(key.corner(), 512, 512, 512);
}

inline const Leaf& LeafOf(const Octree& tree, core::EntityId entity) {
  const Leaf* leaf = tree.Find(tree.PlaceOf(entity).leaf);
  EXPECT_NE(leaf, nullptr);
  return *leaf;
}

inline core::Tick SinceOf(const Octree& tree, core::EntityId entity) {
  const Place place = tree.PlaceOf(entity);
  uint32_t part = LeafOf(tree, entity).first_part;
  for (int skip = place.slot / kPartSlots; skip > 0; --skip) part = tree.part(part).next;
  const Slot& slot = tree.part(part).slots[place.slot % kPartSlots];
  EXPECT_EQ(slot.entity, entity);
  return slot.since;
}

inline void ExpectSound(const Octree& tree) {
  const core::Status status = tree.CheckInvariants();
  ASSERT_TRUE(status.ok()) << status.context();
}

}  // namespace bluemarble::aoi
