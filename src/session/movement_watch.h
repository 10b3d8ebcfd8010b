/// Watches over the server's own results: how far a player's body went in the last two seconds, and
/// whether each step was one that a body can make. The motion step cannot break these bounds; what
/// does is our mistake or an exploit of it. One per session, zone thread; no allocation.
#pragma once

#include <array>
#include <cstdint>

#include "world/components.h"

namespace bluemarble::session {

/// What a body may do, from the game's limits.
struct MovementRules {
  double max_speed_mps = 7;
  double acceleration_mps2 = 20;
  int tick_hz = 30;
};

enum class MovementBreach : uint8_t { kNone = 0, kSpeed, kTeleport, kAcceleration };

class MovementWatch {
 public:
  static constexpr int kWindowS = 2;
  static constexpr int kMaxTicks = kWindowS * 60;
  /// Beyond maximum speed times time, for rounding.
  static constexpr double kSlackM = 1.0;

  /// The player is here, by right: at the login, and whenever the game itself moves it.
  void Reset(const world::Body& body);
  /// The result of one tick. After a breach the body belongs back where last() says.
  MovementBreach Check(const world::Body& body, const MovementRules& rules);
  /// The newest state without a breach.
  const world::Body& last() const { return last_; }
  /// Of the last two seconds.
  double way_m() const { return static_cast<double>(sum_mm_) / 1000; }

 private:
  void Walk(uint32_t mm, int window);

  world::Body last_;
  std::array<uint16_t, kMaxTicks> way_mm_{};
  uint32_t sum_mm_ = 0;
  uint16_t at_ = 0;
};

}  // namespace bluemarble::session
