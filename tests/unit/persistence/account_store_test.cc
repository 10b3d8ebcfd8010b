#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "account_store_contract.h"
#include "fixture.h"
#include "persistence/sqlite_store.h"
#include "persistence/sqlite_turns.h"

namespace bluemarble::persistence {
namespace {

class SqliteAccountsBackend {
 public:
  SqliteAccountsBackend() {
    shard_ = OpenOrNull(folder_.path(), clock_);
    auto store = OpenSqliteAccounts(folder_.path(), /*sync=*/true);
    EXPECT_TRUE(store.ok()) << store.status().ToString();
    store_ = std::move(*store);
  }
  AccountStore& store() { return *store_; }
  int64_t Number(const std::string& sql) {
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open(folder_.database().c_str(), &db), SQLITE_OK);
    int64_t number = 0;
    auto take = [](void* to, int, char** values, char**) {
      *static_cast<int64_t*>(to) = values[0] == nullptr ? 0 : std::stoll(values[0]);
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), take, &number, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db);
    sqlite3_close(db);
    return number;
  }

 private:
  TempFolder folder_;
  ManualClock clock_;
  std::unique_ptr<Store> shard_;  // open beside it, as in the daemon
  std::unique_ptr<AccountStore> store_;
};

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, AccountStoreContract, SqliteAccountsBackend);

namespace {

TEST(SqliteAccounts, ADatabaseWithoutTheTablesIsRefused) {
  TempFolder folder;
  EXPECT_FALSE(OpenSqliteAccounts(folder.path(), true).ok());
  EXPECT_FALSE(OpenSqliteAccounts(folder.path() + "/none", true).ok());
}

TEST(SqliteAccounts, AWriterThatHoldsTheFileMakesItUnavailableAndNotHang) {
  TempFolder folder;
  ManualClock clock;
  const auto shard = OpenOrNull(folder.path(), clock);
  auto accounts = OpenSqliteAccounts(folder.path(), true);
  ASSERT_TRUE(accounts.ok());
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(folder.database().c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_EQ((*accounts)->Create("Ann", "ann", "h", 1, "a").status().code(),
            core::Code::kUnavailable);
  EXPECT_EQ((*accounts)->Find("ann").status().code(), core::Code::kNotFound) << "reading goes on";
  sqlite3_exec(db, "ROLLBACK", nullptr, nullptr, nullptr);
  sqlite3_close(db);
  EXPECT_TRUE((*accounts)->Create("Ann", "ann", "h", 1, "a").ok());
}

TEST(SqliteAccounts, AStormOfLoginsLeavesTheCommitterEveryOtherTurn) {
  TempFolder folder;
  ManualClock clock;
  const auto shard = OpenOrNull(folder.path(), clock);
  auto accounts = OpenSqliteAccounts(folder.path(), true);
  ASSERT_TRUE(accounts.ok());
  std::atomic<int> transactions{0};
  constexpr int kCommits = 50;
  {
    std::jthread storm([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        EXPECT_TRUE((*accounts)->Record({.name = "Ann"}).ok());
        ++transactions;
      }
    });
    while (transactions == 0) std::this_thread::yield();
    for (int i = 0; i < kCommits; ++i) {
      const std::string name = "p" + std::to_string(i);
      EXPECT_EQ(CommitOne(*shard, Login(static_cast<uint64_t>(i) + 1, name)).outcome, Outcome::kOk);
    }
  }
  // By SQLite's own waiting it is hundreds of them for one commit.
  EXPECT_LT(transactions, 5 * kCommits);
}

TEST(SqliteTurns, GoToWhoeverCameFirstAndNotToWhoGaveUp) {
  const auto turns = SqliteTurns::Of("/file");
  EXPECT_EQ(turns, SqliteTurns::Of("/file"));
  EXPECT_NE(turns, SqliteTurns::Of("/other"));
  std::optional<SqliteTurns::Turn> mine(turns->Take(0));
  ASSERT_TRUE(*mine);
  EXPECT_FALSE(turns->Take(1)) << "it is taken";
  mine.reset();
  EXPECT_TRUE(turns->Take(0)) << "who gave up is not waited for";
  EXPECT_TRUE(turns->Take(0));
}

}  // namespace
}  // namespace bluemarble::persistence
