/// The cheating bots of a run, beside the honest ones of tools/zonebot/fleet.h. Main thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tools/cheats/cheater.h"

namespace bluemarble::cheats {

/// What became of the cheaters of one style.
struct CheatFigures {
  uint64_t bots = 0, connected = 0, sent = 0;
  std::map<std::string, uint64_t> ended_by_reason;
  double excess_m = 0;  ///< WayBound: the most of any of them.
  double way_m = 0;     ///< Of all of them together.
  uint64_t states = 0;  ///< Of the server that this rests on.
};

class CheatFleet {
 public:
  /// "cheat-hops-7-000012": by it the operator's list tells who it was.
  static std::string NameOf(CheatStyle style, uint64_t seed, size_t index);

  void Add(const CheaterOptions& options) {
    cheaters_.push_back(std::make_unique<Cheater>(options));
  }
  void Connect(size_t index, const JoinTicket& ticket) { cheaters_[index]->Connect(ticket); }
  void Poll(int64_t now_ns);
  void Quit();

  size_t size() const { return cheaters_.size(); }
  /// By style name; styles that nobody has are left out.
  std::map<std::string, CheatFigures> figures() const;

 private:
  std::vector<std::unique_ptr<Cheater>> cheaters_;
};

}  // namespace bluemarble::cheats
