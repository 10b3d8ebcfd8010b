#include "ops/nearest_name.h"

#include <gtest/gtest.h>

namespace bluemarble::ops {
namespace {

TEST(NearestName, CountsEditsAndSwapsOfNeighbours) {
  struct Case {
    const char* a;
    const char* b;
    size_t distance;
  };
  for (const auto& [a, b, distance] :
       {Case{"", "", 0}, Case{"port", "", 4}, Case{"port", "port", 0}, Case{"prot", "port", 1},
        Case{"por", "port", 1}, Case{"ports", "port", 1}, Case{"kitten", "sitting", 3}}) {
    EXPECT_EQ(EditDistance(a, b), distance) << a << " " << b;
    EXPECT_EQ(EditDistance(b, a), distance) << b << " " << a;
  }
}

TEST(NearestName, NamesTheNearestOnlyWhenItIsNear) {
  const std::vector<std::string> known = {"port", "bind", "rate_hz"};
  EXPECT_EQ(NearestName("prot", known), "port");
  EXPECT_EQ(NearestName("rate_hx", known), "rate_hz");
  EXPECT_EQ(NearestName("elephant", known), "");
  EXPECT_EQ(NearestName(std::string(100'000, 'p'), known), "");
}

}  // namespace
}  // namespace bluemarble::ops
