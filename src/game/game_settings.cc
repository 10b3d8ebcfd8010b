#include "game/game_settings.h"

#include <charconv>

namespace bluemarble::game {
namespace {

bool ParseDegrees(std::string_view text, double& out) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

}  // namespace

core::Result<geo::Geodetic> ParseCentre(const std::string& text) {
  const size_t comma = text.find(',');
  geo::Geodetic place;
  if (comma == std::string::npos ||
      !ParseDegrees(std::string_view(text).substr(0, comma), place.lon_deg) ||
      !ParseDegrees(std::string_view(text).substr(comma + 1), place.lat_deg)) {
    return {core::Code::kInvalid, "not \"longitude,latitude\""};
  }
  return geo::ValidateGeodetic(place);
}

void GameSettings::Validate(std::vector<std::string>& problems) const {
  for (const std::string& centre : spawn_centres) {
    const auto place = ParseCentre(centre);
    if (!place.ok()) {
      problems.push_back("game.spawn_centres: \"" + centre + "\": " + place.status().ToString());
    }
  }
  if (max_items < 1 || max_items > 1000) problems.push_back("game.max_items: not in 1..1000");
  if (!(reach_m > 0 && reach_m <= 1000)) problems.push_back("game.reach_m: not in 0..1000");
  if (!(trade_reach_m > 0 && trade_reach_m <= 1000))
    problems.push_back("game.trade_reach_m: not in 0..1000");
  if (trade_offer_s < 1 || trade_offer_s > 3600)
    problems.push_back("game.trade_offer_s: not in 1..3600");
  if (max_offers < 1 || max_offers > 64) problems.push_back("game.max_offers: not in 1..64");
  if (starting_gold < 0 || starting_gold > 1'000'000'000)
    problems.push_back("game.starting_gold: not in 0..1000000000");
}

}  // namespace bluemarble::game
