#include "session/recent_table.h"

#include <gtest/gtest.h>

#include <list>
#include <map>
#include <vector>

namespace bluemarble::session {
namespace {

TEST(RecentTable, ForgetsWhatWasTouchedLongestAgo) {
  RecentTable<int> table(2);
  table.Touch(1) = 10;
  table.Touch(2) = 20;
  table.Touch(1);
  table.Touch(3) = 30;
  EXPECT_EQ(table.Find(2), nullptr);
  ASSERT_NE(table.Find(1), nullptr);
  EXPECT_EQ(*table.Find(1), 10);
  EXPECT_EQ(table.forgotten(), 1u);
  EXPECT_EQ(table.Touch(2), 0) << "a key that comes back begins anew";
}

TEST(RecentTable, DoesWhatAMapWithAListDoes) {
  constexpr uint32_t kCapacity = 13;
  RecentTable<uint64_t> table(kCapacity);
  std::list<uint64_t> order;  // newest first
  std::map<uint64_t, uint64_t> model;
  core::Random random(5);
  for (uint64_t i = 1; i <= 20'000; ++i) {
    const uint64_t key = random.Below(40);
    if (random.Chance(0.3)) {
      const uint64_t* found = table.Find(key);
      ASSERT_EQ(found != nullptr, model.contains(key));
      if (found != nullptr) {
        ASSERT_EQ(*found, model[key]);
      }
      continue;
    }
    order.remove(key);
    order.push_front(key);
    if (order.size() > kCapacity) {
      model.erase(order.back());
      order.pop_back();
    }
    ASSERT_EQ(table.Touch(key), model.contains(key) ? model[key] : 0);
    table.Touch(key) = model[key] = i;
  }
  std::vector<uint64_t> keys;
  table.ForEach([&](uint64_t key, uint64_t) {
    keys.push_back(key);
    return true;
  });
  EXPECT_EQ(keys, std::vector<uint64_t>(order.begin(), order.end()));
}

}  // namespace
}  // namespace bluemarble::session
