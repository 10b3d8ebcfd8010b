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

namespace bluemarble::protocol {

inline constexpr int kTokenBits = 12;    ///< A row's frequencies add up to 4,096.
inline constexpr uint32_t kTokens = 25;  ///< Magnitudes 0..4,095, and one for larger ones.
inline constexpr uint32_t kLargeToken = 24;
inline constexpr int kScaleRows = 10;  ///< By the running scale...
inline constexpr int kNearRows = 10;   ///< ...and by the member's residuals before this one.
inline constexpr int kNoneNear = kNearRows - 1;  ///< The member's first residual.

inline constexpr uint32_t kResidualLimit = (1u << 23) - 1;  ///< Largest magnitude.
/// Of one number, at most: what its token leaves open of the largest magnitude. More are malformed.
inline constexpr int kMostFreeBits = std::bit_width(kResidualLimit) - 1;

/// Bodies that fly and bounce err otherwise than those that walk.
enum class TokenSet : uint8_t { kWalking = 0, kFlying = 1 };
inline constexpr int kTokenSets = 2;
inline constexpr size_t kTokenRows = size_t{kTokenSets} * kScaleRows * kNearRows;

/// Row (set * kScaleRows + scale) * kNearRows + near: where each token starts in 4,096, and 4,096
/// at the end, then nothing: a row is one cache line. Made by tests/bench/residual_training from
/// synthetic movement; a copy is proto/residuals.csv.
inline constexpr size_t kTokenStarts = 32;
extern const uint16_t kTokenStart[kTokenRows][kTokenStarts];

/// A magnitude's token when there were no upper bound: 0..3 as they are, then two to the octave.
constexpr uint32_t OpenToken(uint32_t magnitude) {
  if (magnitude < 4) return magnitude;
  const auto width = static_cast<uint32_t>(std::bit_width(magnitude));
  return 2 * width - 2 + (magnitude >> (width - 2) & 1);
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

/// All of that for magnitudes as they nearly always are.
struct alignas(8) SmallMagnitude {
  uint8_t token = 0;
  uint8_t free_bits = 0;
  uint8_t rest = 0;  ///< The free bits.
  uint8_t signs = 0;
  uint8_t level = 0;
};
inline constexpr uint32_t kSmallMagnitudes = 256;
inline constexpr auto kSmallMagnitude = [] {
  std::array<SmallMagnitude, kSmallMagnitudes> small{};
  for (uint32_t m = 0; m < kSmallMagnitudes; ++m) {
    const TokenContent& content = kTokenContent[OpenToken(m)];
    small[m] = {.token = static_cast<uint8_t>(OpenToken(m)),
                .free_bits = content.free_bits,
                .rest = static_cast<uint8_t>(m & ((1u << content.free_bits) - 1)),
                .signs = content.signs,
                .level = content.level};
  }
  return small;
}();

/// How large one field's residuals are in this part, as a mean of levels times 16. Starts with a
/// guess and forgets it soon.
struct ResidualScale {
  int level = 0;
  uint32_t seen = 0;

  static ResidualScale Guess(uint32_t magnitude) { return {16 * LevelOf(magnitude), 0}; }
  void Add(int residual_level) {
    // One that is far out, as after a bounce, says little about the others.
    level += std::min(16 * residual_level - level, 256) >> kRate[seen];
    ++seen;
  }

 private:
  static constexpr uint32_t kMostSeen = 96;  // three of each of a part's members
  static constexpr auto kRate = [] {
    std::array<uint8_t, kMostSeen> rate{};
    for (size_t i = 0; i < kMostSeen; ++i) rate[i] = i < 2 ? 1 : i < 6 ? 2 : i < 14 ? 3 : 4;
    return rate;
  }();
};

/// The column of the table by the mean level of the member's residuals before this one.
inline constexpr int kMostLevel = LevelOf(kResidualLimit);
inline constexpr auto kNearColumn = [] {
  std::array<uint8_t, kMostLevel + 1> column{};
  for (int near = 0; near <= kMostLevel; ++near)
    column[static_cast<size_t>(near)] =
        static_cast<uint8_t>(std::min((3 * near + 8) >> 4, kNoneNear - 1));
  return column;
}();

/// A number by its token in `row` and what the token leaves open; `shift` bits are noise.
template <typename Coder>
int32_t CodeNumber(Coder& coder, size_t row, int shift, int32_t value, int& level) {
  const auto given = static_cast<uint32_t>(value < 0 ? -value : value);
  const uint32_t token = coder.Token(row, std::min(OpenToken(given >> shift), kLargeToken));
  const TokenContent& content = kTokenContent[token];
  int free_bits = content.free_bits + shift;
  if (token == kLargeToken) [[unlikely]]
    free_bits +=
        static_cast<int>(coder.Bits(static_cast<uint32_t>(std::bit_width(given >> shift)) - 13, 4));
  const uint64_t magnitude = std::min<uint64_t>(
      uint64_t{content.top} << free_bits | coder.Bits(given, free_bits), kResidualLimit);
  const bool negative = coder.Bits(value < 0 ? 1 : 0, shift > 0 ? 1 : content.signs) != 0;
  level = LevelOf(static_cast<uint32_t>(magnitude));
  return negative ? -static_cast<int32_t>(magnitude) : static_cast<int32_t>(magnitude);
}

/// Codes `value`; `near` is the mean level of the member's residuals before it, -1 for the first.
/// |value| <= kResidualLimit.
template <typename Coder>
[[gnu::always_inline]] inline int32_t CodeResidual(Coder& coder, TokenSet set, int32_t value,
                                                   ResidualScale& scale, int near, int& level) {
  const auto row = static_cast<uint32_t>(scale.level + 32) >> 6;
  const auto index = [&](uint32_t in_row, uint32_t column) __attribute__((always_inline)) {
    return (static_cast<uint32_t>(set) * uint32_t{kScaleRows} + in_row) * uint32_t{kNearRows} +
           column;
  };
  int32_t coded = 0;
  if (row < uint32_t{kScaleRows}) [[likely]] {
    const uint32_t column =
        near < 0 ? uint32_t{kNoneNear} : kNearColumn[static_cast<uint32_t>(near)];
    coded = coder.Number(index(row, column), value, level);
  } else {  // above the table's largest scale the low bits are noise: they go as they are
    const uint32_t shift = (row - uint32_t{kScaleRows} + 2) / 2;
    const uint32_t less = static_cast<uint32_t>(std::max(near - 8 * static_cast<int>(shift), 0));
    const uint32_t column = near < 0 ? uint32_t{kNoneNear} : kNearColumn[less];
    coded =
        CodeNumber(coder, index(row - 2 * shift, column), static_cast<int>(shift), value, level);
  }
  scale.Add(level);
  return coded;
}

}  // namespace bluemarble::protocol
