/// Where things appear: animals and resource nodes at start, players at their first login. Pure
/// functions of the seed; not per tick (they use trigonometry and allocate).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "game/game_settings.h"
#include "geo/border.h"
#include "world/components.h"

namespace bluemarble::game {

struct Spawn {
  world::Kind kind = world::Kind::kNone;
  world::Body body;
};

/// The spawn centres inside `range`; when none is, the middle of the range on the equator.
std::vector<geo::Geodetic> CentresIn(const GameSettings& settings,
                                     const geo::LongitudeRange& range);

/// Animals, then nodes, dealt out to the centres in turn and scattered uniformly over the disc.
std::vector<Spawn> Populate(const GameSettings& settings, const geo::LongitudeRange& range,
                            uint64_t seed);

/// Where the world's first items lie: `ground_items`, dealt out and scattered likewise.
std::vector<world::Body> GroundItemPlaces(const GameSettings& settings,
                                          const geo::LongitudeRange& range, uint64_t seed);

/// Where a player of that name appears for the first time.
world::Body PlayerSpawn(const GameSettings& settings, const geo::LongitudeRange& range,
                        uint64_t seed, std::string_view name);

/// A body at rest on the ground there.
world::Body BodyAt(const geo::Geodetic& place);

}  // namespace bluemarble::game
