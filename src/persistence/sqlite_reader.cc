#include "persistence/sqlite_reader.h"

#include <errno.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "persistence/audit.h"
#include "persistence/history.h"
#include "persistence/migrations.h"
#include "persistence/sqlite_db.h"
#include "persistence/sqlite_notes.h"
#include "persistence/sqlite_rows.h"
#include "persistence/sqlite_store.h"

namespace bluemarble::persistence {
namespace {

using core::Code;
using core::Result;
using core::Status;

class SqliteReader final : public StoreReader {
 public:
  explicit SqliteReader(SqliteDb db) : db_(std::move(db)) {}

  Result<PlayerRow> LoadPlayer(std::string_view name) override {
    return One<PlayerRow>(std::string(kSelectPlayer) + "p.name = ?", RowOfPlayer, name);
  }
  Result<PlayerRow> LoadPlayer(int64_t player_id) override {
    return One<PlayerRow>(std::string(kSelectPlayer) + "p.player_id = ?", RowOfPlayer, player_id);
  }
  Result<ItemRow> LoadItem(int64_t item_id) override {
    return One<ItemRow>(std::string(kSelectItem) + "i.item_id = ?", ReadItem, item_id);
  }
  Result<AccountRow> LoadAccount(int64_t account_id) override {
    return One<AccountRow>(std::string(kSelectAccount) + "account_id = ?", ReadAccount, account_id);
  }
  Result<std::vector<ItemRow>> ItemsOf(int64_t holder) override {
    return All<ItemRow>(std::string(kSelectItem) + "i.holder = ? ORDER BY i.item_id", ReadItem,
                        holder);
  }
  Result<uint64_t> CountPlayers() override {
    return One<uint64_t>("SELECT count(*) FROM player", [](const SqliteStatement& row) {
      return static_cast<uint64_t>(row.Int(0));
    });
  }
  Result<std::vector<EventRow>> ReadEvents(AggregateId aggregate, int64_t from_version,
                                           size_t limit) override {
    return All<EventRow>(
        std::string(kSelectEvent) +
            "aggregate_type = ? AND aggregate_id = ? AND version >= ? ORDER BY version LIMIT ?",
        ReadEvent, static_cast<int64_t>(aggregate.type), aggregate.id, from_version,
        static_cast<int64_t>(limit));
  }
  Result<std::vector<EventRow>> ReadEventsAfter(int64_t seq, size_t limit) override {
    return All<EventRow>(std::string(kSelectEvent) + "seq > ? ORDER BY seq LIMIT ?", ReadEvent, seq,
                         static_cast<int64_t>(limit));
  }
  Result<std::optional<EventRow>> EventAt(AggregateId aggregate, Moment by, int64_t at) override;
  Result<std::vector<int64_t>> Aggregates(AggregateType type, int64_t after, size_t limit) override;
  Result<std::optional<WriteResult>> FindResult(const IdempotencyKey& key) override;
  Result<std::vector<int64_t>> ItemsTouched(int64_t player_id, int64_t after,
                                            int64_t through) override;
  Result<int64_t> LastSeq() override {
    return One<int64_t>("SELECT coalesce(max(seq), 0) FROM event", FirstInt);
  }
  Result<std::vector<NoteRow>> ReadNotes(const NoteQuery& query) override {
    return ReadSqliteNotes(db_, query);
  }
  Result<std::vector<AuditLine>> Audit() override;

 private:
  static PlayerRow RowOfPlayer(const SqliteStatement& row) { return ReadPlayer(row).row; }
  static int64_t FirstInt(const SqliteStatement& row) { return row.Int(0); }

  template <typename T, typename Read, typename... Args>
  Result<std::vector<T>> All(const std::string& sql, Read read, const Args&... args) {
    auto statement = db_.Prepare(sql.c_str());
    if (!statement.ok()) return statement.status();
    statement->Bind(args...);
    std::vector<T> rows;
    const Status status =
        ForEachRow(db_, *statement, [&](const SqliteStatement& row) { rows.push_back(read(row)); });
    if (!status.ok()) return status;
    return rows;
  }
  template <typename T, typename Read, typename... Args>
  Result<T> One(const std::string& sql, Read read, const Args&... args) {
    auto rows = All<T>(sql, read, args...);
    if (!rows.ok()) return rows.status();
    if (rows->empty()) return Status(Code::kNotFound, "no such row");
    return std::move(rows->front());
  }

  SqliteDb db_;
};

Result<std::optional<EventRow>> SqliteReader::EventAt(AggregateId aggregate, Moment by,
                                                      int64_t at) {
  const char* column = "version";
  if (by == Moment::kTime) column = "at_us";
  if (by == Moment::kTick) column = "tick";
  auto rows = All<EventRow>(
      fmt::format("{}aggregate_type = ? AND aggregate_id = ? AND {} <= ? ORDER BY version DESC "
                  "LIMIT 1",
                  kSelectEvent, column),
      ReadEvent, static_cast<int64_t>(aggregate.type), aggregate.id, at);
  if (!rows.ok()) return rows.status();
  std::optional<EventRow> event;
  if (!rows->empty()) event = std::move(rows->front());
  return event;
}

Result<std::vector<int64_t>> SqliteReader::Aggregates(AggregateType type, int64_t after,
                                                      size_t limit) {
  const std::string table(AggregateTypeName(type));
  return All<int64_t>(
      fmt::format("SELECT {0}_id FROM {0} WHERE {0}_id > ? ORDER BY {0}_id LIMIT ?", table),
      FirstInt, after, static_cast<int64_t>(limit));
}

Result<std::vector<int64_t>> SqliteReader::ItemsTouched(int64_t player_id, int64_t after,
                                                        int64_t through) {
  // "+": the range of seq is the narrow one; the primary key would lead through all items.
  const auto number = InPayload(player_id);
  return All<int64_t>(
      fmt::format("SELECT DISTINCT aggregate_id FROM event WHERE +aggregate_type = {} AND"
                  " seq > ? AND seq <= ? AND ? IN (substr(payload, {}, 8), substr(payload, {}, 8))"
                  " ORDER BY aggregate_id",
                  static_cast<int>(AggregateType::kItem), kItemHolderAt, kItemCauseAt),
      FirstInt, after, through, std::span<const std::byte>(number));
}

Result<std::optional<WriteResult>> SqliteReader::FindResult(const IdempotencyKey& key) {
  auto rows = All<std::vector<std::byte>>(
      "SELECT result FROM idempotency WHERE player_id = ? AND key = ?",
      [](const SqliteStatement& row) {
        const auto bytes = row.Blob(0);
        return std::vector<std::byte>(bytes.begin(), bytes.end());
      },
      key.player_id, std::span<const std::byte>(key.bytes));
  if (!rows.ok()) return rows.status();
  std::optional<WriteResult> found;
  if (rows->empty()) return found;
  auto result = DecodeResult(rows->front());
  if (!result.ok()) return result.status();
  found = std::move(*result);
  return found;
}

Result<std::vector<AuditLine>> SqliteReader::Audit() {
  if (Status status = db_.Exec("BEGIN"); !status.ok()) return status;
  std::vector<AuditLine> lines;
  Status status;
  for (const auto queries : {AuditQueries(), SqliteAuditQueries()}) {
    for (const AuditQuery& query : queries) {
      if (!status.ok()) break;
      auto value = One<int64_t>(query.sql, FirstInt);
      status = value.status();
      if (status.ok()) lines.push_back(ToLine(query, *value));
    }
  }
  db_.Rollback();
  if (!status.ok()) return status;
  return lines;
}

Status CheckSchema(SqliteDb& db) {
  auto ours = db.QueryText("SELECT count(*) FROM sqlite_schema WHERE name = 'schema_migration'");
  if (!ours.ok()) return ours.status();
  if (*ours == "0") return {Code::kCorrupt, "the database is not one of ours", db.path()};
  auto applied = db.QueryText("SELECT coalesce(max(id), 0) FROM schema_migration");
  if (!applied.ok()) return applied.status();
  const Migration& newest = SqliteMigrations().back();
  if (*applied == std::to_string(newest.id)) return Status::Ok();
  return {Code::kStale, "the database has another schema than this program",
          fmt::format("{} has migration {}, this program knows {}; `zoned migrate up` brings an "
                      "older one up to date, a newer one needs the release that wrote it",
                      db.path(), *applied, newest.name)};
}

}  // namespace

Result<std::unique_ptr<StoreReader>> OpenSqliteReader(const std::string& data_dir) {
  const std::string path = data_dir + "/" + kSqliteFileName;
  // SQLite does not tell these two apart, nor from a folder without the right to write.
  if (::access(path.c_str(), R_OK) != 0) {
    const bool missing = errno == ENOENT || errno == ENOTDIR;
    return Status(missing ? Code::kUnavailable : Code::kDenied,
                  missing ? "there is no such database" : "the database cannot be read",
                  path + ": " + std::strerror(errno));
  }
  auto db = SqliteDb::OpenReadOnly(path);
  if (!db.ok()) return db.status();
  for (const char* pragma : {"PRAGMA busy_timeout = 1000", "PRAGMA trusted_schema = OFF"}) {
    if (Status status = db->Exec(pragma); !status.ok()) return status;
  }
  if (Status status = CheckSchema(*db); !status.ok()) return status;
  return std::unique_ptr<StoreReader>(std::make_unique<SqliteReader>(std::move(*db)));
}

}  // namespace bluemarble::persistence
