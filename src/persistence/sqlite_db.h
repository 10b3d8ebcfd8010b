/// SQLite's C interface in terms of Status and owned handles. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "core/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace bluemarble::persistence {

/// A prepared statement. Bind from column 1, Step until false, Reset.
class SqliteStatement {
 public:
  SqliteStatement() = default;
  explicit SqliteStatement(sqlite3_stmt* statement) : statement_(statement) {}

  /// Resets and binds all parameters in order. Text and blobs are borrowed until the next Run.
  template <typename... Args>
  void Bind(const Args&... args) {
    Reset();
    int index = 1;
    (BindOne(index++, args), ...);
  }
  /// The same with variants of what Bind takes.
  template <typename Variants>
  void BindAll(const Variants& values) {
    Reset();
    int index = 1;
    for (const auto& value : values) {
      std::visit([&](const auto& one) { BindOne(index++, one); }, value);
    }
  }
  /// The next row: SQLITE_ROW, SQLITE_DONE or an error's extended code.
  int Step();
  static bool IsRow(int code);
  /// Bind, one Step to the end, Reset. SQLITE_DONE or an error's extended code.
  template <typename... Args>
  int Run(const Args&... args) {
    Bind(args...);
    const int code = Step();
    Reset();
    return code;
  }
  void Reset();

  int64_t Int(int column) const;
  double Real(int column) const;
  std::string_view Text(int column) const;  ///< Valid until the next Step or Reset.
  std::span<const std::byte> Blob(int column) const;

 private:
  void BindOne(int index, int64_t value);
  void BindOne(int index, double value);
  void BindOne(int index, std::string_view value);
  void BindOne(int index, std::span<const std::byte> value);

  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class SqliteDb {
 public:
  /// Opens or makes the file.
  static core::Result<SqliteDb> Open(const std::string& path);
  /// Opens a file that is there; what is called through this handle cannot write.
  static core::Result<SqliteDb> OpenReadOnly(const std::string& path);
  /// Likewise, and nobody writes to it meanwhile: no lock is taken and no file is made beside it.
  static core::Result<SqliteDb> OpenUnchanging(const std::string& path);

  core::Status Exec(const char* sql);
  /// The first column of the first row as text.
  core::Result<std::string> QueryText(const char* sql);
  core::Result<SqliteStatement> Prepare(const char* sql);

  /// Did the last call, which returned `code`, find no space? `error`: errno after it, of a COMMIT,
  /// whose error SQLite does not keep.
  bool DiskIsFull(int code, int error = 0) const;
  /// What a result code means to the contract, with the file and SQLite's message.
  core::Status StatusOf(int code, int error = 0) const;
  int64_t changes() const;
  bool in_transaction() const;
  /// Ends a transaction if there is one; what fails here has no effect left to undo.
  void Rollback();
  const std::string& path() const { return path_; }
  sqlite3* handle() const { return db_.get(); }

 private:
  static core::Result<SqliteDb> OpenWith(const std::string& path, int flags,
                                         const char* uri = nullptr);

  struct Close {
    void operator()(sqlite3* db) const;
  };
  std::string path_;
  std::unique_ptr<sqlite3, Close> db_;
};

}  // namespace bluemarble::persistence
