#include "services/accounts/flat_json.h"

#include <gtest/gtest.h>

namespace bluemarble::accounts {
namespace {

TEST(FlatJson, ReadsTextsNumbersAndTruthValues) {
  const auto object = ParseFlatObject(" {\"a\": \"x\\u0041\", \"b\": -7, \"c\": true} ");
  ASSERT_TRUE(object.ok());
  EXPECT_EQ(*TextOf(*object, "a"), "xA");
  EXPECT_EQ(*NumberOf(*object, "b"), -7);
  EXPECT_EQ(std::get<bool>(object->at("c")), true);
  EXPECT_EQ(TextOf(*object, "b"), nullptr);
  EXPECT_EQ(NumberOf(*object, "d"), nullptr);
}

TEST(FlatJson, RefusesEverythingElseNamingTheMember) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "JSON"},
      {"x", "JSON"},
      {"[]", "not a JSON object"},
      {"7", "not a JSON object"},
      {"null", ""},
      {"{\"member\":null}", "member"},
      {"{\"member\":{}}", "member"},
      {"{\"member\":[1]}", "member"},
      {"{\"member\":1.5}", "member"},
      {"{\"member\":1e3}", "member"},
      {"{\"member\":9223372036854775808}", "member"},
      {"{\"member\":1,\"member\":1}", "twice: member"},
      {"{\"member\":1", "JSON"},
      {"{\"member\":1} {}", "JSON"},
      {"{\"member\":\"\xff\"}", "UTF-8"},
      {"{\"a\\nb\":null}", "a\\x0ab"},
      {std::string(60000, '['), "JSON object"},
      {std::string(60000, '{'), "JSON"},
  };
  for (const auto& [text, says] : cases) {
    const auto object = ParseFlatObject(text);
    ASSERT_FALSE(object.ok()) << text;
    EXPECT_EQ(object.status().code(), core::Code::kInvalid);
    EXPECT_NE(object.status().ToString().find(says), std::string::npos)
        << text << ": " << object.status().ToString();
  }
}

}  // namespace
}  // namespace bluemarble::accounts
