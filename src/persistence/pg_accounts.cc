#include <exception>
#include <utility>

#include "persistence/account_sql.h"
#include "persistence/pg_connection.h"
#include "persistence/pg_migrate.h"
#include "persistence/pg_wire.h"

namespace bluemarble::persistence {
namespace {

using core::Code;
using core::Result;
using core::Status;

class PgAccounts final : public AccountSql {
 public:
  PgAccounts(DatabaseSettings settings, std::unique_ptr<PgConnection> connection)
      : settings_(std::move(settings)), connection_(std::move(connection)) {}

  Status Read(const std::function<Status(const Query&)>& body) override {
    return Call(body, /*transaction=*/false);
  }
  Status Transaction(const std::function<Status(const Query&)>& body) override {
    return Call(body, /*transaction=*/true);
  }

  static Result<std::unique_ptr<PgConnection>> Open(const DatabaseSettings& settings) {
    return PgConnection::Open(settings, {.application_name = "zoned accounts", .writes = true});
  }

 private:
  Status Call(const std::function<Status(const Query&)>& body, bool transaction) {
    // A server that was restarted has closed an idle connection: that costs no failure.
    if (connection_ == nullptr || !connection_->usable() || !connection_->Quiet()) {
      connection_.reset();
      auto opened = Open(settings_);
      if (!opened.ok()) return opened.status();
      connection_ = std::move(*opened);
    }
    Status refused;
    const Status ran = connection_->RunWire([&](PGconn* wire) {
      if (transaction) PgExec(wire, "BEGIN");
      std::exception_ptr thrown;
      refused = body([&](const char* sql, std::string_view columns,
                         std::vector<SqlValue> values) -> Result<SqlTable> {
        try {
          return Run(wire, sql, columns, values);
        } catch (const std::exception&) {
          thrown = std::current_exception();
          return Status(Code::kUnavailable, "the statement failed");
        }
      });
      if (thrown) std::rethrow_exception(thrown);  // to the connection, which knows what it means
      if (!transaction) return;
      if (refused.ok()) {
        PgCommit(wire);
      } else {
        PgExec(wire, "ROLLBACK");
      }
    });
    if (ran.code() == Code::kUnknown)
      return {Code::kUnavailable, "the database went away at a commit", ran.detail()};
    return ran.ok() ? refused : ran;
  }

  static SqlTable Run(PGconn* wire, const char* sql, std::string_view columns,
                      const std::vector<SqlValue>& values) {
    PgParameters parameters;
    for (const SqlValue& value : values) {
      if (const auto* number = std::get_if<int64_t>(&value)) {
        parameters.Int8(*number);
      } else if (const auto* text = std::get_if<std::string_view>(&value)) {
        parameters.Text(*text);
      } else {
        parameters.Bytes(std::get<std::span<const std::byte>>(value));
      }
    }
    const PgRows rows = PgQuery(wire, sql, parameters);
    SqlTable table;
    for (int row = 0; row < rows.size(); ++row) {
      std::vector<SqlCell>& cells = table.emplace_back();
      for (size_t i = 0; i < columns.size(); ++i) {
        const int column = static_cast<int>(i);
        if (columns[i] == 'i') {
          cells.emplace_back(rows.Int(row, column));
        } else {
          cells.emplace_back(std::string(rows.Text(row, column)));
        }
      }
    }
    return table;
  }

  const DatabaseSettings settings_;
  std::unique_ptr<PgConnection> connection_;
};

}  // namespace

Result<std::unique_ptr<AccountStore>> OpenPgAccounts(const DatabaseSettings& settings) {
  auto connection = PgAccounts::Open(settings);
  if (!connection.ok()) return connection.status();
  auto schema = PgMigrationStatus(**connection);
  if (!schema.ok()) return schema.status();
  if (Status status = schema->Check(); !status.ok()) return status;
  return MakeAccountStore(std::make_unique<PgAccounts>(settings, std::move(*connection)));
}

}  // namespace bluemarble::persistence
