#include "api/origin.h"

#include <algorithm>

namespace bluemarble::api {
namespace {

bool EqualLetters(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view AfterScheme(std::string_view origin) {
  const size_t at = origin.find("://");
  return at == std::string_view::npos ? std::string_view() : origin.substr(at + 3);
}

}  // namespace

OriginKind KindOfOrigin(std::string_view origin, std::string_view host,
                        const std::vector<std::string>& listed) {
  if (origin.empty()) return OriginKind::kNone;
  const std::string_view place = AfterScheme(origin);
  if (!place.empty() && EqualLetters(place, host)) return OriginKind::kOwn;
  const auto names = [origin](const std::string& entry) {
    return entry == "*" || EqualLetters(entry, origin);
  };
  return std::ranges::any_of(listed, names) ? OriginKind::kListed : OriginKind::kForeign;
}

void ValidateOrigins(const std::vector<std::string>& origins, std::vector<std::string>& problems) {
  for (const std::string& origin : origins) {
    if (origin == "*" || origin == "null") continue;
    const std::string_view place = AfterScheme(origin);
    if (place.empty() || place.find_first_of("/?#@, ") != std::string_view::npos)
      problems.push_back("http.origins: \"" + origin +
                         "\" is no origin; write \"https://play.example\", without a path");
  }
}

}  // namespace bluemarble::api
