#include "cluster/shard_map.h"

#include <gtest/gtest.h>

namespace bluemarble::cluster {
namespace {

const std::vector<ShardEntry> kThree = {{"west", -180, -60, "http://w:1"},
                                        {"middle", -60, 60, "http://m:1"},
                                        {"east", 60, 180, "http://e:1"}};

TEST(ShardMap, FindsTheOwnerOfEachLongitude) {
  const ShardMap map({"middle", -60, 60}, kThree);
  const struct {
    double lon;
    const char* http;
  } cases[] = {{-180, "http://w:1"}, {-60.0001, "http://w:1"}, {-60, "http://m:1"},
               {0, "http://m:1"},    {60, "http://e:1"},       {179.99, "http://e:1"}};
  for (const auto& test : cases) EXPECT_EQ(map.AddressOf(test.lon), test.http) << test.lon;
}

TEST(ShardMap, AWrappingShardOwnsBothSidesOfTheAntimeridian) {
  const ShardMap map({"pacific", 150, -150}, {{"pacific", 150, -150, "http://p:1"}});
  EXPECT_EQ(map.AddressOf(179), "http://p:1");
  EXPECT_EQ(map.AddressOf(-179), "http://p:1");
  EXPECT_EQ(map.AddressOf(0), "");
}

std::vector<std::string> Problems(const ShardSettings& own, const std::vector<ShardEntry>& shards) {
  std::vector<std::string> problems;
  ShardMap::Validate(own, shards, problems);
  return problems;
}

TEST(ShardMap, NeighboursAndGapsAreFine) {
  EXPECT_TRUE(Problems({"middle", -60, 60}, kThree).empty());
  EXPECT_TRUE(
      Problems({"a", 0, 10}, {{"a", 0, 10, "http://a"}, {"b", 20, 30, "http://b"}}).empty());
}

TEST(ShardMap, EveryProblemIsListed) {
  EXPECT_EQ(Problems({"", 10, 10}, {}).size(), 2u);
  EXPECT_EQ(Problems({"x", 0, 1}, {{"a", 0, 10, "http://a"}, {"a", 5, 20, "b:1"}}).size(), 4u);
  EXPECT_EQ(
      Problems({"x", 0, 1}, {{"a", 170, -170, "http://a"}, {"b", -175, 0, "http://b"}}).size(), 2u);
  EXPECT_EQ(Problems({"a", 0, 1}, {{"a", 0, 2, "http://a"}}).size(), 1u);
}

TEST(ShardMap, AListWithoutTheOwnShardIsRefused) {
  const auto problems = Problems({"x", -180, 180}, {{"a", -180, 180, "http://a"}});
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_NE(problems[0].find("\"x\" (shard.id) is not in the list"), std::string::npos);
}

}  // namespace
}  // namespace bluemarble::cluster
