/// The rules without a store: what a group needs, what it changes, what is refused for its form.
#include "persistence/group_plan.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "fixture.h"

namespace bluemarble::persistence {
namespace {

constexpr int64_t kAda = 3;
constexpr int64_t kBob = 8;

PlayerRow Player(int64_t id) { return {.player_id = id, .version = 4, .epoch = 1}; }

GroupRows World() {
  GroupRows rows;
  for (const int64_t id : {kAda, kBob}) rows.players[id] = {Player(id), "zone"};
  rows.items[50] = {50, 6, kAda, 7, 10, {}};
  rows.items[51] = {51, 2, kAda, 7, 5, {}};
  rows.accounts[kAda] = {kAda, 3, 100};
  rows.next_player = 9;
  rows.next_item = 60;
  rows.next_seq = 1000;
  return rows;
}

struct Planned {
  std::vector<WriteResult> results;
  GroupChanges changes;
};
Planned Plan(GroupRows& rows, const std::vector<DurableWrite>& writes) {
  Planned planned;
  planned.results.resize(writes.size());
  PlanGroup(writes, "zone", rows, planned.results, planned.changes);
  return planned;
}

TEST(NeedsOf, NamesEverythingOnceInLockingOrder) {
  GroupRows rows = World();
  DurableWrite trade = Action(1, {Player(kBob), Player(kAda)});
  trade.also = Key(kAda, 5);
  trade.items = {Move(rows.items[51], kBob), Merge(rows.items[50], {.item_id = 49, .version = 1})};
  trade.postings = Pay(kAda, kBob, 3);
  DurableWrite login = Login(2, "Cid");
  login.login->starting_gold = 5;
  const std::vector<DurableWrite> writes = {trade, login, Login(3, "Ada"), trade,
                                            Sample(4, Player(kAda), 4, 1, 1)};
  const GroupNeeds needs = NeedsOf(writes);
  EXPECT_EQ(needs.names, (std::vector<std::string>{"Ada", "Cid"}));
  EXPECT_EQ(needs.player_ids, (std::vector<int64_t>{kAda, kBob}));
  EXPECT_EQ(needs.item_ids, (std::vector<int64_t>{49, 50, 51}));
  EXPECT_EQ(needs.account_ids, (std::vector<int64_t>{kMintAccount, kAda, kBob}));
  EXPECT_EQ(needs.keys.size(), 5u);
  EXPECT_TRUE(std::is_sorted(needs.keys.begin(), needs.keys.end()));
}

TEST(NeedsOf, LooksForNothingButTheKeyOfWhatIsRefusedAnyway) {
  DurableWrite bad = Login(1, "bad\xff");
  DurableWrite own = Action(2, {Player(kAda)});
  own.refuse_with = Refusal::kTooFar;
  const GroupNeeds needs = NeedsOf(std::vector{bad, own});
  EXPECT_TRUE(needs.names.empty());
  EXPECT_TRUE(needs.player_ids.empty());
  EXPECT_EQ(needs.keys.size(), 2u);
}

TEST(PlanGroup, LeavesEachRowOnceAsReadAndAsItEnds) {
  GroupRows rows = World();
  DurableWrite split = Action(1, {Player(kAda)});
  split.items = {Split(rows.items[50], 4)};
  DurableWrite pay = Action(2, {Player(kAda), Player(kBob)});
  pay.postings = Pay(kAda, kBob, 10);
  DurableWrite again = Action(3, {Player(kAda), Player(kBob)});
  again.postings = Pay(kAda, kBob, 10);
  const Planned plan = Plan(rows, {split, pay, Sample(4, Player(kAda), 4, 1, 1), again,
                                   Sample(5, Player(kAda), 5, 2, 2, EventKind::kLogout)});
  for (const WriteResult& result : plan.results) EXPECT_EQ(result.outcome, Outcome::kOk);
  ASSERT_EQ(plan.changes.players.size(), 1u);
  EXPECT_EQ(plan.changes.players[0].version_before, 4);
  EXPECT_EQ(plan.changes.players[0].row.version, 6);
  EXPECT_EQ(plan.changes.players[0].logout_us, 1005);
  ASSERT_EQ(plan.changes.accounts.size(), 2u);
  EXPECT_EQ(plan.changes.accounts[0].version_before, 3);
  EXPECT_EQ(plan.changes.accounts[0].row, (AccountRow{kAda, 5, 80}));
  EXPECT_EQ(plan.changes.accounts[1].version_before, 0);
  EXPECT_EQ(plan.changes.accounts[1].row, (AccountRow{kBob, 2, 20}));
  ASSERT_EQ(plan.changes.items.size(), 2u);
  EXPECT_EQ(plan.changes.items[0].version_before, 6);
  EXPECT_EQ(plan.changes.items[0].row.quantity, 6u);
  EXPECT_EQ(plan.changes.items[1].version_before, 0);
  EXPECT_EQ(plan.changes.items[1].row.item_id, ShardPrefix("zone") << kPlayerNumberBits | 60);
  EXPECT_EQ(plan.changes.ledger.size(), 4u);
  EXPECT_EQ(plan.changes.keys.size(), 5u);
  EXPECT_TRUE(plan.changes.supply.empty()) << "a split makes nothing";
  ASSERT_EQ(plan.changes.owners.size(), 2u);
  for (size_t i = 0; i < plan.changes.events.size(); ++i)
    EXPECT_EQ(plan.changes.events[i].seq, 1000 + static_cast<int64_t>(i));
  EXPECT_EQ(rows.next_seq, 1000 + static_cast<int64_t>(plan.changes.events.size()));
  EXPECT_EQ(rows.next_item, 61);
}

TEST(PlanGroup, WhatComesAndGoesWithinTheGroupLeavesItsEventsAndNoRow) {
  GroupRows rows = World();
  DurableWrite make = Action(1, {Player(kAda)});
  make.items = {Create(9, 2, kAda)};
  ItemRow made{ShardPrefix("zone") << kPlayerNumberBits | 60, 1, kAda, 9, 2, {}};
  DurableWrite use = Action(2, {Player(kAda)});
  use.items = {Destroy(made), Merge(rows.items[50], rows.items[51])};
  const Planned plan = Plan(rows, {make, use});
  EXPECT_EQ(plan.results[1].outcome, Outcome::kOk);
  ASSERT_EQ(plan.changes.items.size(), 2u);
  EXPECT_FALSE(plan.changes.items[0].gone);
  EXPECT_TRUE(plan.changes.items[1].gone);
  EXPECT_EQ(plan.changes.items[1].row.item_id, 51);
  EXPECT_EQ(plan.changes.items[1].version_before, 2);
  EXPECT_EQ(plan.changes.events.size(), 4u);
  ASSERT_EQ(plan.changes.supply.size(), 1u);
  EXPECT_EQ(plan.changes.supply[0].created, 2);
  EXPECT_EQ(plan.changes.supply[0].destroyed, 2);
}

TEST(PlanGroup, ARefusedWriteLeavesNothingButItsKey) {
  GroupRows rows = World();
  DurableWrite bad = Sample(1, Player(kAda), 4, 1, 1);
  bad.items = {Create(9, 2, kAda), Destroy(rows.items[50]), Split(rows.items[51], 5)};
  bad.postings = Pay(kAda, kSinkAccount, 1);
  const Planned plan = Plan(rows, {bad});
  EXPECT_EQ(plan.results[0].refusal, Refusal::kBadAmount);
  EXPECT_TRUE(plan.changes.players.empty() && plan.changes.items.empty() &&
              plan.changes.accounts.empty() && plan.changes.events.empty() &&
              plan.changes.ledger.empty() && plan.changes.supply.empty() &&
              plan.changes.owners.empty());
  EXPECT_EQ(plan.changes.keys.size(), 1u);
  EXPECT_EQ(rows.items, World().items);
  EXPECT_EQ(rows.accounts, World().accounts);
  EXPECT_EQ(rows.next_item, 60);
  EXPECT_EQ(rows.next_seq, 1000);
}

TEST(PlanGroup, ANewPlayersRowIsLockedByNobody) {
  GroupRows rows = World();
  const Planned plan = Plan(rows, {Login(1, "Cid"), Login(2, "Cid")});
  ASSERT_EQ(plan.changes.players.size(), 1u);
  EXPECT_EQ(plan.changes.players[0].version_before, 0);
  EXPECT_EQ(plan.changes.players[0].row.version, 3);
  EXPECT_EQ(plan.changes.players[0].logins, 2u);
  EXPECT_EQ(plan.changes.players[0].login_us, 1002);
  EXPECT_TRUE(plan.changes.owners.empty());
  EXPECT_EQ(rows.next_player, 10);
}

TEST(CentiDegreesAt, NamesTheSquareThatAPlaceLiesIn) {
  EXPECT_EQ(CentiDegreesAt(6378137, 0, 0).lon, 0);
  EXPECT_EQ(CentiDegreesAt(6378137, 0, 0).lat, 0);
  EXPECT_EQ(CentiDegreesAt(0, 6378137, 0).lon, 9000);
  EXPECT_EQ(CentiDegreesAt(6378137, -1, 0).lon, -1);
  EXPECT_EQ(CentiDegreesAt(-6378137, -1, 0).lon, -18000);
  EXPECT_EQ(CentiDegreesAt(-6378137, 1, 0).lon, 17999);
  EXPECT_EQ(CentiDegreesAt(0, 0, 6356752.3).lat, 9000);
  EXPECT_EQ(CentiDegreesAt(0, 0, -6356752.3).lat, -9000);
  for (const double far : {0.0, 1e308, std::numeric_limits<double>::max()}) {
    const CentiDegrees at = CentiDegreesAt(far, -far, far);
    EXPECT_TRUE(at.lon >= -18000 && at.lon < 18000 && at.lat >= -9000 && at.lat <= 9000) << far;
  }
}

struct FormCase {
  const char* what;
  std::function<void(DurableWrite&)> spoil;
};

TEST(CheckWrite, RefusesEachWrongForm) {
  const ItemRow item{50, 6, kAda, 7, 10, {}};
  const ItemRow other{51, 6, kAda, 7, 10, {}};
  auto good = [&] {
    DurableWrite write = Action(1, {Player(kAda), Player(kBob)});
    write.items = {Move(item, kBob)};
    write.postings = Pay(kAda, kBob, 1);
    return write;
  };
  ASSERT_TRUE(CheckWrite(good()).ok());
  const double nan = std::nan("");
  const FormCase cases[] = {
      {"nothing", [](auto& w) { w = Action(1, {Player(kAda)}); }},
      {"owners out of order", [](auto& w) { std::swap(w.owners[0], w.owners[1]); }},
      {"owner twice", [](auto& w) { w.owners[1] = w.owners[0]; }},
      {"owner zero",
       [](auto& w) {
         w.owners.insert(w.owners.begin(), Owner{0, 1});
       }},
      {"owner updated", [](auto& w) { w.updates = Sample(2, Player(kBob), 4, 1, 1).updates; }},
      {"update of a login",
       [](auto& w) { w = Sample(2, Player(kBob), 4, 1, 1, EventKind::kLogin); }},
      {"update of an item",
       [](auto& w) { w = Sample(2, Player(kBob), 4, 1, 1, EventKind::kItemMoved); }},
      {"also the same key", [](auto& w) { w.also = w.key; }},
      {"also of nobody", [](auto& w) { w.also = Key(-4, 1); }},
      {"no such refusal", [](auto& w) { w.refuse_with = static_cast<Refusal>(kRefusals); }},
      {"seventeen changes",
       [](auto& w) { w.items.assign(kMaxItemChanges + 1, Create(7, 1, kAda)); }},
      {"item twice", [&](auto& w) { w.items.push_back(Destroy(item)); }},
      {"item twice, by merge", [&](auto& w) { w.items.push_back(Merge(other, item)); }},
      {"merge with itself", [&](auto& w) { w.items = {Merge(item, item)}; }},
      {"no operation", [](auto& w) { w.items[0].op = static_cast<ItemOp>(0); }},
      {"unknown operation", [](auto& w) { w.items[0].op = static_cast<ItemOp>(6); }},
      {"no item", [](auto& w) { w.items[0].item_id = 0; }},
      {"negative item", [](auto& w) { w.items[0].item_id = -5; }},
      {"no version", [](auto& w) { w.items[0].expected_version = 0; }},
      {"to its own holder", [](auto& w) { w.items[0].to_holder = kAda; }},
      {"unknown holder", [](auto& w) { w.items[0].to_holder = -2; }},
      {"a move names another item", [](auto& w) { w.items[0].other_item_id = 9; }},
      {"place not finite", [&](auto& w) { w.items[0] = Move(item, kHeldByWorld, PlaceAt(nan)); }},
      {"receiver not an owner", [](auto& w) { w.items[0].to_holder = 77; }},
      {"giver not an owner", [](auto& w) { w.items[0].from_holder = 77; }},
      {"create with a number", [](auto& w) { (w.items = {Create(7, 1, kAda)})[0].item_id = 9; }},
      {"create nothing", [](auto& w) { w.items = {Create(7, 0, kAda)}; }},
      {"create without definition", [](auto& w) { w.items = {Create(0, 1, kAda)}; }},
      {"create with a definition no column holds",
       [](auto& w) { w.items = {Create(0x8000'0000u, 1, kAda)}; }},
      {"split to another", [&](auto& w) { (w.items = {Split(item, 1)})[0].to_holder = kBob; }},
      {"split nothing", [&](auto& w) { w.items = {Split(item, 0)}; }},
      {"merge without other",
       [&](auto& w) { (w.items = {Merge(item, other)})[0].other_item_id = 0; }},
      {"merge without version",
       [&](auto& w) { (w.items = {Merge(item, other)})[0].other_version = 0; }},
      {"postings out of order", [](auto& w) { std::swap(w.postings[0], w.postings[1]); }},
      {"account twice",
       [](auto& w) {
         w.postings = {{kAda, -1}, {kAda, 1}};
       }},
      {"posting of nothing",
       [](auto& w) {
         w.postings = {{kSinkAccount, 0}};
       }},
      {"posting without opposite",
       [](auto& w) {
         w.postings = {{kAdjustmentAccount, std::numeric_limits<int64_t>::min()},
                       {kSinkAccount, 1},
                       {kMintAccount, std::numeric_limits<int64_t>::max()}};
       }},
      {"postings that wrap around to zero",
       [](auto& w) {
         const int64_t half = int64_t{1} << 62;
         w.postings = {
             {kAdjustmentAccount, half}, {kSinkAccount, half}, {kMintAccount, half}, {kAda, half}};
       }},
      {"postings that do not sum to zero", [](auto& w) { ++w.postings[0].amount; }},
      {"account zero",
       [](auto& w) {
         w.postings = {{0, -1}, {kAda, 1}};
       }},
      {"unknown system account",
       [](auto& w) {
         w.postings = {{-4, -1}, {kAda, 1}};
       }},
      {"account's player not an owner", [](auto& w) { w.postings = Pay(kAda, 77, 1); }},
      {"login with items", [](auto& w) { w.login = Login(1, "Ada").login; }},
      {"too many starters",
       [](auto& w) {
         w = Login(1, "Ada");
         w.login->starters.assign(kMaxStarters + 1, {1, 1});
       }},
      {"starter without definition",
       [](auto& w) {
         w = Login(1, "Ada");
         w.login->starters = {{0, 1}};
       }},
      {"negative starting gold",
       [](auto& w) {
         w = Login(1, "Ada");
         w.login->starting_gold = -1;
       }},
  };
  for (const FormCase& each : cases) {
    DurableWrite write = good();
    each.spoil(write);
    EXPECT_EQ(CheckWrite(write).code(), core::Code::kInvalid) << each.what;
    GroupRows rows = World();
    const Planned plan = Plan(rows, {write});
    EXPECT_EQ(plan.results[0].refusal, Refusal::kInvalid) << each.what;
    EXPECT_TRUE(plan.changes.events.empty()) << each.what;
  }
}

}  // namespace
}  // namespace bluemarble::persistence
