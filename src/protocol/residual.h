/// How one number of a part is coded against its prediction: a token for its magnitude, from a
/// table that is chosen by how large residuals were so far, then the token's free bits. The same
/// code writes, reads and counts: a Coder returns the value it wrote, or the one it read instead of
/// the one given. Integers only. Format: proto/WIRE.md "Residuals".
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace bluemarble::protocol {

inline constexpr int kTokenBits = 12;    ///< A row's frequencies add up to 4,096.
inline constexpr uint32_t kTokens = 25;  ///< Magnitudes 0..4,095, and one for larger ones.
inline constexpr uint32_t kLargeToken = 24;
inline constexpr int kScaleRows = 10;  ///< By the running scale...
inline constexpr int kNearRows = 10;   ///< ...and by the member's residuals before this one.
inline constexpr int kNoneNear = kNearRows - 1;  ///< The member's first residual.

inline constexpr uint32_t kResidualLimit = (1u << 23) - 1;  ///< Largest magnitude.

/// Bodies that fly and bounce err otherwise than those that walk.
enum class TokenSet : uint8_t { kWalking = 0, kFlying = 1 };
inline constexpr int kTokenSets = 2;
inline constexpr size_t kTokenRows = size_t{kTokenSets} * kScaleRows * kNearRows;

/// Row (set * kScaleRows + scale) * kNearRows + near: where each token starts in 4,096, and 4,096
/// at the end. Made by tests/bench/residual_training from synthetic movement; a copy is in
/// proto/WIRE.md.
extern const uint16_t kTokenStart[kTokenRows][kTokens + 1];

/// A magnitude's token when there were no upper bound: 0..3 as they are, then two to the octave.
constexpr uint32_t OpenToken(uint32_t magnitude) {
  if (magnitude < 4) return magnitude;
  const auto width = static_cast<uint32_t>(std::bit_width(magnitude));
  return 2 * width - 2 + (magnitude >> (width - 2) & 1);
}

/// About eight times log2(1 + magnitude).
constexpr int LevelOf(uint32_t magnitude) {
  return magnitude == 0 ? 0 : static_cast<int>(4 * OpenToken(magnitude) + 4);
}

/// How large one field's residuals are in this part, as a mean of levels times 16. Starts with a
/// guess and forgets it soon.
struct ResidualScale {
  int level = 0;
  int seen = 0;

  static ResidualScale Guess(uint32_t magnitude) { return {16 * LevelOf(magnitude), 0}; }
  void Add(int residual_level) {
    const int rate = seen < 2 ? 1 : seen < 6 ? 2 : seen < 14 ? 3 : 4;
    // One that is far out, as after a bounce, says little about the others.
    level += (std::min(16 * residual_level, level + 256) - level) >> rate;
    ++seen;
  }
};

/// Codes `value`; `near` is the mean level of the member's residuals before it, -1 for the first.
/// |value| <= kResidualLimit.
template <typename Coder>
int32_t CodeResidual(Coder& coder, TokenSet set, int32_t value, ResidualScale& scale, int near,
                     int& level) {
  int row = (scale.level + 32) >> 6;
  // Above the table's largest scale the low bits are noise: they go as they are.
  const int shift = row < kScaleRows ? 0 : (row - kScaleRows + 2) / 2;
  row -= 2 * shift;
  const int column =
      near < 0 ? kNoneNear : std::min((3 * std::max(near - 8 * shift, 0) + 8) >> 4, kNoneNear - 1);

  const auto given = static_cast<uint32_t>(value < 0 ? -value : value);
  const uint32_t token = coder.Token(
      static_cast<size_t>((static_cast<int>(set) * kScaleRows + row) * kNearRows + column),
      std::min(OpenToken(given >> shift), kLargeToken));
  uint64_t magnitude = 0;
  bool negative = false;
  if (token > 0 || shift > 0) {
    int free_bits = 0;
    uint64_t top = token;
    if (token == kLargeToken) {
      const auto width = static_cast<uint32_t>(std::bit_width(given >> shift));
      free_bits = static_cast<int>(coder.Bits(width - 13, 4)) + 12;
      top = 1;
    } else if (token >= 4) {
      free_bits = static_cast<int>(token / 2) - 1;
      top = 2 | (token & 1);
    }
    free_bits += shift;
    magnitude = top << free_bits | coder.Bits(given, free_bits);
    negative = coder.Bits(value < 0 ? 1 : 0, 1) != 0;
  }
  const auto bounded = static_cast<uint32_t>(std::min<uint64_t>(magnitude, kResidualLimit));
  level = LevelOf(bounded);
  scale.Add(level);
  return negative ? -static_cast<int32_t>(bounded) : static_cast<int32_t>(bounded);
}

}  // namespace bluemarble::protocol
