#include "tools/cheats/cheat_fleet.h"

#include <algorithm>

namespace bluemarble::cheats {

std::string CheatFleet::NameOf(CheatStyle style, uint64_t seed, size_t index) {
  return std::string("cheat-") + CheatName(style) + "-" + std::to_string(seed) + "-" +
         std::to_string(index);
}

void CheatFleet::Poll(int64_t now_ns) {
  for (const auto& cheater : cheaters_) cheater->Poll(now_ns);
}

void CheatFleet::Quit() {
  for (const auto& cheater : cheaters_) cheater->Quit();
}

std::map<std::string, CheatFigures> CheatFleet::figures() const {
  std::map<std::string, CheatFigures> out;
  for (const auto& cheater : cheaters_) {
    CheatFigures& figures = out[CheatName(cheater->style())];
    ++figures.bots;
    figures.connected += cheater->was_in() ? 1 : 0;
    figures.sent += cheater->sent();
    figures.excess_m = std::max(figures.excess_m, cheater->way().excess_m());
    figures.way_m += cheater->way().way_m();
    figures.states += cheater->way().states();
    if (cheater->ended()) ++figures.ended_by_reason[DisconnectReasonName(*cheater->ended())];
  }
  return out;
}

}  // namespace bluemarble::cheats
