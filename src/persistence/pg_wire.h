/// Values to and from PostgreSQL in its binary format: prepared statements with array parameters,
/// and COPY. libpqxx 6 knows text only, and text arrays cost more than the statements they feed; so
/// the committer's statements go through libpq on the connection that libpqxx made. Functions here
/// throw PgError. One thread per connection.
#pragma once

#include <libpq-fe.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace bluemarble::persistence {

/// What the server or the connection said. Never holds a password.
class PgError : public std::runtime_error {
 public:
  PgError(const std::string& message, std::string sqlstate, bool lost)
      : std::runtime_error(message), sqlstate_(std::move(sqlstate)), lost_(lost) {}
  const std::string& sqlstate() const { return sqlstate_; }
  bool lost() const { return lost_; }  ///< The connection is gone.

 private:
  std::string sqlstate_;
  bool lost_;
};

/// Big-endian values, as the wire has them.
class PgBytes {
 public:
  void Int16(int16_t value) { Put(static_cast<uint16_t>(value)); }
  void Int32(int32_t value) { Put(static_cast<uint32_t>(value)); }
  void Int64(int64_t value) { Put(static_cast<uint64_t>(value)); }
  void Double(double value);
  void Raw(const void* bytes, size_t size) { bytes_.append(static_cast<const char*>(bytes), size); }
  const std::string& bytes() const { return bytes_; }
  void Clear() { bytes_.clear(); }
  void PatchInt32(size_t at, int32_t value);

 private:
  template <typename T>
  void Put(T value) {
    char out[sizeof(T)];
    for (size_t i = 0; i < sizeof(T); ++i) {
      out[i] = static_cast<char>(value >> (8 * (sizeof(T) - 1 - i)));
    }
    bytes_.append(out, sizeof(T));
  }
  std::string bytes_;
};

/// One column of values, for `unnest($n::bigint[])`.
class PgArray {
 public:
  enum class Type : uint32_t {
    kBytes = 17,
    kInt8 = 20,
    kInt2 = 21,
    kInt4 = 23,
    kText = 25,
    kFloat8 = 701,
    kUuid = 2950
  };
  explicit PgArray(Type type);
  static PgArray Int8s(std::span<const int64_t> values);
  void Int8(int64_t value) {
    data_.Int32(8);
    data_.Int64(value);
    ++count_;
  }
  void Int2(int16_t value) {
    data_.Int32(2);
    data_.Int16(value);
    ++count_;
  }
  void Int4(int32_t value) {
    data_.Int32(4);
    data_.Int32(value);
    ++count_;
  }
  void Float8(double value) {
    data_.Int32(8);
    data_.Double(value);
    ++count_;
  }
  void Bytes(std::span<const std::byte> value) { Sized(value.data(), value.size()); }
  void Text(std::string_view value) { Sized(value.data(), value.size()); }
  int32_t size() const { return count_; }
  std::string Finish();

 private:
  void Sized(const void* bytes, size_t size) {
    data_.Int32(static_cast<int32_t>(size));
    data_.Raw(bytes, size);
    ++count_;
  }
  PgBytes data_;
  int32_t count_ = 0;
};

class PgParameters {
 public:
  PgParameters& Int8(int64_t value);
  PgParameters& Text(std::string_view value);
  PgParameters& Bytes(std::span<const std::byte> value);
  PgParameters& Array(PgArray& array);
  PgParameters& Int8s(std::span<const int64_t> values);
  const std::vector<std::string>& values() const { return values_; }

 private:
  std::vector<std::string> values_;
};

/// A result in binary format.
class PgRows {
 public:
  explicit PgRows(PGresult* result) : result_(result, &PQclear) {}
  int size() const { return PQntuples(result_.get()); }
  bool empty() const { return size() == 0; }
  /// smallint, integer or bigint.
  int64_t Int(int row, int column) const;
  double Float8(int row, int column) const;
  std::string_view Text(int row, int column) const;
  std::span<const std::byte> Bytes(int row, int column) const;
  /// Rows that an UPDATE, INSERT or DELETE changed.
  int64_t affected() const;
  std::string_view command() const { return PQcmdStatus(result_.get()); }

 private:
  std::unique_ptr<PGresult, decltype(&PQclear)> result_;
};

/// Throws PgError when `result` is a failure; else owns it.
PgRows PgCheck(PGconn* connection, PGresult* result);
void PgExec(PGconn* connection, const char* sql);
void PgPrepare(PGconn* connection, const char* name, const char* sql);
PgRows PgExecPrepared(PGconn* connection, const char* name, const PgParameters& parameters);
/// Not prepared; binary result.
PgRows PgQuery(PGconn* connection, const char* sql, const PgParameters& parameters = {});

/// A row changed between reading and writing it: somebody writes beside the committer.
class PgMismatch : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Prepared statements sent one after the other without waiting: the server works on one while the
/// next is put together. Inside a transaction; nothing else may use the connection meanwhile.
class PgPipeline {
 public:
  static constexpr int64_t kAnyCount = -1;

  explicit PgPipeline(PGconn* connection);
  ~PgPipeline();  ///< Waits for the answers, if Finish has not, and drops them.
  PgPipeline(const PgPipeline&) = delete;
  PgPipeline& operator=(const PgPipeline&) = delete;

  /// `expected`: the rows that it must change; `what`, a literal, names them.
  void Send(const char* name, const PgParameters& parameters, int64_t expected = kAnyCount,
            const char* what = "");
  /// Waits for all answers. Throws what went wrong first: PgError, or PgMismatch for a statement
  /// that changed another number of rows than expected.
  void Finish();

 private:
  struct Sent {
    int64_t expected;
    const char* what;
  };
  void Drain(const std::function<void(PGresult*)>& take);

  PGconn* connection_;
  std::vector<Sent> sent_;
  bool open_ = true;
};

/// COPY ... FROM STDIN (FORMAT binary), inside a transaction. Finish tells the rows that were
/// taken; without it the COPY is called off.
class PgCopy {
 public:
  PgCopy(PGconn* connection, const char* sql, int16_t columns);
  ~PgCopy();
  PgCopy(const PgCopy&) = delete;
  PgCopy& operator=(const PgCopy&) = delete;

  void Row();  ///< Begins one; exactly `columns` values follow.
  void Int2(int16_t value) {
    buffer_.Int32(2);
    buffer_.Int16(value);
  }
  void Int8(int64_t value) {
    buffer_.Int32(8);
    buffer_.Int64(value);
  }
  void Bytes(std::span<const std::byte> value) {
    buffer_.Int32(static_cast<int32_t>(value.size()));
    buffer_.Raw(value.data(), value.size());
  }
  int64_t Finish();

 private:
  void Send();

  PGconn* connection_;
  const int16_t columns_;
  PgBytes buffer_;
  bool open_ = true;
};

}  // namespace bluemarble::persistence
