#include <fmt/format.h>
#include <sqlite3.h>

#include <utility>

#include "persistence/account_sql.h"
#include "persistence/sqlite_db.h"
#include "persistence/sqlite_store.h"
#include "persistence/sqlite_turns.h"

namespace bluemarble::persistence {
namespace {

using core::Result;
using core::Status;

// How long a transaction waits for the committer, which holds the file for one commit at a time,
// and for other programs.
constexpr int kAccountsBusyMs = 2000;

class SqliteAccounts final : public AccountSql {
 public:
  explicit SqliteAccounts(SqliteDb db) : db_(std::move(db)), turns_(SqliteTurns::Of(db_.path())) {}

  Status Read(const std::function<Status(const Query&)>& body) override {
    return body([this](const char* sql, std::string_view columns, std::vector<SqlValue> values) {
      return Run(sql, columns, values);
    });
  }

  Status Transaction(const std::function<Status(const Query&)>& body) override {
    const SqliteTurns::Turn turn = turns_->Take(kAccountsBusyMs);
    if (!turn) return {core::Code::kUnavailable, "the database is busy", db_.path()};
    Status status = db_.Exec("BEGIN IMMEDIATE");
    if (!status.ok()) return status;
    status = Read(body);
    if (status.ok()) status = db_.Exec("COMMIT");
    if (!status.ok()) db_.Rollback();
    return status;
  }

 private:
  Result<SqlTable> Run(const char* sql, std::string_view columns,
                       const std::vector<SqlValue>& values) {
    auto statement = db_.Prepare(sql);
    if (!statement.ok()) return statement.status();
    statement->BindAll(values);
    SqlTable table;
    int code = SQLITE_ROW;
    while ((code = statement->Step()) == SQLITE_ROW) {
      std::vector<SqlCell> row;
      for (size_t i = 0; i < columns.size(); ++i) {
        const int column = static_cast<int>(i);
        if (columns[i] == 'i') {
          row.emplace_back(statement->Int(column));
        } else {
          row.emplace_back(std::string(statement->Text(column)));
        }
      }
      table.push_back(std::move(row));
    }
    if (Status status = db_.StatusOf(code); !status.ok()) return status;
    return table;
  }

  SqliteDb db_;
  const std::shared_ptr<SqliteTurns> turns_;
};

}  // namespace

Result<std::unique_ptr<AccountStore>> OpenSqliteAccounts(const std::string& data_dir, bool sync) {
  auto db = SqliteDb::Open(data_dir + "/" + kSqliteFileName);
  if (!db.ok()) return db.status();
  const std::string busy = fmt::format("PRAGMA busy_timeout = {}", kAccountsBusyMs);
  for (const char* pragma :
       {busy.c_str(), sync ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
        "PRAGMA foreign_keys = ON", "PRAGMA trusted_schema = OFF"}) {
    if (Status status = db->Exec(pragma); !status.ok()) return status;
  }
  // The shard's store has migrated it; another program's file has no such table.
  auto there = db->QueryText("SELECT count(*) FROM sqlite_schema WHERE name = 'login_account'");
  if (!there.ok()) return there.status();
  if (*there == "0") return Status(core::Code::kStale, "the database has no accounts", db->path());
  return MakeAccountStore(std::make_unique<SqliteAccounts>(std::move(*db)));
}

}  // namespace bluemarble::persistence
