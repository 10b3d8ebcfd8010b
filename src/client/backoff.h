/// When to try again: a random part of a span that doubles, so that a crowd which lost the server
/// at once comes back one by one; or when the server said. Deterministic for a seed. One thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/hash.h"

namespace bluemarble::client {

class Backoff {
 public:
  Backoff(int first_ms, int most_ms, uint64_t seed)
      : first_ms_(first_ms), most_ms_(std::max(first_ms, most_ms)), random_(seed) {}

  /// Milliseconds until the next try. `told_ms`: what the server asked for, 0: nothing.
  int64_t NextMs(int told_ms) {
    const int64_t span_ms =
        std::min<int64_t>(most_ms_, int64_t{first_ms_} << std::min(tries_, kMostDoublings));
    if (tries_ < kMostDoublings) ++tries_;
    // The server spreads those whom it tells; the little on top spreads equal answers.
    if (told_ms > 0)
      return told_ms + static_cast<int64_t>(random_.Unit() * std::min(kToldJitterMs, told_ms));
    return static_cast<int64_t>(random_.Unit() * static_cast<double>(span_ms));
  }
  void Reset() { tries_ = 0; }

 private:
  static constexpr int kMostDoublings = 16;
  static constexpr int kToldJitterMs = 250;

  int first_ms_, most_ms_;
  core::Random random_;
  int tries_ = 0;
};

}  // namespace bluemarble::client
