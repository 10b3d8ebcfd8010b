/// A shard's longitude range and its borders as half-planes (DESIGN §2): deciding on which side a
/// point lies costs two multiplications, no trigonometry per tick. Immutable after construction.
#pragma once

#include "core/result.h"
#include "geo/planet.h"

namespace bluemarble::geo {

/// [lon_min, lon_max) in degrees, may wrap over the antimeridian (lon_min > lon_max); lon_max = 180
/// is allowed and -180..180 is the whole Earth.
class LongitudeRange {
 public:
  /// The whole Earth.
  LongitudeRange();
  /// kInvalid unless both are finite, lon_min in [-180, 180), lon_max in (-180, 180], and not
  /// equal.
  static core::Result<LongitudeRange> Make(double lon_min_deg, double lon_max_deg);

  double lon_min_deg() const { return lon_min_deg_; }
  double lon_max_deg() const { return lon_max_deg_; }
  bool whole_earth() const { return whole_; }
  double width_deg() const;

  /// Side tests against the two border planes. Points on the polar axis belong to the range that
  /// holds longitude 0. Exactly on lon_min: inside; exactly on lon_max: outside.
  bool Contains(Vec3 ecef) const;
  bool ContainsLongitude(double lon_deg) const;
  /// How far inside the nearest border plane the point lies, metres (negative: outside by that
  /// much); +infinity for the whole Earth. Used for hysteresis and for the wall.
  double DepthInside(Vec3 ecef) const;
  /// The border as a wall: the point of the same parallel (so the same height and latitude) that
  /// lies at least `depth_m` inside and is nearest; so close to a pole that the parallel has none,
  /// the nearest place on the range's middle meridian at the same height. Points already that deep
  /// come back unchanged. 0 <= depth_m <= 10,000.
  Vec3 ClampInside(Vec3 ecef, double depth_m) const;

 private:
  double lon_min_deg_ = -180, lon_max_deg_ = 180;
  bool whole_ = true;
  // Equatorial unit vectors: towards each border's half-plane, its normal pointing inside, and
  // towards the middle of the range.
  Vec3 min_along_, max_along_, min_inward_, max_inward_, middle_;
  // A point on the middle meridian is at depth / middle_sine_ from the axis when it is `depth`
  // inside.
  double middle_sine_ = 1;
};

}  // namespace bluemarble::geo
