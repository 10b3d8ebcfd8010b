#include "geo/planet.h"

#include <gtest/gtest.h>

#include <GeographicLib/Geocentric.hpp>
#include <GeographicLib/Geodesic.hpp>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

#include "sphere.h"

namespace bluemarble::geo {
namespace {

constexpr double kDegree = 0.017453292519943295;

LocalFrame OracleFrame(const Geodetic& at) {
  std::vector<double> m(9);
  double x, y, z;
  GeographicLib::Geocentric::WGS84().Forward(at.lat_deg, at.lon_deg, at.alt_m, x, y, z, m);
  return {{m[0], m[3], m[6]}, {m[1], m[4], m[7]}, {m[2], m[5], m[8]}};
}

TEST(Planet, UpIsTheGeodeticNormal) {
  for (const Geodetic& at : SpherePoints(20'000, 1'000)) {
    EXPECT_LT(Length(UpAt(ToEcef(at)) - OracleFrame(at).up), 2e-6)
        << at.lon_deg << " " << at.lat_deg;
  }
}

TEST(Planet, FrameIsOrthonormalAndRightHandedEverywhere) {
  for (const Geodetic& at : SpherePoints(20'000, 1'000)) {
    const LocalFrame f = FrameAt(ToEcef(at));
    EXPECT_NEAR(Length(f.east), 1, 1e-14);
    EXPECT_NEAR(Length(f.north), 1, 1e-14);
    EXPECT_NEAR(Length(f.up), 1, 1e-14);
    EXPECT_LT(Length(Cross(f.east, f.north) - f.up), 1e-14) << at.lon_deg << " " << at.lat_deg;
  }
}

TEST(Planet, FrameAgreesWithTheOracleAwayFromTheAxis) {
  for (const Geodetic& at : SpherePoints(20'000, 1'000)) {
    if (std::fabs(at.lat_deg) > 89.9) continue;
    const LocalFrame f = FrameAt(ToEcef(at));
    const LocalFrame oracle = OracleFrame(at);
    EXPECT_LT(Length(f.east - oracle.east), 2e-12) << at.lon_deg << " " << at.lat_deg;
    EXPECT_LT(Length(f.north - oracle.north), 2e-6) << at.lon_deg << " " << at.lat_deg;
  }
}

TEST(Planet, EastIsPlusYOnThePolarAxis) {
  for (const double sign : {1.0, -1.0}) {
    for (const double x : {0.0, 1e-170, -1e-9}) {
      const LocalFrame f = FrameAt({x, 0, sign * kPolarRadiusM});
      EXPECT_EQ(f.east, (Vec3{0, 1, 0}));
      EXPECT_EQ(f.up, (Vec3{0, 0, sign}));
      EXPECT_EQ(f.north, (Vec3{-sign, 0, 0}));
    }
  }
}

TEST(Planet, HeightIsRightWithinACentimetreBelowAKilometre) {
  for (const Geodetic& at : SpherePoints(20'000, 1'000)) {
    EXPECT_NEAR(HeightAt(ToEcef(at)), at.alt_m, 1e-5) << at.lon_deg << " " << at.lat_deg;
  }
}

TEST(Planet, HeightStaysSaneAtTenKilometresAndBeyond) {
  for (const Geodetic& at : SpherePoints(5'000, 10'000)) {
    EXPECT_NEAR(HeightAt(ToEcef(at)), at.alt_m, 1e-3);
  }
  for (const Geodetic& at : SpherePoints(5'000, 100'000)) {
    EXPECT_NEAR(HeightAt(ToEcef(at)), at.alt_m, 0.05);
  }
}

TEST(Planet, WithHeightReachesTheHeightWithinATenthOfAMillimetre) {
  core::Random random(kSphereSeed);
  for (const Geodetic& at : SpherePoints(20'000, 10'000)) {
    const double height = random.Range(-1'000, 1'000);
    const Vec3 moved = WithHeight(ToEcef(at), height);
    EXPECT_NEAR(HeightAt(moved), height, 1e-4);
    EXPECT_NEAR(ToGeodetic(moved).alt_m, height, 1e-4);
  }
}

TEST(Planet, WithHeightMovesAlongUpOnly) {
  for (const Geodetic& at : SpherePoints(5'000, 100)) {
    const Vec3 from = ToEcef(at);
    const Vec3 moved = WithHeight(from, at.alt_m + 50) - from;
    EXPECT_LT(Length(moved - UpAt(from) * 50), 1e-4);
  }
}

TEST(Planet, GeodeticRoundTripsThroughEcef) {
  for (const Geodetic& at : SpherePoints(20'000, 10'000)) {
    const Vec3 ecef = ToEcef(at);
    const Geodetic back = ToGeodetic(ecef);
    EXPECT_LT(Length(ToEcef(back) - ecef), 1e-7);
    EXPECT_GE(back.lon_deg, -180);
    EXPECT_LT(back.lon_deg, 180);
  }
}

TEST(Planet, PolesAndAxesHaveTheirExactCoordinates) {
  EXPECT_EQ(ToEcef({0, 0, 0}), (Vec3{kEquatorialRadiusM, 0, 0}));
  EXPECT_EQ(ToEcef({90, 0, 0}), (Vec3{0, kEquatorialRadiusM, 0}));
  EXPECT_EQ(ToEcef({-180, 0, 0}), (Vec3{-kEquatorialRadiusM, 0, 0}));
  EXPECT_NEAR(ToEcef({17, 90, 0}).z, kPolarRadiusM, 1e-9);
  EXPECT_NEAR(ToEcef({17, -90, 0}).z, -kPolarRadiusM, 1e-9);
}

TEST(Planet, LongitudeFoldsIntoTheHalfOpenCircle) {
  struct Case {
    double in, out;
  };
  for (const Case& c : {Case{180, -180}, Case{-180, -180}, Case{540, -180}, Case{190, -170},
                        Case{-190, 170}, Case{0, 0}, Case{360, 0}, Case{179.5, 179.5}}) {
    EXPECT_EQ(NormalizeLongitude(c.in), c.out) << c.in;
  }
}

TEST(Planet, ValidationRefusesWhatIsNoPosition) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  for (const Geodetic& bad :
       {Geodetic{nan, 0, 0}, Geodetic{0, nan, 0}, Geodetic{0, 0, nan}, Geodetic{infinity, 0, 0},
        Geodetic{0, -infinity, 0}, Geodetic{0, 0, infinity}, Geodetic{0, 90.001, 0},
        Geodetic{0, -90.001, 0}, Geodetic{540.1, 0, 0}, Geodetic{0, 0, -11'001},
        Geodetic{0, 0, 100'001}}) {
    EXPECT_EQ(ValidateGeodetic(bad).status().code(), core::Code::kInvalid);
  }
}

TEST(Planet, ValidationNormalisesTheLongitude) {
  const auto valid = ValidateGeodetic({190, 90, 100'000});
  ASSERT_TRUE(valid.ok());
  EXPECT_EQ(valid->lon_deg, -170);
  EXPECT_EQ(valid->lat_deg, 90);
}

/// Karney's published geodesics: lat1 lon1 azi1 lat2 lon2 azi2 s12 (and three columns not used
/// here).
struct Geodesic {
  double lat1, lon1, azi1, lat2, lon2, azi2, s12;
};

std::vector<Geodesic> PublishedGeodesics() {
  const char* source = std::getenv("BLUEMARBLE_SOURCE_DIR");
  std::vector<Geodesic> lines;
  if (source == nullptr) return lines;
  std::ifstream file(std::string(source) + "/../shared/data/geodesy_vectors/geodtest_even.dat");
  for (std::string line; std::getline(file, line);) {
    std::istringstream in(line);
    Geodesic g{};
    if (in >> g.lat1 >> g.lon1 >> g.azi1 >> g.lat2 >> g.lon2 >> g.azi2 >> g.s12) lines.push_back(g);
  }
  return lines;
}

TEST(Planet, ChordsFitThePublishedGeodesics) {
  const auto lines = PublishedGeodesics();
  if (lines.empty()) GTEST_SKIP() << "geodesy_vectors are not present";
  for (const Geodesic& g : lines) {
    const double chord = Length(ToEcef({g.lon2, g.lat2, 0}) - ToEcef({g.lon1, g.lat1, 0}));
    EXPECT_LE(chord, g.s12 + 1e-6);
    // An arc is at most pi/2 times its chord on a sphere; 1 % more covers the flattening.
    EXPECT_GE(chord * 1.571 * 1.01 + 1e-6, g.s12);
    if (g.s12 < 50'000) {
      EXPECT_NEAR(chord, g.s12, g.s12 * g.s12 * g.s12 / (23 * 6.3e6 * 6.3e6) + 1e-6);
    }
  }
}

TEST(Planet, SteppingAlongTheAzimuthFollowsThePublishedGeodesics) {
  const auto lines = PublishedGeodesics();
  if (lines.empty()) GTEST_SKIP() << "geodesy_vectors are not present";
  for (const Geodesic& g : lines) {
    const Vec3 from = ToEcef({g.lon2, g.lat2, 0});
    if (from.x * from.x + from.y * from.y < 1e6)
      continue;  // an azimuth near the pole is ill defined
    const LocalFrame f = FrameAt(from);
    // A metre on from the far end: the curvature bends the geodesic away by 0.1 µm.
    const Vec3 to = WithHeight(
        from + f.east * std::sin(g.azi2 * kDegree) + f.north * std::cos(g.azi2 * kDegree), 0);
    double lat, lon;
    GeographicLib::Geodesic::WGS84().Direct(g.lat1, g.lon1, g.azi1, g.s12 + 1, lat, lon);
    EXPECT_LT(Length(to - ToEcef({lon, lat, 0})), 2e-6) << g.lat1 << " " << g.lat2;
  }
}

// Walks a geodesic with FrameAt only, as a body would that keeps straight on: the direction is
// carried along by projection. After 100 km in 1 m steps it must stand where the oracle's geodesic
// ends.
TEST(Planet, WalkingStraightOnFollowsTheGeodesicAlsoOverThePole) {
  struct Case {
    double lon, lat, azimuth;
  };
  for (const Case& c : {Case{13, 52, 30}, Case{-179.9, 10, -80}, Case{20, 89.7, 5},
                        Case{77, -89.6, 180}, Case{179.5, 0, 90}, Case{0, 0.1, 200}}) {
    Vec3 at = ToEcef({c.lon, c.lat, 0});
    const LocalFrame start = FrameAt(at);
    Vec3 heading =
        start.east * std::sin(c.azimuth * kDegree) + start.north * std::cos(c.azimuth * kDegree);
    for (int metre = 0; metre < 100'000; ++metre) {
      at = WithHeight(at + heading, 0);
      const Vec3 up = UpAt(at);
      heading = Normalized(heading - up * Dot(heading, up));
    }
    double lat, lon;
    GeographicLib::Geodesic::WGS84().Direct(c.lat, c.lon, c.azimuth, 100'000, lat, lon);
    EXPECT_LT(Length(at - ToEcef({lon, lat, 0})), 0.02) << c.lon << " " << c.lat;
  }
}

}  // namespace
}  // namespace bluemarble::geo
