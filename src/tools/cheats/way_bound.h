/// Watches one body by what the server says of it: does it ever get farther within two seconds than
/// its maximum speed allows? Values; one thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>

#include "core/ids.h"
#include "geo/vec3.h"

namespace bluemarble::cheats {

class WayBound {
 public:
  static constexpr int kWindowS = 2;

  WayBound() = default;
  WayBound(double max_speed_mps, int tick_hz) : speed_mps_(max_speed_mps), hz_(tick_hz) {}

  /// The server's state of a tick; older ones than the newest are left out.
  void Add(core::Tick tick, geo::Vec3 position) {
    if (!way_.empty()) {
      if (tick <= way_.back().tick) return;
      way_m_ += Length(position - way_.back().position);
    }
    way_.push_back({tick, position, way_m_});
    while (way_.front().tick + static_cast<core::Tick>(kWindowS * hz_) < tick) way_.pop_front();
    for (const At& from : way_) {
      const double allowed_m = speed_mps_ * static_cast<double>(tick - from.tick) / hz_;
      excess_m_ = std::max(excess_m_, way_m_ - from.way_m - allowed_m);
    }
    ++states_;
  }
  /// The most way beyond maximum speed times time in any window up to two seconds, metres.
  double excess_m() const { return excess_m_; }
  double way_m() const { return way_m_; }
  uint64_t states() const { return states_; }

 private:
  struct At {
    core::Tick tick = 0;
    geo::Vec3 position;
    double way_m = 0;
  };
  double speed_mps_ = 7;
  int hz_ = 30;
  std::deque<At> way_;
  double way_m_ = 0, excess_m_ = 0;
  uint64_t states_ = 0;
};

}  // namespace bluemarble::cheats
