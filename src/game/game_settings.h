/// What the rules of the game can be tuned by. Immutable after start-up.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.h"
#include "geo/planet.h"
#include "motion/step.h"

namespace bluemarble::game {

struct GameSettings {
  /// Of players; sent to each client at login.
  motion::MotionLimits player_limits;
  /// Wandering animals, shared out over the spawn centres. Too high: bytes and CPU for every
  /// neighbour.
  uint32_t animals = 300;
  /// Static resource nodes, shared out likewise.
  uint32_t resource_nodes = 300;
  /// How far from a spawn centre animals and nodes are scattered. Too low: one big heap; too high:
  /// a new player sees none.
  double scatter_radius_m = 150;
  /// How far an animal strays from its home.
  double wander_radius_m = 40;
  double animal_speed_mps = 1.5;
  /// New players appear within this distance of a spawn centre.
  double player_scatter_m = 20;
  /// "longitude,latitude" in degrees. Those in the shard's range are used; the first is where new
  /// players appear.
  std::vector<std::string> spawn_centres = {"2.3522,48.8566",   "-74.0060,40.7128",
                                            "139.6503,35.6762", "-46.6333,-23.5505",
                                            "3.3792,6.5244",    "151.2093,-33.8688"};

  void Validate(std::vector<std::string>& problems) const;
};

/// "lon,lat" to a place on the ellipsoid; kInvalid otherwise.
core::Result<geo::Geodetic> ParseCentre(const std::string& text);

}  // namespace bluemarble::game
