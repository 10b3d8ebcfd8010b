/// WGS84 without trigonometry: up, east, north and height of an ECEF point by arithmetic and square
/// roots only, so that the tick is deterministic (DESIGN §1, §2). Pure functions, any thread.
#pragma once

#include "core/result.h"
#include "geo/vec3.h"

namespace bluemarble::geo {

inline constexpr double kEquatorialRadiusM = 6378137.0;     // WGS84 a
inline constexpr double kFlattening = 1.0 / 298.257223563;  // WGS84 f
inline constexpr double kPolarRadiusM = kEquatorialRadiusM * (1.0 - kFlattening);

/// Degrees and metres above the ellipsoid. lon in [-180, 180), lat in [-90, 90].
struct Geodetic {
  double lon_deg = 0, lat_deg = 0, alt_m = 0;
};

/// Right-handed orthonormal local axes in ECEF.
struct LocalFrame {
  Vec3 east, north, up;
};

/// Ellipsoid normal at `ecef` (|ecef| > 0): (x/a², y/a², z/b²) normalised.
Vec3 UpAt(Vec3 ecef);
/// Local axes at `ecef`. On the polar axis (within 1 µm of it), where east has no direction, east
/// is +y.
LocalFrame FrameAt(Vec3 ecef);
/// Height above the ellipsoid, metres; right within 1 cm for |height| < 1,000 m (tested against
/// GeographicLib).
double HeightAt(Vec3 ecef);
/// Moves `ecef` along its up so that HeightAt is `height_m` within 0.1 mm. `ecef` within 1,000 km
/// of that height; one Newton round when within a metre of it.
Vec3 WithHeight(Vec3 ecef, double height_m);

/// Not per tick (GeographicLib): conversions for login, logs, tools and tests.
Vec3 ToEcef(const Geodetic& position);
Geodetic ToGeodetic(Vec3 ecef);
/// kInvalid unless all finite, |lat| <= 90, |lon| <= 540, -11,000 <= alt <= 100,000; longitude is
/// then normalised to [-180, 180).
core::Result<Geodetic> ValidateGeodetic(Geodetic position);
/// Longitude folded into [-180, 180).
double NormalizeLongitude(double lon_deg);

}  // namespace bluemarble::geo
