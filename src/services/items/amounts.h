/// What numbers out of a player's message may be. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace bluemarble::items {

/// Gold in one action.
inline constexpr int64_t kMaxAmount = 2'147'483'647;
/// Gold of one player; far from where sums overflow.
inline constexpr int64_t kMaxBalance = std::numeric_limits<int64_t>::max() / 4;

constexpr bool IsAmount(int64_t gold) { return gold >= 0 && gold <= kMaxAmount; }
constexpr bool MayReceive(int64_t balance, int64_t gold) { return balance <= kMaxBalance - gold; }

constexpr bool HasRepeats(std::span<const int64_t> ids) {
  for (size_t i = 0; i < ids.size(); ++i) {
    for (size_t j = i + 1; j < ids.size(); ++j) {
      if (ids[i] == ids[j]) return true;
    }
  }
  return false;
}

}  // namespace bluemarble::items
