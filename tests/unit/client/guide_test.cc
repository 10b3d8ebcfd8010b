// docs/client.md shows the example that the build compiles, to the letter.
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

TEST(ClientGuide, ShowsTheExampleThatIsBuilt) {
  const std::string example = ReadSource("tests/unit/client/example/walker.cc");
  ASSERT_FALSE(example.empty());
  EXPECT_NE(ReadSource("docs/client.md").find(example), std::string::npos);
}

}  // namespace
