/// Reading an embedded database beside its writer; and what the audit finds in a damaged one.
#include "persistence/sqlite_reader.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <fstream>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "fixture.h"
#include "persistence/audit.h"
#include "persistence/history.h"
#include "persistence/sqlite_db.h"
#include "persistence/sqlite_notes.h"

namespace bluemarble::persistence {
namespace {

class SqliteReading : public testing::Test {
 protected:
  void SetUp() override {
    store_ = OpenOrNull(folder_.path(), clock_);
    ASSERT_NE(store_, nullptr);
    DurableWrite login = Login(1, "Ada");
    login.login->starting_gold = 100;
    login.login->starters = {{7, 10}, {8, 1}};
    const WriteResult result = CommitOne(*store_, login);
    ada_ = result.row;
    ASSERT_EQ(result.items.size(), 2u);
    stack_ = result.items[0];
    DurableWrite drop = Action(2, {ada_});
    drop.items = {Move(result.items[1], kHeldByWorld, PlaceAt(5))};
    drop.postings = Pay(ada_.player_id, kSinkAccount, 30);
    ASSERT_EQ(CommitOne(*store_, drop).outcome, Outcome::kOk);
    for (int64_t version = 2; version < 5; ++version) {
      const auto number = static_cast<uint64_t>(100 * version);
      ASSERT_EQ(CommitOne(*store_, Sample(number, ada_, version, 1, number)).outcome, Outcome::kOk);
    }
    auto reader = OpenSqliteReader(folder_.path());
    ASSERT_TRUE(reader.ok()) << reader.status().ToString();
    reader_ = std::move(*reader);
  }
  std::map<std::string, int64_t> Wrong() {
    std::map<std::string, int64_t> wrong;
    auto lines = reader_->Audit();
    EXPECT_TRUE(lines.ok()) << lines.status().ToString();
    if (!lines.ok()) return wrong;
    for (const AuditLine& line : *lines) {
      if (line.must_be_zero && line.value != 0) wrong[line.name] = line.value;
    }
    return wrong;
  }
  /// By hand, past the table's own guards.
  void Damage(const std::string& sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(folder_.database().c_str(), &db), SQLITE_OK);
    const std::string all =
        "PRAGMA ignore_check_constraints = ON; DROP TRIGGER IF EXISTS event_is_never_changed;"
        "DROP TRIGGER IF EXISTS event_is_never_deleted;"
        "DROP TRIGGER IF EXISTS ledger_is_never_changed; DROP INDEX IF EXISTS event_by_seq;" +
        sql;
    EXPECT_EQ(sqlite3_exec(db, all.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db);
    sqlite3_close(db);
  }

  TempFolder folder_;
  ManualClock clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<StoreReader> reader_;
  PlayerRow ada_;
  ItemRow stack_;
};

TEST_F(SqliteReading, FindsRowsAndSeesWhatWasJustCommitted) {
  EXPECT_EQ(reader_->LoadPlayer("Ada")->version, 5);
  EXPECT_EQ(reader_->LoadPlayer(ada_.player_id)->name.view(), "Ada");
  EXPECT_EQ(reader_->LoadPlayer("Nobody").status().code(), core::Code::kNotFound);
  EXPECT_EQ(reader_->LoadItem(stack_.item_id).value(), stack_);
  EXPECT_EQ(reader_->LoadItem(1).status().code(), core::Code::kNotFound);
  EXPECT_EQ(reader_->LoadAccount(ada_.player_id)->balance, 70);
  EXPECT_EQ(reader_->LoadAccount(12).status().code(), core::Code::kNotFound);
  EXPECT_EQ(reader_->ItemsOf(ada_.player_id).value(), std::vector{stack_});
  EXPECT_EQ(reader_->ItemsOf(kHeldByWorld)->at(0).place, PlaceAt(5));
  EXPECT_EQ(reader_->CountPlayers().value(), 1u);
  CommitOne(*store_, Login(50, "Bob"));
  EXPECT_EQ(reader_->CountPlayers().value(), 2u);
  EXPECT_TRUE(reader_->FindResult(Key(0, 50))->has_value());
}

TEST_F(SqliteReading, FollowsTheOrderOfEvents) {
  const auto all = reader_->ReadEventsAfter(0, 100);
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all->size(), 12u);
  EXPECT_EQ(reader_->LastSeq().value(), 12);
  for (size_t i = 0; i < all->size(); ++i) EXPECT_EQ((*all)[i].seq, static_cast<int64_t>(i) + 1);
  const auto part = reader_->ReadEventsAfter(4, 3);
  ASSERT_TRUE(part.ok());
  ASSERT_EQ(part->size(), 3u);
  EXPECT_EQ((*part)[0], (*all)[4]);
  const AggregateId ada{AggregateType::kPlayer, ada_.player_id};
  EXPECT_EQ(reader_->ReadEvents(ada, 3, 2)->at(0).version, 3);
  EXPECT_EQ(reader_->ReadEvents(ada, 3, 2)->size(), 2u);
}

TEST_F(SqliteReading, FindsTheItemsThatAPlayerEverHad) {
  const auto all = reader_->ItemsTouched(ada_.player_id, 0, 100);
  ASSERT_TRUE(all.ok()) << all.status().ToString();
  EXPECT_EQ(all->size(), 2u);  // one of them lies on the ground now
  EXPECT_TRUE(reader_->ItemsTouched(ada_.player_id + 1, 0, 100)->empty());
  EXPECT_TRUE(reader_->ItemsTouched(ada_.player_id, 0, 1)->empty());
  EXPECT_TRUE(reader_->ItemsTouched(ada_.player_id, 12, 100)->empty());
  ItemSearch search;
  search.player_id = ada_.player_id;
  while (!search.done()) ASSERT_TRUE(SearchItems(*reader_, search).ok());
  EXPECT_EQ(std::set<int64_t>(search.items.begin(), search.items.end()).size(), 2u);
}

TEST_F(SqliteReading, FindsTheEventOfAMoment) {
  const AggregateId ada{AggregateType::kPlayer, ada_.player_id};
  auto version = [&](StoreReader::Moment by, int64_t at) {
    auto event = reader_->EventAt(ada, by, at);
    return event.ok() && event->has_value() ? (*event)->version : 0;
  };
  EXPECT_EQ(version(StoreReader::Moment::kVersion, 3), 3);
  EXPECT_EQ(version(StoreReader::Moment::kVersion, 99), 5);
  EXPECT_EQ(version(StoreReader::Moment::kVersion, 0), 0);
  EXPECT_EQ(version(StoreReader::Moment::kTick, 299), 3);
  EXPECT_EQ(version(StoreReader::Moment::kTick, 300), 4);
  EXPECT_EQ(version(StoreReader::Moment::kTime, 1299), 3);
  EXPECT_EQ(version(StoreReader::Moment::kTime, 1000), 0);
}

TEST_F(SqliteReading, ListsAggregatesOfEachType) {
  EXPECT_EQ(reader_->Aggregates(AggregateType::kPlayer, 0, 9).value(), std::vector{ada_.player_id});
  EXPECT_EQ(reader_->Aggregates(AggregateType::kItem, stack_.item_id, 9)->size(), 1u);
  EXPECT_EQ(
      reader_->Aggregates(AggregateType::kAccount, std::numeric_limits<int64_t>::min(), 9).value(),
      (std::vector{kSinkAccount, kMintAccount, ada_.player_id}));
}

TEST_F(SqliteReading, CannotWriteAndHoldsUpNoWriter) {
  ASSERT_TRUE(reader_->Audit().ok());
  EXPECT_EQ(CommitOne(*store_, Login(50, "Bob")).outcome, Outcome::kOk);
  auto db = SqliteDb::OpenReadOnly(folder_.database());
  ASSERT_TRUE(db.ok());
  EXPECT_FALSE(db->Exec("DELETE FROM idempotency").ok());
}

TEST_F(SqliteReading, WorksWithoutADaemonAndRefusesWhatIsNotThereOrNotOurs) {
  reader_.reset();
  store_.reset();
  auto alone = OpenSqliteReader(folder_.path());
  ASSERT_TRUE(alone.ok()) << alone.status().ToString();
  EXPECT_EQ((*alone)->CountPlayers().value(), 1u);
  const core::Status none = OpenSqliteReader(folder_.path() + "/none").status();
  EXPECT_EQ(none.code(), core::Code::kUnavailable);
  EXPECT_NE(none.ToString().find("/none/zone.sqlite3: No such file"), std::string::npos)
      << none.ToString();
  TempFolder other;
  std::ofstream(other.database()) << std::string(8192, 'x');
  EXPECT_EQ(OpenSqliteReader(other.path()).status().code(), core::Code::kCorrupt);
}

TEST_F(SqliteReading, TheAuditTellsWhatThereIs) {
  EXPECT_TRUE(Wrong().empty());
  std::map<std::string, int64_t> told;
  const auto lines = reader_->Audit();
  ASSERT_TRUE(lines.ok());
  for (const AuditLine& line : *lines) {
    EXPECT_FALSE(line.what.empty() || line.sql.empty());
    if (!line.must_be_zero) told[line.name] = line.value;
  }
  EXPECT_EQ(told, (std::map<std::string, int64_t>{{"players", 1},
                                                  {"items", 2},
                                                  {"items_on_ground", 1},
                                                  {"gold_in_circulation", 70},
                                                  {"events", 12},
                                                  {"keys", 5}}));
}

struct DamageCase {
  const char* sql;
  std::set<std::string> found_by;
};
class SqliteAudit : public SqliteReading, public testing::WithParamInterface<DamageCase> {};

const DamageCase kDamages[] = {
    {"UPDATE account SET balance = balance + 1 WHERE account_id > 0",
     {"gold_sum", "gold_accounts_off_ledger", "gold_ledger_ends_wrong"}},
    {"UPDATE account SET balance = -5 WHERE account_id > 0; UPDATE account SET balance = 5 WHERE "
     "account_id < 0",
     {"gold_negative", "gold_sum", "gold_accounts_off_ledger", "gold_ledger_ends_wrong"}},
    {"UPDATE ledger SET amount = amount + 1 WHERE account_id = -2",
     {"gold_causes_unbalanced", "gold_accounts_off_ledger"}},
    {"UPDATE item SET quantity = quantity + 1 WHERE definition = 7", {"items_off_supply"}},
    {"UPDATE item SET holder = 12345 WHERE holder > 0", {"items_without_holder"}},
    {"DELETE FROM world_entity", {"items_without_place"}},
    {"UPDATE item SET holder = -1 WHERE holder = 0", {"places_without_item"}},
    {"DELETE FROM ownership", {"players_without_one_owner"}},
    {"UPDATE ownership SET shard_id = 'elsewhere'", {"players_of_another_shard"}},
    {"UPDATE ownership SET epoch = 0", {"ownership_epochs_wrong", "event_epochs_wrong"}},
    {"INSERT INTO ownership (player_id, shard_id, epoch) SELECT 12345, shard_id, 1 FROM shard_meta",
     {"ownership_epochs_wrong"}},
    {"UPDATE event SET epoch = 2 WHERE aggregate_type = 1 AND version = (SELECT version FROM "
     "player)",
     {"event_epochs_wrong"}},
    {"UPDATE event SET epoch = 0 WHERE aggregate_type = 3 AND aggregate_id > 0 AND version = 2",
     {"event_epochs_wrong"}},
    {"UPDATE player SET version = version + 1", {"player_versions_off_events"}},
    {"UPDATE item SET version = version + 1 WHERE holder > 0", {"item_versions_off_events"}},
    {"UPDATE event SET version = 9 WHERE aggregate_type = 3 AND aggregate_id = -2",
     {"account_versions_off_events"}},
    {"DELETE FROM event WHERE aggregate_type = 1 AND version = 3",
     {"event_version_gaps", "event_seq_gaps"}},
    {"UPDATE event SET seq = 11 WHERE seq = 10", {"event_seq_duplicates", "event_seq_gaps"}},
    {"UPDATE shard_meta SET next_seq = next_seq + 5", {"event_seq_off_counter"}},
    {"UPDATE idempotency SET result = x''", {"keys_without_result"}},
    {"DELETE FROM event WHERE aggregate_type = 3 AND aggregate_id = -2",
     {"account_versions_off_events", "event_seq_gaps"}},
};

TEST_P(SqliteAudit, FindsTheDamageAndNothingElse) {
  Damage(GetParam().sql);
  std::set<std::string> found;
  for (const auto& [name, value] : Wrong()) found.insert(name);
  EXPECT_EQ(found, GetParam().found_by) << GetParam().sql;
}
INSTANTIATE_TEST_SUITE_P(Damages, SqliteAudit, testing::ValuesIn(kDamages));

TEST_F(SqliteReading, NotesOfAPlayerAndOfATimeAreFoundByTheirIndexes) {
  auto db = SqliteDb::OpenReadOnly(folder_.database());
  ASSERT_TRUE(db.ok()) << db.status().ToString();
  NoteQuery query;
  for (const char* index : {"note_by_age", "note_by_player"}) {
    const std::string text = std::string("EXPLAIN QUERY PLAN ") + SqliteNotesQuery(query);
    auto plan = db->Prepare(text.c_str());
    ASSERT_TRUE(plan.ok()) << plan.status().ToString();
    std::string steps;
    while (SqliteStatement::IsRow(plan->Step())) steps += std::string(plan->Text(3)) + "; ";
    EXPECT_NE(steps.find(index), std::string::npos) << steps;
    query.player_id = 7;
  }
}

TEST(Audit, EachQuestionThatMustBeZeroHasADamageThatItFinds) {
  std::set<std::string> tried;
  for (const DamageCase& damage : kDamages)
    tried.insert(damage.found_by.begin(), damage.found_by.end());
  for (const AuditQuery& query : AuditQueries()) {
    if (query.must_be_zero) {
      EXPECT_TRUE(tried.contains(query.name)) << query.name;
    }
  }
}

}  // namespace
}  // namespace bluemarble::persistence
