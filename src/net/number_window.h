/// Which of the newest numbers of a rising sequence have been seen: against replayed datagrams, and
/// for tokens that are good once. Numbers that fell out of the window count as seen. Owner's
/// thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace bluemarble::net {

template <size_t kWords>
class NumberWindow {
 public:
  /// Numbers below the highest that are still told apart; the rest of the ring is being reused.
  static constexpr uint64_t kSpan = (kWords - 1) * 64;

  bool Seen(uint64_t number) const {
    if (number >= next_) return number == UINT64_MAX;  // its successor could not be counted
    if (next_ - number > kSpan) return true;
    return (words_[(number >> 6) % kWords] >> (number & 63) & 1) != 0;
  }
  /// Only after Seen said no.
  void Mark(uint64_t number) {
    if (number >= next_) {
      const uint64_t first = next_ == 0 ? 0 : ((next_ - 1) >> 6) + 1;
      const uint64_t last = number >> 6;
      for (uint64_t i = std::max(first, last >= kWords ? last - kWords + 1 : 0); i <= last; ++i)
        words_[i % kWords] = 0;
      next_ = number + 1;
    }
    words_[(number >> 6) % kWords] |= uint64_t{1} << (number & 63);
  }
  /// One above the highest number marked; 0: none yet.
  uint64_t next() const { return next_; }

 private:
  uint64_t next_ = 0;
  std::array<uint64_t, kWords> words_{};
};

}  // namespace bluemarble::net
