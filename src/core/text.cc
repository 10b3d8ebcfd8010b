#include "core/text.h"

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

bool IsControl(int32_t c) { return c < 0x20 || (c >= 0x7f && c < 0xa0); }
bool IsDirectionMark(int32_t c) {
  return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069);
}

}  // namespace

Status ValidateText(std::string_view text, size_t max_bytes) {
  if (text.empty()) return {Code::kInvalid, "text is empty"};
  if (text.size() > max_bytes) return {Code::kInvalid, "text is too long"};
  for (size_t i = 0; i < text.size();) {
    const int32_t c = NextCodePoint(text, i);
    if (c < 0) return {Code::kInvalid, "text is not valid UTF-8"};
    if (IsControl(c)) return {Code::kInvalid, "text has a control character"};
    if (IsDirectionMark(c)) return {Code::kInvalid, "text has a direction mark"};
  }
  return Status::Ok();
}

Status ValidateName(std::string_view name, size_t max_bytes) {
  if (Status s = ValidateText(name, max_bytes); !s.ok()) return s;
  if (name.front() == ' ' || name.back() == ' ' || name.find("  ") != std::string_view::npos) {
    return {Code::kInvalid, "name has a leading, trailing or double space"};
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
    if (c >= 0 && !IsControl(c) && !IsDirectionMark(c)) {
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
