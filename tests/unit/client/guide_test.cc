// docs/client.md shows the examples that the build compiles, to the letter.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace {

std::string ReadSource(const std::string& path) {
  const char* root = std::getenv("BLUEMARBLE_SOURCE_DIR");
  std::ifstream in(std::string(root == nullptr ? "." : root) + "/" + path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(ClientGuide, ShowsTheExamplesThatAreBuilt) {
  for (const char* name : {"walker.cc", "trader.cc"}) {
    const std::string example = ReadSource(std::string("tests/unit/client/example/") + name);
    ASSERT_FALSE(example.empty()) << name;
    EXPECT_NE(ReadSource("docs/client.md").find(example), std::string::npos) << name;
  }
}

}  // namespace
