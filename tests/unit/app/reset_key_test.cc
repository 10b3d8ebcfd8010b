#include "app/reset_key.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace bluemarble::app {
namespace {

struct ResetKey : testing::Test {
  ResetKey()
      : folder(std::filesystem::temp_directory_path() /
               ("reset_key_test_" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(folder);
  }
  ~ResetKey() override { std::filesystem::remove_all(folder); }
  std::string file() const { return (folder / kResetKeyFile).string(); }
  std::filesystem::path folder;
};

TEST_F(ResetKey, IsMadeOnceAndStaysTheSame) {
  const auto first = ReadOrMakeResetKey(folder.string());
  ASSERT_TRUE(first.ok()) << first.status().ToString();
  EXPECT_NE(*first, net::Key{});
  const auto again = ReadOrMakeResetKey(folder.string());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, *first);
  struct stat info {};
  ASSERT_EQ(::stat(file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(ResetKey, DamageIsToldByItsFileAndNeverReplaced) {
  ASSERT_TRUE(ReadOrMakeResetKey(folder.string()).ok());
  for (const std::string& text : {std::string(64, 'x'), std::string(62, 'a')}) {
    std::ofstream(file()) << text << '\n';
    const auto key = ReadOrMakeResetKey(folder.string());
    ASSERT_FALSE(key.ok()) << text;
    EXPECT_EQ(key.status().code(), core::Code::kInvalid);
    EXPECT_NE(key.status().ToString().find(kResetKeyFile), std::string::npos);
  }
}

}  // namespace
}  // namespace bluemarble::app
