#include "services/accounts/passwords.h"

#include <gtest/gtest.h>

namespace bluemarble::accounts {
namespace {

AccountSettings Cheap() {
  AccountSettings settings;
  settings.mode = "development";
  settings.hash_memory_kib = 8;
  settings.hash_passes = 1;
  return settings;
}

TEST(Passwords, AreArgon2idWithTheParametersOfTheSettings) {
  AccountSettings settings = Cheap();
  settings.hash_memory_kib = 64;
  settings.hash_passes = 3;
  const auto hash = Passwords(settings).Hash("open sesame");
  ASSERT_TRUE(hash.ok());
  EXPECT_TRUE(hash->starts_with("$argon2id$v=19$m=64,t=3,p=1$")) << *hash;
}

TEST(Passwords, OnlyTheRightOneFitsAndEachHashHasItsOwnSalt) {
  const Passwords passwords(Cheap());
  const auto hash = passwords.Hash("open sesame");
  ASSERT_TRUE(hash.ok());
  EXPECT_TRUE(passwords.Check(*hash, "open sesame"));
  for (const std::string& wrong : {std::string("open sesamE"), std::string("open sesame "),
                                   std::string(), std::string("open sesame\0", 12)}) {
    EXPECT_FALSE(passwords.Check(*hash, wrong));
  }
  EXPECT_NE(*hash, *passwords.Hash("open sesame"));
}

TEST(Passwords, AHashThatIsNoneFitsNothing) {
  const Passwords passwords(Cheap());
  for (const char* hash : {"", "x", "$argon2id$v=19$m=8,t=1,p=1$", "$2b$10$abcdefghijklmnopqrstuv"})
    EXPECT_FALSE(passwords.Check(hash, "")) << hash;
}

TEST(Passwords, ChangedParametersMakeAHashOutdatedAndStillFitting) {
  const auto hash = Passwords(Cheap()).Hash("open sesame");
  ASSERT_TRUE(hash.ok());
  AccountSettings stronger = Cheap();
  stronger.hash_passes = 2;
  EXPECT_FALSE(Passwords(Cheap()).Outdated(*hash));
  EXPECT_TRUE(Passwords(stronger).Outdated(*hash));
  EXPECT_TRUE(Passwords(stronger).Check(*hash, "open sesame"));
}

}  // namespace
}  // namespace bluemarble::accounts
