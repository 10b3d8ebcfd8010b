/// Fixed pool of T addressed by 32-bit indices. Memory is reserved at construction and touched only
/// as far as it was ever used; an index given back is the next one taken, so equal operations give
/// equal indices. Owned by whoever owns the pool; one thread.
#pragma once

#include <cassert>
#include <cstdint>
#include <vector>

namespace bluemarble::aoi {

template <typename T>
class Pool {
 public:
  explicit Pool(uint32_t capacity) : capacity_(capacity) {
    items_.reserve(capacity);
    free_.reserve(capacity);
  }

  /// `available() > 0`. The item still holds what its last user left in it.
  uint32_t Take() {
    assert(available() > 0);
    if (free_.empty()) {
      items_.emplace_back();
      return static_cast<uint32_t>(items_.size() - 1);
    }
    const uint32_t index = free_.back();
    free_.pop_back();
    return index;
  }
  void Give(uint32_t index) { free_.push_back(index); }

  T& operator[](uint32_t index) { return items_[index]; }
  const T& operator[](uint32_t index) const { return items_[index]; }
  /// Indices below this were taken at least once.
  uint32_t touched() const { return static_cast<uint32_t>(items_.size()); }
  uint32_t used() const { return static_cast<uint32_t>(items_.size() - free_.size()); }
  uint32_t available() const { return capacity_ - used(); }
  uint32_t capacity() const { return capacity_; }

 private:
  uint32_t capacity_;
  std::vector<T> items_;
  std::vector<uint32_t> free_;
};

}  // namespace bluemarble::aoi
