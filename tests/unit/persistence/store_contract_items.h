/// What every store must do with items, gold and the keys of actions. How to instantiate it:
/// store_contract_backend.h.
#pragma once

#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "random_groups.h"
#include "store_contract_backend.h"

namespace bluemarble::persistence {

template <typename T>
class StoreContractItems : public StoreContractBase<T> {
 protected:
  /// An item that `player` holds, made by an action of his.
  ItemRow Made(const PlayerRow& player, uint32_t definition, uint32_t quantity,
               uint64_t number = 0) {
    DurableWrite write = Action(number != 0 ? number : 1000 + made_++, {player});
    write.items = {Create(definition, quantity, player.player_id)};
    const WriteResult result = this->Commit(write);
    EXPECT_EQ(result.outcome, Outcome::kOk) << RefusalName(result.refusal);
    return result.item;
  }
  PlayerRow Rich(std::string_view name, uint64_t key, int64_t gold) {
    DurableWrite login = Login(key, name);
    login.login->starting_gold = gold;
    const WriteResult result = this->Commit(login);
    EXPECT_EQ(result.gold, gold);
    return result.row;
  }

 private:
  uint64_t made_ = 0;
};
TYPED_TEST_SUITE_P(StoreContractItems);

TYPED_TEST_P(StoreContractItems, ANewPlayerGetsStartersAndGoldExactlyOnce) {
  DurableWrite login = Login(1, "Ada");
  login.login->starters = {{1, 5}, {0, 0}, {2, 1}};
  login.login->starting_gold = 100;
  const WriteResult first = this->Commit(login);
  ASSERT_EQ(first.outcome, Outcome::kOk);
  const int64_t ada = first.row.player_id;
  ASSERT_EQ(first.items.size(), 2u);
  EXPECT_EQ(first.items[0].definition, 1u);
  EXPECT_EQ(first.items[0].quantity, 5u);
  EXPECT_EQ(first.items[0].holder, ada);
  EXPECT_EQ(first.items[0].item_id >> kPlayerNumberBits, ShardPrefix("zone"));
  EXPECT_EQ(first.gold, 100);
  const WriteResult repeat = this->Commit(login);
  EXPECT_TRUE(repeat.repeated);
  EXPECT_EQ(repeat.items, first.items);  // a lost answer brings them again
  EXPECT_EQ(repeat.gold, 100);
  login.key = Key(0, 2);
  const WriteResult second = this->Commit(login);
  EXPECT_FALSE(second.created);
  EXPECT_EQ(second.items, first.items);
  EXPECT_EQ(second.gold, 100);
  EXPECT_EQ(this->backend_.ItemsOf(ada), first.items);
  EXPECT_EQ(this->backend_.Account(ada).balance, 100);
  EXPECT_EQ(this->backend_.Account(kMintAccount).balance, -100);
  EXPECT_EQ(this->backend_.LedgerRows(), 2);
  EXPECT_EQ(this->backend_.Supply(1), std::pair(int64_t{5}, int64_t{0}));
}

TYPED_TEST_P(StoreContractItems, WithoutStartingGoldThereIsNoAccount) {
  const PlayerRow ada = this->LoggedIn();
  EXPECT_EQ(this->backend_.Account(ada.player_id), AccountRow{});
  EXPECT_EQ(this->backend_.Account(kMintAccount), AccountRow{});
}

TYPED_TEST_P(StoreContractItems, AnItemIsMadeWithItsEventAndItsSupply) {
  const PlayerRow ada = this->LoggedIn();
  const ItemRow item = this->Made(ada, 7, 3);
  EXPECT_EQ(item.version, 1);
  EXPECT_EQ(item.holder, ada.player_id);
  EXPECT_EQ(this->backend_.Item(item.item_id), item);
  const auto events = this->EventsOf(AggregateType::kItem, item.item_id);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, EventKind::kItemCreated);
  ItemRow told;
  Cause cause;
  ASSERT_TRUE(DecodeItemEvent(events[0].payload, told, cause));
  told.item_id = item.item_id;
  told.version = events[0].version;
  EXPECT_EQ(told, item);
  EXPECT_EQ(cause.player_id, ada.player_id);
  EXPECT_EQ(this->backend_.Supply(7), std::pair(int64_t{3}, int64_t{0}));
}

TYPED_TEST_P(StoreContractItems, AnItemLiesWhereItWasDroppedUntilSomebodyTakesIt) {
  const PlayerRow ada = this->LoggedIn("Ada", 1);
  const PlayerRow bob = this->LoggedIn("Bob", 2);
  ItemRow item = this->Made(ada, 7, 3);
  DurableWrite drop = Action(20, {ada});
  drop.items = {Move(item, kHeldByWorld, PlaceAt(4.25))};
  EXPECT_EQ(this->Commit(drop).outcome, Outcome::kOk);
  item = this->backend_.Item(item.item_id).value();
  EXPECT_EQ(item.holder, kHeldByWorld);
  EXPECT_EQ(item.place, PlaceAt(4.25));
  EXPECT_EQ(this->store().LoadWorldItems(0, 10).value(), std::vector{item});
  DurableWrite take = Action(21, {bob});
  take.items = {Move(item, bob.player_id, PlaceAt(9))};  // the place of what is held is nothing
  EXPECT_EQ(this->Commit(take).outcome, Outcome::kOk);
  EXPECT_TRUE(this->store().LoadWorldItems(0, 10)->empty());
  item = this->backend_.Item(item.item_id).value();
  EXPECT_EQ(item.holder, bob.player_id);
  EXPECT_EQ(item.version, 3);
  EXPECT_EQ(item.place, ItemPlace{});
  EXPECT_EQ(this->EventsOf(AggregateType::kItem, item.item_id).size(), 3u);
}

TYPED_TEST_P(StoreContractItems, AStackIsSplitMergedAndUsedUpWithoutLosingAny) {
  const PlayerRow ada = this->LoggedIn();
  const ItemRow stack = this->Made(ada, 7, 10);
  DurableWrite split = Action(20, {ada});
  split.items = {Split(stack, 4)};
  const WriteResult parted = this->Commit(split);
  ASSERT_EQ(parted.outcome, Outcome::kOk);
  EXPECT_EQ(parted.item.quantity, 4u);
  EXPECT_EQ(this->backend_.Item(parted.item.item_id), parted.item);
  const ItemRow rest = this->backend_.Item(stack.item_id).value();
  EXPECT_EQ(rest.quantity, 6u);
  EXPECT_EQ(rest.version, 2);
  DurableWrite merge = Action(21, {ada});
  merge.items = {Merge(rest, parted.item)};
  EXPECT_EQ(this->Commit(merge).outcome, Outcome::kOk);
  EXPECT_EQ(this->backend_.Item(parted.item.item_id), std::nullopt);
  const ItemRow whole = this->backend_.Item(stack.item_id).value();
  EXPECT_EQ(whole.quantity, 10u);
  EXPECT_EQ(this->backend_.Supply(7), std::pair(int64_t{10}, int64_t{0}));
  DurableWrite destroy = Action(22, {ada});
  destroy.items = {Destroy(whole)};
  EXPECT_EQ(this->Commit(destroy).outcome, Outcome::kOk);
  EXPECT_TRUE(this->backend_.ItemsOf(ada.player_id).empty());
  EXPECT_EQ(this->backend_.Supply(7), std::pair(int64_t{10}, int64_t{10}));
  const auto events = this->EventsOf(AggregateType::kItem, stack.item_id);
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[1].kind, EventKind::kItemReduced);
  EXPECT_EQ(events[2].kind, EventKind::kItemMerged);
  EXPECT_EQ(events[3].kind, EventKind::kItemDestroyed);
  const auto part = this->EventsOf(AggregateType::kItem, parted.item.item_id);
  ASSERT_EQ(part.size(), 2u);
  EXPECT_EQ(part[0].kind, EventKind::kItemSplitOff);
  EXPECT_EQ(part[1].kind, EventKind::kItemEmptied);
}

TYPED_TEST_P(StoreContractItems, AnItemOnTheGroundCanBeDestroyedAndLeavesNoPlace) {
  DurableWrite spawn = Action(20, {});
  spawn.items = {Create(7, 2, kHeldByWorld, PlaceAt(3))};
  const ItemRow item = this->Commit(spawn).item;
  EXPECT_EQ(item.place, PlaceAt(3));
  DurableWrite split = Action(21, {});
  split.items = {Split(item, 1)};
  const ItemRow part = this->Commit(split).item;
  EXPECT_EQ(part.place, PlaceAt(3));
  EXPECT_EQ(this->backend_.Item(part.item_id), part);
  DurableWrite destroy = Action(22, {});
  destroy.items = {Destroy(part), Destroy(this->backend_.Item(item.item_id).value())};
  EXPECT_EQ(this->Commit(destroy).outcome, Outcome::kOk);
  EXPECT_TRUE(this->store().LoadWorldItems(0, 10)->empty());
}

TYPED_TEST_P(StoreContractItems, WhatIsNotWhereTheRequestSaysIsRefusedAndStaysAsItIs) {
  const PlayerRow ada = this->LoggedIn("Ada", 1);
  const PlayerRow bob = this->LoggedIn("Bob", 2);
  const ItemRow item = this->Made(ada, 7, 3);
  ItemRow wrong_holder = item;
  wrong_holder.holder = bob.player_id;
  ItemRow missing = item;
  missing.item_id += 1000;
  ItemRow wrong_version = item;
  wrong_version.version = 2;
  DurableWrite take = Action(20, {ada, bob});
  take.items = {Move(wrong_holder, kHeldByWorld, PlaceAt(1))};
  EXPECT_EQ(this->Commit(take).refusal, Refusal::kNotHolder);
  take.key = Key(ada.player_id, 21);
  take.items = {Move(missing, bob.player_id)};
  EXPECT_EQ(this->Commit(take).refusal, Refusal::kNotHolder);
  take.key = Key(ada.player_id, 22);
  take.items = {Move(wrong_version, bob.player_id)};
  EXPECT_EQ(this->Commit(take).refusal, Refusal::kVersion);
  EXPECT_EQ(this->backend_.Item(item.item_id), item);
  EXPECT_EQ(this->EventsOf(AggregateType::kItem, item.item_id).size(), 1u);
}

TYPED_TEST_P(StoreContractItems, ImpossibleQuantitiesAreRefused) {
  const PlayerRow ada = this->LoggedIn();
  const ItemRow stack = this->Made(ada, 7, 3);
  const ItemRow other_kind = this->Made(ada, 8, 3);
  const ItemRow large = this->Made(ada, 7, std::numeric_limits<uint32_t>::max() - 2);
  DurableWrite write = Action(20, {ada});
  write.items = {Split(stack, 3)};
  EXPECT_EQ(this->Commit(write).refusal, Refusal::kBadAmount);
  write.key = Key(ada.player_id, 21);
  write.items = {Merge(stack, other_kind)};
  EXPECT_EQ(this->Commit(write).refusal, Refusal::kInvalid);
  write.key = Key(ada.player_id, 22);
  write.items = {Merge(stack, large)};
  EXPECT_EQ(this->Commit(write).refusal, Refusal::kBadAmount);
  EXPECT_EQ(this->backend_.ItemsOf(ada.player_id).size(), 3u);
  EXPECT_EQ(this->backend_.Item(large.item_id), large);
}

TYPED_TEST_P(StoreContractItems, WorldItemsComeInPagesAndEachOnce) {
  std::vector<int64_t> made;
  for (uint64_t i = 0; i < 7; ++i) {
    DurableWrite spawn = Action(20 + i, {});
    spawn.items = {Create(7, 1, kHeldByWorld, PlaceAt(static_cast<double>(i)))};
    made.push_back(this->Commit(spawn).item.item_id);
  }
  std::vector<int64_t> seen;
  for (int64_t after = 0;;) {
    const auto page = this->store().LoadWorldItems(after, 3);
    ASSERT_TRUE(page.ok());
    ASSERT_LE(page->size(), 3u);
    if (page->empty()) break;
    for (const ItemRow& item : *page) seen.push_back(item.item_id);
    after = page->back().item_id;
  }
  EXPECT_EQ(seen, made);
}

TYPED_TEST_P(StoreContractItems, GoldMovesByBalancedPostingsAndNeverBelowZero) {
  const PlayerRow ada = this->Rich("Ada", 1, 100);
  const PlayerRow bob = this->LoggedIn("Bob", 2);
  DurableWrite pay = Action(20, {ada, bob});
  pay.postings = Pay(ada.player_id, bob.player_id, 60);
  EXPECT_EQ(this->Commit(pay).outcome, Outcome::kOk);
  EXPECT_EQ(this->backend_.Account(ada.player_id), (AccountRow{ada.player_id, 2, 40}));
  EXPECT_EQ(this->backend_.Account(bob.player_id), (AccountRow{bob.player_id, 1, 60}));
  pay.key = Key(ada.player_id, 21);
  pay.postings = Pay(ada.player_id, bob.player_id, 41);
  EXPECT_EQ(this->Commit(pay).refusal, Refusal::kInsufficient);
  EXPECT_EQ(this->backend_.Account(ada.player_id).balance, 40);
  EXPECT_EQ(this->backend_.LedgerRows(), 4);
  const auto events = this->EventsOf(AggregateType::kAccount, bob.player_id);
  ASSERT_EQ(events.size(), 1u);
  int64_t balance = 0;
  int64_t amount = 0;
  Cause cause;
  ASSERT_TRUE(DecodeAccountEvent(events[0].payload, balance, amount, cause));
  EXPECT_EQ(balance, 60);
  EXPECT_EQ(amount, 60);
  EXPECT_EQ(cause.player_id, ada.player_id);
}

TYPED_TEST_P(StoreContractItems, PostingsThatDoNotBalanceAreInvalid) {
  const PlayerRow ada = this->Rich("Ada", 1, 100);
  DurableWrite write = Action(20, {ada});
  write.postings = {{kSinkAccount, 5}, {ada.player_id, -6}};
  EXPECT_EQ(this->Commit(write).refusal, Refusal::kInvalid);
  write.key = Key(ada.player_id, 21);
  write.postings = {{ada.player_id, 5}};
  EXPECT_EQ(this->Commit(write).refusal, Refusal::kInvalid);
  EXPECT_EQ(this->backend_.Account(ada.player_id).balance, 100);
  EXPECT_EQ(this->backend_.LedgerRows(), 2);
}

TYPED_TEST_P(StoreContractItems, ABalanceHoldsTheLargestNumberAndNotOneMore) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  const PlayerRow ada = this->Rich("Ada", 1, 1);
  DurableWrite mint = Action(20, {ada});
  mint.postings = Pay(kMintAccount, ada.player_id, kMost);
  EXPECT_EQ(this->Commit(mint).refusal, Refusal::kBadAmount);
  mint.key = Key(ada.player_id, 21);
  mint.postings = Pay(kMintAccount, ada.player_id, kMost - 1);
  EXPECT_EQ(this->Commit(mint).outcome, Outcome::kOk);
  EXPECT_EQ(this->backend_.Account(ada.player_id).balance, kMost);
  EXPECT_EQ(this->backend_.Account(kMintAccount).balance, -kMost);
}

TYPED_TEST_P(StoreContractItems, ATradeOfTwoPlayersHappensWholeOrNotAtAll) {
  const PlayerRow ada = this->Rich("Ada", 1, 100);
  const PlayerRow bob = this->Rich("Bob", 2, 10);
  const ItemRow sword = this->Made(ada, 7, 1);
  const ItemRow shield = this->Made(bob, 8, 1);
  DurableWrite trade = Action(20, {ada, bob});
  trade.items = {Move(sword, bob.player_id), Move(shield, ada.player_id)};
  trade.postings = Pay(bob.player_id, ada.player_id, 11);
  EXPECT_EQ(this->Commit(trade).refusal, Refusal::kInsufficient);
  EXPECT_EQ(this->backend_.Item(sword.item_id), sword);
  EXPECT_EQ(this->backend_.Item(shield.item_id), shield);
  trade.key = Key(ada.player_id, 21);
  trade.postings = Pay(bob.player_id, ada.player_id, 10);
  EXPECT_EQ(this->Commit(trade).outcome, Outcome::kOk);
  EXPECT_EQ(this->backend_.Item(sword.item_id)->holder, bob.player_id);
  EXPECT_EQ(this->backend_.Item(shield.item_id)->holder, ada.player_id);
  EXPECT_EQ(this->backend_.Account(ada.player_id).balance, 110);
  EXPECT_EQ(this->backend_.Account(bob.player_id).balance, 0);
}

TYPED_TEST_P(StoreContractItems, BothKeysOfATradeFindItsAnswer) {
  const PlayerRow ada = this->LoggedIn("Ada", 1);
  const PlayerRow bob = this->LoggedIn("Bob", 2);
  const ItemRow sword = this->Made(ada, 7, 1);
  DurableWrite trade = Action(20, {ada, bob});
  trade.digest = 5;
  trade.also = Key(bob.player_id, 77);
  trade.also_digest = 6;
  trade.items = {Move(sword, bob.player_id)};
  EXPECT_EQ(this->Commit(trade).outcome, Outcome::kOk);
  for (const IdempotencyKey& key : {trade.key, trade.also}) {
    const auto found = this->store().FindResult(key);
    ASSERT_TRUE(found.ok() && found->has_value());
    EXPECT_EQ((*found)->outcome, Outcome::kOk);
    EXPECT_TRUE((*found)->repeated);
  }
  DurableWrite bobs = Action(77, {bob});
  bobs.digest = 6;
  bobs.refuse_with = Refusal::kNoSuchItem;
  const WriteResult repeat = this->Commit(bobs);
  EXPECT_EQ(repeat.outcome, Outcome::kOk);
  EXPECT_TRUE(repeat.repeated);
  // Bob's key has been used: no other trade can have it.
  DurableWrite other = Action(21, {ada, bob});
  other.also = trade.also;
  other.items = {Create(9, 1, ada.player_id)};
  EXPECT_EQ(this->Commit(other).refusal, Refusal::kKeyReused);
  EXPECT_EQ(this->backend_.Supply(9), std::pair(int64_t{0}, int64_t{0}));
}

TYPED_TEST_P(StoreContractItems, ACallersOwnRefusalIsRememberedUnlessItMayPass) {
  const PlayerRow ada = this->LoggedIn();
  DurableWrite write = Action(20, {ada});
  write.digest = 5;
  write.refuse_with = Refusal::kTooFar;
  EXPECT_EQ(this->Commit(write).refusal, Refusal::kTooFar);
  write.refuse_with = Refusal::kNone;
  write.items = {Create(7, 1, ada.player_id)};
  const WriteResult repeat = this->Commit(write);
  EXPECT_TRUE(repeat.repeated);
  EXPECT_EQ(repeat.refusal, Refusal::kTooFar);
  DurableWrite busy = Action(21, {ada});
  busy.digest = 5;
  busy.refuse_with = Refusal::kBusy;
  EXPECT_EQ(this->Commit(busy).refusal, Refusal::kBusy);
  EXPECT_FALSE(this->store().FindResult(busy.key)->has_value());
  busy.refuse_with = Refusal::kNone;
  busy.items = {Create(7, 1, ada.player_id)};
  EXPECT_EQ(this->Commit(busy).outcome, Outcome::kOk);
  EXPECT_EQ(this->backend_.ItemsOf(ada.player_id).size(), 1u);
}

TYPED_TEST_P(StoreContractItems, AnActionsKeyIsBoundToWhatTheClientAskedFor) {
  const PlayerRow ada = this->LoggedIn();
  DurableWrite write = Action(20, {ada});
  write.digest = 5;
  write.items = {Create(7, 1, ada.player_id)};
  const WriteResult first = this->Commit(write);
  write.digest = 6;
  EXPECT_EQ(this->Commit(write).refusal, Refusal::kKeyReused);
  write.digest = 5;
  const WriteResult repeat = this->Commit(write);
  EXPECT_TRUE(repeat.repeated);
  EXPECT_EQ(repeat.item.item_id, first.item.item_id);
  EXPECT_EQ(repeat.item.version, 1);
  EXPECT_EQ(this->backend_.ItemsOf(ada.player_id).size(), 1u);
}

TYPED_TEST_P(StoreContractItems, OneGroupMayChangeTheSameRowsAgainAndAgain) {
  const PlayerRow ada = this->Rich("Ada", 1, 10);
  const PlayerRow bob = this->LoggedIn("Bob", 2);
  const ItemRow ball = this->Made(ada, 7, 4);
  std::vector<DurableWrite> group;
  ItemRow at = ball;
  for (uint64_t i = 0; i < 6; ++i) {
    const int64_t to = at.holder == ada.player_id ? bob.player_id : ada.player_id;
    DurableWrite write = Action(30 + i, {ada, bob});
    write.items = {Move(at, to)};
    write.postings = Pay(to, at.holder, 2);
    if (i == 0) write.postings = Pay(ada.player_id, bob.player_id, 8);
    group.push_back(write);
    at.holder = to;
    ++at.version;
  }
  DurableWrite drop = Action(40, {ada, bob});
  drop.items = {Move(at, kHeldByWorld, PlaceAt(6))};
  group.push_back(drop);
  group.push_back(Sample(41, ada, 2, 3, 50));
  group.push_back(Sample(42, ada, 3, 4, 51));
  group.push_back(Login(43, "Ada"));
  const auto results = this->CommitAll(group);
  for (const WriteResult& result : results) EXPECT_EQ(result.outcome, Outcome::kOk);
  EXPECT_TRUE(results.back().items.empty());
  EXPECT_EQ(results.back().row.state, StateAt(4));
  EXPECT_EQ(results.back().row.version, 5);
  const ItemRow ball_now = this->backend_.Item(ball.item_id).value();
  EXPECT_EQ(ball_now.version, 8);
  EXPECT_EQ(ball_now.place, PlaceAt(6));
  EXPECT_EQ(this->EventsOf(AggregateType::kItem, ball.item_id).size(), 8u);
  EXPECT_EQ(this->backend_.Account(ada.player_id).version, 7);
  EXPECT_EQ(
      this->backend_.Account(ada.player_id).balance + this->backend_.Account(bob.player_id).balance,
      10);
}

TYPED_TEST_P(StoreContractItems, ALoginShowsWhatItsOwnGroupHasJustGivenOrTaken) {
  const PlayerRow ada = this->LoggedIn("Ada", 1);
  const PlayerRow bob = this->Rich("Bob", 2, 10);
  const ItemRow kept = this->Made(ada, 7, 1);
  const ItemRow given = this->Made(ada, 7, 2);
  DurableWrite give = Action(30, {ada, bob});
  give.items = {Move(given, bob.player_id)};
  give.postings = Pay(bob.player_id, ada.player_id, 4);
  DurableWrite late = Action(31, {ada});
  late.items = {Create(9, 1, ada.player_id)};
  const auto results = this->CommitAll({give, Login(32, "Ada"), Login(33, "Bob"), late});
  EXPECT_EQ(results[1].items, std::vector{kept});
  EXPECT_EQ(results[1].gold, 4);
  ASSERT_EQ(results[2].items.size(), 1u);
  EXPECT_EQ(results[2].items[0].item_id, given.item_id);
  EXPECT_EQ(results[2].items[0].version, 2);
  EXPECT_EQ(results[2].gold, 6);
}

TYPED_TEST_P(StoreContractItems, ARefusedActionDoesNotDisturbItsGroupNorTheOrder) {
  const PlayerRow ada = this->Rich("Ada", 1, 10);
  const ItemRow item = this->Made(ada, 7, 1);
  DurableWrite good = Action(30, {ada});
  good.items = {Create(8, 1, ada.player_id)};
  DurableWrite bad = Action(31, {ada});
  bad.items = {Create(9, 1, ada.player_id), Destroy(item)};
  bad.postings = Pay(ada.player_id, kSinkAccount, 11);
  DurableWrite last = Action(32, {ada});
  last.items = {Destroy(item)};
  const auto results = this->CommitAll({good, bad, last});
  EXPECT_EQ(results[1].refusal, Refusal::kInsufficient);
  EXPECT_EQ(results[1].seq, 0);
  EXPECT_EQ(results[2].seq, results[0].seq + 1);
  EXPECT_EQ(this->backend_.Supply(9), std::pair(int64_t{0}, int64_t{0}));
  DurableWrite next = Action(33, {ada});
  next.items = {Create(9, 1, ada.player_id)};
  EXPECT_EQ(this->Commit(next).item.item_id, results[0].item.item_id + 1)
      << "a refused creation takes no number";
}

TYPED_TEST_P(StoreContractItems, AnActionRestsOnTheOwnershipOfAllItsPlayers) {
  const PlayerRow ada = this->Rich("Ada", 1, 10);
  const PlayerRow bob = this->LoggedIn("Bob", 2);
  const ItemRow item = this->Made(ada, 7, 1);
  DurableWrite write = Action(30, {ada});
  write.items = {Move(item, bob.player_id)};
  EXPECT_EQ(this->Commit(write).refusal, Refusal::kInvalid);
  write = Action(31, {ada});
  write.postings = Pay(ada.player_id, bob.player_id, 1);
  EXPECT_EQ(this->Commit(write).refusal, Refusal::kInvalid);
  this->GiveAway(bob.player_id, "elsewhere");
  write = Action(32, {ada, bob});
  write.items = {Move(item, bob.player_id)};
  EXPECT_EQ(this->Commit(write).refusal, Refusal::kNotOwner);
  PlayerRow old = ada;
  old.epoch = 7;
  write = Action(33, {old});
  write.items = {Destroy(item)};
  EXPECT_EQ(this->Commit(write).refusal, Refusal::kNotOwner);
  PlayerRow nobody;
  nobody.player_id = 99;
  nobody.epoch = 1;
  write = Action(34, {ada, nobody});
  write.items = {Move(item, 99)};
  EXPECT_EQ(this->Commit(write).refusal, Refusal::kNotFound);
  EXPECT_EQ(this->backend_.Item(item.item_id), item);
  EXPECT_EQ(this->backend_.Account(ada.player_id).balance, 10);
}

TYPED_TEST_P(StoreContractItems, ItemsGoldAndNumbersSurviveARestart) {
  const PlayerRow ada = this->Rich("Ada", 1, 10);
  const ItemRow held = this->Made(ada, 7, 3);
  DurableWrite spawn = Action(20, {});
  spawn.items = {Create(8, 1, kHeldByWorld, PlaceAt(3))};
  const ItemRow lying = this->Commit(spawn).item;
  const auto events = this->backend_.AllEvents();
  this->backend_.Restart();
  EXPECT_EQ(this->backend_.AllEvents(), events);
  EXPECT_EQ(this->backend_.Item(held.item_id), held);
  EXPECT_EQ(this->store().LoadWorldItems(0, 9).value(), std::vector{lying});
  const WriteResult login = this->Commit(Login(9, "Ada"));
  EXPECT_EQ(login.items, std::vector{held});
  EXPECT_EQ(login.gold, 10);
  EXPECT_GT(this->Made(ada, 7, 1, 50).item_id, lying.item_id);
}

TYPED_TEST_P(StoreContractItems, RandomGroupsDoWhatTheRulesSay) {
  RandomGroups groups(this->backend_, 7);
  groups.Run(60);
}

REGISTER_TYPED_TEST_SUITE_P(
    StoreContractItems, RandomGroupsDoWhatTheRulesSay, ANewPlayerGetsStartersAndGoldExactlyOnce,
    WithoutStartingGoldThereIsNoAccount, AnItemIsMadeWithItsEventAndItsSupply,
    AnItemLiesWhereItWasDroppedUntilSomebodyTakesIt, AStackIsSplitMergedAndUsedUpWithoutLosingAny,
    AnItemOnTheGroundCanBeDestroyedAndLeavesNoPlace,
    WhatIsNotWhereTheRequestSaysIsRefusedAndStaysAsItIs, ImpossibleQuantitiesAreRefused,
    WorldItemsComeInPagesAndEachOnce, GoldMovesByBalancedPostingsAndNeverBelowZero,
    PostingsThatDoNotBalanceAreInvalid, ABalanceHoldsTheLargestNumberAndNotOneMore,
    ATradeOfTwoPlayersHappensWholeOrNotAtAll, BothKeysOfATradeFindItsAnswer,
    ACallersOwnRefusalIsRememberedUnlessItMayPass, AnActionsKeyIsBoundToWhatTheClientAskedFor,
    OneGroupMayChangeTheSameRowsAgainAndAgain, ALoginShowsWhatItsOwnGroupHasJustGivenOrTaken,
    ARefusedActionDoesNotDisturbItsGroupNorTheOrder, AnActionRestsOnTheOwnershipOfAllItsPlayers,
    ItemsGoldAndNumbersSurviveARestart);

}  // namespace bluemarble::persistence
