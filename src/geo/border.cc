#include "geo/border.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bluemarble::geo {
namespace {

// By ToEcef, because its sines are exact at multiples of 90 degrees and a border shared by two
// ranges must be the same plane bit for bit.
Vec3 AlongMeridian(double lon_deg) { return Normalized(ToEcef({lon_deg, 0, 0})); }

double DistanceToHalfPlane(Vec3 p, Vec3 along, Vec3 inward, double radius) {
  return Dot(p, along) >= 0 ? std::fabs(Dot(p, inward)) : radius;
}

}  // namespace

LongitudeRange::LongitudeRange() = default;

core::Result<LongitudeRange> LongitudeRange::Make(double lon_min_deg, double lon_max_deg) {
  using core::Code;
  if (!std::isfinite(lon_min_deg) || !std::isfinite(lon_max_deg)) {
    return {Code::kInvalid, "longitude is not finite"};
  }
  if (lon_min_deg < -180 || lon_min_deg >= 180) {
    return {Code::kInvalid, "lon_min is outside [-180, 180)"};
  }
  if (lon_max_deg <= -180 || lon_max_deg > 180) {
    return {Code::kInvalid, "lon_max is outside (-180, 180]"};
  }
  if (lon_min_deg == lon_max_deg) return {Code::kInvalid, "lon_min equals lon_max"};

  LongitudeRange range;
  range.lon_min_deg_ = lon_min_deg;
  range.lon_max_deg_ = lon_max_deg;
  range.whole_ = lon_min_deg == -180 && lon_max_deg == 180;
  if (range.whole_) return range;
  const Vec3 axis{0, 0, 1};
  range.min_along_ = AlongMeridian(lon_min_deg);
  range.max_along_ = AlongMeridian(lon_max_deg);
  range.min_inward_ = Cross(axis, range.min_along_);
  range.max_inward_ = Cross(axis, range.max_along_) * -1.0;
  range.middle_ = AlongMeridian(NormalizeLongitude(lon_min_deg + range.width_deg() / 2));
  range.middle_sine_ = range.width_deg() >= 180 ? 1.0 : Dot(range.middle_, range.min_inward_);
  return range;
}

double LongitudeRange::width_deg() const {
  const double width = lon_max_deg_ - lon_min_deg_;
  return width < 0 ? width + 360 : width;
}

bool LongitudeRange::Contains(Vec3 ecef) const {
  if (whole_) return true;
  if (ecef.x == 0 && ecef.y == 0) return ContainsLongitude(0);
  const double from_min = Dot(ecef, min_inward_);
  const double from_max = Dot(ecef, max_inward_);
  const double width = width_deg();
  if (width < 180) return from_min >= 0 && from_max > 0;
  if (width > 180) return from_min >= 0 || from_max > 0;
  // One plane is both borders; on it, the half towards lon_min is inside.
  return from_min > 0 || (from_min == 0 && Dot(ecef, min_along_) > 0);
}

bool LongitudeRange::ContainsLongitude(double lon_deg) const {
  const double lon = NormalizeLongitude(lon_deg);
  if (lon_min_deg_ < lon_max_deg_) return lon >= lon_min_deg_ && lon < lon_max_deg_;
  return lon >= lon_min_deg_ || lon < lon_max_deg_;
}

double LongitudeRange::DepthInside(Vec3 ecef) const {
  if (whole_) return std::numeric_limits<double>::infinity();
  const double radius = std::sqrt(ecef.x * ecef.x + ecef.y * ecef.y);
  const double distance = std::min(DistanceToHalfPlane(ecef, min_along_, min_inward_, radius),
                                   DistanceToHalfPlane(ecef, max_along_, max_inward_, radius));
  return Contains(ecef) ? distance : -distance;
}

Vec3 LongitudeRange::ClampInside(Vec3 ecef, double depth_m) const {
  if (DepthInside(ecef) >= depth_m) return ecef;
  // Aiming a micrometre deeper keeps the rounded result from falling short.
  const double depth = depth_m + 1e-6;
  const double radius = std::sqrt(ecef.x * ecef.x + ecef.y * ecef.y);
  const double middle_radius = depth / middle_sine_;
  if (radius > middle_radius) {
    const bool near_min = Dot(ecef, min_along_) >= Dot(ecef, max_along_);
    const Vec3 along = near_min ? min_along_ : max_along_;
    const Vec3 inward = near_min ? min_inward_ : max_inward_;
    Vec3 clamped = along * std::sqrt(radius * radius - depth * depth) + inward * depth;
    clamped.z = ecef.z;
    return clamped;
  }
  const double height_m = HeightAt(ecef);
  Vec3 clamped = ecef;
  // Restoring the height moves a point so near the pole sideways by a ten-thousandth of the change.
  for (int round = 0; round < 3; ++round) {
    clamped.x = middle_.x * middle_radius;
    clamped.y = middle_.y * middle_radius;
    clamped = WithHeight(clamped, height_m);
  }
  return clamped;
}

}  // namespace bluemarble::geo
