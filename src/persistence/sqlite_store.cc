#include "persistence/sqlite_store.h"

#include <errno.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <utility>
#include <vector>

#include "core/crash_point.h"
#include "core/log.h"
#include "persistence/data_folder.h"
#include "persistence/sqlite_db.h"
#include "persistence/sqlite_group.h"
#include "persistence/sqlite_migrate.h"
#include "persistence/sqlite_notes.h"
#include "persistence/sqlite_rows.h"
#include "persistence/sqlite_turns.h"

namespace bluemarble::persistence {
namespace {

using core::Code;
using core::Result;
using core::Status;

// How long a statement waits for a tool that holds the file (`sqlite3 zone.sqlite3`), milliseconds.
constexpr int kBusyMs = 1000;

class SqliteStore final : public Store {
 public:
  SqliteStore(DataFolder folder, SqliteDb db)
      : folder_(std::move(folder)),
        db_(std::move(db)),
        turns_(SqliteTurns::Of(db_.path())),
        group_(db_),
        notes_(db_) {}

  Status Start(const SqliteStoreOptions& options, int64_t now_us);

  const StoreMeta& meta() const override { return meta_; }
  Status Commit(const CommitGroup& group, std::span<WriteResult> results,
                CommitReport& report) override;
  Status Reconnect() override;
  Result<std::optional<WriteResult>> FindResult(const IdempotencyKey& key) override;
  Result<PlayerRow> LoadPlayer(std::string_view name) override;
  Result<uint64_t> CountPlayers() override;
  Result<std::vector<EventRow>> ReadEvents(AggregateType type, int64_t aggregate_id,
                                           int64_t from_version, size_t limit) override;
  Result<std::vector<ItemRow>> LoadWorldItems(int64_t after_id, size_t limit) override;
  Status Maintain(int64_t now_us) override;
  Result<uint64_t> PurgeKeys(int64_t before_us, size_t limit) override;
  Result<uint64_t> PurgeNotes(int64_t before_us, size_t limit) override;

 private:
  Status CheckFile(int check_limit_mib);
  Status PrepareAll();
  Status OpenMeta(const SqliteStoreOptions& options);

  Status Begin();
  Status RunTogether(const CommitGroup& group, std::span<WriteResult> results,
                     CommitReport& report);
  Status RunOneByOne(const CommitGroup& group, std::span<WriteResult> results,
                     CommitReport& report);
  Status Apply(std::span<const DurableWrite> writes, std::span<WriteResult> results);
  Status Finish(const CommitGroup& group, CommitReport& report);
  Status EndTransaction();
  Status Stale() const;
  template <typename Body>
  Result<uint64_t> Purge(Body body);

  /// shard_meta's, as of the running transaction.
  struct Counters {
    int64_t player = 1;
    int64_t item = 1;
    int64_t seq = 1;
  };

  DataFolder folder_;  // outlives the database: the lock goes last
  SqliteDb db_;
  const std::shared_ptr<SqliteTurns> turns_;  // the accounts write the same file
  SqliteGroup group_;
  SqliteNotes notes_;
  StoreMeta meta_;
  Counters counters_;
  std::vector<size_t> by_player_;  // the positions of a group
  bool restart_needed_ = false;
  SqliteStatement read_meta_, write_meta_, purge_keys_, count_players_, read_events_,
      read_world_items_;
};

Status SqliteStore::Start(const SqliteStoreOptions& options, int64_t now_us) {
  const std::string busy = fmt::format("PRAGMA busy_timeout = {}", kBusyMs);
  // FULL: a commit in WAL mode survives power loss only when the log is synced (PITFALLS Q-1).
  for (const char* pragma : {busy.c_str(), "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL",
                             "PRAGMA foreign_keys = ON", "PRAGMA trusted_schema = OFF"}) {
    if (Status status = db_.Exec(pragma); !status.ok()) return status;
  }
  if (Status status = CheckFile(options.check_limit_mib); !status.ok()) return status;
  auto schema = MigrateSqlite(db_, SqliteMigrations(), now_us);
  if (!schema.ok()) return schema.status();
  meta_.schema = *schema;
  if (Status status = PrepareAll(); !status.ok()) return status;
  return OpenMeta(options);
}

Status SqliteStore::CheckFile(int check_limit_mib) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(db_.path(), error);
  if (error || bytes > static_cast<uintmax_t>(check_limit_mib) << 20) return Status::Ok();
  auto answer = db_.QueryText("PRAGMA quick_check(1)");
  if (!answer.ok()) return answer.status();
  if (*answer == "ok") return Status::Ok();
  return {Code::kCorrupt, "the database file is damaged",
          fmt::format("{}: {}", db_.path(), *answer)};
}

Status SqliteStore::PrepareAll() {
  const std::string events =
      std::string(kSelectEvent) +
      "aggregate_type = ? AND aggregate_id = ? AND version >= ? ORDER BY version LIMIT ?";
  const std::string world_items =
      std::string(kSelectItem) + "i.holder = 0 AND i.item_id > ? ORDER BY i.item_id LIMIT ?";
  const std::pair<SqliteStatement*, const char*> statements[] = {
      {&read_meta_, "SELECT run, next_player, next_item, next_seq FROM shard_meta"},
      {&write_meta_,
       "UPDATE shard_meta SET reserved_tick = max(reserved_tick, ?2), next_player = ?3, "
       "next_item = ?4, next_seq = ?5 WHERE run = ?1"},
      {&purge_keys_,
       "DELETE FROM idempotency WHERE (player_id, key) IN "
       "(SELECT player_id, key FROM idempotency WHERE at_us < ? AND player_id >= 0 ORDER BY at_us "
       "LIMIT ?)"},
      {&count_players_, "SELECT count(*) FROM player"},
      {&read_events_, events.c_str()},
      {&read_world_items_, world_items.c_str()},
  };
  for (const auto& [statement, sql] : statements) {
    auto prepared = db_.Prepare(sql);
    if (!prepared.ok()) return prepared.status();
    *statement = std::move(*prepared);
  }
  if (Status status = notes_.Prepare(); !status.ok()) return status;
  return group_.Prepare();
}

Status SqliteStore::OpenMeta(const SqliteStoreOptions& options) {
  auto open = db_.Prepare(
      "INSERT INTO shard_meta (only_row, shard_id, world_seed, reserved_tick, next_player, run, "
      "cache_generation, holder) "
      "VALUES (1, ?1, ?2, 0, 1, 1, 1, ?3) "
      "ON CONFLICT (only_row) DO UPDATE SET run = run + 1, cache_generation = cache_generation + "
      "1, holder = ?3 RETURNING shard_id, world_seed, reserved_tick, run, cache_generation, "
      "next_player, next_item, next_seq");
  if (!open.ok()) return open.status();
  if (Status status = db_.Exec("BEGIN IMMEDIATE"); !status.ok()) return status;
  const std::string holder = fmt::format("process {}", getpid());
  open->Bind(std::string_view(options.shard_id), static_cast<int64_t>(options.world_seed),
             std::string_view(holder));
  const int code = open->Step();
  if (code != SQLITE_ROW) {
    const Status status = db_.StatusOf(code);
    db_.Rollback();
    return status.ok() ? Status(Code::kInternal, "shard_meta has no row") : status;
  }
  meta_.shard_id = open->Text(0);
  meta_.world_seed = static_cast<uint64_t>(open->Int(1));
  meta_.reserved_tick = static_cast<core::Tick>(open->Int(2));
  meta_.run = open->Int(3);
  meta_.cache_generation = open->Int(4);
  meta_.next_player = open->Int(5);
  meta_.next_item = open->Int(6);
  meta_.next_seq = open->Int(7);
  open->Reset();
  if (meta_.shard_id != options.shard_id) {
    db_.Rollback();
    return {Code::kConflict,
            "the data folder belongs to another shard (shard.id, persistence.data_dir)",
            fmt::format("{} is shard \"{}\", the configuration says \"{}\"", db_.path(),
                        meta_.shard_id, options.shard_id)};
  }
  return EndTransaction();
}

Status SqliteStore::Commit(const CommitGroup& group, std::span<WriteResult> results,
                           CommitReport& report) {
  if (restart_needed_)
    return {Code::kInternal, "the process must be restarted after a disk error", db_.path()};
  const SqliteTurns::Turn turn = turns_->Take(kBusyMs);
  if (!turn) return {Code::kUnavailable, "the database is locked", db_.path()};
  report = {};
  Status status = RunTogether(group, results, report);
  if (status.code() == Code::kConflict) {
    core::Log(core::LogLevel::kError, "group_does_not_hold", "requests={} reason=\"{}\"",
              group.writes.size(), status.ToString());
    db_.Rollback();
    report = {};
    report.rerun = true;
    status = RunOneByOne(group, results, report);
  }
  if (!status.ok()) {
    db_.Rollback();
    return status;
  }
  if (group.reserve_ticks > meta_.reserved_tick) meta_.reserved_tick = group.reserve_ticks;
  return status;
}

Status SqliteStore::Begin() {
  if (Status status = db_.Exec("BEGIN IMMEDIATE"); !status.ok()) return status;
  bool mine = false;
  read_meta_.Bind();
  Status status = ForEachRow(db_, read_meta_, [&](const SqliteStatement& row) {
    mine = row.Int(0) == meta_.run;
    counters_ = {row.Int(1), row.Int(2), row.Int(3)};
  });
  if (!status.ok()) return status;
  return mine ? status : Stale();
}

Status SqliteStore::Stale() const {
  return {Code::kStale, "another process took this shard over", db_.path()};
}

Status SqliteStore::RunTogether(const CommitGroup& group, std::span<WriteResult> results,
                                CommitReport& report) {
  if (Status status = Begin(); !status.ok()) return status;
  if (Status status = Apply(group.writes, results); !status.ok()) return status;
  return Finish(group, report);
}

// A savepoint each instead of a transaction each: the same outcome for one sync.
Status SqliteStore::RunOneByOne(const CommitGroup& group, std::span<WriteResult> results,
                                CommitReport& report) {
  if (Status status = Begin(); !status.ok()) return status;
  for (size_t i = 0; i < group.writes.size(); ++i) {
    if (Status status = db_.Exec("SAVEPOINT request"); !status.ok()) return status;
    Status status = Apply(group.writes.subspan(i, 1), results.subspan(i, 1));
    if (status.code() == Code::kConflict) {
      core::Log(core::LogLevel::kError, "request_does_not_hold", "player={} reason=\"{}\"",
                group.writes[i].key.player_id, status.ToString());
      results[i] = {};
      results[i].outcome = Outcome::kRefused;
      results[i].refusal = Refusal::kInvalid;
      status = db_.Exec("ROLLBACK TO request");
    }
    if (status.ok()) status = db_.Exec("RELEASE request");
    if (!status.ok()) return status;
  }
  return Finish(group, report);
}

Status SqliteStore::Apply(std::span<const DurableWrite> writes, std::span<WriteResult> results) {
  if (writes.empty()) return Status::Ok();
  GroupRows rows;
  rows.next_player = counters_.player;
  rows.next_item = counters_.item;
  rows.next_seq = counters_.seq;
  if (Status status = group_.Read(NeedsOf(writes), rows); !status.ok()) return status;
  GroupChanges changes;
  PlanGroup(writes, meta_.shard_id, rows, results, changes);
  core::CrashPoint("commit.after_plan");
  if (Status status = group_.Write(changes, meta_.shard_id); !status.ok()) return status;
  counters_ = {rows.next_player, rows.next_item, rows.next_seq};
  return Status::Ok();
}

Status SqliteStore::Finish(const CommitGroup& group, CommitReport& report) {
  // In the order of the table: neighbours share a page.
  by_player_.resize(group.positions.size());
  std::iota(by_player_.begin(), by_player_.end(), size_t{0});
  std::ranges::sort(by_player_, {}, [&](size_t i) { return group.positions[i].player_id; });
  for (const size_t i : by_player_) {
    if (Status status = group_.SavePosition(group.positions[i], meta_.shard_id, report);
        !status.ok())
      return status;
  }
  if (Status status = notes_.Write(group.notes); !status.ok()) return status;
  if (!group.writes.empty() || group.reserve_ticks != 0) {
    const int code = write_meta_.Run(meta_.run, static_cast<int64_t>(group.reserve_ticks),
                                     counters_.player, counters_.item, counters_.seq);
    if (code != SQLITE_DONE) return db_.StatusOf(code);
    if (db_.changes() != 1) return Stale();
  }
  report.last_seq = counters_.seq - 1;
  core::CrashPoint("commit.before_commit");
  if (Status status = EndTransaction(); !status.ok()) return status;
  core::CrashPoint("commit.after_commit");
  meta_.next_player = counters_.player;
  meta_.next_item = counters_.item;
  meta_.next_seq = counters_.seq;
  return Status::Ok();
}

Status SqliteStore::EndTransaction() {
  errno = 0;
  const int code = sqlite3_exec(db_.handle(), "COMMIT", nullptr, nullptr, nullptr);
  const int error = errno;
  if (code == SQLITE_OK) return Status::Ok();
  const Status status = db_.StatusOf(code, error);
  const bool full = db_.DiskIsFull(code, error);
  db_.Rollback();
  // No space for the log is found out before anything is synced.
  const bool in_sync = code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC;
  if ((code & 0xff) != SQLITE_IOERR || (full && !in_sync)) return status;
  // The log may or may not hold the commit, and after a failed fsync the kernel may show us pages
  // that the disk never took: only a new process that reads the log again may tell (PITFALLS F-10).
  restart_needed_ = true;
  return {Code::kUnknown, "the disk failed during a commit", status.detail()};
}

Status SqliteStore::Reconnect() {
  if (restart_needed_)
    return {Code::kInternal, "the process must be restarted after a disk error", db_.path()};
  db_.Rollback();
  return Status::Ok();
}

Result<std::optional<WriteResult>> SqliteStore::FindResult(const IdempotencyKey& key) {
  std::optional<StoredKey> found;
  if (Status status = group_.FindKey(key, found); !status.ok()) return status;
  std::optional<WriteResult> result;
  if (found) result = std::move(found->result);
  return result;
}

Result<PlayerRow> SqliteStore::LoadPlayer(std::string_view name) {
  std::optional<StoredPlayer> player;
  if (Status status = group_.FindPlayer(name, player); !status.ok()) return status;
  if (!player) return Status(Code::kNotFound, "no player of that name");
  return player->row;
}

Result<uint64_t> SqliteStore::CountPlayers() {
  uint64_t count = 0;
  count_players_.Bind();
  const Status status = ForEachRow(db_, count_players_, [&count](const SqliteStatement& row) {
    count = static_cast<uint64_t>(row.Int(0));
  });
  if (!status.ok()) return status;
  return count;
}

Result<std::vector<EventRow>> SqliteStore::ReadEvents(AggregateType type, int64_t aggregate_id,
                                                      int64_t from_version, size_t limit) {
  std::vector<EventRow> events;
  read_events_.Bind(static_cast<int64_t>(type), aggregate_id, from_version,
                    static_cast<int64_t>(limit));
  const Status status = ForEachRow(db_, read_events_, [&events](const SqliteStatement& row) {
    events.push_back(ReadEvent(row));
  });
  if (!status.ok()) return status;
  return events;
}

Result<std::vector<ItemRow>> SqliteStore::LoadWorldItems(int64_t after_id, size_t limit) {
  std::vector<ItemRow> items;
  read_world_items_.Bind(after_id, static_cast<int64_t>(limit));
  const Status status = ForEachRow(db_, read_world_items_, [&items](const SqliteStatement& row) {
    items.push_back(ReadItem(row));
  });
  if (!status.ok()) return status;
  return items;
}

Status SqliteStore::Maintain(int64_t) { return Status::Ok(); }

Result<uint64_t> SqliteStore::PurgeKeys(int64_t before_us, size_t limit) {
  return Purge([&](uint64_t& purged) {
    const int code = purge_keys_.Run(before_us, static_cast<int64_t>(limit));
    purged = static_cast<uint64_t>(db_.changes());
    return db_.StatusOf(code);
  });
}

Result<uint64_t> SqliteStore::PurgeNotes(int64_t before_us, size_t limit) {
  return Purge([&](uint64_t& purged) { return notes_.Purge(before_us, limit, purged); });
}

template <typename Body>
Result<uint64_t> SqliteStore::Purge(Body body) {
  if (restart_needed_)
    return Status(Code::kInternal, "the process must be restarted after a disk error", db_.path());
  const SqliteTurns::Turn turn = turns_->Take(kBusyMs);
  if (!turn) return Status(Code::kUnavailable, "the database is locked", db_.path());
  Status status = Begin();
  uint64_t purged = 0;
  if (status.ok()) status = body(purged);
  if (status.ok()) status = EndTransaction();
  if (!status.ok()) {
    db_.Rollback();
    return status;
  }
  return purged;
}

}  // namespace

Result<std::unique_ptr<Store>> OpenSqliteStore(const SqliteStoreOptions& options,
                                               const core::Clock& clock) {
  auto folder = DataFolder::Open(options.data_dir);
  if (!folder.ok()) return folder.status();
  auto db = SqliteDb::Open(options.data_dir + "/" + kSqliteFileName);
  if (!db.ok()) return db.status();
  auto store = std::make_unique<SqliteStore>(std::move(*folder), std::move(*db));
  if (Status status = store->Start(options, clock.WallUs()); !status.ok()) return status;
  return std::unique_ptr<Store>(std::move(store));
}

}  // namespace bluemarble::persistence
