/// What every store must do with players, keys and positions. How to instantiate it:
/// store_contract_backend.h.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "store_contract_backend.h"

namespace bluemarble::persistence {

template <typename T>
class StoreContract : public StoreContractBase<T> {};
TYPED_TEST_SUITE_P(StoreContract);

TYPED_TEST_P(StoreContract, FirstLoginCreatesThePlayerWithTwoEvents) {
  const WriteResult result = CommitOne(this->store(), Login(1, "Ada", 5.5, 10));
  EXPECT_EQ(result.outcome, Outcome::kOk);
  EXPECT_TRUE(result.created);
  EXPECT_EQ(result.row.version, 2);
  EXPECT_EQ(result.row.epoch, 1);
  EXPECT_EQ(result.row.saved_tick, 10u);
  EXPECT_EQ(result.row.state, StateAt(5.5));
  EXPECT_EQ(result.row.name.view(), "Ada");
  EXPECT_EQ(result.row.player_id >> kPlayerNumberBits, ShardPrefix("zone"));
  EXPECT_EQ(this->Stored(), result.row);
  const auto events = this->Events(result.row.player_id);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].kind, EventKind::kPlayerCreated);
  EXPECT_EQ(events[1].kind, EventKind::kLogin);
  EXPECT_EQ(events[1].version, 2);
  PlayerState state;
  ASSERT_TRUE(DecodePlayerState(events[0].payload, state));
  EXPECT_EQ(state, StateAt(5.5));
}

TYPED_TEST_P(StoreContract, SecondLoginLoadsWhatWasSavedAndIgnoresTheInitialState) {
  const PlayerRow row = this->LoggedIn();
  this->Save({{row.player_id, row.epoch, 20, StateAt(7)}});
  const WriteResult again = CommitOne(this->store(), Login(2, "Ada", 1000, 30));
  EXPECT_FALSE(again.created);
  EXPECT_EQ(again.row.player_id, row.player_id);
  EXPECT_EQ(again.row.version, 3);
  EXPECT_EQ(again.row.state, StateAt(7));
  EXPECT_EQ(this->store().CountPlayers().value(), 1u);
}

TYPED_TEST_P(StoreContract, NamesDifferByCase) {
  const PlayerRow upper = this->LoggedIn("Ada", 1);
  const PlayerRow lower = this->LoggedIn("ada", 2);
  EXPECT_NE(upper.player_id, lower.player_id);
  EXPECT_EQ(this->store().CountPlayers().value(), 2u);
}

TYPED_TEST_P(StoreContract, LoadingAnUnknownNameIsNotFound) {
  EXPECT_EQ(this->store().LoadPlayer("Nobody").status().code(), core::Code::kNotFound);
}

TYPED_TEST_P(StoreContract, AnEventRaisesTheVersionAndCarriesTheState) {
  const PlayerRow row = this->LoggedIn();
  const WriteResult result = CommitOne(this->store(), Sample(2, row, 2, 9, 40, EventKind::kLogout));
  EXPECT_EQ(result.outcome, Outcome::kOk);
  EXPECT_EQ(result.row.version, 3);
  EXPECT_EQ(this->Stored(), result.row);
  EXPECT_EQ(this->Stored().state, StateAt(9));
  EXPECT_EQ(this->Events(row.player_id, 3).at(0).kind, EventKind::kLogout);
}

TYPED_TEST_P(StoreContract, AWrongVersionIsRefusedWithTheStoredRow) {
  const PlayerRow row = this->LoggedIn();
  for (int64_t wrong : {1, 3, 0, -1}) {
    const WriteResult result =
        CommitOne(this->store(), Sample(static_cast<uint64_t>(wrong + 10), row, wrong, 9, 40));
    EXPECT_EQ(result.outcome, Outcome::kRefused);
    EXPECT_EQ(result.refusal, Refusal::kVersion);
    EXPECT_EQ(result.row, row);
  }
  EXPECT_EQ(this->Stored(), row);
  EXPECT_EQ(this->Events(row.player_id).size(), 2u);
}

TYPED_TEST_P(StoreContract, AWrongEpochIsRefused) {
  PlayerRow row = this->LoggedIn();
  row.epoch = 2;
  const WriteResult result = CommitOne(this->store(), Sample(2, row, 2, 9, 40));
  EXPECT_EQ(result.refusal, Refusal::kNotOwner);
  EXPECT_EQ(this->Save({{row.player_id, 2, 50, StateAt(9)}}).positions_refused, 1u);
  EXPECT_EQ(this->Stored().state, StateAt(1));
}

TYPED_TEST_P(StoreContract, EventsCarryTheEpochTheyWereWrittenUnder) {
  DurableWrite login = Login(1, "Ada");
  login.login->starters = {{7, 1}};
  login.login->starting_gold = 50;
  const WriteResult ada = CommitOne(this->store(), login);
  const int64_t id = ada.row.player_id;
  for (const EventRow& event : this->backend_.AllEvents())
    EXPECT_EQ(event.epoch, event.aggregate_id == kMintAccount ? 0 : 1) << event.seq;

  this->backend_.SetOwner(id, "zone", 5);
  const auto written = this->backend_.AllEvents().size();
  EXPECT_EQ(CommitOne(this->store(), Sample(2, ada.row, 2, 9, 40)).refusal, Refusal::kNotOwner);
  DurableWrite drop = Action(3, {ada.row});
  drop.items = {Move(ada.items[0], kHeldByWorld)};
  drop.postings = Pay(id, kSinkAccount, 5);
  EXPECT_EQ(CommitOne(this->store(), drop).refusal, Refusal::kNotOwner);
  EXPECT_EQ(this->Save({{id, ada.row.epoch, 50, StateAt(9)}}).positions_refused, 1u);
  EXPECT_EQ(this->backend_.AllEvents().size(), written) << "nothing under the old epoch";

  PlayerRow row = ada.row;
  row.epoch = 5;
  EXPECT_EQ(CommitOne(this->store(), Sample(4, row, 2, 9, 40)).outcome, Outcome::kOk);
  drop.owners[0].epoch = 5;
  EXPECT_EQ(CommitOne(this->store(), drop).outcome, Outcome::kOk);
  EXPECT_EQ(CommitOne(this->store(), Login(5, "Ada")).row.epoch, 5);
  const auto events = this->backend_.AllEvents();
  EXPECT_EQ(events.size(), written + 5);
  for (size_t i = written; i < events.size(); ++i)
    EXPECT_EQ(events[i].epoch, events[i].aggregate_id == kSinkAccount ? 0 : 5) << events[i].seq;
  for (const EventRow& event : this->Events(id)) EXPECT_EQ(event.epoch, event.version <= 2 ? 1 : 5);
}

TYPED_TEST_P(StoreContract, APlayerGivenAwayCanNeitherLogInNorBeWritten) {
  const PlayerRow row = this->LoggedIn();
  this->GiveAway(row.player_id, "elsewhere");
  EXPECT_EQ(CommitOne(this->store(), Login(2, "Ada")).refusal, Refusal::kNotOwner);
  EXPECT_EQ(CommitOne(this->store(), Sample(3, row, 2, 9, 40)).refusal, Refusal::kNotOwner);
  const CommitReport report = this->Save({{row.player_id, row.epoch, 50, StateAt(9)}});
  EXPECT_EQ(report.positions_refused, 1u);
  EXPECT_EQ(report.refused_players, std::vector<int64_t>{row.player_id});
  EXPECT_EQ(this->Stored().version, 2);
}

TYPED_TEST_P(StoreContract, ARefusalForTheOwnerIsNotRemembered) {
  const PlayerRow row = this->LoggedIn();
  const DurableWrite write = Sample(3, row, 2, 9, 40);
  this->GiveAway(row.player_id, "elsewhere");
  EXPECT_EQ(CommitOne(this->store(), write).refusal, Refusal::kNotOwner);
  this->GiveAway(row.player_id, "zone");
  EXPECT_EQ(CommitOne(this->store(), write).outcome, Outcome::kOk);
}

TYPED_TEST_P(StoreContract, ARepeatIsAnsweredFromItsKeyAndWritesNothing) {
  const PlayerRow row = this->LoggedIn();
  const DurableWrite write = Sample(2, row, 2, 9, 40);
  WriteResult first = CommitOne(this->store(), write);
  CommitOne(this->store(), Sample(3, row, 3, 11, 50));
  const WriteResult repeat = CommitOne(this->store(), write);
  EXPECT_TRUE(repeat.repeated);
  EXPECT_EQ(first.row.state, StateAt(9));
  first.repeated = true;
  first.seq = 0;
  first.row = {.player_id = row.player_id, .version = 3};
  EXPECT_EQ(repeat, first) << "of an update, its version is told";
  EXPECT_EQ(this->Stored().version, 4);
  EXPECT_EQ(this->Events(row.player_id).size(), 4u);
}

TYPED_TEST_P(StoreContract, ARepeatedLoginGetsTheSameAnswerEvenAfterARestart) {
  WriteResult first = CommitOne(this->store(), Login(1, "Ada"));
  this->backend_.Restart();
  const WriteResult repeat = CommitOne(this->store(), Login(1, "Ada"));
  first.repeated = true;
  first.seq = 0;
  EXPECT_EQ(repeat, first);
  EXPECT_EQ(this->Stored().version, 2);
}

TYPED_TEST_P(StoreContract, AWriteSaysTheNumberOfItsLastEvent) {
  const WriteResult login = CommitOne(this->store(), Login(1, "Ada"));
  EXPECT_EQ(login.seq, 2);
  const auto results =
      this->CommitAll({Sample(2, login.row, 7, 9, 40), Sample(3, login.row, 2, 9, 40),
                       Sample(4, login.row, 3, 9, 40)});
  EXPECT_EQ(results[0].seq, 0);
  EXPECT_EQ(results[1].seq, 3);
  EXPECT_EQ(results[2].seq, 4);
  EXPECT_EQ(this->report_.last_seq, 4);
  EXPECT_EQ(this->store().meta().next_seq, 5);
  EXPECT_EQ(this->Events(login.row.player_id).back().seq, 4);
}

TYPED_TEST_P(StoreContract, ABatchMadeUpOfRefusalsLeavesNoGapInTheOrder) {
  const PlayerRow row = this->LoggedIn();
  for (uint64_t i = 10; i < 15; ++i) this->Commit(Sample(i, row, 99, 9, 40));
  this->backend_.Restart();
  EXPECT_EQ(this->store().meta().next_seq, 3);
  EXPECT_EQ(this->Commit(Sample(20, row, 2, 9, 40)).seq, 3);
}

TYPED_TEST_P(StoreContract, AfterATakeOverTheOldProcessWritesNothingMore) {
  const PlayerRow row = this->LoggedIn();
  this->backend_.TakeOver();
  const DurableWrite write = Sample(2, row, 2, 9, 40);
  const PositionSave save{row.player_id, 1, 50, StateAt(9)};
  WriteResult result;
  CommitReport report;
  EXPECT_EQ(this->store().Commit({{&write, 1}, {}, 0}, {&result, 1}, report).code(),
            core::Code::kStale);
  EXPECT_EQ(this->store().Commit({{}, {&save, 1}, 0}, {}, report).code(), core::Code::kStale);
  EXPECT_EQ(this->store().Commit({{}, {}, 700}, {}, report).code(), core::Code::kStale);
  EXPECT_EQ(this->store().PurgeKeys(1'000'000, 10).status().code(), core::Code::kStale);
  this->backend_.Restart();
  EXPECT_EQ(this->Stored(), row);
  EXPECT_LT(this->store().meta().reserved_tick, 700u);
  EXPECT_TRUE(this->store().FindResult(Key(0, 1))->has_value());
  EXPECT_EQ(this->Commit(write).outcome, Outcome::kOk);
}

TYPED_TEST_P(StoreContract, ARepeatOfAVersionRefusalStaysRefused) {
  const PlayerRow row = this->LoggedIn();
  const DurableWrite early = Sample(5, row, 3, 9, 40);
  EXPECT_EQ(CommitOne(this->store(), early).refusal, Refusal::kVersion);
  CommitOne(this->store(), Sample(6, row, 2, 9, 40));
  const WriteResult repeat = CommitOne(this->store(), early);
  EXPECT_EQ(repeat.outcome, Outcome::kRefused);
  EXPECT_TRUE(repeat.repeated);
  EXPECT_EQ(this->Stored().version, 3);
}

TYPED_TEST_P(StoreContract, AKeyUsedForAnotherRequestIsRefused) {
  const PlayerRow row = this->LoggedIn();
  CommitOne(this->store(), Sample(2, row, 2, 9, 40));
  EXPECT_EQ(CommitOne(this->store(), Sample(2, row, 3, 10, 50)).refusal, Refusal::kKeyReused);
  EXPECT_EQ(CommitOne(this->store(), Login(1, "Bob")).refusal, Refusal::kKeyReused);
  EXPECT_EQ(this->Stored().version, 3);
}

TYPED_TEST_P(StoreContract, TheSameKeyTwiceInOneGroupHappensOnce) {
  const std::vector<DurableWrite> group = {Login(1, "Ada"), Login(1, "Ada")};
  std::vector<WriteResult> results(2);
  CommitReport report;
  ASSERT_TRUE(this->store().Commit({group, {}, 0}, results, report).ok());
  EXPECT_FALSE(results[0].repeated);
  EXPECT_TRUE(results[1].repeated);
  EXPECT_EQ(results[1].row, results[0].row);
  EXPECT_EQ(this->Events(results[0].row.player_id).size(), 2u);
}

TYPED_TEST_P(StoreContract, ABadRequestIsRefusedAloneAndTheRestOfItsGroupHappens) {
  const PlayerRow ada = this->LoggedIn("Ada", 1);
  const PlayerRow bob = this->LoggedIn("Bob", 2);
  const std::vector<DurableWrite> group = {Sample(3, ada, 2, 5, 40), Sample(4, bob, 17, 6, 40),
                                           Login(5, "Cid"), Sample(6, ada, 3, 7, 41)};
  const std::vector<PositionSave> saves = {{bob.player_id, 1, 42, StateAt(8)}};
  std::vector<WriteResult> results(group.size());
  CommitReport report;
  ASSERT_TRUE(this->store().Commit({group, saves, 1000}, results, report).ok());
  EXPECT_FALSE(report.rerun);
  EXPECT_EQ(report.positions_saved, 1u);
  EXPECT_EQ(results[0].outcome, Outcome::kOk);
  EXPECT_EQ(results[1].refusal, Refusal::kVersion);
  EXPECT_EQ(results[2].outcome, Outcome::kOk);
  EXPECT_EQ(results[3].row.version, 4);
  EXPECT_EQ(this->Events(ada.player_id).size(), 4u);
  EXPECT_EQ(this->Events(bob.player_id).size(), 2u);
  EXPECT_EQ(this->Stored("Bob").state, StateAt(8));
  EXPECT_EQ(this->store().meta().reserved_tick, 1000u);
}

TYPED_TEST_P(StoreContract, AWriteOfTwoPlayersHappensWholeOrNotAtAll) {
  const PlayerRow ada = this->LoggedIn("Ada", 1);
  const PlayerRow bob = this->LoggedIn("Bob", 2);
  DurableWrite both = Sample(3, ada, 2, 5, 40);
  both.updates.push_back(Sample(0, bob, 9, 6, 40).updates[0]);
  EXPECT_EQ(CommitOne(this->store(), both).refusal, Refusal::kVersion);
  EXPECT_EQ(this->Stored("Ada"), ada);
  EXPECT_EQ(this->Events(ada.player_id).size(), 2u);
  both.key = Key(ada.player_id, 4);
  both.updates[1].expected_version = 2;
  EXPECT_EQ(CommitOne(this->store(), both).outcome, Outcome::kOk);
  EXPECT_EQ(this->Stored("Ada").version, 3);
  EXPECT_EQ(this->Stored("Bob").version, 3);
}

TYPED_TEST_P(StoreContract, WhatNoStoreMayWriteIsRefusedAsInvalid) {
  const PlayerRow row = this->LoggedIn();
  EXPECT_EQ(CommitOne(this->store(), Login(10, "bad\nname")).refusal, Refusal::kInvalid);
  EXPECT_EQ(CommitOne(this->store(), Login(11, "")).refusal, Refusal::kInvalid);
  EXPECT_EQ(CommitOne(this->store(), Login(12, "Nan", std::nan(""))).refusal, Refusal::kInvalid);
  EXPECT_EQ(
      CommitOne(this->store(), Sample(13, row, 2, std::numeric_limits<double>::infinity(), 40))
          .refusal,
      Refusal::kInvalid);
  EXPECT_EQ(this->Save({{row.player_id, 1, 50, StateAt(std::nan(""))}}).positions_refused, 1u);
  EXPECT_EQ(this->store().CountPlayers().value(), 1u);
  EXPECT_EQ(this->Stored(), row);
}

TYPED_TEST_P(StoreContract, AnUnknownPlayerIsNotFound) {
  const PlayerRow ada = this->LoggedIn();
  PlayerRow nobody;
  nobody.player_id = 12345;
  nobody.epoch = 1;
  EXPECT_EQ(CommitOne(this->store(), Sample(1, nobody, 1, 9, 40)).refusal, Refusal::kNotFound);
  const CommitReport report =
      this->Save({{ada.player_id, 1, 50, StateAt(9)}, {12345, 1, 50, StateAt(9)}});
  EXPECT_EQ(report.positions_saved, 1u);
  EXPECT_EQ(report.positions_refused, 1u);
  EXPECT_EQ(report.refused_players, std::vector<int64_t>{12345});
}

TYPED_TEST_P(StoreContract, APositionWithANotNewerTickIsIgnored) {
  const PlayerRow row = this->LoggedIn();
  EXPECT_EQ(this->Save({{row.player_id, 1, 20, StateAt(2)}}).positions_saved, 1u);
  EXPECT_EQ(this->Save({{row.player_id, 1, 20, StateAt(3)}}).positions_stale, 1u);
  EXPECT_EQ(this->Save({{row.player_id, 1, 19, StateAt(4)}}).positions_stale, 1u);
  const PlayerRow stored = this->Stored();
  EXPECT_EQ(stored.state, StateAt(2));
  EXPECT_EQ(stored.saved_tick, 20u);
  EXPECT_EQ(stored.version, row.version);
}

TYPED_TEST_P(StoreContract, ALateEventKeepsTheNewerPosition) {
  const PlayerRow row = this->LoggedIn();
  this->Save({{row.player_id, 1, 50, StateAt(5)}});
  const WriteResult late = CommitOne(this->store(), Sample(2, row, 2, 9, 40));
  EXPECT_EQ(late.outcome, Outcome::kOk);
  EXPECT_EQ(late.row.state, StateAt(5));
  EXPECT_EQ(this->Stored(), late.row);
}

TYPED_TEST_P(StoreContract, EventsComeInVersionOrderFromWhereAsked) {
  const PlayerRow row = this->LoggedIn();
  const PlayerRow other = this->LoggedIn("Bob", 2);
  for (int64_t version = 2; version < 10; ++version) {
    CommitOne(this->store(), Sample(static_cast<uint64_t>(100 + version), row, version, 1, 40));
  }
  const auto all = this->Events(row.player_id);
  ASSERT_EQ(all.size(), 10u);
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].version, static_cast<int64_t>(i) + 1);
  const auto part = this->Events(row.player_id, 4, 3);
  ASSERT_EQ(part.size(), 3u);
  EXPECT_EQ(part[0], all[3]);
  EXPECT_EQ(this->Events(other.player_id).size(), 2u);
}

TYPED_TEST_P(StoreContract, ReservedTicksNeverGoBack) {
  CommitReport report;
  ASSERT_TRUE(this->store().Commit({{}, {}, 500}, {}, report).ok());
  ASSERT_TRUE(this->store().Commit({{}, {}, 400}, {}, report).ok());
  EXPECT_EQ(this->store().meta().reserved_tick, 500u);
  this->backend_.Restart();
  EXPECT_EQ(this->store().meta().reserved_tick, 500u);
}

TYPED_TEST_P(StoreContract, EverythingSurvivesARestart) {
  const PlayerRow row = this->LoggedIn();
  CommitOne(this->store(), Sample(2, row, 2, 9, 40));
  this->Save({{row.player_id, 1, 60, StateAt(6)}});
  const PlayerRow before = this->Stored();
  const auto events = this->Events(row.player_id);
  const StoreMeta meta = this->store().meta();
  this->backend_.Restart();
  EXPECT_EQ(this->Stored(), before);
  EXPECT_EQ(this->Events(row.player_id), events);
  EXPECT_EQ(this->store().meta().world_seed, 99u);
  EXPECT_EQ(this->store().meta().run, meta.run + 1);
  EXPECT_GT(this->store().meta().cache_generation, meta.cache_generation);
  EXPECT_NE(this->LoggedIn("Bob", 3).player_id, row.player_id);
}

TYPED_TEST_P(StoreContract, AResultIsFoundByItsKeyAndOnlyThen) {
  const WriteResult first = CommitOne(this->store(), Login(1, "Ada"));
  auto found = this->store().FindResult(Key(0, 1));
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->row, first.row);
  EXPECT_TRUE((*found)->created);
  EXPECT_FALSE(this->store().FindResult(Key(0, 2))->has_value());
  EXPECT_FALSE(this->store().FindResult(Key(7, 1))->has_value());
}

TYPED_TEST_P(StoreContract, OldKeysAreForgottenOldestFirstAndNoMoreThanAsked) {
  for (uint64_t i = 1; i <= 5; ++i) CommitOne(this->store(), Login(i, "P" + std::to_string(i)));
  EXPECT_EQ(this->store().PurgeKeys(1004, 2).value(), 2u);
  EXPECT_EQ(this->store().PurgeKeys(1004, 100).value(), 1u);
  EXPECT_FALSE(this->store().FindResult(Key(0, 3))->has_value());
  EXPECT_TRUE(this->store().FindResult(Key(0, 4))->has_value());
}

TYPED_TEST_P(StoreContract, KeysThatAreKeptForEverSurviveEveryPurge) {
  DurableWrite once = Action(1, {});
  once.key.player_id = kForeverKeys;
  once.items.push_back(Create(7, 3, kHeldByWorld, PlaceAt(1)));
  ASSERT_EQ(CommitOne(this->store(), once).outcome, Outcome::kOk);
  CommitOne(this->store(), Login(1, "Ada"));
  EXPECT_EQ(this->store().PurgeKeys(1'000'000, 100).value(), 1u) << "the login's";
  EXPECT_FALSE(this->store().FindResult(Key(0, 1))->has_value());
  EXPECT_TRUE(this->store().FindResult(once.key)->has_value());
  EXPECT_TRUE(CommitOne(this->store(), once).repeated);
  EXPECT_EQ(this->store().LoadWorldItems(0, 10)->size(), 1u);
}

TYPED_TEST_P(StoreContract, ALongestNameComesBackWhole) {
  const std::string name(kMaxNameBytes, 'x');
  this->LoggedIn(name);
  EXPECT_EQ(this->Stored(name).name.view(), name);
}

REGISTER_TYPED_TEST_SUITE_P(
    StoreContract, FirstLoginCreatesThePlayerWithTwoEvents,
    SecondLoginLoadsWhatWasSavedAndIgnoresTheInitialState, NamesDifferByCase,
    LoadingAnUnknownNameIsNotFound, AnEventRaisesTheVersionAndCarriesTheState,
    AWrongVersionIsRefusedWithTheStoredRow, AWrongEpochIsRefused,
    EventsCarryTheEpochTheyWereWrittenUnder, APlayerGivenAwayCanNeitherLogInNorBeWritten,
    ARefusalForTheOwnerIsNotRemembered, ARepeatIsAnsweredFromItsKeyAndWritesNothing,
    ARepeatedLoginGetsTheSameAnswerEvenAfterARestart, AWriteSaysTheNumberOfItsLastEvent,
    ABatchMadeUpOfRefusalsLeavesNoGapInTheOrder, AfterATakeOverTheOldProcessWritesNothingMore,
    ARepeatOfAVersionRefusalStaysRefused, AKeyUsedForAnotherRequestIsRefused,
    TheSameKeyTwiceInOneGroupHappensOnce, ABadRequestIsRefusedAloneAndTheRestOfItsGroupHappens,
    AWriteOfTwoPlayersHappensWholeOrNotAtAll, WhatNoStoreMayWriteIsRefusedAsInvalid,
    AnUnknownPlayerIsNotFound, APositionWithANotNewerTickIsIgnored, ALateEventKeepsTheNewerPosition,
    EventsComeInVersionOrderFromWhereAsked, ReservedTicksNeverGoBack, EverythingSurvivesARestart,
    AResultIsFoundByItsKeyAndOnlyThen, OldKeysAreForgottenOldestFirstAndNoMoreThanAsked,
    KeysThatAreKeptForEverSurviveEveryPurge, ALongestNameComesBackWhole);

}  // namespace bluemarble::persistence
