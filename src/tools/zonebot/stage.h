/// What the bots of one group see and hold, gathered for their decisions; the bots of a process
/// know of each other what players would tell each other. Main thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tools/zonebot/choices.h"
#include "tools/zonebot/traders.h"

namespace bluemarble::zonebot {

/// Bots that decode the world for their group: two, so that one may be away.
inline constexpr size_t kEyesPerGroup = 2;
inline constexpr double kReachM = 2.5;
std::vector<bool> EyesOf(size_t bots, size_t group);

class Stage {
 public:
  Stage(const Traders& traders, size_t group);
  /// Looks at the ground again when the last look is old.
  void Look(size_t bot, int64_t now_ns);
  /// Items on the ground near the bot's group as seen last, by entity.
  const std::vector<uint32_t>& ground(size_t bot) const { return grounds_[bot / group_].items; }
  /// All bots of its group in play, itself left out. Valid until the next Turn.
  std::vector<Neighbour> Others(size_t bot) const;

 private:
  struct Ground {
    std::vector<uint32_t> items;
    int64_t looked_ns = 0;
  };
  const Traders& traders_;
  const size_t group_;
  std::vector<Ground> grounds_;
};

}  // namespace bluemarble::zonebot
