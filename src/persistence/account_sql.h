/// The account store's rules in SQL that PostgreSQL and SQLite both understand, over a connection
/// that the database's adapter brings. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/result.h"
#include "persistence/account_store.h"

namespace bluemarble::persistence {

/// A parameter; what it refers to must outlive the call.
using SqlValue = std::variant<int64_t, std::string_view, std::span<const std::byte>>;
/// A result's cell: a number or a text. (No statement of the account store reads bytes.)
using SqlCell = std::variant<int64_t, std::string>;
using SqlTable = std::vector<std::vector<SqlCell>>;

class AccountSql {
 public:
  /// Runs one statement with parameters $1, $2, ... in the order of their first use. `columns`: 'i'
  /// or 't' for each one of the result.
  using Query = std::function<core::Result<SqlTable>(const char* sql, std::string_view columns,
                                                     std::vector<SqlValue> values)>;

  virtual ~AccountSql() = default;
  /// A transaction that is committed, durably, when `body` returns Ok, and else rolled back.
  virtual core::Status Transaction(const std::function<core::Status(const Query&)>& body) = 0;
  /// For one statement that only reads.
  virtual core::Status Read(const std::function<core::Status(const Query&)>& body) = 0;
};

std::unique_ptr<AccountStore> MakeAccountStore(std::unique_ptr<AccountSql> sql);

}  // namespace bluemarble::persistence
