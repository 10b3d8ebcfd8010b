/// The planet's integer grid: ECEF in centimetres as int32, octree nodes as Morton prefixes, and
/// the sector frames in which positions travel on the wire (DESIGN §2). Pure values, any thread.
#pragma once

#include <compare>
#include <cstdint>

#include "geo/planet.h"

namespace bluemarble::geo {

/// ECEF centimetres. The root cube is [-2^30, 2^30) on each axis: 10,737 km, more than the Earth's
/// 6,378.
struct GridPoint {
  int32_t x = 0, y = 0, z = 0;
  friend constexpr bool operator==(const GridPoint&, const GridPoint&) = default;
};

inline constexpr int kRootBits = 31;     ///< A level-L node is 2^(31-L) cm wide.
inline constexpr int kSectorLevel = 12;  ///< 5.24 km.
inline constexpr int kMaxLevel = 21;     ///< 10.24 m: what 64 bits hold with a marker bit.

/// Nearest centimetre (ties to even). `ecef` within the root cube.
GridPoint ToGrid(Vec3 ecef);
/// Centre of the grid point, metres.
Vec3 FromGrid(GridPoint p);

/// A node of the octree: 3 bits per level below a marker bit, so that 1 is the root and the level
/// is (bit_width - 1) / 3. Sorting keys of one level sorts them along the Morton curve.
struct NodeKey {
  uint64_t bits = 0;  ///< 0 is "none".

  static constexpr NodeKey Root() { return NodeKey{1}; }
  /// The node of `level` in [0, kMaxLevel] that holds `p`.
  static NodeKey At(GridPoint p, int level);
  int level() const;
  NodeKey parent() const { return NodeKey{bits >> 3}; }
  /// `octant` in [0, 8): bit 0 = upper x half, bit 1 = y, bit 2 = z.
  NodeKey child(int octant) const { return NodeKey{bits << 3 | static_cast<uint64_t>(octant)}; }
  NodeKey ancestor(int at_level) const { return NodeKey{bits >> (3 * (level() - at_level))}; }
  bool Contains(NodeKey other) const;
  /// Lowest corner, and width in centimetres.
  GridPoint corner() const;
  int64_t width_cm() const { return int64_t{1} << (kRootBits - level()); }
  /// A key that came from outside: marker present, level <= kMaxLevel.
  bool valid() const;
  friend constexpr auto operator<=>(const NodeKey&, const NodeKey&) = default;
};

/// A point in a sector's east-north-up frame, integer centimetres. Within the loose bounds of the
/// sector's leaves each axis stays below ±2^20 cm (10.5 km).
struct SectorPoint {
  int32_t east = 0, north = 0, up = 0;
  friend constexpr bool operator==(const SectorPoint&, const SectorPoint&) = default;
};

/// The local frame of an L12 node: origin at the node's centre, axes of FrameAt(origin) (for a node
/// whose centre lies on the polar axis or at the Earth's centre FrameAt's rule for the axis
/// applies; the centre itself uses east=+x, north=+y, up=+z).
struct SectorFrame {
  NodeKey key;
  Vec3 origin;
  LocalFrame axes;

  static SectorFrame Of(NodeKey sector);
  /// Nearest centimetre per axis (ties to even).
  SectorPoint ToSector(Vec3 ecef) const;
  Vec3 ToEcef(SectorPoint p) const;
  Vec3 RotateToSector(Vec3 direction) const;  ///< ECEF direction -> (east, north, up)
  Vec3 RotateToEcef(Vec3 direction) const;    ///< (east, north, up) -> ECEF direction
};

}  // namespace bluemarble::geo
