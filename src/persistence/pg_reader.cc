#include "persistence/pg_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "persistence/audit.h"
#include "persistence/history.h"
#include "persistence/pg_connection.h"
#include "persistence/pg_migrate.h"
#include "persistence/pg_notes.h"
#include "persistence/pg_rows.h"
#include "persistence/pg_wire.h"

namespace bluemarble::persistence {
namespace {

using core::Code;
using core::Result;
using core::Status;

// The audit reads whole tables.
constexpr int kAuditTimeoutMs = 600'000;

class PgReader final : public StoreReader {
 public:
  explicit PgReader(std::unique_ptr<PgConnection> connection)
      : connection_(std::move(connection)) {}

  bool Usable() const override { return connection_->Quiet(); }
  Result<PlayerRow> LoadPlayer(std::string_view name) override {
    return One<PlayerRow>(std::string(kPgSelectPlayer) + "p.name = $1::text", RowOfPlayer,
                          PgParameters().Text(name));
  }
  Result<PlayerRow> LoadPlayer(int64_t player_id) override {
    return One<PlayerRow>(std::string(kPgSelectPlayer) + "p.player_id = $1::bigint", RowOfPlayer,
                          PgParameters().Int8(player_id));
  }
  Result<ItemRow> LoadItem(int64_t item_id) override {
    return One<ItemRow>(std::string(kPgSelectItem) + "i.item_id = $1::bigint", ReadPgItem,
                        PgParameters().Int8(item_id));
  }
  Result<AccountRow> LoadAccount(int64_t account_id) override {
    return One<AccountRow>(std::string(kPgSelectAccount) + "account_id = $1::bigint", ReadPgAccount,
                           PgParameters().Int8(account_id));
  }
  Result<std::vector<ItemRow>> ItemsOf(int64_t holder) override {
    return All<ItemRow>(std::string(kPgSelectItem) + "i.holder = $1::bigint ORDER BY i.item_id",
                        ReadPgItem, PgParameters().Int8(holder));
  }
  Result<uint64_t> CountPlayers() override {
    return One<uint64_t>("SELECT count(*) FROM player", [](const PgRows& rows, int row) {
      return static_cast<uint64_t>(rows.Int(row, 0));
    });
  }
  Result<std::vector<EventRow>> ReadEvents(AggregateId aggregate, int64_t from_version,
                                           size_t limit) override {
    return All<EventRow>(std::string(kPgSelectEvent) +
                             "aggregate_type = $1::bigint AND aggregate_id = $2::bigint AND"
                             " version >= $3::bigint ORDER BY version LIMIT $4::bigint",
                         ReadPgEvent,
                         PgParameters()
                             .Int8(static_cast<int64_t>(aggregate.type))
                             .Int8(aggregate.id)
                             .Int8(from_version)
                             .Int8(static_cast<int64_t>(limit)));
  }
  Result<std::vector<EventRow>> ReadEventsAfter(int64_t seq, size_t limit) override;
  Result<std::optional<EventRow>> EventAt(AggregateId aggregate, Moment by, int64_t at) override;
  Result<std::vector<int64_t>> Aggregates(AggregateType type, int64_t after, size_t limit) override;
  Result<std::optional<WriteResult>> FindResult(const IdempotencyKey& key) override;
  Result<std::vector<int64_t>> ItemsTouched(int64_t player_id, int64_t after,
                                            int64_t through) override;
  Result<int64_t> LastSeq() override {
    return One<int64_t>("SELECT coalesce(max(next_seq), 1) - 1 FROM shard_meta", FirstInt);
  }
  Result<std::vector<NoteRow>> ReadNotes(const NoteQuery& query) override;
  Result<std::vector<AuditLine>> Audit() override;

 private:
  static PlayerRow RowOfPlayer(const PgRows& rows, int row) { return ReadPgPlayer(rows, row).row; }
  static int64_t FirstInt(const PgRows& rows, int row) { return rows.Int(row, 0); }

  template <typename T, typename Read>
  Result<std::vector<T>> All(const std::string& sql, Read read,
                             const PgParameters& parameters = {}) {
    std::vector<T> values;
    const Status status = connection_->RunWire([&](PGconn* wire) {
      const PgRows rows = PgQuery(wire, sql.c_str(), parameters);
      values.reserve(static_cast<size_t>(rows.size()));
      for (int row = 0; row < rows.size(); ++row) values.push_back(read(rows, row));
    });
    if (!status.ok()) return status;
    return values;
  }
  template <typename T, typename Read>
  Result<T> One(const std::string& sql, Read read, const PgParameters& parameters = {}) {
    auto values = All<T>(sql, read, parameters);
    if (!values.ok()) return values.status();
    if (values->empty()) return Status(Code::kNotFound, "no such row");
    return std::move(values->front());
  }

  std::unique_ptr<PgConnection> connection_;
};

// The order has no gaps, so a window of `limit` numbers is what is asked for, found by the BRIN
// index without sorting all that comes after it. Only where old partitions are gone is the window
// short.
Result<std::vector<EventRow>> PgReader::ReadEventsAfter(int64_t seq, size_t limit) {
  const auto count = static_cast<int64_t>(std::min<size_t>(limit, INT64_MAX / 2));
  const int64_t after = std::clamp<int64_t>(seq, 0, INT64_MAX / 2);
  auto last = LastSeq();
  if (!last.ok()) return last.status();
  auto events = All<EventRow>(
      std::string(kPgSelectEvent) + "seq > $1::bigint AND seq <= $2::bigint ORDER BY seq",
      ReadPgEvent, PgParameters().Int8(after).Int8(after + count));
  if (!events.ok() || events->size() == limit || after + count >= *last) return events;
  return All<EventRow>(
      std::string(kPgSelectEvent) + "seq > $1::bigint ORDER BY seq LIMIT $2::bigint", ReadPgEvent,
      PgParameters().Int8(after).Int8(count));
}

Result<std::optional<EventRow>> PgReader::EventAt(AggregateId aggregate, Moment by, int64_t at) {
  const char* column = "version";
  if (by == Moment::kTime) column = "at_us";
  if (by == Moment::kTick) column = "tick";
  auto events = All<EventRow>(
      fmt::format("{}aggregate_type = $1::bigint AND aggregate_id = $2::bigint AND"
                  " {} <= $3::bigint ORDER BY version DESC LIMIT 1",
                  kPgSelectEvent, column),
      ReadPgEvent,
      PgParameters().Int8(static_cast<int64_t>(aggregate.type)).Int8(aggregate.id).Int8(at));
  if (!events.ok()) return events.status();
  std::optional<EventRow> event;
  if (!events->empty()) event = std::move(events->front());
  return event;
}

Result<std::vector<int64_t>> PgReader::Aggregates(AggregateType type, int64_t after, size_t limit) {
  return All<int64_t>(fmt::format("SELECT {0}_id FROM {0} WHERE {0}_id > $1::bigint ORDER BY {0}_id"
                                  " LIMIT $2::bigint",
                                  AggregateTypeName(type)),
                      FirstInt, PgParameters().Int8(after).Int8(static_cast<int64_t>(limit)));
}

Result<std::vector<int64_t>> PgReader::ItemsTouched(int64_t player_id, int64_t after,
                                                    int64_t through) {
  // "+ 0": the range of seq is the narrow one; the primary key would lead through all items.
  return All<int64_t>(
      fmt::format("SELECT DISTINCT aggregate_id FROM event WHERE aggregate_type + 0 = {} AND"
                  " seq > $1::bigint AND seq <= $2::bigint AND $3::bytea IN"
                  " (substring(payload from {} for 8), substring(payload from {} for 8))"
                  " ORDER BY aggregate_id",
                  static_cast<int>(AggregateType::kItem), kItemHolderAt, kItemCauseAt),
      FirstInt, PgParameters().Int8(after).Int8(through).Bytes(InPayload(player_id)));
}

Result<std::optional<WriteResult>> PgReader::FindResult(const IdempotencyKey& key) {
  auto rows = All<std::vector<std::byte>>(
      "SELECT result FROM idempotency WHERE player_id = $1::bigint AND key = $2::uuid",
      [](const PgRows& found, int row) {
        const auto bytes = found.Bytes(row, 0);
        return std::vector<std::byte>(bytes.begin(), bytes.end());
      },
      PgParameters().Int8(key.player_id).Bytes(key.bytes));
  if (!rows.ok()) return rows.status();
  std::optional<WriteResult> answer;
  if (rows->empty()) return answer;
  auto result = DecodeResult(rows->front());
  if (!result.ok()) return result.status();
  answer = std::move(*result);
  return answer;
}

Result<std::vector<NoteRow>> PgReader::ReadNotes(const NoteQuery& query) {
  std::vector<NoteRow> notes;
  const Status status =
      connection_->RunWire([&](PGconn* wire) { notes = ReadPgNotes(wire, query); });
  if (!status.ok()) return status;
  return notes;
}

Result<std::vector<AuditLine>> PgReader::Audit() {
  std::vector<AuditLine> lines;
  const Status status = connection_->RunWire(
      [&](PGconn* wire) {
        PgExec(wire, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
        PgExec(wire, "SET LOCAL statement_timeout = 0");
        auto ask = [&](const AuditQuery& query) {
          lines.push_back(ToLine(query, PgQuery(wire, query.sql).Int(0, 0)));
        };
        for (const AuditQuery& query : AuditQueries()) ask(query);
        for (const AuditQuery& query : PostgresAuditQueries()) ask(query);
        PgExec(wire, "ROLLBACK");
      },
      kAuditTimeoutMs);
  if (!status.ok()) return status;
  return lines;
}

}  // namespace

Result<std::unique_ptr<StoreReader>> OpenPgReader(const DatabaseSettings& settings) {
  auto connection =
      PgConnection::Open(settings, {.application_name = "zoned reader", .writes = false});
  if (!connection.ok()) return connection.status();
  auto schema = PgMigrationStatus(**connection);
  if (!schema.ok()) return schema.status();
  if (Status status = schema->Check(); !status.ok()) return status;
  return std::unique_ptr<StoreReader>(std::make_unique<PgReader>(std::move(*connection)));
}

}  // namespace bluemarble::persistence
