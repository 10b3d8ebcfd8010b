/// A row that the database will not take, or that changed under the plan, under SQLite: only its
/// own request falls.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <memory>
#include <string>
#include <vector>

#include "fixture.h"
#include "persistence/sqlite_reader.h"

namespace bluemarble::persistence {
namespace {

class SqliteRerun : public testing::TestWithParam<const char*> {};

TEST_P(SqliteRerun, OneRequestThatDoesNotHoldIsRefusedAloneAndTakesNoNumber) {
  const TempFolder folder;
  const ManualClock clock;
  auto store = OpenOrNull(folder.path(), clock);
  ASSERT_NE(store, nullptr);
  const PlayerRow ada = CommitOne(*store, Login(1, "Ada")).row;
  const PlayerRow bob = CommitOne(*store, Login(2, "Bob")).row;
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(folder.database().c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, GetParam(), nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(db);
  sqlite3_close(db);

  const std::vector<DurableWrite> group = {Sample(3, ada, 2, 5, 40), Sample(4, bob, 2, 5, 40),
                                           Login(5, "Cid"), Sample(6, ada, 3, 6, 41)};
  const PositionSave save{ada.player_id, 1, 50, StateAt(9)};
  std::vector<WriteResult> results(group.size());
  CommitReport report;
  const auto status = store->Commit({group, {&save, 1}, 700}, results, report);
  ASSERT_TRUE(status.ok()) << status.ToString();
  EXPECT_TRUE(report.rerun);
  EXPECT_EQ(report.positions_saved, 1u);
  EXPECT_EQ(report.last_seq, 8);
  EXPECT_EQ(results[0].seq, 5);
  EXPECT_EQ(results[1].outcome, Outcome::kRefused);
  EXPECT_EQ(results[1].refusal, Refusal::kInvalid);
  EXPECT_EQ(results[2].seq, 7);
  EXPECT_EQ(results[3].seq, 8);
  EXPECT_EQ(store->LoadPlayer("Bob")->version, 2);
  EXPECT_FALSE(store->FindResult(group[1].key)->has_value());
  EXPECT_EQ(store->meta().reserved_tick, 700u);
  auto reader = OpenSqliteReader(folder.path());
  ASSERT_TRUE(reader.ok());
  const auto lines = (*reader)->Audit();
  ASSERT_TRUE(lines.ok());
  for (const AuditLine& line : *lines) {
    if (line.must_be_zero) {
      EXPECT_EQ(line.value, 0) << line.name;
    }
  }
}

TEST(SqliteStoredAnswer, OneThatCannotBeReadCostsItsRequestAlone) {
  const TempFolder folder;
  const ManualClock clock;
  auto store = OpenOrNull(folder.path(), clock);
  ASSERT_NE(store, nullptr);
  const PlayerRow ada = CommitOne(*store, Login(1, "Ada")).row;
  const PlayerRow bob = CommitOne(*store, Login(2, "Bob")).row;
  const DurableWrite asked = Sample(3, ada, 2, 5, 40);
  ASSERT_EQ(CommitOne(*store, asked).outcome, Outcome::kOk);
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(folder.database().c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "UPDATE idempotency SET result = x'ff'", nullptr, nullptr, nullptr),
            SQLITE_OK)
      << sqlite3_errmsg(db);
  sqlite3_close(db);

  const std::vector<DurableWrite> group = {asked, Sample(4, bob, 2, 5, 41)};
  std::vector<WriteResult> results(group.size());
  CommitReport report;
  const auto status = store->Commit({group, {}, 0}, results, report);
  ASSERT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(results[0].refusal, Refusal::kInvalid);
  EXPECT_EQ(results[1].outcome, Outcome::kOk);
  EXPECT_EQ(store->LoadPlayer("Ada")->version, 3);
}

INSTANTIATE_TEST_SUITE_P(
    Ways, SqliteRerun,
    testing::Values("CREATE TRIGGER poison BEFORE UPDATE ON player WHEN old.name = 'Bob' AND "
                    "new.version = 3 BEGIN SELECT RAISE(IGNORE); END",
                    "CREATE TRIGGER poison BEFORE UPDATE ON player WHEN old.name = 'Bob' AND "
                    "new.version = 3 BEGIN SELECT RAISE(ABORT, 'never'); END"));

}  // namespace
}  // namespace bluemarble::persistence
