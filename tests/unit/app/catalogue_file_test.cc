#include "app/catalogue_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace bluemarble::app {
namespace {

class CatalogueFile : public testing::Test {
 protected:
  ~CatalogueFile() override { ::unlink(path_.c_str()); }
  std::vector<std::string> Load(const std::string& text) {
    std::ofstream(path_) << text;
    return LoadCatalogue(path_, items_);
  }
  std::string path_ = testing::TempDir() + "catalogue_" + std::to_string(::getpid()) + ".toml";
  std::vector<game::ItemDefinition> items_;
};

TEST_F(CatalogueFile, TheOneThatIsDeliveredIsACatalogue) {
  const char* source = std::getenv("BLUEMARBLE_SOURCE_DIR");
  const std::string path = std::string(source != nullptr ? source : ".") + "/config/items.toml";
  if (::access(path.c_str(), R_OK) != 0) GTEST_SKIP() << "not run from the source folder";
  EXPECT_EQ(LoadCatalogue(path, items_), std::vector<std::string>{});
  EXPECT_GE(items_.size(), 12u);
}

TEST_F(CatalogueFile, IsReadEntryByEntry) {
  EXPECT_TRUE(Load("[[items]]\nid = 3\nname = \"rope\"\ntitle = \"Rope\"\nmax_stack = 5\n"
                   "starter = 2\nground_weight = 9\n")
                  .empty());
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(items_[0].id, 3u);
  EXPECT_EQ(items_[0].name, "rope");
  EXPECT_EQ(items_[0].max_stack, 5u);
  EXPECT_EQ(items_[0].starter, 2u);
  EXPECT_EQ(items_[0].ground_weight, 9u);
}

TEST_F(CatalogueFile, AllProblemsAreToldWithTheFileAndTheEntry) {
  const auto problems = Load(
      "[[items]]\nid = 0\nname = \"rope\"\ntitle = \"Rope\"\n"
      "[[items]]\nid = 2\nname = \"Rope\"\ntitle = \"Rope\"\nmax_stack = 0\n");
  ASSERT_EQ(problems.size(), 3u);
  for (const std::string& problem : problems) {
    EXPECT_NE(problem.find(path_), std::string::npos) << problem;
    EXPECT_NE(problem.find("items["), std::string::npos) << problem;
  }
}

TEST_F(CatalogueFile, WhatIsNoTomlOrNoSettingIsRefused) {
  EXPECT_FALSE(Load("[[items]\n").empty());
  EXPECT_FALSE(Load("[[items]]\nid = 1\nname = \"a\"\ntitle = \"A\"\ncolour = 3\n").empty());
  EXPECT_FALSE(Load("[[items]]\nid = -1\nname = \"a\"\ntitle = \"A\"\n").empty());
  EXPECT_FALSE(LoadCatalogue("/nonexistent/items.toml", items_).empty());
  EXPECT_TRUE(LoadCatalogue("", items_).empty());
}

}  // namespace
}  // namespace bluemarble::app
