#include "persistence/history.h"

#include <gtest/gtest.h>

#include "fake_reader.h"

namespace bluemarble::persistence {
namespace {

using By = StoreReader::Moment;

TEST(Aggregate, IsReadAndWritten) {
  for (const char* text : {"player:17", "item:1", "account:-3", "account:0"}) {
    const auto parsed = ParseAggregate(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(ToString(*parsed), text);
  }
  for (const char* text : {"", "17", "player:", "player:-1", "player:0", "item:x", "item:1x",
                           "account:", "Player:1", "player:99999999999999999999"}) {
    EXPECT_EQ(ParseAggregate(text).status().code(), core::Code::kInvalid) << text;
  }
}

TEST(Aggregate, OfAPlayerIsFoundByName) {
  FakeReader reader;
  reader.Player(17, "Ada", 1, EventKind::kPlayerCreated);
  const auto found = ResolveAggregate(reader, "player:Ada");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->id, 17);
  EXPECT_EQ(ResolveAggregate(reader, "player:Bob").status().code(), core::Code::kNotFound);
  EXPECT_EQ(ResolveAggregate(reader, "item:Ada").status().code(), core::Code::kInvalid);
}

TEST(Moment, IsReadInEveryForm) {
  const struct {
    const char* text;
    By by;
    int64_t at;
  } kCases[] = {
      {"tick:42", By::kTick, 42},
      {"version:7", By::kVersion, 7},
      {"1700000000", By::kTime, 1'700'000'000'000'000},
      {"1700000000.25", By::kTime, 1'700'000'000'250'000},
      {"2023-11-14T22:13:20Z", By::kTime, 1'700'000'000'000'000},
      {"2023-11-14 22:13:20.5", By::kTime, 1'700'000'000'500'000},
      {"2023-11-15T00:13:20+02:00", By::kTime, 1'700'000'000'000'000},
      {"2023-11-14T17:43:20-0430", By::kTime, 1'700'000'000'000'000},
      {"2023-11-14T22:13Z", By::kTime, 1'699'999'980'000'000},
      {"2024-02-29", By::kTime, 1'709'164'800'000'000},
  };
  for (const auto& c : kCases) {
    const auto moment = ParseMoment(c.text);
    ASSERT_TRUE(moment.ok()) << c.text;
    EXPECT_EQ(moment->by, c.by) << c.text;
    EXPECT_EQ(moment->at, c.at) << c.text;
  }
  for (const char* text :
       {"", "yesterday", "tick:", "tick:-1", "version:x", "2023-02-29", "2023-11-14T25:00:00Z",
        "2023-11-14T22:13:20ZZ", "1700000000.", "1700000000000000", "-5", "2023-11-14T22"}) {
    EXPECT_EQ(ParseMoment(text).status().code(), core::Code::kInvalid) << text;
  }
}

TEST(Moment, IsWrittenAsItIsRead) {
  EXPECT_EQ(TimeText(1'700'000'000'000'001), "2023-11-14T22:13:20.000001Z");
  EXPECT_EQ(TimeText(-1), "1969-12-31T23:59:59.999999Z");
  const auto moment = ParseMoment(TimeText(1'700'000'000'123'456));
  ASSERT_TRUE(moment.ok());
  EXPECT_EQ(moment->at, 1'700'000'000'123'456);
}

TEST(Key, IsReadAndWritten) {
  const auto key = ParseKey("000102030405060708090a0b0c0d0eff");
  ASSERT_TRUE(key.has_value());
  EXPECT_EQ((*key)[15], std::byte{255});
  EXPECT_EQ(KeyText(*key), "000102030405060708090a0b0c0d0eff");
  EXPECT_FALSE(ParseKey("000102030405060708090a0b0c0d0e").has_value());
  EXPECT_FALSE(ParseKey("000102030405060708090a0b0c0d0e+f").has_value());
}

class Verify : public ::testing::Test {
 protected:
  Verify() {
    reader.Player(17, "Ada", 1, EventKind::kPlayerCreated);
    reader.Player(17, "Ada", 1, EventKind::kLogin);
    reader.Post(kMintAccount, -100);
    reader.Post(17, 100);
    reader.Item(1, 17, 10, EventKind::kItemCreated);
    reader.Item(1, 17, 6, EventKind::kItemReduced);
    reader.Item(2, 17, 4, EventKind::kItemSplitOff);
    reader.Item(2, kHeldByWorld, 4, EventKind::kItemMoved);
    reader.Item(2, 17, 4, EventKind::kItemMoved);
    reader.Item(1, 17, 10, EventKind::kItemMerged);
    reader.Item(2, 17, 0, EventKind::kItemEmptied);
    reader.Player(17, "Ada", 9, EventKind::kSample);
  }

  VerifyReport Run(uint64_t budget = 1'000'000) {
    Verifier verifier(reader);
    VerifyCursor cursor;
    for (int step = 0; step < 1000 && cursor.stage != VerifyCursor::Stage::kDone; ++step) {
      const auto status = verifier.Step(cursor, budget);
      EXPECT_TRUE(status.ok()) << status.ToString();
      // What another process would go on from.
      const auto again = ParseVerifyCursor(ToString(cursor));
      EXPECT_TRUE(again.ok() || cursor.stage == VerifyCursor::Stage::kDone);
    }
    EXPECT_EQ(cursor.stage, VerifyCursor::Stage::kDone);
    return verifier.report();
  }

  // The one finding, "aggregate: what".
  std::string Found() {
    const VerifyReport report = Run();
    if (report.findings != 1 || report.listed.size() != 1)
      return std::to_string(report.findings) + " findings";
    return ToString(report.listed[0].aggregate) + ": " + report.listed[0].what;
  }

  EventRow& Event(AggregateType type, int64_t id, int64_t version) {
    for (EventRow& event : reader.events) {
      if (event.aggregate_type == type && event.aggregate_id == id && event.version == version)
        return event;
    }
    ADD_FAILURE() << "no such event";
    return reader.events.front();
  }

  FakeReader reader;
};

TEST_F(Verify, FindsNothingInASoundShard) {
  const VerifyReport report = Run();
  EXPECT_EQ(report.findings, 0u) << (report.listed.empty() ? "" : report.listed[0].what);
  EXPECT_EQ(report.aggregates, 5u);
  EXPECT_EQ(report.events, 12u);
}

TEST_F(Verify, ComesToTheSameInSmallSteps) {
  reader.items[1].quantity = 11;
  const VerifyReport report = Run(1);
  EXPECT_EQ(report.findings, 1u);
  EXPECT_EQ(report.aggregates, 5u);
  EXPECT_EQ(report.events, 12u);
}

TEST_F(Verify, FindsARowThatNoEventLeadsTo) {
  reader.items[1].quantity = 11;
  EXPECT_EQ(Found(), "item:1: the row says quantity 11, the events 10");
  reader.items[1].quantity = 10;
  reader.items[1].holder = 18;
  EXPECT_EQ(Found(), "item:1: the row says holder 18, the events 17");
  reader.items[1].holder = 17;
  reader.accounts[17].balance = 101;
  EXPECT_EQ(Found(), "account:17: the row says 101, the events 100");
  reader.accounts[17].balance = 100;
  reader.players[17].version = 4;
  EXPECT_EQ(Found(), "player:17: the row has version 4, the last event 3");
}

TEST_F(Verify, LetsPositionsRunAheadOfEventsButNotBehind) {
  PlayerRow& row = reader.players[17];
  row.state.x_m = 10;
  EXPECT_TRUE(Found().starts_with("player:17: the row's state"));
  row.saved_tick += 1000;
  EXPECT_EQ(Run().findings, 0u);
}

TEST_F(Verify, FindsHolesInVersionsAndInTheTotalOrder) {
  std::erase_if(reader.events, [](const EventRow& e) {
    return e.aggregate_type == AggregateType::kPlayer && e.version == 2;
  });
  const VerifyReport report = Run();
  ASSERT_EQ(report.findings, 2u);
  EXPECT_EQ(report.listed[0].what, "versions jump from 1 to 3");
  EXPECT_EQ(report.listed[1].what, "seq 3 follows seq 1: events are missing");
}

TEST_F(Verify, FindsEventsOutOfOrder) {
  std::swap(Event(AggregateType::kItem, 1, 2).seq, Event(AggregateType::kItem, 1, 1).seq);
  const VerifyReport report = Run();
  ASSERT_GE(report.findings, 1u);
  EXPECT_EQ(report.listed[0].what, "seq 5 after seq 6");
}

TEST_F(Verify, FindsGoldAndItemsThatChangeWithoutCause) {
  Event(AggregateType::kAccount, 17, 1).payload = EncodeAccountEvent(100, 90, {});
  EXPECT_EQ(Found(), "account:17: opens with 100 after a posting of 90");
  Event(AggregateType::kAccount, 17, 1).payload = EncodeAccountEvent(100, 100, {});
  ItemRow item{.item_id = 2, .holder = 18, .definition = 7, .quantity = 5};
  Event(AggregateType::kItem, 2, 2).payload = EncodeItemEvent(item, {});
  const VerifyReport report = Run();
  ASSERT_EQ(report.findings, 2u);
  EXPECT_EQ(report.listed[0].what, "moved, and the quantity changed");
}

TEST_F(Verify, FindsRowsWithoutEventsAndEventsWithoutRows) {
  reader.items[99] = {.item_id = 99, .version = 3, .holder = 17, .definition = 7, .quantity = 1};
  EXPECT_EQ(Found(), "item:99: a row without events");
  reader.items.erase(99);
  reader.items.erase(1);
  EXPECT_EQ(Found(), "item:1: events without a row");
}

TEST_F(Verify, FindsAnItemThatIsGoneAndStillThere) {
  reader.items[2] = {.item_id = 2, .version = 4, .holder = 17, .definition = 7, .quantity = 4};
  EXPECT_EQ(Found(), "item:2: a row of an item that is gone");
}

TEST_F(Verify, FindsARequestThatTookEffectTwice) {
  Cause cause{.player_id = 17};
  cause.key.fill(std::byte{1});
  reader.Post(17, -5, cause);
  EXPECT_EQ(Run().findings, 0u);
  reader.Post(17, -5, cause);
  EXPECT_EQ(Found(), "account:17: one request changed it twice");
}

TEST_F(Verify, FindsAnEventAfterTheLast) {
  const ItemRow gone{.item_id = 2, .version = 5, .holder = 17, .definition = 7, .quantity = 0};
  reader.Append({AggregateType::kItem, 2}, 5, EventKind::kItemDestroyed, EncodeItemEvent(gone, {}));
  EXPECT_EQ(Found(), "item:2: an event after the item was gone");
}

TEST_F(Verify, FindsAPayloadThatCannotBeRead) {
  Event(AggregateType::kPlayer, 17, 2).payload[0] = std::byte{9};
  EXPECT_EQ(Found(), "player:17: the payload cannot be read");
}

TEST_F(Verify, MissesNothingThatWasArchived) {
  // The first events are in an archived partition; player 18 and account -1 have no others.
  std::erase_if(reader.events, [](const EventRow& e) { return e.seq <= 3; });
  reader.players[18] = {.player_id = 18, .version = 4};
  const VerifyReport report = Run();
  EXPECT_EQ(report.findings, 0u) << (report.listed.empty() ? "" : report.listed[0].what);
  EXPECT_EQ(report.without_history, 2u);
}

TEST_F(Verify, ReadsAgainWhatChangesMeanwhile) {
  int reads = 0;
  reader.before_a_row = [&] {
    if (++reads == 1) reader.Player(17, "Ada", 12, EventKind::kSample);
    if (reads == 3) reader.Item(1, 17, 0, EventKind::kItemDestroyed);
  };
  EXPECT_EQ(Run().findings, 0u);
  EXPECT_GT(reads, 3);
}

TEST_F(Verify, ListsABoundedNumberAndCountsAll) {
  for (int64_t id = 100; id < 120; ++id)
    reader.items[id] = {.item_id = id, .version = 1, .holder = 17, .definition = 7, .quantity = 1};
  Verifier verifier(reader, 5);
  VerifyCursor cursor;
  ASSERT_TRUE(verifier.Step(cursor, 1'000'000).ok());
  EXPECT_EQ(verifier.report().findings, 20u);
  EXPECT_EQ(verifier.report().listed.size(), 5u);
}

TEST_F(Verify, SaysThatTheDatabaseIsAway) {
  reader.failure = {core::Code::kUnavailable, "the database is away"};
  Verifier verifier(reader);
  VerifyCursor cursor;
  EXPECT_EQ(verifier.Step(cursor, 10).code(), core::Code::kUnavailable);
}

TEST_F(Verify, SaysThatThereIsNoSuchAggregate) {
  Verifier verifier(reader);
  EXPECT_EQ(verifier.VerifyOne({AggregateType::kItem, 12345}).code(), core::Code::kNotFound);
}

TEST_F(Verify, FindsTheStateOfAMoment) {
  const auto at = [&](By by, int64_t moment) {
    const auto state = StateAt(reader, {AggregateType::kItem, 1}, {by, moment});
    return state.ok() ? static_cast<int>(state->item.quantity) : -1;
  };
  EXPECT_EQ(at(By::kVersion, 1), 10);
  EXPECT_EQ(at(By::kVersion, 2), 6);
  EXPECT_EQ(at(By::kVersion, 99'999), -1);
  const auto beyond = StateAt(reader, {AggregateType::kItem, 1}, {By::kVersion, 99'999});
  EXPECT_EQ(beyond.status().code(), core::Code::kNotFound);
  EXPECT_NE(beyond.status().ToString().find("the newest is "), std::string::npos)
      << beyond.status().ToString();
  EXPECT_EQ(at(By::kTick, 60), 6);
  EXPECT_EQ(at(By::kTick, 59), 10);
  EXPECT_EQ(at(By::kTime, FakeReader::kStartUs + 5'000'000), 6);
  EXPECT_EQ(at(By::kTime, FakeReader::kStartUs), -1);
  EXPECT_EQ(StateAt(reader, {AggregateType::kItem, 1}, {By::kTick, 0}).status().code(),
            core::Code::kNotFound);
}

}  // namespace
}  // namespace bluemarble::persistence
