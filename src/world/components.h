/// Plain data that entities carry. One column each (world/world.h); no methods, no pointers. Owned
/// by the zone thread; systems write the columns they declare.
#pragma once

#include <cstdint>

#include "geo/grid.h"
#include "geo/vec3.h"

namespace bluemarble::world {

/// What an entity is; travels on the wire in 4 bits (proto/WIRE.md "Kinds").
enum class Kind : uint8_t { kNone = 0, kPlayer = 1, kAnimal = 2, kResource = 3, kItem = 4 };

/// Every entity has one.
struct Body {
  geo::Vec3 position;          ///< ECEF, metres.
  geo::Vec3 velocity;          ///< ECEF, metres per second.
  double ground_height_m = 0;  ///< Height above the ellipsoid.
  uint16_t yaw = 0;            ///< 1/65,536 turn clockwise from north at the body.
};

/// Every entity has one.
struct Vitals {
  uint8_t health = 100;   ///< Percent.
  uint8_t animation = 0;  ///< 0..15, meaning belongs to game/ (0 idle, 1 walk, 2 run).
};

}  // namespace bluemarble::world
