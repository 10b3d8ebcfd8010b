/// First-come list of indices that wish for something since a tick; each index at most once,
/// joining, leaving and the oldest in O(1). Its memory is reserved at construction. One thread.
#pragma once

#include <cstdint>
#include <vector>

#include "core/ids.h"

namespace bluemarble::aoi {

class WishQueue {
 public:
  static constexpr uint32_t kNone = 0xffffffffu;

  explicit WishQueue(uint32_t capacity) { links_.reserve(capacity); }

  bool Has(uint32_t index) const { return index < links_.size() && links_[index].waiting; }
  /// Joins at the end, or keeps the older place. `now` never goes back from call to call.
  void Wish(uint32_t index, core::Tick now) {
    if (Has(index)) return;
    if (index >= links_.size()) links_.resize(index + 1);
    links_[index] = {tail_, kNone, true, now};
    (tail_ == kNone ? head_ : links_[tail_].next) = index;
    tail_ = index;
  }
  void Drop(uint32_t index) {
    if (!Has(index)) return;
    Link& link = links_[index];
    (link.previous == kNone ? head_ : links_[link.previous].next) = link.next;
    (link.next == kNone ? tail_ : links_[link.next].previous) = link.previous;
    link.waiting = false;
  }
  void Set(uint32_t index, bool wishes, core::Tick now) {
    if (wishes) {
      Wish(index, now);
    } else {
      Drop(index);
    }
  }

  /// The oldest, and who joined after `index`; kNone when there is none.
  uint32_t front() const { return head_; }
  uint32_t after(uint32_t index) const { return links_[index].next; }
  core::Tick since(uint32_t index) const { return links_[index].since; }

 private:
  struct Link {
    uint32_t previous = kNone;
    uint32_t next = kNone;
    bool waiting = false;
    core::Tick since = 0;
  };
  std::vector<Link> links_;
  uint32_t head_ = kNone;
  uint32_t tail_ = kNone;
};

}  // namespace bluemarble::aoi
