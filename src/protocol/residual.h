/// How one number of a part is coded against its prediction: a token for its magnitude, from a
/// table that is chosen by how large residuals were so far, then the token's free bits. The same
/// code writes, reads and counts: a Coder returns the value it wrote, or the one it read instead of
/// the one given. Integers only. Format: proto/WIRE.md "Residuals".
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

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
/// at the end, then nothing: a row is one cache line. Made by tests/bench/residual_training from
/// synthetic movement; a copy is in proto/WIRE.md.
inline constexpr size_t kTokenStarts = 32;
extern const uint16_t kTokenStart[kTokenRows][kTokenStarts];

/// A magnitude's token when there were no upper bound: 0..3 as they are, then two to the octave.
constexpr uint32_t OpenToken(uint32_t magnitude) {
  if (magnitude < 4) return magnitude;
  const auto width = static_cast<uint32_t>(std::bit_width(magnitude));
  return 2 * width - 2 + (magnitude >> (width - 2) & 1);
}

/// OpenToken by table where residuals nearly always are: a branch at 4 would be guessed wrongly.
inline constexpr uint32_t kSmallMagnitudes = 256;
inline constexpr auto kSmallToken = [] {
  std::array<uint8_t, kSmallMagnitudes> tokens{};
  for (uint32_t m = 0; m < kSmallMagnitudes; ++m) tokens[m] = static_cast<uint8_t>(OpenToken(m));
  return tokens;
}();
inline uint32_t TokenOf(uint32_t magnitude) {
  if (magnitude < kSmallMagnitudes) [[likely]]
    return kSmallToken[magnitude];
  return std::min(OpenToken(magnitude), kLargeToken);
}

/// What a token says of its magnitude: the leading bits, and how many follow. Of the last one more
/// follow, as it says itself.
struct TokenContent {
  uint8_t top = 0;
  uint8_t free_bits = 0;
  uint8_t signs = 1;  ///< Bits of the sign: zero has none.
  uint8_t level = 0;
};

/// About eight times log2(1 + magnitude).
constexpr int LevelOfToken(uint32_t token) {
  return token == 0 ? 0 : static_cast<int>(4 * token + 4);
}
constexpr int LevelOf(uint32_t magnitude) { return LevelOfToken(OpenToken(magnitude)); }

inline constexpr auto kTokenContent = [] {
  std::array<TokenContent, kTokens> content{};
  for (uint32_t token = 0; token < kTokens; ++token) {
    content[token] = {.top = static_cast<uint8_t>(token < 4 ? token : 2 | (token & 1)),
                      .free_bits = static_cast<uint8_t>(token < 4 ? 0 : token / 2 - 1),
                      .signs = static_cast<uint8_t>(token > 0 ? 1 : 0),
                      .level = static_cast<uint8_t>(LevelOfToken(token))};
  }
  content[kLargeToken].top = 1;
  content[kLargeToken].free_bits = 12;
  return content;
}();

/// How large one field's residuals are in this part, as a mean of levels times 16. Starts with a
/// guess and forgets it soon.
struct ResidualScale {
  int level = 0;
  uint32_t seen = 0;

  static ResidualScale Guess(uint32_t magnitude) { return {16 * LevelOf(magnitude), 0}; }
  void Add(int residual_level) {
    // One that is far out, as after a bounce, says little about the others.
    level += (std::min(16 * residual_level, level + 256) - level) >> kRate[seen];
    seen = std::min(seen + 1, kSettled);
  }

 private:
  static constexpr uint32_t kSettled = 14;
  static constexpr std::array<uint8_t, kSettled + 1> kRate = {1, 1, 2, 2, 2, 2, 3, 3,
                                                              3, 3, 3, 3, 3, 3, 4};
};

/// What CodeResidual does once the row is known; `shift` bits of the magnitude are noise.
template <typename Coder, typename Shift>
[[gnu::always_inline]] inline int32_t CodeInRow(Coder& coder, TokenSet set, int row, Shift shift,
                                                int32_t value, int near, int& level) {
  const int column =
      near < 0 ? kNoneNear : std::min((3 * std::max(near - 8 * shift, 0) + 8) >> 4, kNoneNear - 1);
  const auto given = static_cast<uint32_t>(value < 0 ? -value : value);
  const uint32_t token = coder.Token(
      static_cast<size_t>((static_cast<int>(set) * kScaleRows + row) * kNearRows + column),
      TokenOf(given >> shift));
  const TokenContent& content = kTokenContent[token];
  int free_bits = content.free_bits + shift;
  if (token == kLargeToken) [[unlikely]]
    free_bits +=
        static_cast<int>(coder.Bits(static_cast<uint32_t>(std::bit_width(given >> shift)) - 13, 4));
  uint64_t magnitude = uint64_t{content.top} << free_bits | coder.Bits(given, free_bits);
  const bool negative = coder.Bits(value < 0 ? 1 : 0, shift > 0 ? 1 : content.signs) != 0;
  level = content.level;
  if (shift > 0 || token == kLargeToken) [[unlikely]] {
    magnitude = std::min<uint64_t>(magnitude, kResidualLimit);
    level = LevelOf(static_cast<uint32_t>(magnitude));
  }
  return negative ? -static_cast<int32_t>(magnitude) : static_cast<int32_t>(magnitude);
}

/// Codes `value`; `near` is the mean level of the member's residuals before it, -1 for the first.
/// |value| <= kResidualLimit.
template <typename Coder>
[[gnu::always_inline]] inline int32_t CodeResidual(Coder& coder, TokenSet set, int32_t value,
                                                   ResidualScale& scale, int near, int& level) {
  const int row = (scale.level + 32) >> 6;
  int32_t coded = 0;
  if (row < kScaleRows) [[likely]] {
    coded = CodeInRow(coder, set, row, std::integral_constant<int, 0>(), value, near, level);
  } else {  // above the table's largest scale the low bits are noise: they go as they are
    const int shift = (row - kScaleRows + 2) / 2;
    coded = CodeInRow(coder, set, row - 2 * shift, shift, value, near, level);
  }
  scale.Add(level);
  return coded;
}

}  // namespace bluemarble::protocol
