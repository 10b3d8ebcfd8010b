#include "app/zone_orders.h"

#include <algorithm>

namespace bluemarble::app {
namespace {

// A join that was let in just before the ban may mint its token a little later.
constexpr int64_t kJoinMarginS = 30;

}  // namespace

ZoneOrders::ZoneOrders() {
  waiting_.reserve(kMost);
  taken_.reserve(kMost);
}

bool ZoneOrders::Give(const session::BanOrder& ban) {
  const std::lock_guard lock(mutex_);
  if (waiting_.size() == kMost) return false;
  waiting_.push_back(ban);
  some_.store(true, std::memory_order_release);
  return true;
}

std::span<const session::BanOrder> ZoneOrders::Take() {
  if (!some_.load(std::memory_order_acquire)) return {};
  taken_.clear();
  const std::lock_guard lock(mutex_);
  taken_.swap(waiting_);
  some_.store(false, std::memory_order_relaxed);
  return taken_;
}

core::Tick RefusedTicks(int64_t until_us, int64_t now_us, int token_life_s, int tick_hz) {
  if (until_us == 0) return 0;
  const int64_t left_s = (until_us - now_us) / 1'000'000 + 1;
  const int64_t refused_s = std::clamp<int64_t>(left_s, 1, token_life_s + kJoinMarginS);
  return static_cast<core::Tick>(refused_s) * static_cast<core::Tick>(tick_hz);
}

}  // namespace bluemarble::app
