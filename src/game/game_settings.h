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

  /// Things that lie around when a world begins, shared out over the spawn centres once for ever.
  uint32_t ground_items = 60;
  /// Items (stacks) that a player can carry; whoever has more keeps them and gets none. Too high:
  /// about 32 bytes each per player, and a long list after login. 1 to 1000.
  uint32_t max_items = 64;
  /// How near an item on the ground must be to be picked up. Too low: latency makes honest players
  /// miss; too high: things vanish from afar.
  double reach_m = 3;
  /// How near another player must be to get something. As above.
  double trade_reach_m = 10;
  /// How long an offer stands. Too low: nobody can read it; too high: forgotten offers block new
  /// ones. 1 to 3600.
  uint32_t trade_offer_s = 30;
  /// Offers of one player that stand at once, at most one to the same player. 1 to 64.
  uint32_t max_offers = 4;
  /// Gold of a new player.
  int64_t starting_gold = 100;

  void Validate(std::vector<std::string>& problems) const;
};

/// "lon,lat" to a place on the ellipsoid; kInvalid otherwise.
core::Result<geo::Geodetic> ParseCentre(const std::string& text);

}  // namespace bluemarble::game
