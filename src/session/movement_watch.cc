#include "session/movement_watch.h"

#include <algorithm>
#include <cmath>

namespace bluemarble::session {

void MovementWatch::Reset(const world::Body& body) {
  *this = MovementWatch();
  last_ = body;
}

MovementBreach MovementWatch::Check(const world::Body& body, const MovementRules& rules) {
  const int window = std::min(kWindowS * rules.tick_hz, kMaxTicks);
  if (body.position == last_.position && body.velocity == last_.velocity) {
    last_ = body;
    Walk(0, window);
    return MovementBreach::kNone;
  }
  const double dt_s = 1.0 / rules.tick_hz;
  const double step_m = std::sqrt(LengthSquared(body.position - last_.position));
  // Twice the speed and half a metre: what rounding, a wall or a pole can do stays far below.
  constexpr double kStepSlackM = 0.5;
  if (!(step_m <= 2 * rules.max_speed_mps * dt_s + kStepSlackM)) {  // so that NaN is a breach too
    Walk(0, window);
    return MovementBreach::kTeleport;
  }
  const double change_mps = std::sqrt(LengthSquared(body.velocity - last_.velocity));
  constexpr double kChangeSlackMps = 0.05;
  const bool stopped = body.velocity == geo::Vec3{};  // a wall may end any velocity
  if (!stopped && !(change_mps <= rules.acceleration_mps2 * dt_s * 1.01 + kChangeSlackMps)) {
    Walk(0, window);
    return MovementBreach::kAcceleration;
  }
  const auto step_mm = static_cast<uint32_t>(step_m * 1000);
  const uint32_t limit_mm =
      static_cast<uint32_t>((rules.max_speed_mps * kWindowS + kSlackM) * 1000);
  Walk(step_mm, window);
  if (sum_mm_ > limit_mm) {
    way_mm_[static_cast<size_t>((at_ + window - 1) % window)] = 0;  // it is taken back
    sum_mm_ -= std::min<uint32_t>(step_mm, UINT16_MAX);
    return MovementBreach::kSpeed;
  }
  last_ = body;
  return MovementBreach::kNone;
}

void MovementWatch::Walk(uint32_t mm, int window) {
  const auto kept = static_cast<uint16_t>(std::min<uint32_t>(mm, UINT16_MAX));
  sum_mm_ = sum_mm_ - way_mm_[at_] + kept;
  way_mm_[at_] = kept;
  at_ = static_cast<uint16_t>((at_ + 1) % window);
}

}  // namespace bluemarble::session
