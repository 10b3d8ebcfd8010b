/// What the bots of a run say, hear and are refused. Main thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bluemarble/client.h"
#include "core/counters.h"
#include "core/hash.h"
#include "tools/zonebot/report.h"

namespace bluemarble::zonebot {

class Talker {
 public:
  /// `per_s`: lines of one bot, at random times; 0: they only listen.
  Talker(size_t bots, double per_s, uint64_t seed);

  /// The bot is in play: lets it say what is due.
  void Speak(size_t bot, Client& client, int64_t now_ns);
  /// Takes what it has heard.
  void Listen(size_t bot, Client& client, int64_t now_ns);
  void Fill(Report& report) const;

 private:
  struct Mouth {
    int64_t due_ns = 0;   // 0: not drawn yet
    int64_t said_ns = 0;  // of `line`, until it is heard; 0: none is waited for
    uint32_t lines = 0;
    std::string line;
  };
  int64_t Pause();

  const double per_s_;
  core::Random random_;
  std::vector<Mouth> mouths_;
  uint64_t said_ = 0, heard_ = 0;
  std::map<std::string, uint64_t> refused_;
  core::Histogram own_us_;  // from saying a line to hearing it
};

}  // namespace bluemarble::zonebot
