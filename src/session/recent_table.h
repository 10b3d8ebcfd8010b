/// A table of fixed capacity that makes room for a new key by forgetting the one that was touched
/// longest ago. O(1), no allocation after construction, the same content for the same calls. One
/// thread.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "core/hash.h"

namespace bluemarble::session {

template <class Value>
class RecentTable {
 public:
  explicit RecentTable(uint32_t capacity)
      : entries_(capacity), heads_(std::bit_ceil(size_t{capacity} * 2 + 1), kNone) {}

  /// Null when it is not known (any more). Does not touch it.
  Value* Find(uint64_t key) {
    const uint32_t at = IndexOf(key);
    return at == kNone ? nullptr : &entries_[at].value;
  }
  /// Finds it or makes it with a fresh value; it is the newest now.
  Value& Touch(uint64_t key) {
    uint32_t at = IndexOf(key);
    if (at == newest_ && at != kNone) return entries_[at].value;
    if (at != kNone) {
      Unlink(at);
    } else {
      at = Place(key);
    }
    LinkNewest(at);
    return entries_[at].value;
  }
  /// Newest first, until `visit` answers false.
  template <class Visit>
  void ForEach(Visit visit) const {
    for (uint32_t at = newest_; at != kNone; at = entries_[at].older)
      if (!visit(entries_[at].key, entries_[at].value)) return;
  }
  uint32_t size() const { return size_; }
  uint64_t forgotten() const { return forgotten_; }

 private:
  static constexpr uint32_t kNone = 0xffffffffu;
  struct Entry {
    uint64_t key = 0;
    Value value{};
    uint32_t newer = kNone, older = kNone;
    uint32_t next = kNone;  // of the same head
  };

  uint32_t& HeadOf(uint64_t key) { return heads_[core::Mix64(key) & (heads_.size() - 1)]; }
  uint32_t IndexOf(uint64_t key) {
    uint32_t at = HeadOf(key);
    while (at != kNone && entries_[at].key != key) at = entries_[at].next;
    return at;
  }
  uint32_t Place(uint64_t key) {
    uint32_t at = size_;
    if (size_ < entries_.size()) {
      ++size_;
    } else {
      at = oldest_;
      ++forgotten_;
      Unlink(at);
      uint32_t* link = &HeadOf(entries_[at].key);
      while (*link != at) link = &entries_[*link].next;
      *link = entries_[at].next;
    }
    uint32_t& head = HeadOf(key);
    entries_[at] = Entry{.key = key, .next = head};
    head = at;
    return at;
  }
  void Unlink(uint32_t at) {
    Entry& entry = entries_[at];
    (entry.newer == kNone ? newest_ : entries_[entry.newer].older) = entry.older;
    (entry.older == kNone ? oldest_ : entries_[entry.older].newer) = entry.newer;
  }
  void LinkNewest(uint32_t at) {
    entries_[at].newer = kNone;
    entries_[at].older = newest_;
    if (newest_ != kNone) entries_[newest_].newer = at;
    newest_ = at;
    if (oldest_ == kNone) oldest_ = at;
  }

  std::vector<Entry> entries_;
  std::vector<uint32_t> heads_;
  uint32_t size_ = 0;
  uint32_t newest_ = kNone, oldest_ = kNone;
  uint64_t forgotten_ = 0;
};

}  // namespace bluemarble::session
