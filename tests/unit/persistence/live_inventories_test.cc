/// What level 1 says of inventories, by itself and behind the pipeline.
#include "persistence/live_inventories.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/hash.h"
#include "pipeline_fixture.h"

namespace bluemarble::persistence {
namespace {

ItemRow ItemOf(int64_t holder, int64_t item_id, uint32_t quantity, int64_t version = 1) {
  ItemRow item;
  item.item_id = item_id;
  item.version = version;
  item.holder = holder;
  item.definition = 7;
  item.quantity = quantity;
  return item;
}

WriteResult Done(int64_t seq, std::vector<ItemRow> changed = {}) {
  WriteResult result;
  result.outcome = Outcome::kOk;
  result.seq = seq;
  result.changed = std::move(changed);
  return result;
}

void LogIn(LiveInventories& live, int64_t player_id, int64_t seq, int64_t gold,
           std::vector<ItemRow> items = {}) {
  WriteResult result = Done(seq);
  result.row.player_id = player_id;
  result.gold = gold;
  result.items = std::move(items);
  live.Apply(Login(static_cast<uint64_t>(seq), "Ada"), result);
}

TEST(LiveInventories, NothingIsSeenBeforeTheWholeGroupIs) {
  LiveInventories live;
  LogIn(live, 17, 1, 50, {ItemOf(17, 5, 3)});
  EXPECT_FALSE(live.Find(17).has_value());
  ASSERT_EQ(live.Publish().size(), 1u);
  EXPECT_EQ(live.Find(17), (Inventory{50, {ItemOf(17, 5, 3)}}));
  DurableWrite write;
  write.items = {Destroy(ItemOf(17, 5, 3))};
  write.postings = Pay(17, kSinkAccount, 20);
  live.Apply(write, Done(9, {ItemOf(17, 5, 0, 2)}));
  EXPECT_EQ(live.Find(17)->gold, 50);
  const auto changes = live.Publish();
  ASSERT_EQ(changes.size(), 1u) << "system accounts hold nothing";
  EXPECT_EQ(changes[0].seq, 9);
  EXPECT_EQ(*changes[0].now, (Inventory{30, {}}));
  EXPECT_EQ(live.Find(17), (Inventory{30, {}}));
  EXPECT_TRUE(live.Publish().empty());
}

TEST(LiveInventories, AChangeThatDoesNotFitRemovesItsPlayerAlone) {
  const ItemRow known = ItemOf(17, 5, 3);
  struct Case {
    const char* what;
    DurableWrite write;
    std::vector<ItemRow> changed;
  };
  std::vector<Case> cases(4);
  cases[0] = {"an item that is not there", {}, {ItemOf(18, 6, 3, 2)}};
  cases[0].write.items = {Move(ItemOf(17, 6, 3), 18)};
  cases[1] = {"another version", {}, {ItemOf(18, 5, 3, 3)}};
  cases[1].write.items = {Move(ItemOf(17, 5, 3, 2), 18)};
  cases[2] = {"an item that is there already", {}, {known}};
  cases[3] = {"more gold than there is", {}, {}};
  cases[3].write.postings = Pay(17, 18, 51);
  uint64_t misfits = 0;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    LiveInventories live;
    LogIn(live, 17, 1, 50, {known});
    LogIn(live, 18, 2, 50);
    live.Publish();
    live.Apply(c.write, Done(3, c.changed));
    const auto changes = live.Publish();
    ASSERT_FALSE(changes.empty());
    EXPECT_EQ(changes[0].now, nullptr);
    EXPECT_FALSE(live.Find(17).has_value());
    EXPECT_TRUE(live.Find(18).has_value());
    EXPECT_EQ(live.misfits(), 1u);
    misfits += live.misfits();
  }
  EXPECT_EQ(misfits, cases.size());
}

TEST(LiveInventories, HoldsABoundedNumberOfPlayersThoseWhoCameLast) {
  LiveInventories live(2);
  for (int64_t player_id : {1, 2, 1, 3}) {
    LogIn(live, player_id, player_id, 10);
    live.Publish();
  }
  EXPECT_EQ(live.Size(), 2u);
  EXPECT_TRUE(live.Find(1).has_value());
  EXPECT_FALSE(live.Find(2).has_value());
  EXPECT_TRUE(live.Find(3).has_value());
  live.Remove(3);
  live.Publish();
  LogIn(live, 4, 9, 10);
  live.Publish();
  EXPECT_TRUE(live.Find(1).has_value()) << "who left makes room";
  LogIn(live, 5, 10, 10);
  const auto changes = live.Publish();
  EXPECT_FALSE(live.Find(1).has_value());
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].now->gold, 10);
}

TEST(LiveInventories, ReadersSeeGoldAndItemsOfOneMoment) {
  LiveInventories live;
  LogIn(live, 17, 1, 1, {ItemOf(17, 5, 1)});
  live.Publish();
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int64_t seq = 2; !stop; ++seq) {
      const auto before = ItemOf(17, 5, static_cast<uint32_t>(seq - 1), seq - 1);
      DurableWrite write;
      write.items = {Named(ItemOp::kMerge, before)};
      write.items[0].op = ItemOp::kSplit;
      write.postings = Pay(kMintAccount, 17, 1);
      live.Apply(write, Done(seq, {ItemOf(17, 5, static_cast<uint32_t>(seq), seq)}));
      live.Publish();
    }
  });
  for (int64_t last = 0; last < 2000;) {
    const auto seen = live.Find(17);
    if (!seen || seen->items.size() != 1) {
      ADD_FAILURE();
      break;
    }
    EXPECT_EQ(seen->gold, int64_t{seen->items[0].quantity});
    EXPECT_GE(seen->gold, last);
    last = seen->gold;
  }
  stop = true;
  writer.join();
  EXPECT_EQ(live.misfits(), 0u);
}

/// Players who come and go, pay, make, split, merge, give, drop and pick up, at random.
class LiveInventoriesTest : public PipelineTest {
 protected:
  static constexpr size_t kNames = 5;
  static std::string NameOf(size_t i) { return "Player" + std::to_string(i); }

  PlayerRow AnyPlayer() {
    auto it = store_.players().begin();
    std::advance(it, static_cast<int64_t>(random_.Below(store_.players().size())));
    return it->second.row;
  }
  DurableWrite Draw(uint64_t number) {
    const uint64_t what = random_.Below(12);
    if (store_.players().size() < 2 || what < 2) {
      DurableWrite login = Login(number, NameOf(random_.Below(kNames)));
      login.login->starting_gold = 100;
      login.login->starters = {{1, 5}, {2, 9}};
      return login;
    }
    const PlayerRow a = AnyPlayer();
    if (what == 2) return Sample(number, a, a.version, 1, 1000 + number, EventKind::kLogout);
    PlayerRow b = AnyPlayer();
    const bool alone = a.player_id == b.player_id;
    DurableWrite write = alone ? Action(number, {a}) : Action(number, {a, b});
    if (!alone && random_.Chance(0.3))
      write.postings = Pay(a.player_id, b.player_id, 1 + static_cast<int64_t>(random_.Below(60)));
    std::set<int64_t> used;
    for (uint64_t i = write.postings.empty() ? 1 + random_.Below(3) : random_.Below(3); i > 0; --i)
      AddItem(write, a.player_id, b.player_id, used);
    if (write.items.empty() && write.postings.empty())
      write.items.push_back(Create(1, 3, a.player_id));
    return write;
  }
  const ItemRow* AnyItem(int64_t a, int64_t b, std::set<int64_t>& used) {
    std::vector<const ItemRow*> within;
    for (const auto& [id, item] : store_.items()) {
      if ((item.holder <= 0 || item.holder == a || item.holder == b) && !used.contains(id))
        within.push_back(&item);
    }
    if (within.empty()) return nullptr;
    const ItemRow* item = within[random_.Below(within.size())];
    used.insert(item->item_id);
    return item;
  }
  void AddItem(DurableWrite& write, int64_t a, int64_t b, std::set<int64_t>& used) {
    const uint64_t what = random_.Below(8);
    const ItemRow* item = AnyItem(a, b, used);
    if (item == nullptr || what == 0) {
      write.items.push_back(Create(1 + static_cast<uint32_t>(random_.Below(3)), 6, a));
    } else if (what == 1) {
      write.items.push_back(Destroy(*item));
    } else if (what == 2) {
      write.items.push_back(Split(*item, 1 + static_cast<uint32_t>(random_.Below(4))));
    } else if (const ItemRow* other = what == 3 ? AnyItem(a, b, used) : nullptr) {
      write.items.push_back(Merge(*item, *other));
    } else {
      const int64_t holders[] = {kHeldByWorld, a, b};
      const int64_t to = holders[random_.Below(3)];
      if (to != item->holder)
        write.items.push_back(Move(*item, to, to == kHeldByWorld ? PlaceAt(2) : ItemPlace{}));
    }
  }
  Inventory Stored(int64_t player_id) const {
    Inventory stored;
    const auto account = store_.accounts().find(player_id);
    if (account != store_.accounts().end()) stored.gold = account->second.balance;
    for (const auto& [id, item] : store_.items()) {
      if (item.holder == player_id) stored.items.push_back(item);
    }
    return stored;
  }
  void Compare() {
    for (const auto& [player_id, player] : store_.players()) {
      const auto live = pipeline_.inventories().Find(player_id);
      const Inventory stored = Stored(player_id);
      ASSERT_EQ(live.has_value(), in_.contains(player_id)) << player_id;
      if (live) {
        ASSERT_EQ(*live, stored) << player_id;
        ++compared_;
      }
      const CacheEntry* entry = cache_.Find(CacheKind::kInventory, player_id);
      if (entry == nullptr || entry->gone) continue;
      ASSERT_EQ(entry->value.size(), sizeof(int64_t) + stored.items.size() * sizeof(ItemRow));
      ASSERT_EQ(ValueAt<int64_t>(*entry), stored.gold);
      for (size_t i = 0; i < stored.items.size(); ++i)
        ASSERT_EQ(ValueAt<ItemRow>(*entry, 8 + i * sizeof(ItemRow)), stored.items[i]);
    }
  }
  void Answer() {
    while (const auto answer = pipeline_.NextTicket()) {
      const DurableWrite& write = tried_.at(answer->ticket);
      const WriteResult& result = answer->result;
      if (result.outcome != Outcome::kOk || result.repeated) continue;
      ++done_;
      if (write.login) in_.insert(result.row.player_id);
      if (!write.updates.empty()) in_.erase(result.row.player_id);
    }
    pipeline_.AfterAnswers();
  }

  core::Random random_{1};
  std::map<uint64_t, DurableWrite> tried_;
  std::set<int64_t> in_;
  int done_ = 0, compared_ = 0;
};

TEST_F(LiveInventoriesTest, RandomActionsLeaveWhatTheStoreHasWhateverIsLostOnTheWay) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    random_ = core::Random(seed);
    for (int group = 0; group < 400; ++group) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " group " + std::to_string(group));
      for (uint64_t i = random_.Below(6); i > 0; --i) {
        const uint64_t number = tried_.size() + 1;
        tried_[number] = Draw(number);
        pipeline_.AcceptWrite(tried_[number], number);
      }
      if (random_.Below(3) == 0)
        store_.set_faults({.unavailable = 0.05, .unknown_applied = 0.2, .unknown_lost = 0.1});
      clock_.now_ns += 100 * kMsNs;
      pipeline_.Commit();
      Answer();
      if (stats_.in_doubt_since_ns.Get() != 0) continue;
      Compare();
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_GT(done_, 1000);
  EXPECT_GT(compared_, 3000);
  EXPECT_GT(stats_.in_doubt.Get(), 100u);
  EXPECT_EQ(pipeline_.inventories().misfits(), 0u);
}

TEST_F(LiveInventoriesTest, APlayerOfAnotherOwnerIsRemoved) {
  const PlayerRow ada = LoggedIn("Ada", 50);
  const PlayerRow bob = LoggedIn("Bob", 50);
  store_.SetOwner(ada.player_id, "elsewhere", 2);
  AcceptSave(ada.player_id, 44, 3);
  Commit();
  EXPECT_FALSE(pipeline_.inventories().Find(ada.player_id).has_value());
  store_.SetOwner(bob.player_id, "elsewhere", 2);
  AcceptEvent(1, bob, EventKind::kLogout, 30);
  ASSERT_EQ(Commit().at(0).refusal, Refusal::kNotOwner);
  EXPECT_EQ(pipeline_.inventories().Size(), 0u);
}

TEST_F(LiveInventoriesTest, AStoreThatHasFailedLeavesNothingThatCouldBeWrong) {
  LoggedIn("Ada", 50);
  EXPECT_EQ(pipeline_.inventories().Size(), 1u);
  store_.TakeOver();
  AcceptTicks(100);
  Commit();
  ASSERT_TRUE(pipeline_.failed());
  EXPECT_EQ(pipeline_.inventories().Size(), 0u);
}

}  // namespace
}  // namespace bluemarble::persistence
