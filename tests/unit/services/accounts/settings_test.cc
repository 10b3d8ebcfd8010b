#include "services/accounts/settings.h"

#include <gtest/gtest.h>

namespace bluemarble::accounts {
namespace {

size_t Problems(const AccountSettings& settings) {
  std::vector<std::string> problems;
  settings.Validate(problems);
  return problems.size();
}

TEST(AccountSettings, TheDefaultsHoldOwaspsFloor) { EXPECT_EQ(Problems({}), 0u); }

TEST(AccountSettings, WeakHashesAreForDevelopmentOnly) {
  AccountSettings settings;
  settings.hash_memory_kib = 19455;
  EXPECT_EQ(Problems(settings), 1u);
  settings.hash_memory_kib = 19456;
  settings.hash_passes = 1;
  EXPECT_EQ(Problems(settings), 1u);
  settings.hash_memory_kib = 8;
  settings.mode = "development";
  EXPECT_EQ(Problems(settings), 0u);
}

TEST(AccountSettings, IssuerAndAudienceAreText) {
  AccountSettings settings;
  settings.issuer = "";
  settings.audience = "a\nb";
  EXPECT_EQ(Problems(settings), 2u);
}

}  // namespace
}  // namespace bluemarble::accounts
