/// Who starts where, by scenario and seed, and how each walks. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "geo/planet.h"
#include "tools/zonebot/options.h"
#include "tools/zonebot/trace.h"

namespace bluemarble::zonebot {

struct City {
  double lon_deg = 0, lat_deg = 0;
  double population = 0;
};
/// CSV with the header lon_deg,lat_deg,population. kInvalid names file, line, column.
core::Result<std::vector<City>> ParseCities(std::string_view text, const std::string& file);
/// `count` distinct cities, each next one drawn with a chance proportional to its population.
std::vector<size_t> DrawCities(const std::vector<City>& cities, size_t count, uint64_t seed);

inline constexpr int kPlayersPerCity = 25;
inline constexpr double kCityRadiusM = 200;
inline constexpr double kSpreadWalkM = 50;
inline constexpr double kCopySpacingM = 2000;
inline constexpr double kGroupRadiusM = 1;      ///< Of traders: all within each other's reach.
inline constexpr double kGroupSpacingM = 1100;  ///< Groups do not see each other.

/// How a walker walks.
enum class WalkStyle : uint8_t {
  kWalk = 0,  ///< To random points, at walking speed, with pauses.
  kSprint,    ///< At full speed, and stops dead now and then.
  kZigzag,    ///< At full speed, turning by a right angle twice a second.
  kCircle,    ///< At full speed, turning all the time.
  kAfk        ///< Not at all.
};
inline constexpr size_t kWalkStyles = 5;
/// "walk" and so on.
const char* WalkStyleName(WalkStyle style);

struct BotPlan {
  geo::Vec3 spawn;   ///< ECEF, on the ellipsoid.
  geo::Vec3 centre;  ///< Walkers stay around it; a trace's agents measure from it.
  double walk_radius_m = 0;
  size_t agent = SIZE_MAX;  ///< In the trace; SIZE_MAX: a walker.
  bool pauses = true;       ///< A walker stands still now and then.
  WalkStyle style = WalkStyle::kWalk;
};

/// The point east_m, north_m from `centre` on the ellipsoid.
geo::Vec3 Offset(geo::Vec3 centre, double east_m, double north_m);

/// One plan per wanted player. `cities` is used by the cities scenario, `trace` by trace. kInvalid
/// when there are fewer cities than are needed.
core::Result<std::vector<BotPlan>> PlanBots(const Options& options, const std::vector<City>& cities,
                                            const Trace& trace);

}  // namespace bluemarble::zonebot
