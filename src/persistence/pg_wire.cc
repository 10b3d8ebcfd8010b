#include "persistence/pg_wire.h"

#include <fmt/format.h>

#include <bit>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <utility>

namespace bluemarble::persistence {
namespace {

// A COPY goes out in pieces: small ones cost both sides a switch each (measured with 16 KiB), and a
// group of a thousand rows should be one.
constexpr size_t kCopyPieceBytes = 256 * 1024;

uint64_t ReadBigEndian(const char* bytes, int size) {
  uint64_t value = 0;
  for (int i = 0; i < size; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

std::string Trimmed(const char* message) {
  std::string text = message != nullptr ? message : "";
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

[[noreturn]] void ThrowConnection(PGconn* connection) {
  throw PgError(Trimmed(PQerrorMessage(connection)), "", true);
}

}  // namespace

void PgBytes::Double(double value) { Put(std::bit_cast<uint64_t>(value)); }

void PgBytes::PatchInt32(size_t at, int32_t value) {
  for (size_t i = 0; i < 4; ++i) {
    bytes_[at + i] = static_cast<char>(static_cast<uint32_t>(value) >> (24 - 8 * i));
  }
}

// [dimensions i32][has nulls i32][element type u32][length i32][lower bound i32], then each element
// as [bytes i32][value]. The length is put in by Finish.
PgArray::PgArray(Type type) {
  data_.Int32(1);
  data_.Int32(0);
  data_.Int32(static_cast<int32_t>(type));
  data_.Int32(0);
  data_.Int32(1);
}

PgArray PgArray::Int8s(std::span<const int64_t> values) {
  PgArray array(Type::kInt8);
  for (const int64_t value : values) array.Int8(value);
  return array;
}

std::string PgArray::Finish() {
  data_.PatchInt32(12, count_);
  return data_.bytes();
}

PgParameters& PgParameters::Int8(int64_t value) {
  PgBytes bytes;
  bytes.Int64(value);
  values_.push_back(bytes.bytes());
  return *this;
}
PgParameters& PgParameters::Text(std::string_view value) {
  values_.emplace_back(value);
  return *this;
}
PgParameters& PgParameters::Bytes(std::span<const std::byte> value) {
  values_.emplace_back(reinterpret_cast<const char*>(value.data()), value.size());
  return *this;
}
PgParameters& PgParameters::Array(PgArray& array) {
  values_.push_back(array.Finish());
  return *this;
}
PgParameters& PgParameters::Int8s(std::span<const int64_t> values) {
  values_.push_back(PgArray::Int8s(values).Finish());
  return *this;
}

int64_t PgRows::Int(int row, int column) const {
  const int size = PQgetlength(result_.get(), row, column);
  const uint64_t value = ReadBigEndian(PQgetvalue(result_.get(), row, column), size);
  switch (size) {
    case 2: return static_cast<int16_t>(value);
    case 4: return static_cast<int32_t>(value);
    case 8: return static_cast<int64_t>(value);
    default: throw PgError("a column is not an integer", "", false);
  }
}
double PgRows::Float8(int row, int column) const {
  if (PQgetlength(result_.get(), row, column) != 8) {
    throw PgError("a column is not double precision", "", false);
  }
  return std::bit_cast<double>(ReadBigEndian(PQgetvalue(result_.get(), row, column), 8));
}
std::string_view PgRows::Text(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<size_t>(PQgetlength(result_.get(), row, column))};
}
std::span<const std::byte> PgRows::Bytes(int row, int column) const {
  return {reinterpret_cast<const std::byte*>(PQgetvalue(result_.get(), row, column)),
          static_cast<size_t>(PQgetlength(result_.get(), row, column))};
}
int64_t PgRows::affected() const { return std::strtoll(PQcmdTuples(result_.get()), nullptr, 10); }

PgRows PgCheck(PGconn* connection, PGresult* result) {
  PgRows rows(result);
  const ExecStatusType status = PQresultStatus(result);
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_COPY_IN) {
    return rows;
  }
  if (result == nullptr) ThrowConnection(connection);
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  throw PgError(primary != nullptr ? primary : Trimmed(PQresultErrorMessage(result)),
                state != nullptr ? state : "", PQstatus(connection) != CONNECTION_OK);
}

void PgExec(PGconn* connection, const char* sql) { PgCheck(connection, PQexec(connection, sql)); }

void PgPrepare(PGconn* connection, const char* name, const char* sql) {
  PgCheck(connection, PQprepare(connection, name, sql, 0, nullptr));
}

namespace {

struct Pointers {
  explicit Pointers(const PgParameters& parameters) {
    for (const std::string& value : parameters.values()) {
      values.push_back(value.data());
      sizes.push_back(static_cast<int>(value.size()));
      formats.push_back(1);
    }
  }
  int count() const { return static_cast<int>(values.size()); }
  std::vector<const char*> values;
  std::vector<int> sizes;
  std::vector<int> formats;
};

}  // namespace

PgRows PgExecPrepared(PGconn* connection, const char* name, const PgParameters& parameters) {
  const Pointers p(parameters);
  return PgCheck(connection, PQexecPrepared(connection, name, p.count(), p.values.data(),
                                            p.sizes.data(), p.formats.data(), 1));
}

PgRows PgQuery(PGconn* connection, const char* sql, const PgParameters& parameters) {
  const Pointers p(parameters);
  return PgCheck(connection, PQexecParams(connection, sql, p.count(), nullptr, p.values.data(),
                                          p.sizes.data(), p.formats.data(), 1));
}

PgPipeline::PgPipeline(PGconn* connection) : connection_(connection) {
  if (PQenterPipelineMode(connection_) != 1) ThrowConnection(connection_);
}

PgPipeline::~PgPipeline() {
  if (open_) Drain([](PGresult* result) { PQclear(result); });
}

void PgPipeline::Send(const char* name, const PgParameters& parameters, int64_t expected,
                      const char* what) {
  const Pointers p(parameters);
  if (PQsendQueryPrepared(connection_, name, p.count(), p.values.data(), p.sizes.data(),
                          p.formats.data(), 1) != 1) {
    ThrowConnection(connection_);
  }
  sent_.push_back({expected, what});
}

// Each statement's results end with a null; the answer to the sync is the last and has none.
void PgPipeline::Drain(const std::function<void(PGresult*)>& take) {
  open_ = false;
  if (PQpipelineSync(connection_) == 1) {
    while (PQstatus(connection_) == CONNECTION_OK) {
      PGresult* result = PQgetResult(connection_);
      if (result == nullptr) continue;
      if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
        PQclear(result);
        break;
      }
      take(result);
    }
  }
  PQexitPipelineMode(connection_);
}

void PgPipeline::Finish() {
  std::exception_ptr first;
  size_t answers = 0;
  Drain([&](PGresult* result) {
    const Sent sent = answers < sent_.size() ? sent_[answers] : Sent{kAnyCount, ""};
    ++answers;
    try {
      const PgRows rows = PgCheck(connection_, result);
      if (sent.expected != kAnyCount && rows.affected() != sent.expected) {
        throw PgMismatch(fmt::format("{}: {} rows of {} were as they had been read", sent.what,
                                     rows.affected(), sent.expected));
      }
    } catch (const std::runtime_error&) {
      if (!first) first = std::current_exception();
    }
  });
  if (first) std::rethrow_exception(first);
  if (answers != sent_.size() || PQstatus(connection_) != CONNECTION_OK) {
    ThrowConnection(connection_);
  }
}

PgCopy::PgCopy(PGconn* connection, const char* sql, int16_t columns)
    : connection_(connection), columns_(columns) {
  PgExec(connection, sql);
  static constexpr char kSignature[] = "PGCOPY\n\377\r\n";  // its closing NUL belongs to it
  buffer_.Raw(kSignature, sizeof(kSignature));
  buffer_.Int32(0);
  buffer_.Int32(0);
}

PgCopy::~PgCopy() {
  if (!open_) return;
  PQputCopyEnd(connection_, "called off");
  while (PGresult* result = PQgetResult(connection_)) PQclear(result);
}

void PgCopy::Row() {
  if (buffer_.bytes().size() >= kCopyPieceBytes) Send();
  buffer_.Int16(columns_);
}

void PgCopy::Send() {
  const std::string& bytes = buffer_.bytes();
  if (PQputCopyData(connection_, bytes.data(), static_cast<int>(bytes.size())) != 1) {
    open_ = false;
    ThrowConnection(connection_);
  }
  buffer_.Clear();
}

int64_t PgCopy::Finish() {
  buffer_.Int16(-1);
  Send();
  open_ = false;
  if (PQputCopyEnd(connection_, nullptr) != 1) ThrowConnection(connection_);
  PGresult* first = PQgetResult(connection_);
  while (PGresult* more = PQgetResult(connection_)) PQclear(more);
  return PgCheck(connection_, first).affected();
}

}  // namespace bluemarble::persistence
