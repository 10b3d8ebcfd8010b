#include "tools/cheats/cheat_fleet.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <stop_token>
#include <utility>

namespace bluemarble::cheats {
namespace {

constexpr int kTries = 10;
constexpr double kLeastPauseS = 0.1;

// Ends early when told to stop.
void Wait(double seconds, const std::stop_token& stop) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any().wait_for(lock, stop, std::chrono::duration<double>(seconds),
                                         [] { return false; });
}

JoinResult JoinPatiently(const Connection::JoinCall& join, const std::stop_token& stop) {
  JoinResult result = join();
  for (int i = 1; i < kTries && result.failure == RequestFailure::kBusy; ++i) {
    Wait(std::max(kLeastPauseS, result.retry_after_ms / 1000.0), stop);
    if (stop.stop_requested()) break;
    result = join();
  }
  return result;
}

}  // namespace

std::string CheatFleet::NameOf(CheatStyle style, uint64_t seed, size_t index) {
  return std::string("cheat-") + CheatName(style) + "-" + std::to_string(seed) + "-" +
         std::to_string(index);
}

void CheatFleet::Start(std::vector<Connection::JoinCall> joins, double rate_per_s) {
  joiner_ = std::jthread([this, rate_per_s, joins = std::move(joins)](const std::stop_token& stop) {
    for (size_t i = 0; i < joins.size() && !stop.stop_requested(); ++i) {
      Ticket ticket{i, JoinPatiently(joins[i], stop)};
      {
        const std::lock_guard lock(mutex_);
        tickets_.push_back(std::move(ticket));
      }
      Wait(1 / rate_per_s, stop);
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
    if (ticket.result.ok) {
      cheaters_[ticket.index]->Connect(ticket.result.ticket);
    } else if (refused_++ == 0) {  // one line: the others' will be the same
      std::fprintf(stderr, "zonebot: a cheater was refused: %s\n", ticket.result.error.c_str());
    }
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
