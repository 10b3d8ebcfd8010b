/// Accounts on an embedded database of their own, with cheap hashes and time by hand.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "persistence/sqlite_store.h"
#include "services/accounts/accounts.h"
#include "tests/unit/persistence/fixture.h"

namespace bluemarble::accounts {

inline constexpr const char* kPassword = "correct horse battery";

class AccountFixture {
 public:
  AccountFixture() {
    settings_.hash_memory_kib = 8;
    settings_.hash_passes = 1;
    keys_.Add(Ed25519Key::Random(), 1);
    auto store = persistence::OpenSqliteStore(
        {.data_dir = folder_.path(), .shard_id = "zone", .world_seed = 1}, clock_);
    EXPECT_TRUE(store.ok()) << store.status().ToString();
  }

  /// Anew: what was kept in memory is gone.
  void Open() {
    accounts_.reset();
    auto store = persistence::OpenSqliteAccounts(folder_.path(), /*sync=*/true);
    ASSERT_TRUE(store.ok()) << store.status().ToString();
    auto accounts = Accounts::Open(settings_, keys_, std::move(*store), clock_);
    ASSERT_TRUE(accounts.ok()) << accounts.status().ToString();
    accounts_ = std::move(*accounts);
  }
  Accounts& accounts() { return *accounts_; }

  static Tokens Ok(Answer<Tokens> answer) {
    if (const auto* refusal = std::get_if<Refusal>(&answer)) {
      ADD_FAILURE() << KindName(refusal->kind) << ": " << refusal->message;
      return {};
    }
    return std::get<Tokens>(std::move(answer));
  }
  /// kNumber: not refused.
  template <typename T>
  static Refusal::Kind KindOf(const Answer<T>& answer) {
    const auto* refusal = std::get_if<Refusal>(&answer);
    return refusal == nullptr ? Refusal::Kind::kNumber : refusal->kind;
  }
  /// The newest first.
  std::vector<persistence::LoginEvent> EventsOf(const std::string& name) {
    auto view = accounts_->Find(name, 100);
    EXPECT_TRUE(view.ok()) << view.status().ToString();
    return view.ok() ? view->events : std::vector<persistence::LoginEvent>{};
  }
  void Sql(const std::string& sql) { (void)Rows(sql); }
  /// All cells of the tables of accounts; bytes as hexadecimal digits.
  std::string Dump() {
    std::string all;
    for (const char* table : {"login_account", "login_event"})
      all += Rows(std::string("SELECT * FROM ") + table);
    return all + Rows("SELECT hex(session_hash), hex(secret_hash) FROM login_session");
  }

  std::string Rows(const std::string& sql) {
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open(folder_.database().c_str(), &db), SQLITE_OK);
    std::string text;
    auto take = [](void* to, int count, char** values, char**) {
      for (int i = 0; i < count; ++i)
        *static_cast<std::string*>(to) += std::string(values[i] == nullptr ? "" : values[i]) + "\n";
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), take, &text, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
    return text;
  }

  persistence::TempFolder folder_;
  persistence::ManualClock clock_;
  AccountSettings settings_;
  KeyRing keys_;

 private:
  std::unique_ptr<Accounts> accounts_;
};

}  // namespace bluemarble::accounts
