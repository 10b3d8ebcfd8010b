#include "motion/step.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "core/hash.h"

namespace bluemarble::motion {
namespace {

using geo::Geodetic;
using geo::Vec3;

constexpr double kDt = 1.0 / 30;
constexpr MotionLimits kLimits;

MotionState At(const Geodetic& place) {
  MotionState state;
  state.position = geo::ToEcef(place);
  state.ground_height_m = place.alt_m;
  return state;
}

MotionInput Moving(int east, int north) {
  MotionInput input;
  input.move_east = static_cast<int8_t>(east);
  input.move_north = static_cast<int8_t>(north);
  return input;
}

MotionState AtFullSpeed(const Geodetic& place, MotionInput input) {
  MotionState state = At(place);
  for (int i = 0; i < 60; ++i) state = Step(state, input, kLimits, kDt);
  return state;
}

MotionInput RandomInput(core::Random& random) {
  MotionInput input;
  input.move_east = static_cast<int8_t>(random.Below(256));
  input.move_north = static_cast<int8_t>(random.Below(256));
  input.yaw = static_cast<uint16_t>(random.Next());
  return input;
}

std::vector<Geodetic> Places() {
  return {{13.4, 52.5, 34}, {179.9999, 10, 0},  {-180, -16, 5},       {100, 0, 0},
          {0, 90, 0},       {0, -90, 2'800},    {55, 89.99999, 0},    {-120, -89.99999, 0},
          {86.9, 28, 8848}, {35.5, 31.5, -430}, {179.99999, 1e-9, 0}, {0, 0, 0}};
}

// Input that keeps on in the direction of travel although east and north turn below it.
MotionInput StraightOn(const MotionState& state) {
  const geo::LocalFrame frame = geo::FrameAt(state.position);
  const double speed = Length(state.velocity);
  return Moving(static_cast<int>(std::lround(127 * Dot(state.velocity, frame.east) / speed)),
                static_cast<int>(std::lround(127 * Dot(state.velocity, frame.north) / speed)));
}

TEST(Step, ABodyAtRestStaysBitForBit) {
  core::Random random(7);
  for (int i = 0; i < 1'000; ++i) {
    MotionState state =
        At({random.Range(-180, 180), random.Range(-90, 90), random.Range(-400, 8'000)});
    state.ground_height_m += 1e-3;  // not even a height that is a hair off may stir it
    state.velocity.x = -0.0;
    const MotionState next = Step(state, {}, kLimits, kDt);
    ASSERT_EQ(std::memcmp(&next.position, &state.position, sizeof(Vec3)), 0);
    ASSERT_EQ(std::memcmp(&next.velocity, &state.velocity, sizeof(Vec3)), 0);
  }
}

TEST(Step, ABodyThatLetsGoComesToAnExactRest) {
  for (const Geodetic& place : Places()) {
    MotionState state = AtFullSpeed(place, Moving(90, 90));
    for (int i = 0; i < 60; ++i) state = Step(state, {}, kLimits, kDt);
    EXPECT_EQ(state.velocity, Vec3{});
    EXPECT_EQ(Step(state, {}, kLimits, kDt), state);
  }
}

TEST(Step, SpeedNeverExceedsTheLimit) {
  core::Random random(11);
  for (const Geodetic& place : Places()) {
    MotionState state = At(place);
    MotionInput input;
    for (int i = 0; i < 5'000; ++i) {
      if (random.Chance(0.1)) input = RandomInput(random);
      state = Step(state, input, kLimits, kDt);
      ASSERT_LE(Length(state.velocity), kLimits.max_speed_mps * (1 + 1e-9));
    }
  }
}

TEST(Step, VelocityChangesNoFasterThanTheAcceleration) {
  core::Random random(13);
  for (const Geodetic& place : Places()) {
    MotionState state = At(place);
    for (int i = 0; i < 5'000; ++i) {
      const MotionState next = Step(state, RandomInput(random), kLimits, kDt);
      // The re-projection onto the new tangent plane turns the velocity by 4e-8 a step.
      ASSERT_LE(Length(next.velocity - state.velocity), kLimits.acceleration_mps2 * kDt + 1e-6);
      state = next;
    }
  }
}

TEST(Step, ADiagonalIsNoFasterThanAStraight) {
  for (const auto& [east, north] :
       {std::pair{127, 127}, std::pair{-128, -128}, std::pair{-128, 0}, std::pair{127, 0}}) {
    const MotionState state = AtFullSpeed({13, 52, 0}, Moving(east, north));
    EXPECT_NEAR(Length(state.velocity), kLimits.max_speed_mps, 1e-6) << east << " " << north;
  }
}

TEST(Step, HalfAStickIsHalfTheSpeed) {
  const MotionState state = AtFullSpeed({13, 52, 0}, Moving(0, 64));
  EXPECT_NEAR(Length(state.velocity), kLimits.max_speed_mps * 64 / 127, 1e-9);
}

TEST(Step, InputMovesTheBodyEastAndNorth) {
  const MotionState start = At({13, 52, 0});
  const geo::LocalFrame frame = geo::FrameAt(start.position);
  const Vec3 east = AtFullSpeed({13, 52, 0}, Moving(127, 0)).position - start.position;
  const Vec3 north = AtFullSpeed({13, 52, 0}, Moving(0, 127)).position - start.position;
  // Two seconds at 7 m/s, less the way lost while accelerating.
  EXPECT_NEAR(Dot(east, frame.east), 12.9, 0.2);
  EXPECT_NEAR(Dot(east, frame.north), 0, 1e-3);
  EXPECT_NEAR(Dot(north, frame.north), 12.9, 0.2);
  EXPECT_NEAR(Dot(north, frame.east), 0, 1e-3);
}

TEST(Step, YawIsCarriedThrough) {
  MotionInput input;
  input.yaw = 54'321;
  EXPECT_EQ(Step(At({1, 2, 0}), input, kLimits, kDt).yaw, 54'321);
  input.move_north = 1;
  EXPECT_EQ(Step(At({1, 2, 0}), input, kLimits, kDt).yaw, 54'321);
}

TEST(Step, VelocityStaysTangential) {
  core::Random random(17);
  MotionState state = At({-70, 45, 100});
  for (int i = 0; i < 5'000; ++i) {
    state = Step(state, RandomInput(random), kLimits, kDt);
    ASSERT_NEAR(Dot(state.velocity, geo::UpAt(state.position)), 0, 1e-6);
  }
}

TEST(Step, HeightDriftsLessThanAMillimetreInAHundredThousandSteps) {
  for (const Geodetic& place : Places()) {
    MotionState state = AtFullSpeed(place, Moving(90, 90));
    double worst = 0;
    for (int i = 0; i < 100'000; ++i) {
      state = Step(state, StraightOn(state), kLimits, kDt);
      worst = std::fmax(worst, std::fabs(geo::HeightAt(state.position) - place.alt_m));
    }
    EXPECT_LT(worst, 1e-3) << place.lon_deg << " " << place.lat_deg;
    EXPECT_NEAR(geo::ToGeodetic(state.position).alt_m, place.alt_m, 1e-3);
  }
}

TEST(Step, WalksOverBothPoles) {
  for (const double sign : {1.0, -1.0}) {
    // The first meridian passes the axis at a distance of rounding, the second through odd digits.
    for (const double lon : {0.0, 33.3}) {
      MotionState state = At({lon, sign * 89.9995, 0});  // 56 m from the pole
      MotionInput input = Moving(0, sign > 0 ? 127 : -127);
      bool crossed = false;
      for (int i = 0; i < 1'000; ++i) {
        if (!crossed && Dot(state.position, geo::ToEcef({lon, 0, 0})) < 0) {
          crossed = true;
          input.move_north = static_cast<int8_t>(-input.move_north);
        }
        state = Step(state, input, kLimits, kDt);
        ASSERT_TRUE(std::isfinite(LengthSquared(state.position))) << i;
        ASSERT_LE(Length(state.velocity), kLimits.max_speed_mps * (1 + 1e-9));
      }
      const Geodetic end = geo::ToGeodetic(state.position);
      EXPECT_TRUE(crossed);
      EXPECT_NEAR(std::fabs(end.lon_deg - lon), 180, 5) << end.lon_deg;
      EXPECT_LT(std::fabs(end.lat_deg), 89.999);
    }
  }
}

TEST(Step, EveryInputAtThePoleItselfGivesNumbers) {
  for (const double z : {geo::kPolarRadiusM, -geo::kPolarRadiusM}) {
    for (int east = -128; east < 128; east += 17) {
      for (int north = -128; north < 128; north += 17) {
        MotionState state;
        state.position = {0, 0, z};
        for (int i = 0; i < 100; ++i) state = Step(state, Moving(east, north), kLimits, kDt);
        ASSERT_TRUE(std::isfinite(LengthSquared(state.position)));
        ASSERT_NEAR(geo::HeightAt(state.position), 0, 1e-6);
      }
    }
  }
}

TEST(Step, WalksAcrossTheAntimeridianWithoutAJump) {
  MotionState state = At({179.9999, -16, 0});
  for (int i = 0; i < 1'000; ++i) {
    const Vec3 before = state.position;
    state = Step(state, Moving(127, 0), kLimits, kDt);
    ASSERT_LE(Length(state.position - before), kLimits.max_speed_mps * kDt * (1 + 1e-6));
  }
  EXPECT_LT(geo::ToGeodetic(state.position).lon_deg, -179.9);
}

// The figure was computed once by this code; a compiler, a flag or an edit that changes a single
// bit of the motion changes it, and every client's prediction with it.
TEST(Step, GivesTheSameBitsAsEver) {
  core::Random random(19);
  uint64_t hash = 0;
  // Literal starts: ToEcef's sines may differ between C libraries.
  for (const Vec3& start : {Vec3{3.78e6, 9.0e5, 5.04e6}, Vec3{-6.38e6, 1e-3, 10},
                            Vec3{0, 0, 6.36e6}, Vec3{-2, 3, -6.36e6}}) {
    MotionState state;
    state.position = geo::WithHeight(start, 0);
    for (int i = 0; i < 1'000; ++i) {
      state = Step(state, RandomInput(random), kLimits, kDt);
      uint64_t bits[6];
      std::memcpy(bits, &state.position, sizeof(Vec3));
      std::memcpy(bits + 3, &state.velocity, sizeof(Vec3));
      for (const uint64_t b : bits) hash = core::HashCombine(hash, b);
    }
  }
  EXPECT_EQ(hash, 9'462'264'093'222'274'591u);
}

TEST(PositionDigest, ChangesWithACentimetreAndNotWithAMillimetre) {
  const Vec3 at{3'900'000.0, 900'000.0, 4'900'000.0};
  EXPECT_EQ(PositionDigest(at), PositionDigest(at + Vec3{0.001, -0.001, 0.001}));
  EXPECT_NE(PositionDigest(at), PositionDigest(at + Vec3{0.01, 0, 0}));
  EXPECT_NE(PositionDigest(at), PositionDigest(at + Vec3{0, 0.01, 0}));
  EXPECT_NE(PositionDigest(at), PositionDigest(at + Vec3{0, 0, -0.01}));
}

}  // namespace
}  // namespace bluemarble::motion
