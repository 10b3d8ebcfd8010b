#include "persistence/rollback.h"

#include <gtest/gtest.h>

#include <numeric>

#include "fake_reader.h"
#include "persistence/group_plan.h"

namespace bluemarble::persistence {
namespace {

constexpr int64_t kEpoch = 1;

// A shard whose writes go through the real rules (PlanGroup), kept in a FakeReader.
class Rollback : public ::testing::Test {
 protected:
  Rollback() {
    ada = NewPlayer("Ada", 100);
    bob = NewPlayer("Bob", 50);
  }

  WriteResult Commit(DurableWrite write) {
    if (write.at_us == 0) {
      write.at_us = FakeReader::kStartUs + 1'000'000 * ++clock;
      write.tick = 100 * static_cast<core::Tick>(clock);
    }
    rows.players.clear();
    rows.names.clear();
    for (const auto& [id, row] : reader.players) {
      rows.players[id] = {row, "zone"};
      rows.names[std::string(row.name.view())] = id;
    }
    rows.items = reader.items;
    rows.accounts = reader.accounts;
    WriteResult result;
    GroupChanges changes;
    PlanGroup({&write, 1}, "zone", rows, {&result, 1}, changes);
    for (const auto& change : changes.players) reader.players[change.row.player_id] = change.row;
    for (const auto& change : changes.accounts) reader.accounts[change.row.account_id] = change.row;
    for (const auto& change : changes.items) {
      if (change.gone) {
        reader.items.erase(change.row.item_id);
      } else {
        reader.items[change.row.item_id] = change.row;
      }
    }
    for (const auto& change : changes.supply)
      supply[change.definition] += change.created - change.destroyed;
    reader.events.insert(reader.events.end(), changes.events.begin(), changes.events.end());
    return result;
  }

  DurableWrite Write() {
    DurableWrite write;
    write.key.player_id = ada;
    const uint64_t number = ++keys;
    std::memcpy(write.key.bytes.data(), &number, sizeof number);
    for (const auto& [id, row] : reader.players) write.owners.push_back({id, kEpoch});
    return write;
  }

  int64_t NewPlayer(const std::string& name, int64_t gold) {
    DurableWrite write = Write();
    write.key.player_id = 0;
    write.owners.clear();
    write.login.emplace();
    write.login->name = PlayerName::From(name);
    write.login->initial.x_m = 1;
    write.login->initial.health = 100;
    write.login->starting_gold = gold;
    return Commit(write).row.player_id;
  }

  ItemRow One(const ItemChange& change) {
    DurableWrite write = Write();
    write.items = {change};
    const WriteResult result = Commit(write);
    EXPECT_EQ(result.outcome, Outcome::kOk) << RefusalName(result.refusal);
    return result.item;
  }
  int64_t Create(int64_t holder, uint32_t quantity, uint32_t definition = 7) {
    ItemChange change;
    change.op = ItemOp::kCreate;
    change.to_holder = holder;
    change.definition = definition;
    change.quantity = quantity;
    return One(change).item_id;
  }
  ItemChange Of(int64_t id, ItemOp op) {
    ItemChange change;
    change.op = op;
    change.item_id = id;
    change.expected_version = reader.items.at(id).version;
    change.from_holder = change.to_holder = reader.items.at(id).holder;
    return change;
  }
  void Move(int64_t id, int64_t to) {
    ItemChange change = Of(id, ItemOp::kMove);
    change.to_holder = to;
    One(change);
  }
  void Destroy(int64_t id) { One(Of(id, ItemOp::kDestroy)); }
  int64_t Split(int64_t id, uint32_t quantity) {
    ItemChange change = Of(id, ItemOp::kSplit);
    change.quantity = quantity;
    return One(change).item_id;
  }
  void Merge(int64_t into, int64_t other) {
    ItemChange change = Of(into, ItemOp::kMerge);
    change.other_item_id = other;
    change.other_version = reader.items.at(other).version;
    One(change);
  }
  void Pay(int64_t from, int64_t to, int64_t amount) {
    DurableWrite write = Write();
    write.postings = {{from, -amount}, {to, amount}};
    std::ranges::sort(write.postings, {}, &Posting::account_id);
    ASSERT_EQ(Commit(write).outcome, Outcome::kOk);
  }
  void Sample(double x) {
    DurableWrite write = Write();
    write.owners.clear();
    PlayerState state = reader.players.at(ada).state;
    state.x_m = x;
    write.updates.push_back({ada, kEpoch, reader.players.at(ada).version, state, EventKind::kSample,
                             EncodePlayerState(state)});
    ASSERT_EQ(Commit(write).outcome, Outcome::kOk);
  }

  Moment Now() const {
    return {StoreReader::Moment::kTime, FakeReader::kStartUs + 1'000'000 * clock};
  }
  core::Result<RollbackPlan> Plan(Moment to) {
    RollbackRequest request;
    request.player_id = ada;
    request.to = to;
    request.now_us = FakeReader::kStartUs + 1'000'000 * ++clock;
    request.tick = 100 * static_cast<core::Tick>(clock);
    request.key.fill(std::byte{0xab});
    return PlanRollback(reader, request);
  }
  RollbackPlan Roll(Moment to) {
    auto plan = Plan(to);
    EXPECT_TRUE(plan.ok()) << plan.status().ToString();
    if (!plan.ok()) return {};
    const RollbackDone done = CarryOut(
        *plan,
        [this](const DurableWrite& write) -> core::Result<WriteResult> { return Commit(write); });
    EXPECT_TRUE(done.status.ok()) << done.status.ToString();
    EXPECT_EQ(done.writes, plan->writes.size());
    EXPECT_EQ(done.version, reader.players.at(ada).version);
    CheckBooks();
    return std::move(*plan);
  }

  // Events lead to the rows, quantities to the supply, gold to zero.
  void CheckBooks() {
    Verifier verifier(reader);
    VerifyCursor cursor;
    ASSERT_TRUE(verifier.Step(cursor, 1'000'000).ok());
    for (const Finding& finding : verifier.report().listed)
      ADD_FAILURE() << ToString(finding.aggregate) << ": " << finding.what;
    std::map<uint32_t, int64_t> sums;
    for (const auto& [id, item] : reader.items) sums[item.definition] += item.quantity;
    for (const auto& [definition, sum] : supply) EXPECT_EQ(sums[definition], sum) << definition;
    int64_t gold = 0;
    for (const auto& [id, account] : reader.accounts) gold += account.balance;
    EXPECT_EQ(gold, 0);
  }

  // Stacks as "quantity,quantity", ascending.
  std::string Held(int64_t holder, uint32_t definition = 7) {
    std::vector<uint32_t> quantities;
    for (const auto& [id, item] : reader.items) {
      if (item.holder == holder && item.definition == definition)
        quantities.push_back(item.quantity);
    }
    std::ranges::sort(quantities);
    std::string text;
    for (const uint32_t quantity : quantities)
      text += (text.empty() ? "" : ",") + std::to_string(quantity);
    return text;
  }
  static std::string Acts(const RollbackPlan& plan) {
    std::string text;
    for (const RollbackItem& item : plan.items) {
      text += (text.empty() ? "" : " ") + std::string(RollbackActName(item.act)) + ":" +
              std::to_string(item.quantity);
    }
    return text;
  }

  FakeReader reader;
  GroupRows rows;
  std::map<uint32_t, int64_t> supply;
  int64_t clock = 0;
  uint64_t keys = 0;
  int64_t ada = 0, bob = 0;
};

TEST_F(Rollback, SetsPlaceAndGoldBack) {
  Sample(10);
  const Moment then = Now();
  Pay(ada, bob, 60);
  Sample(20);
  const RollbackPlan plan = Roll(then);
  EXPECT_EQ(plan.gold_then, 100);
  EXPECT_EQ(plan.gold_now, 40);
  EXPECT_EQ(reader.accounts.at(ada).balance, 100);
  EXPECT_EQ(reader.accounts.at(bob).balance, 110);
  EXPECT_EQ(reader.accounts.at(kAdjustmentAccount).balance, -60);
  EXPECT_EQ(reader.players.at(ada).state.x_m, 10);
  EXPECT_EQ(reader.events.back().kind, EventKind::kPosted);
  const auto history = History(reader, {AggregateType::kPlayer, ada}, 0, 100);
  ASSERT_TRUE(history.ok());
  EXPECT_EQ(history->back().row.kind, EventKind::kRolledBack);
  EXPECT_EQ(history->back().player.x_m, 10);
}

TEST_F(Rollback, TakesGoldAwayThatCameSince) {
  const Moment then = Now();
  Pay(bob, ada, 50);
  Roll(then);
  EXPECT_EQ(reader.accounts.at(ada).balance, 100);
  EXPECT_EQ(reader.accounts.at(kAdjustmentAccount).balance, 50);
}

TEST_F(Rollback, TreatsEachThingByWhereItIsNow) {
  const int64_t dropped = Create(ada, 1, 1);
  const int64_t given = Create(ada, 1, 2);
  const int64_t used = Create(ada, 1, 3);
  const int64_t kept = Create(ada, 1, 4);
  const Moment then = Now();
  Move(dropped, kHeldByWorld);
  Move(given, bob);
  Destroy(used);
  const int64_t got = Create(bob, 1, 5);
  Move(got, ada);
  const RollbackPlan plan = Roll(then);
  EXPECT_EQ(reader.items.at(dropped).holder, ada);
  EXPECT_EQ(reader.items.at(given).holder, bob);
  EXPECT_EQ(reader.items.at(kept).holder, ada);
  EXPECT_EQ(reader.items.at(kept).version, 1);
  EXPECT_EQ(reader.items.at(got).holder, kHeldByEscrow);
  EXPECT_EQ(Held(ada, 3), "1");
  EXPECT_EQ(supply[3], 1);
  EXPECT_EQ(Acts(plan), "moved_back:1 with_other_player:1 created_anew:1 to_escrow:1");
  EXPECT_EQ(plan.taken_from_ground, std::vector<int64_t>{dropped});
}

TEST_F(Rollback, FollowsWhatWasSplitOff) {
  const int64_t stack = Create(ada, 10);
  const Moment then = Now();
  const int64_t part = Split(stack, 4);
  Move(part, kHeldByWorld);
  const int64_t gift = Split(stack, 1);
  Move(gift, bob);
  Split(stack, 2);
  const RollbackPlan plan = Roll(then);
  EXPECT_EQ(Held(ada), "2,3,4");  // all but what Bob has; nothing is made
  EXPECT_EQ(Held(bob), "1");
  EXPECT_EQ(supply[7], 10);
  EXPECT_EQ(Acts(plan), "with_other_player:1 moved_back:4");
}

TEST_F(Rollback, MakesNothingOfWhatWasMergedIntoAnothersStack) {
  const int64_t stack = Create(ada, 10);
  const int64_t other = Create(bob, 5);
  const Moment then = Now();
  Move(stack, bob);
  Merge(other, stack);
  const RollbackPlan plan = Roll(then);
  EXPECT_EQ(Held(ada), "");
  EXPECT_EQ(Held(bob), "15");
  EXPECT_EQ(Acts(plan), "with_other_player:10");
  EXPECT_EQ(plan.items[0].holder, bob);
}

TEST_F(Rollback, UndoesOnesOwnMergeWithoutMakingAnything) {
  const int64_t a = Create(ada, 10);
  const int64_t b = Create(ada, 5);
  const Moment then = Now();
  Merge(a, b);
  Roll(then);
  EXPECT_EQ(Held(ada), "5,10");
  EXPECT_EQ(Held(kHeldByEscrow), "");
  EXPECT_EQ(supply[7], 15);
}

TEST_F(Rollback, CutsAStackThatHasGrown) {
  const int64_t a = Create(ada, 10);
  const int64_t b = Create(bob, 5);
  const Moment then = Now();
  Move(b, ada);
  Merge(a, b);
  const RollbackPlan plan = Roll(then);
  EXPECT_EQ(Held(ada), "10");
  EXPECT_EQ(Held(kHeldByEscrow), "5");
  EXPECT_EQ(Acts(plan), "cut_down:5");
}

TEST_F(Rollback, GoesToAVersionOfThePlayer) {
  const int64_t before = Create(ada, 1);
  Sample(10);
  const int64_t version = reader.players.at(ada).version;
  --clock;  // what follows happens within the same microsecond and tick
  Move(before, kHeldByWorld);
  const int64_t after = Create(ada, 2);
  Roll({StoreReader::Moment::kVersion, version});
  EXPECT_EQ(reader.items.at(before).holder, ada);
  EXPECT_EQ(reader.items.at(after).holder, kHeldByEscrow);
}

TEST_F(Rollback, GoesToATick) {
  const int64_t item = Create(ada, 1);
  const Moment then{StoreReader::Moment::kTick, 100 * clock};
  Move(item, kHeldByWorld);
  Roll(then);
  EXPECT_EQ(reader.items.at(item).holder, ada);
}

TEST_F(Rollback, OfNothingChangedWritesOneEvent) {
  Create(ada, 3);
  const RollbackPlan plan = Roll(Now());
  ASSERT_EQ(plan.writes.size(), 1u);
  EXPECT_TRUE(plan.writes[0].items.empty());
  EXPECT_TRUE(plan.writes[0].postings.empty());
  EXPECT_TRUE(plan.items.empty());
}

TEST_F(Rollback, OfManyItemsTakesSeveralWrites) {
  const Moment then = Now();
  for (int i = 0; i < 40; ++i) Create(ada, 1);
  const RollbackPlan plan = Roll(then);
  ASSERT_EQ(plan.writes.size(), 3u);
  EXPECT_EQ(plan.writes[0].updates.size(), 1u);
  EXPECT_NE(plan.writes[1].key, plan.writes[0].key);
  EXPECT_NE(plan.writes[2].key, plan.writes[1].key);
  EXPECT_EQ(Held(ada), "");
}

TEST_F(Rollback, TakesBeforeItMakesSoThatHalfOfItIsNotTooMuch) {
  for (int i = 0; i < 20; ++i) Create(ada, 1, 1);
  const int64_t stack = Create(ada, 10);
  const int64_t grows = Create(ada, 5);
  const Moment then = Now();
  std::vector<int64_t> used;
  for (const auto& [id, item] : reader.items) {
    if (item.definition == 1) used.push_back(id);
  }
  for (const int64_t id : used) Destroy(id);
  Merge(stack, grows);
  for (int i = 0; i < 20; ++i) Create(ada, 1, 2);
  const auto plan = Plan(then);
  ASSERT_TRUE(plan.ok()) << plan.status().ToString();
  ASSERT_EQ(plan->writes.size(), 3u);
  bool makes = false;
  for (const DurableWrite& write : plan->writes) {
    for (const ItemChange& change : write.items) {
      // The rest of a stack that was cut is made with the cut.
      const bool cut = change.op == ItemOp::kCreate && change.definition == 7;
      if (change.op == ItemOp::kCreate && !cut) makes = true;
      if (change.op != ItemOp::kCreate) {
        EXPECT_FALSE(makes) << "taken after something was made";
      }
    }
  }
  EXPECT_TRUE(makes);
}

TEST_F(Rollback, StopsWhenThePlayerLogsInBetweenTwoWrites) {
  const Moment then = Now();
  for (int i = 0; i < 40; ++i) Create(ada, 1);
  const auto plan = Plan(then);
  ASSERT_TRUE(plan.ok());
  int calls = 0;
  const RollbackDone done =
      CarryOut(*plan, [&](const DurableWrite& write) -> core::Result<WriteResult> {
        if (++calls == 2) NewPlayer("Ada", 0);
        return Commit(write);
      });
  EXPECT_EQ(done.status.code(), core::Code::kStale);
  EXPECT_EQ(done.writes, 1u);
  EXPECT_EQ(Held(ada).size(), 24 * 2 - 1u) << "16 of 40 were taken";
  CheckBooks();
}

TEST_F(Rollback, IsRefusedWhenThePlayerHasBeenHereSince) {
  const int64_t item = Create(ada, 1);
  const Moment then = Now();
  Move(item, kHeldByWorld);
  const auto plan = Plan(then);
  ASSERT_TRUE(plan.ok());
  NewPlayer("Ada", 0);  // logs in
  const RollbackDone done = CarryOut(
      *plan,
      [this](const DurableWrite& write) -> core::Result<WriteResult> { return Commit(write); });
  EXPECT_EQ(done.status.code(), core::Code::kStale);
  EXPECT_EQ(done.writes, 0u);
  EXPECT_EQ(reader.items.at(item).holder, kHeldByWorld);
}

TEST_F(Rollback, CarriedOutTwiceHappensOnce) {
  const Moment then = Now();
  Pay(ada, bob, 10);
  const auto plan = Plan(then);
  ASSERT_TRUE(plan.ok());
  const auto commit = [this](const DurableWrite& write) -> core::Result<WriteResult> {
    return Commit(write);
  };
  EXPECT_TRUE(CarryOut(*plan, commit).status.ok());
  EXPECT_TRUE(CarryOut(*plan, commit).status.ok());
  EXPECT_EQ(reader.accounts.at(ada).balance, 100);
}

TEST_F(Rollback, AsksAgainWhenTheOutcomeIsUnknown) {
  const Moment then = Now();
  Pay(ada, bob, 10);
  const auto plan = Plan(then);
  ASSERT_TRUE(plan.ok());
  int calls = 0;
  RollbackDone done = CarryOut(*plan, [&](const DurableWrite& write) -> core::Result<WriteResult> {
    WriteResult result = Commit(write);
    if (++calls == 1) result.outcome = Outcome::kUnknown;  // done, and the answer lost
    return result;
  });
  EXPECT_TRUE(done.status.ok());
  EXPECT_EQ(reader.accounts.at(ada).balance, 100);
  done = CarryOut(*plan,
                  [&](const DurableWrite&) -> core::Result<WriteResult> { return WriteResult{}; });
  EXPECT_EQ(done.status.code(), core::Code::kUnknown);
  EXPECT_NE(done.status.detail().find("abababab"), std::string::npos);
}

TEST_F(Rollback, LeavesAloneWhatWasArchived) {
  const int64_t quiet = Create(ada, 1, 1);
  const int64_t moved = Create(ada, 1, 2);
  Sample(5);
  const int64_t first_kept = reader.events.back().seq;
  const Moment then = Now();
  Move(moved, kHeldByWorld);
  Move(moved, ada);
  Pay(ada, bob, 30);
  std::erase_if(reader.events, [&](const EventRow& e) { return e.seq < first_kept; });
  const auto plan = Plan(then);
  ASSERT_TRUE(plan.ok()) << plan.status().ToString();
  EXPECT_EQ(plan->gold_then, 100);
  EXPECT_EQ(Acts(*plan), "not_in_history:1");
  EXPECT_TRUE(plan->writes[0].items.empty());
  EXPECT_EQ(reader.items.at(quiet).holder, ada);
  EXPECT_EQ(Plan({StoreReader::Moment::kTick, 1}).status().code(), core::Code::kNotFound);
}

TEST_F(Rollback, SaysHowFarBackItReads) {
  const Moment then = Now();
  RollbackRequest request;
  request.player_id = ada;
  request.to = then;
  // One batch is always read: the bound counts whole batches.
  request.max_events = 5;
  for (int i = 0; i < 2000; ++i) reader.Post(bob, 1);
  EXPECT_EQ(PlanRollback(reader, request).status().code(), core::Code::kFull);
}

}  // namespace
}  // namespace bluemarble::persistence
