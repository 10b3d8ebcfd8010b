/// Three doubles: ECEF positions in metres, directions, velocities in metres per second. Values
/// only.
#pragma once

#include <cmath>

namespace bluemarble::geo {

struct Vec3 {
  double x = 0, y = 0, z = 0;

  friend constexpr Vec3 operator+(Vec3 a, Vec3 b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
  friend constexpr Vec3 operator-(Vec3 a, Vec3 b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
  friend constexpr Vec3 operator*(Vec3 a, double s) { return {a.x * s, a.y * s, a.z * s}; }
  friend constexpr Vec3 operator*(double s, Vec3 a) { return a * s; }
  constexpr Vec3& operator+=(Vec3 b) { return *this = *this + b; }
  friend constexpr bool operator==(const Vec3&, const Vec3&) = default;
};

constexpr double Dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
constexpr Vec3 Cross(Vec3 a, Vec3 b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
constexpr double LengthSquared(Vec3 a) { return Dot(a, a); }
/// sqrt is correctly rounded by IEEE 754, so it is allowed in the tick; sin, cos, atan are not.
inline double Length(Vec3 a) { return std::sqrt(LengthSquared(a)); }
inline Vec3 Normalized(Vec3 a) { return a * (1.0 / Length(a)); }

}  // namespace bluemarble::geo
