/// What operators want of the running zone: orders by value through bounded queues, an input of
/// the tick that takes them. Any thread gives; the zone thread takes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "session/ban_order.h"
#include "session/operator_order.h"

namespace bluemarble::app {

class ZoneOrders {
 public:
  /// More of a kind in one tick means that the zone thread stands still.
  static constexpr size_t kMost = 256;

  /// False: full, nothing was taken; try again.
  bool Give(const session::BanOrder& ban) { return bans_.Give(ban); }
  bool GiveOrder(const session::OperatorOrder& order) { return orders_.Give(order); }
  /// Those given since the last call, in their order; valid until the next one. Takes the lock, for
  /// the time of a swap, only when something waits.
  std::span<const session::BanOrder> Take() { return bans_.Take(); }
  std::span<const session::OperatorOrder> TakeOrders() { return orders_.Take(); }

 private:
  template <typename Order>
  class Queue {
   public:
    Queue() {
      waiting_.reserve(kMost);
      taken_.reserve(kMost);
    }
    bool Give(const Order& order) {
      const std::lock_guard lock(mutex_);
      if (waiting_.size() == kMost) return false;
      waiting_.push_back(order);
      some_.store(true, std::memory_order_release);
      return true;
    }
    std::span<const Order> Take() {
      if (!some_.load(std::memory_order_acquire)) return {};
      taken_.clear();
      const std::lock_guard lock(mutex_);
      taken_.swap(waiting_);
      some_.store(false, std::memory_order_relaxed);
      return taken_;
    }

   private:
    std::mutex mutex_;
    std::vector<Order> waiting_;
    std::atomic<bool> some_{false};
    std::vector<Order> taken_;  // the zone thread's
  };

  Queue<session::BanOrder> bans_;
  Queue<session::OperatorOrder> orders_;
};

/// For how long the zone refuses an account whose ban ends at `until_us` (0: lifted): until the
/// last connect token of before the ban has expired, at most until the end of the ban.
core::Tick RefusedTicks(int64_t until_us, int64_t now_us, int token_life_s, int tick_hz);

}  // namespace bluemarble::app
