#include "services/accounts/key_ring.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace bluemarble::accounts {
namespace {

using core::Code;

class KeyFile : public testing::Test {
 protected:
  KeyFile() {
    std::string pattern = (std::filesystem::temp_directory_path() / "bluemarble_XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    path_ = folder_ + "/auth.keys";
  }
  ~KeyFile() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  std::string folder_, path_;
};

TEST_F(KeyFile, IsMadeOnceAndReadableByItsOwnerOnly) {
  const auto made = ReadOrMakeKeys(path_, 1000);
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const auto again = ReadOrMakeKeys(path_, 2000);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->newest().kid, made->newest().kid);
  EXPECT_EQ(again->newest().made_s, 1000);
  EXPECT_EQ(again->newest().key.seed, made->newest().key.seed);
}

TEST_F(KeyFile, KeepsAllKeysInOrder) {
  KeyRing ring;
  for (int i = 0; i < 5; ++i) ring.Add(Ed25519Key::Random(), 100 + i);
  ASSERT_TRUE(WriteKeys(path_, ring).ok());
  const auto read = ReadKeys(path_);
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  ASSERT_EQ(read->keys().size(), 5u);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(read->keys()[i].kid, ring.keys()[i].kid);
    EXPECT_NE(read->Find(ring.keys()[i].kid), nullptr);
  }
  EXPECT_EQ(read->newest().kid, ring.newest().kid);
  EXPECT_EQ(read->Find("unknown"), nullptr);
}

TEST_F(KeyFile, ThatOthersCanReadIsRefusedWithTheCommandThatMendsIt) {
  ASSERT_TRUE(ReadOrMakeKeys(path_, 1).ok());
  for (const mode_t mode : {0640, 0604, 0660, 0644}) {
    ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
    const auto read = ReadKeys(path_);
    EXPECT_EQ(read.status().code(), Code::kDenied);
    EXPECT_NE(read.status().ToString().find("chmod 600 " + path_), std::string::npos);
  }
}

TEST_F(KeyFile, DamageIsToldByItsLineAndNeverReplaced) {
  ASSERT_TRUE(ReadOrMakeKeys(path_, 1).ok());
  std::ofstream(path_, std::ios::app) << "ed25519 5 tooshort\n";
  const auto read = ReadOrMakeKeys(path_, 1);
  EXPECT_EQ(read.status().code(), Code::kInvalid);
  EXPECT_NE(read.status().ToString().find("line 4"), std::string::npos) << read.status().ToString();
  EXPECT_EQ(read.status().ToString().find("tooshort"), std::string::npos);
  std::ofstream(path_, std::ios::trunc) << "# nothing\n";
  EXPECT_EQ(ReadOrMakeKeys(path_, 1).status().code(), Code::kInvalid);
}

TEST_F(KeyFile, InAFolderThatDoesNotExistIsDenied) {
  EXPECT_EQ(ReadOrMakeKeys(folder_ + "/none/auth.keys", 1).status().code(), Code::kDenied);
}

TEST(KeyRing, TheNewestIsNeverRetired) {
  KeyRing ring;
  ring.Add(Ed25519Key::Random(), 1);
  EXPECT_EQ(ring.Retire(1'000'000, 1), 0u);
  ring.Add(Ed25519Key::Random(), 2);
  ring.Add(Ed25519Key::Random(), 3);
  EXPECT_EQ(ring.Retire(1'000'000, 1), 2u);
  EXPECT_EQ(ring.keys().size(), 1u);
  EXPECT_EQ(ring.newest().made_s, 3);
}

}  // namespace
}  // namespace bluemarble::accounts
