#include "tools/zonebot/placing.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "core/hash.h"
#include "tools/zonebot/csv.h"

namespace bluemarble::zonebot {
namespace {

constexpr GeoPosition kDefaultAnchor{13.405, 52.52, 0};
constexpr int kDefaultPlayers = 1000;

geo::Vec3 InDisc(geo::Vec3 centre, double radius_m, core::Random& random) {
  const double r = radius_m * std::sqrt(random.Unit());
  const double angle = 2 * std::numbers::pi * random.Unit();
  return Offset(centre, r * std::cos(angle), r * std::sin(angle));
}

geo::Vec3 Anchor(const Options& options) {
  const GeoPosition at = options.anchor.value_or(kDefaultAnchor);
  return geo::ToEcef({at.lon_deg, at.lat_deg, 0});
}

void PlanCities(const std::vector<City>& cities, uint64_t seed, std::vector<BotPlan>& plans) {
  core::Random random(seed);
  const auto drawn =
      DrawCities(cities, (plans.size() + kPlayersPerCity - 1) / kPlayersPerCity, seed);
  for (size_t i = 0; i < plans.size(); ++i) {
    const City& city = cities[drawn[i / kPlayersPerCity]];
    plans[i].centre = geo::ToEcef({city.lon_deg, city.lat_deg, 0});
    plans[i].walk_radius_m = kCityRadiusM;
    plans[i].spawn = InDisc(plans[i].centre, kCityRadiusM, random);
  }
}

void PlanSpread(const Options& options, std::vector<BotPlan>& plans) {
  core::Random random(options.seed);
  const double radius_m = 1000 * std::sqrt(static_cast<double>(plans.size()) / options.density);
  for (BotPlan& plan : plans) {
    plan.spawn = plan.centre = InDisc(Anchor(options), radius_m, random);
    plan.walk_radius_m = kSpreadWalkM;
  }
}

void PlanCrowd(const Options& options, std::vector<BotPlan>& plans) {
  core::Random random(options.seed);
  for (BotPlan& plan : plans) {
    plan.centre = Anchor(options);
    plan.walk_radius_m = options.radius_m;
    plan.spawn = InDisc(plan.centre, options.radius_m, random);
  }
}

void PlanGroups(const Options& options, size_t group, std::vector<BotPlan>& plans) {
  core::Random random(options.seed);
  const size_t groups = (plans.size() + group - 1) / group;
  const auto columns = static_cast<size_t>(std::ceil(std::sqrt(static_cast<double>(groups))));
  for (size_t i = 0; i < plans.size(); ++i) {
    const size_t place = i / group;
    plans[i].centre = Offset(Anchor(options), static_cast<double>(place % columns) * kGroupSpacingM,
                             static_cast<double>(place / columns) * kGroupSpacingM);
    plans[i].walk_radius_m = kGroupRadiusM;
    plans[i].pauses = false;  // always on the way, so that what a crash costs of it can be told
    plans[i].spawn = InDisc(plans[i].centre, kGroupRadiusM, random);
  }
}

void PlanTrace(const Options& options, const Trace& trace, std::vector<BotPlan>& plans) {
  for (size_t i = 0; i < plans.size(); ++i) {
    BotPlan& plan = plans[i];
    plan.agent = i % trace.agents.size();
    const TraceAgent& agent = trace.agents[plan.agent];
    const geo::Vec3 anchor = agent.origin ? geo::ToEcef(*agent.origin) : Anchor(options);
    const auto copy = static_cast<double>(i / trace.agents.size());
    plan.centre = Offset(anchor, copy * kCopySpacingM, 0);
    const TracePoint start = trace.At(plan.agent, 0);
    plan.spawn = Offset(plan.centre, start.east_m, start.north_m);
  }
}

}  // namespace

const char* WalkStyleName(WalkStyle style) {
  constexpr std::array<const char*, kWalkStyles> kNames = {"walk", "sprint", "zigzag", "circle",
                                                           "afk"};
  return kNames[static_cast<size_t>(style)];
}

geo::Vec3 Offset(geo::Vec3 centre, double east_m, double north_m) {
  const geo::LocalFrame frame = geo::FrameAt(centre);
  return geo::WithHeight(geo::WithHeight(centre + frame.east * east_m + frame.north * north_m, 0),
                         0);
}

core::Result<std::vector<City>> ParseCities(std::string_view text, const std::string& file) {
  std::string_view line;
  if (!NextLine(text, line) || line != "lon_deg,lat_deg,population")
    return BadCsv(file, 1, 1, "expected the header lon_deg,lat_deg,population");
  std::vector<City> cities;
  std::vector<std::string_view> fields;
  for (size_t number = 2; NextLine(text, line); ++number) {
    SplitFields(line, fields);
    if (fields.size() != 3) return BadCsv(file, number, fields.size(), "expected 3 fields");
    City city;
    double* const values[] = {&city.lon_deg, &city.lat_deg, &city.population};
    for (size_t i = 0; i < 3; ++i)
      if (!ParseNumber(fields[i], *values[i])) return BadCsv(file, number, i + 1, "not a number");
    if (!geo::ValidateGeodetic({city.lon_deg, city.lat_deg, 0}).ok())
      return BadCsv(file, number, 1, "not a place on Earth");
    if (city.population < 0) return BadCsv(file, number, 3, "population below zero");
    cities.push_back(city);
  }
  return cities;
}

std::vector<size_t> DrawCities(const std::vector<City>& cities, size_t count, uint64_t seed) {
  // The `count` smallest of exponential variates with the weights as rates: a weighted draw without
  // replacement (Efraimidis and Spirakis 2006).
  std::vector<std::pair<double, size_t>> order;
  order.reserve(cities.size());
  for (size_t i = 0; i < cities.size(); ++i) {
    if (cities[i].population <= 0) continue;
    const double unit = core::RandomUnit(core::HashCombine(seed, i));
    order.emplace_back(-std::log1p(-unit) / cities[i].population, i);
  }
  count = std::min(count, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end());
  std::vector<size_t> drawn;
  for (size_t i = 0; i < count; ++i) drawn.push_back(order[i].second);
  return drawn;
}

core::Result<std::vector<BotPlan>> PlanBots(const Options& options, const std::vector<City>& cities,
                                            const Trace& trace) {
  const size_t agents = trace.agents.size() * static_cast<size_t>(options.copies);
  auto players = static_cast<size_t>(options.players.value_or(kDefaultPlayers));
  if (options.scenario == Scenario::kTrace)
    players = options.players ? std::min(players, agents) : agents;
  std::vector<BotPlan> plans(players);
  switch (options.scenario) {
    case Scenario::kCities:
      if (DrawCities(cities, players, options.seed).size() * kPlayersPerCity < players)
        return core::Status(core::Code::kInvalid, "the list of cities is too short",
                            std::to_string(cities.size()));
      PlanCities(cities, options.seed, plans);
      break;
    case Scenario::kSpread: PlanSpread(options, plans); break;
    case Scenario::kCrowd: PlanCrowd(options, plans); break;
    case Scenario::kTrace: PlanTrace(options, trace, plans); break;
    case Scenario::kRace: PlanGroups(options, plans.size(), plans); break;
    case Scenario::kTrade:
    case Scenario::kHostile: PlanGroups(options, static_cast<size_t>(options.group), plans); break;
  }
  return plans;
}

}  // namespace bluemarble::zonebot
