#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "fuzz_target.h"

namespace bluemarble::fuzz {
namespace {

namespace fs = std::filesystem;

std::map<std::string, Target, std::less<>>& Targets() {
  static std::map<std::string, Target, std::less<>> targets;
  return targets;
}

fs::path Corpus() {
  const char* source = std::getenv("BLUEMARBLE_SOURCE_DIR");
  return fs::path(source != nullptr ? source : ".") / "tests/fuzz/corpus";
}

std::vector<std::byte> Read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

}  // namespace

Registration::Registration(std::string_view name, Target target) {
  Targets().emplace(name, target);
}

namespace {

// Seeds, crashes found in the past, and all of them cut at every length up to 512 and in steps
// after.
TEST(FuzzCorpus, EveryTargetSurvivesItsFilesWholeAndCutShort) {
  ASSERT_FALSE(Targets().empty());
  for (const auto& [name, target] : Targets()) {
    size_t files = 0;
    ASSERT_TRUE(fs::is_directory(Corpus() / name)) << "no corpus for " << name;
    for (const auto& entry : fs::directory_iterator(Corpus() / name)) {
      SCOPED_TRACE(entry.path().string());
      const std::vector<std::byte> bytes = Read(entry.path());
      target(bytes);
      for (size_t cut = 0; cut < bytes.size(); cut += cut < 512 ? 1 : 97)
        target(std::span(bytes).first(cut));
      ++files;
    }
    EXPECT_GT(files, 0u) << "no seed for " << name;
  }
}

TEST(FuzzCorpus, EveryFolderHasATarget) {
  for (const auto& entry : fs::directory_iterator(Corpus()))
    EXPECT_TRUE(Targets().contains(entry.path().filename().string())) << entry.path();
}

}  // namespace
}  // namespace bluemarble::fuzz
