#include "core/text.h"

#include <gtest/gtest.h>

#include <string>

namespace bluemarble::core {
namespace {

using namespace std::string_literals;

TEST(Text, AcceptsOrdinaryTextOfManyScripts) {
  for (const char* text : {"Ada", "José", "日本語", "Ελληνικά", "a b-c_d.9", "🌍"}) {
    EXPECT_TRUE(ValidateText(text, 64).ok()) << text;
  }
}

TEST(Text, RefusesEachKindOfBadTextWithItsReason) {
  const struct {
    std::string text;
    const char* reason;
  } cases[] = {
      {"", "empty"},
      {"\0"s, "control"},
      {"a\nb", "control"},
      {"\x7f", "control"},
      {"\xc2\x85", "control"},
      {"\xff", "UTF-8"},
      {"\xc0\xaf", "UTF-8"},
      {"\xed\xa0\x80", "UTF-8"},
      {"\xf4\x90\x80\x80", "UTF-8"},
      {"\xe2\x82", "UTF-8"},
      {"\xe2\x80\xae", "direction"},
      {std::string(65, 'a'), "long"},
  };
  for (const auto& c : cases) {
    const Status status = ValidateText(c.text, 64);
    EXPECT_EQ(status.code(), Code::kInvalid) << EscapeForLog(c.text);
    EXPECT_NE(std::string(status.context()).find(c.reason), std::string::npos) << status.context();
  }
}

TEST(Text, NamesHaveNoStraySpaces) {
  EXPECT_TRUE(ValidateName("Ada Lovelace").ok());
  for (const char* name : {" Ada", "Ada ", "Ada  Lovelace"})
    EXPECT_FALSE(ValidateName(name).ok()) << name;
}

TEST(Text, EscapesWhatCouldForgeALogLine) {
  EXPECT_EQ(EscapeForLog("a\nb\x1b[0m\xff é"), "a\\x0ab\\x1b[0m\\xff é");
}

}  // namespace
}  // namespace bluemarble::core
