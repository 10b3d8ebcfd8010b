#include "core/text.h"

#include <algorithm>
#include <cstdint>

namespace bluemarble::core {
namespace {

// Decodes one code point at text[i] and advances i; -1 for anything RFC 3629 forbids (i then
// advances by 1).
int32_t NextCodePoint(std::string_view text, size_t& i) {
  const auto byte = [&](size_t k) { return static_cast<uint8_t>(text[k]); };
  const uint8_t lead = byte(i);
  if (lead < 0x80) return text[i++];
  const int length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || i + static_cast<size_t>(length) > text.size()) {
    ++i;
    return -1;
  }
  int32_t value = lead & (0x7f >> length);
  for (int k = 1; k < length; ++k) {
    const uint8_t next = byte(i + static_cast<size_t>(k));
    if ((next & 0xc0) != 0x80) {
      ++i;
      return -1;
    }
    value = value << 6 | (next & 0x3f);
  }
  static constexpr int32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kSmallest[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
    ++i;
    return -1;
  }
  i += static_cast<size_t>(length);
  return value;
}

struct Range {
  int32_t first;
  int32_t last;
};

template <size_t N>
bool In(const Range (&ranges)[N], int32_t c) {
  return std::ranges::any_of(ranges, [c](Range r) { return c >= r.first && c <= r.last; });
}

bool IsControl(int32_t c) { return c < 0x20 || (c >= 0x7f && c < 0xa0); }

bool IsDirectionMark(int32_t c) {
  return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069);
}

bool IsSeparator(int32_t c) { return c == 0x2028 || c == 0x2029; }

bool IsNonCharacter(int32_t c) { return (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef); }

constexpr int32_t kNonJoiner = 0x200c;
constexpr int32_t kJoiner = 0x200d;
bool IsJoiner(int32_t c) { return c == kNonJoiner || c == kJoiner; }

/// Shows nothing, or nothing of its own, wherever it stands.
bool IsInvisible(int32_t c) {
  static constexpr Range kInvisible[] = {
      {0x00ad, 0x00ad},    // soft hyphen
      {0x034f, 0x034f},    // combining grapheme joiner
      {0x115f, 0x1160},    // Hangul fillers
      {0x17b4, 0x17b5},    // Khmer inherent vowels
      {0x180b, 0x180f},    // Mongolian variation selectors and vowel separator
      {0x200b, 0x200d},    // zero-width space and joiners
      {0x2060, 0x2065},    // word joiner, invisible operators
      {0x206a, 0x206f},    // deprecated format characters
      {0x3164, 0x3164},    // Hangul filler
      {0xfeff, 0xfeff},    // byte order mark
      {0xffa0, 0xffa0},    // half-width Hangul filler
      {0xfff0, 0xfffb},    // interlinear annotation
      {0x1bca0, 0x1bca3},  // shorthand format controls
      {0x1d173, 0x1d17a},  // musical format controls
      {0xe0000, 0xe0fff},  // tags, variation selectors supplement
  };
  return In(kInvisible, c);
}

/// Chooses how the character before it is drawn; part of common emoji.
bool IsVariationSelector(int32_t c) { return c >= 0xfe00 && c <= 0xfe0f; }

/// White, and not U+0020.
bool IsOtherSpace(int32_t c) {
  static constexpr Range kSpaces[] = {{0x00a0, 0x00a0}, {0x1680, 0x1680}, {0x2000, 0x200a},
                                      {0x202f, 0x202f}, {0x205f, 0x205f}, {0x2800, 0x2800},
                                      {0x3000, 0x3000}};
  return In(kSpaces, c);
}

bool IsPrivateUse(int32_t c) { return (c >= 0xe000 && c <= 0xf8ff) || c >= 0xf0000; }

/// Marks that are drawn on top of the character before them, without limit.
bool IsStackingMark(int32_t c) {
  static constexpr Range kMarks[] = {{0x0300, 0x036f}, {0x0483, 0x0489}, {0x1ab0, 0x1aff},
                                     {0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0xfe20, 0xfe2f}};
  return In(kMarks, c);
}
// Vietnamese needs two on a letter; a dozen reach into other people's lines.
constexpr int kMaxStackedMarks = 4;

Status CheckLength(std::string_view text, size_t max_bytes) {
  if (text.empty()) return {Code::kInvalid, "text is empty"};
  if (text.size() > max_bytes) return {Code::kInvalid, "text is too long"};
  return Status::Ok();
}

/// What no text may hold, whoever it is for.
Status CheckStorable(int32_t c) {
  if (c < 0) return {Code::kInvalid, "text is not valid UTF-8"};
  if (IsControl(c)) return {Code::kInvalid, "text has a control character"};
  return Status::Ok();
}

/// Besides that, what text for people may not hold; joiners are the caller's.
Status CheckReadable(int32_t c) {
  if (Status s = CheckStorable(c); !s.ok()) return s;
  if (IsDirectionMark(c)) return {Code::kInvalid, "text has a direction mark"};
  if (IsSeparator(c)) return {Code::kInvalid, "text has a line or paragraph separator"};
  if (IsNonCharacter(c)) return {Code::kInvalid, "text has a code point that is no character"};
  if (IsInvisible(c) && !IsJoiner(c)) return {Code::kInvalid, "text has an invisible character"};
  return Status::Ok();
}

}  // namespace

bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    if (NextCodePoint(text, i) < 0) return false;
  }
  return true;
}

Status ValidateStorable(std::string_view text, size_t max_bytes) {
  if (Status s = CheckLength(text, max_bytes); !s.ok()) return s;
  for (size_t i = 0; i < text.size();) {
    if (Status s = CheckStorable(NextCodePoint(text, i)); !s.ok()) return s;
  }
  return Status::Ok();
}

Status ValidateText(std::string_view text, size_t max_bytes) {
  if (Status s = CheckLength(text, max_bytes); !s.ok()) return s;
  int marks = 0;
  for (size_t i = 0; i < text.size();) {
    const int32_t c = NextCodePoint(text, i);
    if (Status s = CheckReadable(c); !s.ok()) return s;
    if (IsJoiner(c)) return {Code::kInvalid, "text has an invisible character"};
    marks = IsStackingMark(c) ? marks + 1 : 0;
    if (marks > kMaxStackedMarks) return {Code::kInvalid, "text has too many marks on a character"};
  }
  return Status::Ok();
}

Status ValidateChat(std::string_view text, size_t max_bytes) {
  if (Status s = CheckLength(text, max_bytes); !s.ok()) return s;
  constexpr int32_t kNone = ' ';
  int32_t before = kNone;
  bool visible = false;
  int marks = 0;
  for (size_t i = 0; i < text.size();) {
    const int32_t c = NextCodePoint(text, i);
    if (Status s = CheckReadable(c); !s.ok()) return s;
    const bool space = c == ' ' || IsOtherSpace(c);
    // Between two characters that are seen: Persian, the scripts of India, and emoji.
    const bool hangs = IsJoiner(c) && (IsJoiner(before) || before == kNone);
    if (hangs || (IsJoiner(before) && space))
      return {Code::kInvalid, "text has a joiner that joins nothing"};
    visible = visible || (!space && !IsJoiner(c) && !IsVariationSelector(c) && !IsStackingMark(c));
    marks = IsStackingMark(c) ? marks + 1 : 0;
    if (marks > kMaxStackedMarks) return {Code::kInvalid, "text has too many marks on a character"};
    before = space ? kNone : c;
  }
  if (IsJoiner(before)) return {Code::kInvalid, "text has a joiner that joins nothing"};
  if (!visible) return {Code::kInvalid, "text shows nothing"};
  return Status::Ok();
}

Status ValidateName(std::string_view name, size_t max_bytes) {
  if (Status s = ValidateText(name, max_bytes); !s.ok()) return s;
  if (name.front() == ' ' || name.back() == ' ' || name.find("  ") != std::string_view::npos) {
    return {Code::kInvalid, "name has a leading, trailing or double space"};
  }
  for (size_t i = 0; i < name.size();) {
    const bool first = i == 0;
    const int32_t c = NextCodePoint(name, i);
    if (IsOtherSpace(c)) return {Code::kInvalid, "name has a space that is not U+0020"};
    if (IsVariationSelector(c)) return {Code::kInvalid, "name has an invisible character"};
    if (IsPrivateUse(c)) return {Code::kInvalid, "name has a character without a meaning"};
    if (first && IsStackingMark(c)) return {Code::kInvalid, "name begins with a combining mark"};
  }
  return Status::Ok();
}

std::string EscapeForLog(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const size_t start = i;
    const int32_t c = NextCodePoint(text, i);
    if (c >= 0 && !IsControl(c) && !IsDirectionMark(c) && !IsSeparator(c) && !IsInvisible(c)) {
      out.append(text.substr(start, i - start));
      continue;
    }
    for (size_t k = start; k < i; ++k) {
      const auto b = static_cast<uint8_t>(text[k]);
      out += "\\x";
      out += kHex[b >> 4];
      out += kHex[b & 15];
    }
  }
  return out;
}

}  // namespace bluemarble::core
