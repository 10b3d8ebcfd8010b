/// Test points over the whole planet: random ones, and the ordinary places where formulas break.
#pragma once

#include <vector>

#include "core/hash.h"
#include "geo/planet.h"

namespace bluemarble::geo {

inline constexpr uint64_t kSphereSeed = 20'240'607;

/// Uniform over the sphere, heights within `max_height_m`.
inline Geodetic RandomGeodetic(core::Random& random, double max_height_m) {
  const double z = random.Range(-1, 1);
  return {random.Range(-180, 180), std::asin(z) * 57.29577951308232,
          random.Range(-max_height_m, max_height_m)};
}

/// `count` random points, then the poles, points a hair from them, the equator and the
/// antimeridian.
inline std::vector<Geodetic> SpherePoints(int count, double max_height_m) {
  core::Random random(kSphereSeed);
  std::vector<Geodetic> points;
  for (int i = 0; i < count; ++i) points.push_back(RandomGeodetic(random, max_height_m));
  for (const double lat : {-90.0, -89.9999999, -89.99, -45.0, 0.0, 45.0, 89.99, 89.9999999, 90.0}) {
    for (const double lon : {-180.0, -179.9999999, -90.0, 0.0, 1e-9, 90.0, 179.9999999}) {
      for (const double height : {-max_height_m, 0.0, max_height_m}) {
        points.push_back({lon, lat, height});
      }
    }
  }
  return points;
}

}  // namespace bluemarble::geo
