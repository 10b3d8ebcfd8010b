#include "game/spawner.h"

#include <cmath>

#include "core/hash.h"
#include "game/movement.h"
#include "geo/planet.h"

namespace bluemarble::game {
namespace {

constexpr uint64_t kPurposePopulate = 0x706f70756c617465;  // "populate"
constexpr uint64_t kPurposeItems = 0x6974656d73;           // "items"
constexpr uint64_t kPurposePlayer = 0x706c61796572;        // "player"

/// Uniform over the disc of `radius_m` around `centre`.
world::Body Scatter(const geo::Geodetic& centre, double radius_m, const geo::LongitudeRange& range,
                    core::Random& random) {
  const geo::Vec3 middle = geo::ToEcef(centre);
  const geo::LocalFrame frame = geo::FrameAt(middle);
  const double distance = radius_m * std::sqrt(random.Unit());
  const double angle = random.Range(0, 2 * 3.14159265358979323846);
  const geo::Vec3 offset =
      frame.east * (distance * std::sin(angle)) + frame.north * (distance * std::cos(angle));
  world::Body body;
  body.position =
      geo::WithHeight(range.ClampInside(middle + offset, motion::kWallDepthM), centre.alt_m);
  body.ground_height_m = centre.alt_m;
  return body;
}

}  // namespace

std::vector<geo::Geodetic> CentresIn(const GameSettings& settings,
                                     const geo::LongitudeRange& range) {
  std::vector<geo::Geodetic> centres;
  for (const std::string& text : settings.spawn_centres) {
    const auto place = ParseCentre(text);
    if (place.ok() && range.ContainsLongitude(place->lon_deg)) centres.push_back(*place);
  }
  if (centres.empty()) {
    centres.push_back({geo::NormalizeLongitude(range.lon_min_deg() + range.width_deg() / 2), 0, 0});
  }
  return centres;
}

std::vector<Spawn> Populate(const GameSettings& settings, const geo::LongitudeRange& range,
                            uint64_t seed) {
  const std::vector<geo::Geodetic> centres = CentresIn(settings, range);
  core::Random random(core::HashCombine(seed, kPurposePopulate));
  std::vector<Spawn> spawns;
  spawns.reserve(size_t{settings.animals} + settings.resource_nodes);
  for (uint32_t i = 0; i < settings.animals; ++i) {
    spawns.push_back({world::Kind::kAnimal, Scatter(centres[i % centres.size()],
                                                    settings.scatter_radius_m, range, random)});
  }
  for (uint32_t i = 0; i < settings.resource_nodes; ++i) {
    spawns.push_back({world::Kind::kResource, Scatter(centres[i % centres.size()],
                                                      settings.scatter_radius_m, range, random)});
  }
  return spawns;
}

std::vector<world::Body> GroundItemPlaces(const GameSettings& settings,
                                          const geo::LongitudeRange& range, uint64_t seed) {
  const std::vector<geo::Geodetic> centres = CentresIn(settings, range);
  core::Random random(core::HashCombine(seed, kPurposeItems));
  std::vector<world::Body> places;
  places.reserve(settings.ground_items);
  for (uint32_t i = 0; i < settings.ground_items; ++i) {
    places.push_back(
        Scatter(centres[i % centres.size()], settings.scatter_radius_m, range, random));
  }
  return places;
}

world::Body PlayerSpawn(const GameSettings& settings, const geo::LongitudeRange& range,
                        uint64_t seed, std::string_view name) {
  const auto bytes = std::as_bytes(std::span(name.data(), name.size()));
  core::Random random(core::HashBytes(bytes, core::HashCombine(seed, kPurposePlayer)));
  return Scatter(CentresIn(settings, range).front(), settings.player_scatter_m, range, random);
}

world::Body BodyAt(const geo::Geodetic& place) {
  world::Body body;
  body.position = geo::ToEcef(place);
  body.ground_height_m = place.alt_m;
  return body;
}

}  // namespace bluemarble::game
