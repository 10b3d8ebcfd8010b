#include "services/accounts/secrets.h"

#include <gtest/gtest.h>

namespace bluemarble::accounts {
namespace {

TEST(Base64Url, RoundTripsEveryLength) {
  for (size_t size = 0; size < 70; ++size) {
    std::vector<std::byte> bytes(size);
    RandomBytes(bytes);
    const std::string text = Base64Url(bytes);
    EXPECT_EQ(
        text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
        std::string::npos);
    const auto back = FromBase64Url(text, size);
    ASSERT_TRUE(back) << size;
    EXPECT_EQ(*back, bytes);
    if (size == 0) continue;
    EXPECT_FALSE(FromBase64Url(text, size - 1)) << "more than was allowed";
  }
}

TEST(Base64Url, RefusesWhatIsNotCanonical) {
  EXPECT_TRUE(FromBase64Url("AA", 1));
  for (const char* text : {"A", "AB", "AA=", "AA==", "A A", "AA\n", "+A", "/A", "A\xc3"})
    EXPECT_FALSE(FromBase64Url(text, 8)) << text;
}

TEST(Base64Url, RefusesBytesAbove127WhereALetterCouldStand) {
  ASSERT_TRUE(FromBase64Url("AAA_", 3));
  for (int byte = 128; byte < 256; ++byte) {
    std::string text = "AAA_";
    text.back() = static_cast<char>(byte);
    EXPECT_FALSE(FromBase64Url(text, 3)) << byte;
  }
}

// The empty message, from the BLAKE2 reference implementation.
TEST(Hash, IsBlake2b256) {
  std::string hex;
  for (const std::byte byte : Hash({})) {
    constexpr char kDigits[] = "0123456789abcdef";
    hex += kDigits[static_cast<size_t>(byte) >> 4];
    hex += kDigits[static_cast<size_t>(byte) & 15];
  }
  EXPECT_EQ(hex, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
}

}  // namespace
}  // namespace bluemarble::accounts
