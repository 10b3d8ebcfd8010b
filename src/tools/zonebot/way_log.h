/// Where a bot's player was in the last seconds by the server's word, and so how much of its way a
/// restart has cost. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "geo/planet.h"

namespace bluemarble::zonebot {

class WayLog {
 public:
  /// `tick`: of the server's word; one that is not newer adds nothing. At most twenty times a
  /// second is kept, for 10 s.
  void Add(int64_t now_ns, uint64_t tick, geo::Vec3 confirmed);
  /// How long before the newest entry the player was at `found`; nothing when it never was.
  std::optional<int64_t> BehindNs(geo::Vec3 found) const;
  void Clear() {
    way_.clear();
    tick_ = 0;
  }
  bool empty() const { return way_.empty(); }

 private:
  struct At {
    int64_t ns = 0;
    geo::Vec3 position;
  };
  std::deque<At> way_;
  uint64_t tick_ = 0;
};

}  // namespace bluemarble::zonebot
