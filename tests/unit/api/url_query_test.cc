#include "api/url_query.h"

#include <gtest/gtest.h>

namespace bluemarble::api {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

TEST(UrlQuery, SplitsAndDecodes) {
  const std::pair<const char*, Pairs> cases[] = {
      {"", {}},
      {"verbose", {{"verbose", ""}}},
      {"a=1&b=2", {{"a", "1"}, {"b", "2"}}},
      {"&&a=1&", {{"a", "1"}}},
      {"a=b=c", {{"a", "b=c"}}},
      {"x=a%20b+c%2f%2F", {{"x", "a b c//"}}},
      {"=", {{"", ""}}},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(ParseQuery(text), expected) << text;
  }
}

TEST(UrlQuery, RefusesBrokenEscapes) {
  for (const char* text : {"a=%", "a=%2", "a=%zz", "%g0=1", "a=%2&b=1"}) {
    EXPECT_EQ(ParseQuery(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace bluemarble::api
