#include "app/zone_orders.h"

#include <algorithm>

namespace bluemarble::app {
namespace {

// A join that was let in just before the ban may mint its token a little later.
constexpr int64_t kJoinMarginS = 30;

}  // namespace

core::Tick RefusedTicks(int64_t until_us, int64_t now_us, int token_life_s, int tick_hz) {
  if (until_us == 0) return 0;
  const int64_t left_s = (until_us - now_us) / 1'000'000 + 1;
  const int64_t refused_s = std::clamp<int64_t>(left_s, 1, token_life_s + kJoinMarginS);
  return static_cast<core::Tick>(refused_s) * static_cast<core::Tick>(tick_hz);
}

}  // namespace bluemarble::app
