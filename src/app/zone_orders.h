/// What operators want of the running zone: orders by value through a bounded queue, an input of
/// the tick that takes them. Any thread gives; the zone thread takes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "session/ban_order.h"

namespace bluemarble::app {

class ZoneOrders {
 public:
  /// More in one tick means that the zone thread stands still.
  static constexpr size_t kMost = 256;

  ZoneOrders();

  /// False: full, nothing was taken; try again.
  bool Give(const session::BanOrder& ban);
  /// Those given since the last call, in their order; valid until the next one. Takes the lock, for
  /// the time of a swap, only when something waits.
  std::span<const session::BanOrder> Take();

 private:
  std::mutex mutex_;
  std::vector<session::BanOrder> waiting_;
  std::atomic<bool> some_{false};
  std::vector<session::BanOrder> taken_;  // the zone thread's
};

/// For how long the zone refuses an account whose ban ends at `until_us` (0: lifted): until the
/// last connect token of before the ban has expired, at most until the end of the ban.
core::Tick RefusedTicks(int64_t until_us, int64_t now_us, int token_life_s, int tick_hz);

}  // namespace bluemarble::app
