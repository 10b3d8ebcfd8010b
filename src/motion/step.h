/// The pure movement step that the server and the client library share: the same inputs give the
/// same bits on both sides, else prediction diverges (DESIGN §3). Arithmetic and sqrt only. Any
/// thread.
#pragma once

#include <cstdint>

#include "geo/border.h"
#include "geo/planet.h"

namespace bluemarble::motion {

/// What limits a body. Sent to the client in Welcome, so both sides use one set.
struct MotionLimits {
  double max_speed_mps = 7.0;  ///< Too low: runs feel like wading; too high: AoI rings are outrun.
  double acceleration_mps2 = 20.0;  ///< Towards the wanted velocity, also when braking.
};

/// One command: what the player wants during one tick.
struct MotionInput {
  int8_t move_east = 0;  ///< Wanted velocity, 1/127 of max_speed, in the local frame at the body.
  int8_t move_north = 0;
  uint16_t yaw = 0;     ///< Facing, 1/65,536 turn clockwise from north; carried through.
  uint8_t buttons = 0;  ///< Meaning belongs to game/.
  friend constexpr bool operator==(const MotionInput&, const MotionInput&) = default;
};

/// The part of a body that moves.
struct MotionState {
  geo::Vec3 position;          ///< ECEF, metres.
  geo::Vec3 velocity;          ///< ECEF, metres per second, tangential.
  double ground_height_m = 0;  ///< Height above the ellipsoid that the body keeps.
  uint16_t yaw = 0;
  friend constexpr bool operator==(const MotionState&, const MotionState&) = default;
};

/// Advances by one step of `dt_s` seconds. The wanted velocity's length is clamped to max_speed (a
/// diagonal of (127,127) is not faster), the change of velocity to acceleration * dt. A body at
/// rest that wants nothing comes back bit for bit (but for the yaw), wherever it stands.
MotionState Step(const MotionState& state, const MotionInput& input, const MotionLimits& limits,
                 double dt_s);

/// Bodies stop this far inside the shard's border, so that rounding to the centimetre cannot carry
/// them over it.
inline constexpr double kWallDepthM = 0.05;

/// Step, and then the border of `range` as a wall: a body that would end nearer to it than
/// kWallDepthM, or beyond, is put there and its velocity ends. A body at rest stays where it is.
MotionState StepInside(const MotionState& state, const MotionInput& input,
                       const MotionLimits& limits, double dt_s, const geo::LongitudeRange& range);

/// 16-bit digest of the position rounded to the centimetre, by which a client's prediction is
/// compared with the server's result (proto/WIRE.md "Input"): the low 16 bits of
/// HashCombine(HashCombine(x, y), z) of core/hash.h over ToGrid's coordinates as uint32.
uint16_t PositionDigest(geo::Vec3 position);

}  // namespace bluemarble::motion
