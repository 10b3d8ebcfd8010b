#include "game/catalogue.h"

#include <gtest/gtest.h>

#include <map>

namespace bluemarble::game {
namespace {

std::vector<std::string> ProblemsOf(const std::vector<ItemDefinition>& items) {
  std::vector<std::string> problems;
  Catalogue::Validate(items, problems);
  return problems;
}

TEST(Catalogue, EveryProblemOfEveryEntryIsNamed) {
  const ItemDefinition good{1, "bread", "Bread", 20, 3, 1};
  EXPECT_TRUE(ProblemsOf({good}).empty());
  const struct {
    ItemDefinition item;
    const char* named;
  } cases[] = {
      {{0, "a", "A", 1, 0, 0}, "id: not in 1..4095"},
      {{4096, "a", "A", 1, 0, 0}, "id: not in 1..4095"},
      {{1, "a", "A", 1, 0, 0}, "id: items[1] has it already"},
      {{2, "bread", "A", 1, 0, 0}, "name: items[1] has it already"},
      {{2, "", "A", 1, 0, 0}, "name: not snake_case"},
      {{2, "Big_Sword", "A", 1, 0, 0}, "name: not snake_case"},
      {{2, "9lives", "A", 1, 0, 0}, "name: not snake_case"},
      {{2, std::string(33, 'a'), "A", 1, 0, 0}, "name: not snake_case"},
      {{2, "a", "", 1, 0, 0}, "title:"},
      {{2, "a", "line\nbreak", 1, 0, 0}, "title:"},
      {{2, "a", "A", 0, 0, 0}, "max_stack: not in 1..1000000"},
      {{2, "a", "A", 1'000'001, 0, 0}, "max_stack: not in 1..1000000"},
      {{2, "a", "A", 5, 6, 0}, "starter: more than max_stack"},
      {{2, "a", "A", 5, 0, 1'000'001}, "ground_weight:"},
  };
  for (const auto& test : cases) {
    const auto problems = ProblemsOf({good, test.item});
    ASSERT_EQ(problems.size(), 1u) << test.named;
    EXPECT_NE(problems[0].find("items[2]"), std::string::npos) << problems[0];
    EXPECT_NE(problems[0].find(test.named), std::string::npos) << problems[0];
  }
  EXPECT_EQ(ProblemsOf({good, {0, "A", "", 0, 1, 0}}).size(), 5u);
}

TEST(Catalogue, AtMostEightKindsOfThingsAreForNewPlayers) {
  std::vector<ItemDefinition> items;
  for (uint32_t i = 1; i <= 8; ++i) items.push_back({i, "i" + std::to_string(i), "I", 5, 1, 0});
  EXPECT_TRUE(ProblemsOf(items).empty());
  items.push_back({9, "i9", "I", 5, 1, 0});
  EXPECT_EQ(ProblemsOf(items).size(), 1u);
}

TEST(Catalogue, FindsByNumberAndChoosesForTheGroundByWeight) {
  const Catalogue catalogue({{7, "c", "C", 1, 0, 3}, {2, "a", "A", 1, 0, 1}, {5, "b", "B", 1}});
  EXPECT_EQ(catalogue.Find(5)->name, "b");
  EXPECT_EQ(catalogue.Find(6), nullptr);
  std::map<uint32_t, int> chosen;
  for (uint64_t bits = 0; bits < 400; ++bits) ++chosen[catalogue.ChooseForGround(bits)->id];
  EXPECT_EQ(chosen, (std::map<uint32_t, int>{{2, 100}, {7, 300}}));
  EXPECT_EQ(Catalogue({{5, "b", "B", 1}}).ChooseForGround(1), nullptr);
}

}  // namespace
}  // namespace bluemarble::game
