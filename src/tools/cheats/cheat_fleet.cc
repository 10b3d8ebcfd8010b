#include "tools/cheats/cheat_fleet.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace bluemarble::cheats {

std::string CheatFleet::NameOf(CheatStyle style, uint64_t seed, size_t index) {
  return std::string("cheat-") + CheatName(style) + "-" + std::to_string(seed) + "-" +
         std::to_string(index);
}

void CheatFleet::Start(const std::string& server, std::vector<std::string> names,
                       double rate_per_s) {
  joiner_ = std::jthread(
      [this, server, rate_per_s, names = std::move(names)](const std::stop_token& stop) {
        for (size_t i = 0; i < names.size() && !stop.stop_requested(); ++i) {
          Ticket ticket{i, Join(server, names[i])};
          {
            const std::lock_guard lock(mutex_);
            tickets_.push_back(std::move(ticket));
          }
          std::this_thread::sleep_for(std::chrono::duration<double>(1 / rate_per_s));
        }
      });
}

void CheatFleet::Poll(int64_t now_ns) {
  std::vector<Ticket> tickets;
  {
    const std::lock_guard lock(mutex_);
    tickets.swap(tickets_);
  }
  for (const Ticket& ticket : tickets) {
    ++answered_;
    if (ticket.result.ok) cheaters_[ticket.index]->Connect(ticket.result.ticket);
  }
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
