/// How long a tick's period is, by what the players of a run were told with their snapshots, and
/// when: to be held against what the zone says of itself. Used by one thread.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace bluemarble::zonebot {

/// So many snapshots that said the same.
struct ToldSpan {
  int64_t from_us = 0, to_us = 0;  ///< Wall clock.
  int dilation_pct = 100;
  uint64_t snapshots = 0;
};

class ToldDilation {
 public:
  /// A snapshot came; times do not descend.
  void Add(int64_t wall_us, int dilation_pct);
  /// Ascending; those of one tenth of a second in which some were told one thing and some another
  /// overlap.
  std::vector<ToldSpan> Spans() const;

 private:
  void Close();

  int64_t tenth_ = 0;
  std::map<int, uint64_t> open_;  // of this tenth of a second: snapshots by what they said
  bool joinable_ = false;         // the last span is the only one of its last tenth
  std::vector<ToldSpan> spans_;
};

}  // namespace bluemarble::zonebot
