#include "persistence/sqlite_db.h"

#include <errno.h>
#include <fmt/format.h>
#include <sqlite3.h>

namespace bluemarble::persistence {

void SqliteStatement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

int SqliteStatement::Step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW || code == SQLITE_DONE) return code;
  return sqlite3_extended_errcode(sqlite3_db_handle(statement_.get()));
}

bool SqliteStatement::IsRow(int code) { return code == SQLITE_ROW; }

void SqliteStatement::Reset() { sqlite3_reset(statement_.get()); }

int64_t SqliteStatement::Int(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

double SqliteStatement::Real(int column) const {
  return sqlite3_column_double(statement_.get(), column);
}

std::string_view SqliteStatement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  if (text == nullptr) return {};
  return {text, static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::span<const std::byte> SqliteStatement::Blob(int column) const {
  const auto* bytes = static_cast<const std::byte*>(sqlite3_column_blob(statement_.get(), column));
  return {bytes, static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

void SqliteStatement::BindOne(int index, int64_t value) {
  sqlite3_bind_int64(statement_.get(), index, value);
}

void SqliteStatement::BindOne(int index, double value) {
  sqlite3_bind_double(statement_.get(), index, value);
}

void SqliteStatement::BindOne(int index, std::string_view value) {
  sqlite3_bind_text(statement_.get(), index, value.data(), static_cast<int>(value.size()),
                    SQLITE_STATIC);
}

void SqliteStatement::BindOne(int index, std::span<const std::byte> value) {
  // A null pointer would bind NULL, not an empty blob.
  static constexpr std::byte kNothing{};
  const void* data = value.empty() ? &kNothing : value.data();
  sqlite3_bind_blob(statement_.get(), index, data, static_cast<int>(value.size()), SQLITE_STATIC);
}

void SqliteDb::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }

core::Result<SqliteDb> SqliteDb::Open(const std::string& path) {
  return OpenWith(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
}

core::Result<SqliteDb> SqliteDb::OpenReadOnly(const std::string& path) {
  return OpenWith(path, SQLITE_OPEN_READONLY);
}

core::Result<SqliteDb> SqliteDb::OpenUnchanging(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      uri += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    } else {
      uri += c;
    }
  }
  uri += "?immutable=1";
  return OpenWith(path, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, uri.c_str());
}

core::Result<SqliteDb> SqliteDb::OpenWith(const std::string& path, int flags, const char* uri) {
  SqliteDb db;
  db.path_ = path;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(uri == nullptr ? path.c_str() : uri, &handle,
                                   flags | SQLITE_OPEN_NOMUTEX, nullptr);
  db.db_.reset(handle);
  if (code != SQLITE_OK) return db.StatusOf(code);
  sqlite3_extended_result_codes(handle, 1);
  return db;
}

core::Status SqliteDb::Exec(const char* sql) {
  const int code = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? core::Status::Ok() : StatusOf(code);
}

core::Result<std::string> SqliteDb::QueryText(const char* sql) {
  auto statement = Prepare(sql);
  if (!statement.ok()) return statement.status();
  const int code = statement->Step();
  if (code == SQLITE_ROW) return std::string(statement->Text(0));
  return code == SQLITE_DONE ? core::Status(core::Code::kNotFound, "no row") : StatusOf(code);
}

core::Result<SqliteStatement> SqliteDb::Prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v3(db_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return StatusOf(code);
  return SqliteStatement(statement);
}

bool SqliteDb::DiskIsFull(int code, int error) const {
  if ((code & 0xff) == SQLITE_FULL) return true;
  if ((code & 0xff) != SQLITE_IOERR) return false;
  // Of a quota, and of some calls on a full disk, SQLite knows only that they failed.
  if (error == 0) error = sqlite3_system_errno(db_.get());
  return error == ENOSPC || error == EDQUOT;
}

core::Status SqliteDb::StatusOf(int code, int error) const {
  using core::Code;
  std::string detail = fmt::format("{}: {} (sqlite {})", path_, sqlite3_errmsg(db_.get()), code);
  if (DiskIsFull(code, error)) return {Code::kUnavailable, "the disk is full", std::move(detail)};
  switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return core::Status::Ok();
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return {Code::kCorrupt, "the database file is damaged", std::move(detail)};
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return {Code::kUnavailable, "the database is locked", std::move(detail)};
    case SQLITE_NOMEM: return {Code::kUnavailable, "out of memory", std::move(detail)};
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN: return {Code::kDenied, "cannot write to the database", std::move(detail)};
    case SQLITE_IOERR: return {Code::kDenied, "the disk reports an error", std::move(detail)};
    default: return {Code::kInternal, "unexpected answer of the database", std::move(detail)};
  }
}

int64_t SqliteDb::changes() const { return sqlite3_changes64(db_.get()); }

bool SqliteDb::in_transaction() const { return sqlite3_get_autocommit(db_.get()) == 0; }

void SqliteDb::Rollback() {
  if (in_transaction()) sqlite3_exec(db_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

}  // namespace bluemarble::persistence
