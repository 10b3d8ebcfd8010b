/// A line of things whose turn comes soon, each looked at twice before it: far ahead, when it is
/// added, and kNear before its turn. So what the first look fetches into the cache (an index, a
/// pointer) is there when the second follows it, and the thing itself when its turn has come:
/// thousands of peers, taken in no order, are otherwise a wait for memory each. One thread.
#pragma once

#include <array>
#include <cstddef>

namespace bluemarble::core {

template <typename T>
class LookAhead {
 public:
  static constexpr int kFar = 8, kNear = 4;

  /// At most kFar may wait.
  void Add(const T& item) { items_[end_++ % kFar] = item; }
  /// The turn of the oldest has come: which one is to be looked at again; null: none.
  const T* Turn() {
    if (begin_ == end_) return nullptr;
    const T* const near = end_ - begin_ > kNear ? &items_[(begin_ + kNear) % kFar] : nullptr;
    ++begin_;
    return near;
  }

 private:
  std::array<T, kFar> items_{};
  size_t begin_ = 0, end_ = 0;
};

/// Has the bytes of `object` from its beginning to `bytes` fetched.
inline void Fetch(const void* object, size_t bytes = 64) {
  const auto* const begin = static_cast<const char*>(object);
  for (size_t at = 0; at < bytes; at += 64) __builtin_prefetch(begin + at);
}

}  // namespace bluemarble::core
