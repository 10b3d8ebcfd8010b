#include "core/text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bluemarble::core {
namespace {

using namespace std::string_literals;

TEST(Text, AcceptsOrdinaryTextOfManyScripts) {
  for (const char* text : {"Ada", "José", "日本語", "Ελληνικά", "a b-c_d.9", "🌍"}) {
    EXPECT_TRUE(ValidateText(text, 64).ok()) << text;
  }
}

constexpr const char* kNotUtf8[] = {"\xff",
                                    "\x80",
                                    "\xc0\xaf",
                                    "\xc1\xbf",
                                    "\xe0\x9f\xbf",
                                    "\xf0\x8f\xbf\xbf",
                                    "\xed\xa0\x80",
                                    "\xed\xbf\xbf",
                                    "\xf4\x90\x80\x80",
                                    "\xe2\x82",
                                    "\xf8\x88\x80\x80\x80",
                                    "a\xc3",
                                    "\xc3("};

/// UTF-8 of one code point.
std::string Utf8(char32_t c) {
  std::string out;
  const auto put = [&out](uint32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | c >> 6);
    put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3f));
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  }
  return out;
}

std::string ReasonOf(const Status& status) {
  return status.ok() ? "ok" : std::string(status.context());
}

/// What each check says to "a" + c + "b"; empty: it takes it.
struct Row {
  char32_t first, last;
  const char* storable;
  const char* text;
  const char* chat;
  const char* name;
};
constexpr const char* kControl = "control";
constexpr const char* kMark = "direction";
constexpr const char* kLine = "separator";
constexpr const char* kHidden = "invisible";
constexpr const char* kNoChar = "no character";
constexpr const char* kWhite = "not U+0020";
constexpr Row kRows[] = {
    {0x00, 0x1f, kControl, kControl, kControl, kControl},
    {0x20, 0x7e, "", "", "", ""},
    {0x7f, 0x9f, kControl, kControl, kControl, kControl},
    {0xa0, 0xa0, "", "", "", kWhite},
    {0xa1, 0xac, "", "", "", ""},
    {0xad, 0xad, "", kHidden, kHidden, kHidden},
    {0x034f, 0x034f, "", kHidden, kHidden, kHidden},
    {0x061c, 0x061c, "", kMark, kMark, kMark},
    {0x115f, 0x1160, "", kHidden, kHidden, kHidden},
    {0x1680, 0x1680, "", "", "", kWhite},
    {0x17b4, 0x17b5, "", kHidden, kHidden, kHidden},
    {0x180b, 0x180f, "", kHidden, kHidden, kHidden},
    {0x2000, 0x200a, "", "", "", kWhite},
    {0x200b, 0x200b, "", kHidden, kHidden, kHidden},
    {0x200c, 0x200d, "", kHidden, "", kHidden},
    {0x200e, 0x200f, "", kMark, kMark, kMark},
    {0x2010, 0x2027, "", "", "", ""},
    {0x2028, 0x2029, "", kLine, kLine, kLine},
    {0x202a, 0x202e, "", kMark, kMark, kMark},
    {0x202f, 0x202f, "", "", "", kWhite},
    {0x205f, 0x205f, "", "", "", kWhite},
    {0x2060, 0x2065, "", kHidden, kHidden, kHidden},
    {0x2066, 0x2069, "", kMark, kMark, kMark},
    {0x206a, 0x206f, "", kHidden, kHidden, kHidden},
    {0x2800, 0x2800, "", "", "", kWhite},
    {0x3000, 0x3000, "", "", "", kWhite},
    {0x3164, 0x3164, "", kHidden, kHidden, kHidden},
    {0x4e00, 0x4e10, "", "", "", ""},
    {0xe000, 0xe010, "", "", "", "without a meaning"},
    {0xfdd0, 0xfdef, "", kNoChar, kNoChar, kNoChar},
    {0xfe00, 0xfe0f, "", "", "", kHidden},
    {0xfeff, 0xfeff, "", kHidden, kHidden, kHidden},
    {0xffa0, 0xffa0, "", kHidden, kHidden, kHidden},
    {0xfff9, 0xfffb, "", kHidden, kHidden, kHidden},
    {0xfffc, 0xfffd, "", "", "", ""},
    {0xfffe, 0xffff, "", kNoChar, kNoChar, kNoChar},
    {0x1f30d, 0x1f30d, "", "", "", ""},
    {0x1fffe, 0x1ffff, "", kNoChar, kNoChar, kNoChar},
    {0xe0000, 0xe007f, "", kHidden, kHidden, kHidden},
    {0xe0100, 0xe01ef, "", kHidden, kHidden, kHidden},
    {0x10fffe, 0x10ffff, "", kNoChar, kNoChar, kNoChar},
};

TEST(Text, TheTableOfCodePointsHolds) {
  const auto check = [](const char* what, const Status& status, const char* expected, char32_t c) {
    if (*expected == '\0') {
      EXPECT_TRUE(status.ok()) << what << " " << std::hex << uint32_t{c} << ReasonOf(status);
      return;
    }
    EXPECT_EQ(status.code(), Code::kInvalid) << what << " " << std::hex << uint32_t{c};
    EXPECT_NE(ReasonOf(status).find(expected), std::string::npos)
        << what << " " << std::hex << uint32_t{c} << " " << ReasonOf(status);
  };
  for (const Row& row : kRows) {
    for (char32_t c = row.first; c <= row.last; ++c) {
      const std::string text = "a" + Utf8(c) + "b";
      check("storable", ValidateStorable(text, 64), row.storable, c);
      check("text", ValidateText(text, 64), row.text, c);
      check("chat", ValidateChat(text, 64), row.chat, c);
      check("name", ValidateName(text, 64), row.name, c);
    }
  }
}

TEST(Text, IsUtf8LooksAtBytesNotAtWhatTheySay) {
  for (const std::string_view good : {std::string_view(""), std::string_view("a\0b", 3),
                                      std::string_view("\xe2\x80\xae\xf4\x8f\xbf\xbf")})
    EXPECT_TRUE(IsUtf8(good));
  for (const char* const bad :
       {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\xe2\x82"})
    EXPECT_FALSE(IsUtf8(bad)) << bad;
}

TEST(Text, NothingTakesWhatIsNotUtf8OrOfTheWrongLength) {
  const auto all = [](const std::string& text) {
    return std::vector<Status>{ValidateStorable(text, 64), ValidateText(text, 64),
                               ValidateChat(text, 64), ValidateName(text, 64)};
  };
  for (const char* text : kNotUtf8) {
    for (const Status& status : all(text))
      EXPECT_NE(ReasonOf(status).find("UTF-8"), std::string::npos) << EscapeForLog(text);
  }
  for (const Status& status : all("")) EXPECT_NE(ReasonOf(status).find("empty"), std::string::npos);
  for (const Status& status : all(std::string(65, 'a')))
    EXPECT_NE(ReasonOf(status).find("long"), std::string::npos);
  for (const Status& status : all(std::string(1 << 20, 'a')))
    EXPECT_NE(ReasonOf(status).find("long"), std::string::npos);
  for (const Status& status : all(std::string(64, 'a'))) EXPECT_TRUE(status.ok());
}

TEST(Text, NamesHaveNoStraySpacesAndNoLeadingMark) {
  EXPECT_TRUE(ValidateName("Ada Lovelace").ok());
  for (const char* name : {" Ada", "Ada ", "Ada  Lovelace", " "})
    EXPECT_FALSE(ValidateName(name).ok()) << name;
  EXPECT_TRUE(ValidateName("Adá").ok());
  EXPECT_FALSE(ValidateName(Utf8(0x301) + "Ada").ok());
}

TEST(Text, ChatJoinsWhatIsVisibleAndNothingElse) {
  const std::string zwj = Utf8(0x200d), zwnj = Utf8(0x200c), heart = Utf8(0x2764) + Utf8(0xfe0f);
  const std::string family = Utf8(0x1f468) + zwj + Utf8(0x1f469) + zwj + Utf8(0x1f467);
  const std::string persian = Utf8(0x0645) + Utf8(0x06cc) + zwnj + Utf8(0x062e);
  for (const std::string& text :
       {family, heart, heart + zwj + Utf8(0x1f525), persian, "a" + zwj + "b"})
    EXPECT_TRUE(ValidateChat(text, 64).ok()) << text;
  for (const std::string& text :
       {zwj, zwj + "a", "a" + zwj, "a" + zwj + zwj + "b", "a" + zwj + zwnj + "b", "a " + zwj + "b",
        "a" + zwj + " b", "a" + zwj + Utf8(0x3000) + "b", Utf8(0x3000) + zwj + "b"})
    EXPECT_FALSE(ValidateChat(text, 64).ok()) << EscapeForLog(text);
}

TEST(Text, ChatShowsSomething) {
  for (const std::string& text :
       {std::string(" "), Utf8(0x3000) + " ", Utf8(0xa0), Utf8(0x2800), Utf8(0xfe0f), Utf8(0x301)})
    EXPECT_FALSE(ValidateChat(text, 64).ok()) << EscapeForLog(text);
  EXPECT_TRUE(ValidateChat(Utf8(0x3000) + "a ", 64).ok());
}

TEST(Text, MarksDoNotPileUp) {
  std::string marks;
  for (int i = 0; i < 4; ++i) marks += Utf8(0x300 + static_cast<char32_t>(i));
  EXPECT_TRUE(ValidateChat("a" + marks + "b" + marks, 64).ok());
  EXPECT_TRUE(ValidateName("a" + marks).ok());
  EXPECT_FALSE(ValidateChat("a" + marks + Utf8(0x20dd), 64).ok());
  EXPECT_FALSE(ValidateText("a" + marks + Utf8(0x489), 64).ok());
}

TEST(Text, EscapesWhatCouldForgeALogLine) {
  EXPECT_EQ(EscapeForLog("a\nb\x1b[0m\xff é"), "a\\x0ab\\x1b[0m\\xff é");
  EXPECT_EQ(EscapeForLog("a" + Utf8(0x2028) + "b"), "a\\xe2\\x80\\xa8b");
  EXPECT_EQ(EscapeForLog("a" + Utf8(0x202e) + "b"), "a\\xe2\\x80\\xaeb");
  EXPECT_EQ(EscapeForLog("a" + Utf8(0x200b) + "b"), "a\\xe2\\x80\\x8bb");
}

}  // namespace
}  // namespace bluemarble::core
