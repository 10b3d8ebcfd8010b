/// The cheating bots of a run, beside the honest ones of tools/zonebot/fleet.h. Main thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bluemarble/connection.h"
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
  /// Joins them, each by its own call, so many a second, on a thread of its own; Poll connects who
  /// got a ticket. Who is told to come later does.
  void Start(std::vector<Connection::JoinCall> joins, double rate_per_s);
  void Poll(int64_t now_ns);
  /// Everybody has connected, or was refused a ticket.
  bool started() const { return answered_ == cheaters_.size(); }
  void Quit();

  size_t size() const { return cheaters_.size(); }
  /// By style name; styles that nobody has are left out.
  std::map<std::string, CheatFigures> figures() const;

 private:
  struct Ticket {
    size_t index = 0;
    JoinResult result;
  };
  std::vector<std::unique_ptr<Cheater>> cheaters_;
  size_t answered_ = 0, refused_ = 0;
  std::mutex mutex_;
  std::vector<Ticket> tickets_;  // under the mutex
  std::jthread joiner_;          // last: it ends before what it uses
};

}  // namespace bluemarble::cheats
