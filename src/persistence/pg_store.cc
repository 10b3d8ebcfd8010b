#include "persistence/pg_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <pqxx/pqxx>
#include <random>
#include <thread>
#include <utility>

#include "core/crash_point.h"
#include "core/log.h"
#include "persistence/pg_connection.h"
#include "persistence/pg_group.h"
#include "persistence/pg_migrate.h"
#include "persistence/pg_notes.h"
#include "persistence/pg_partitions.h"
#include "persistence/pg_rows.h"
#include "persistence/pg_wire.h"

namespace bluemarble::persistence {
namespace {

using core::Code;
using core::Result;
using core::Status;

// A deadlock or serialization failure is nobody's fault and gone at the next try; more than this
// many in a row is something else.
constexpr int kLockTries = 6;
constexpr auto kPause = std::chrono::milliseconds(100);
constexpr std::chrono::seconds kSayAgain{5};

// Only a friendly hint, see the header; the key is one per schema of the database.
constexpr const char* kTryShardLock =
    "SELECT pg_try_advisory_lock(hashtextextended('bluemarble shard ' || current_schema(), 0))";

bool IsLockFailure(const std::string& sqlstate) {
  return sqlstate == "40001" || sqlstate == "40P01";
}
/// The database refuses a row: a value, a constraint.
bool IsRowFailure(const std::string& sqlstate) {
  return sqlstate.starts_with("22") || sqlstate.starts_with("23");
}

/// What ends a start is an outage in service: a standby that is not promoted yet, a server that was
/// made read-only because its disk is full, a password that is being changed.
Status WhileServing(const Status& status) {
  if (status.code() != Code::kDenied) return status;
  return {Code::kUnavailable, status.context(), status.detail()};
}

class PgStore final : public Store {
 public:
  PgStore(const PgStoreOptions& options, const core::Clock& clock)
      : options_(options), clock_(clock), stats_(options.stats ? *options.stats : own_stats_) {
    meta_.shard_id = options.shard_id;
  }

  Status Start();

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
  Status Connect();
  Status Prepare();
  Status TakeShardLock();
  Status BeginRun();
  // How a group is run, in this order until it holds: with what is known of its players and keys,
  // with everything read, and cut in halves.
  enum class Way : uint8_t { kTrusting, kReading, kHalves };
  Status RunGroup(Way way, const CommitGroup& group, std::span<WriteResult> results,
                  CommitReport& report, bool& does_not_hold);
  void ApplyRange(const CommitGroup& group, size_t from, size_t count,
                  std::span<WriteResult> results, Way way);
  void ApplyHalves(const CommitGroup& group, size_t from, size_t count,
                   std::span<WriteResult> results);
  void TakeCounters();
  Status Wire(const std::function<void(PGconn*)>& body);
  Status Stale();
  Result<uint64_t> Purge(const std::function<int64_t(PGconn*)>& body);
  Status ReconnectOnce();
  Status EndPredecessor(const PgBackend& old);

  const PgStoreOptions options_;
  const core::Clock& clock_;
  PgStoreStats own_stats_;
  PgStoreStats& stats_;
  StoreMeta meta_;
  PgCounters counters_;  // of the running transaction; meta_ has those of the last answered one
  std::unique_ptr<PgConnection> connection_;
  std::unique_ptr<PgGroup> group_;
  PgBackend last_backend_;
  bool shard_lock_held_ = false;
  bool stale_ = false;  // fenced, for good
  std::minstd_rand jitter_{std::random_device{}()};
};

Status PgStore::Start() {
  const auto until = std::chrono::steady_clock::now() +
                     std::chrono::milliseconds(options_.database.start_patience_ms);
  Status status = Connect();
  std::string said;
  auto say_again = until;
  while (status.code() == Code::kUnavailable && std::chrono::steady_clock::now() < until) {
    const auto now = std::chrono::steady_clock::now();
    if (said != status.ToString() || now >= say_again) {
      said = status.ToString();
      say_again = now + kSayAgain;
      core::Log(core::LogLevel::kWarn, "database_waits", "reason=\"{}\"", said);
    }
    std::this_thread::sleep_for(kPause);
    status = Connect();
  }
  if (!status.ok()) return status;
  auto schema = PgMigrationStatus(*connection_);
  if (!schema.ok()) return schema.status();
  if (status = schema->Check(); !status.ok()) return status;
  meta_.schema = schema->lines.empty() ? 0 : schema->lines.back().id;
  // Not before the check: the statements need the tables.
  if (status = Prepare(); !status.ok()) return status;
  if (status = TakeShardLock(); !status.ok()) return status;
  auto made = MakeEventPartitions(*connection_, options_.retention, clock_.WallUs());
  if (!made.ok()) return made.status();
  return BeginRun();
}

Status PgStore::Connect() {
  group_.reset();
  connection_.reset();
  shard_lock_held_ = false;
  auto connection =
      PgConnection::Open(options_.database, {.application_name = "zoned " + options_.shard_id});
  if (!connection.ok()) return connection.status();
  connection_ = std::move(*connection);
  last_backend_ = connection_->backend();
  return connection_->RunWire(
      [this](PGconn* wire) { group_ = std::make_unique<PgGroup>(wire, options_.shard_id); });
}

Status PgStore::Prepare() {
  return Wire([this](PGconn* wire) {
    group_->Prepare();
    PreparePgNotes(wire);
  });
}

Status PgStore::TakeShardLock() {
  // A killed predecessor's backend may linger for a moment.
  const auto until = std::chrono::steady_clock::now() +
                     std::chrono::milliseconds(options_.database.call_timeout_ms);
  while (true) {
    std::string holder;
    const Status status = connection_->Run([&](pqxx::connection_base& link) {
      pqxx::nontransaction tx(link);
      shard_lock_held_ = tx.exec1(kTryShardLock)[0].as<bool>();
      if (shard_lock_held_) return;
      const pqxx::result meta = tx.exec("SELECT holder FROM shard_meta");
      if (!meta.empty()) holder = meta[0][0].as<std::string>();
    });
    if (!status.ok() || shard_lock_held_ || options_.take_over) return status;
    if (std::chrono::steady_clock::now() > until) {
      return {Code::kConflict, "another zoned serves this shard (database.schema)",
              fmt::format("schema \"{}\" is held by {}", options_.database.schema, holder)};
    }
    std::this_thread::sleep_for(kPause);
  }
}

Status PgStore::BeginRun() {
  std::string stored_shard;
  const Status status = connection_->Run([&](pqxx::connection_base& link) {
    pqxx::work tx(link);
    const pqxx::row row = tx.exec_params1(
        "INSERT INTO shard_meta AS m (only_row, shard_id, world_seed, reserved_tick, next_player,"
        " next_item, next_seq, run, holder, cache_generation)"
        " VALUES (1, $1, $2, 0, 1, 1, 1, 1, $3, 1)"
        " ON CONFLICT (only_row) DO UPDATE SET run = m.run + 1,"
        " cache_generation = m.cache_generation + 1, holder = excluded.holder"
        " RETURNING shard_id, world_seed, reserved_tick, run, cache_generation, next_player,"
        " next_item, next_seq",
        options_.shard_id, static_cast<int64_t>(options_.world_seed), options_.holder);
    stored_shard = row[0].as<std::string>();
    if (stored_shard != options_.shard_id) return;  // and is rolled back
    meta_.world_seed = static_cast<uint64_t>(row[1].as<int64_t>());
    meta_.reserved_tick = static_cast<core::Tick>(row[2].as<int64_t>());
    meta_.run = row[3].as<int64_t>();
    meta_.cache_generation = row[4].as<int64_t>();
    meta_.next_player = row[5].as<int64_t>();
    meta_.next_item = row[6].as<int64_t>();
    meta_.next_seq = row[7].as<int64_t>();
    tx.commit();
  });
  if (status.ok() && stored_shard != options_.shard_id) {
    return {Code::kConflict, "the schema belongs to another shard (shard.id, database.schema)",
            fmt::format("schema \"{}\" is shard \"{}\", the configuration says \"{}\"",
                        options_.database.schema, stored_shard, options_.shard_id)};
  }
  return status;
}

Status PgStore::Stale() {
  stale_ = true;
  return {Code::kStale, "another process took this shard over",
          fmt::format("shard \"{}\", run {} is over", meta_.shard_id, meta_.run)};
}

// Any failure ends the connection: what follows a failure begins with Reconnect.
Status PgStore::Wire(const std::function<void(PGconn*)>& body) {
  if (!connection_ || !connection_->usable()) {
    return {Code::kUnavailable, "not connected to the database (database.url)"};
  }
  return connection_->RunWire(body);
}

Status PgStore::Commit(const CommitGroup& group, std::span<WriteResult> results,
                       CommitReport& report) {
  if (stale_) return Stale();
  Status status;
  Way way = Way::kTrusting;
  for (int tries = 1;; ++tries) {
    report = {};
    report.rerun = way == Way::kHalves;
    bool does_not_hold = false;
    status = RunGroup(way, group, results, report, does_not_hold);
    if (does_not_hold) {
      way = way == Way::kTrusting ? Way::kReading : Way::kHalves;
      continue;
    }
    if (status.code() != Code::kUnavailable || !connection_ || !connection_->usable() ||
        !IsLockFailure(connection_->last_sqlstate()) || tries >= kLockTries) {
      break;
    }
    stats_.lock_retries.Add();
    std::this_thread::sleep_for(
        std::chrono::milliseconds(std::uniform_int_distribution<int>(1, 10 * tries)(jitter_)));
  }
  if (!status.ok()) {
    if (connection_ && connection_->cut()) stats_.cut_calls.Add();
    group_.reset();
    connection_.reset();
    return WhileServing(status);
  }
  TakeCounters();
  report.last_seq = counters_.next_seq - 1;
  return status;
}

void PgStore::TakeCounters() {
  meta_.reserved_tick = static_cast<core::Tick>(counters_.reserved_tick);
  meta_.next_player = counters_.next_player;
  meta_.next_item = counters_.next_item;
  meta_.next_seq = counters_.next_seq;
}

Status PgStore::RunGroup(Way way, const CommitGroup& group, std::span<WriteResult> results,
                         CommitReport& report, bool& does_not_hold) {
  bool stale = false;
  std::string reason;
  const Status status = Wire([&](PGconn* wire) {
    PgExec(wire, "BEGIN");
    // COMMIT is sent only after this row's lock was granted. So whoever gets the lock later knows
    // that this transaction has ended, one way or the other: Reconnect rests on it.
    if (!group_->LockShard(meta_.run, counters_)) {
      stale = true;
      PgExec(wire, "ROLLBACK");
      return;
    }
    if (way != Way::kTrusting) group_->ForgetPlayers();
    try {
      if (way != Way::kHalves) {
        ApplyRange(group, 0, group.writes.size(), results, way);
      } else {
        ApplyHalves(group, 0, group.writes.size(), results);
        GroupRows none;
        group_->Read({}, group.positions, false, none);
      }
      group_->SavePositions(group.positions, report);
    } catch (const PgMismatch& mismatch) {
      reason = mismatch.what();
    } catch (const PgError& error) {
      if (way == Way::kHalves || error.lost() || !IsRowFailure(error.sqlstate())) throw;
      reason = error.what();
    }
    if (!reason.empty()) {
      PgExec(wire, "ROLLBACK");
      return;
    }
    WritePgNotes(wire, group.notes);
    counters_.reserved_tick =
        std::max(counters_.reserved_tick, static_cast<int64_t>(group.reserve_ticks));
    group_->WriteCounters(counters_);
    core::CrashPoint("commit.before_commit");
    PgCommit(wire);
    if (way != Way::kHalves) group_->Committed();
    core::CrashPoint("commit.after_commit");
  });
  if (status.ok() && stale) return Stale();
  does_not_hold = status.ok() && !reason.empty();
  if (does_not_hold && way == Way::kReading) {
    core::Log(core::LogLevel::kError, "group_does_not_hold", "requests={} reason=\"{}\"",
              group.writes.size(), reason);
  }
  return status;
}

void PgStore::ApplyRange(const CommitGroup& group, size_t from, size_t count,
                         std::span<WriteResult> results, Way way) {
  const auto writes = group.writes.subspan(from, count);
  const auto answers = results.subspan(from, count);
  const auto positions = way == Way::kHalves ? std::span<const PositionSave>{} : group.positions;
  GroupRows rows;
  GroupChanges changes;
  auto plan = [&](bool trusting) {
    rows = {};
    rows.next_player = counters_.next_player;
    rows.next_item = counters_.next_item;
    rows.next_seq = counters_.next_seq;
    group_->Read(NeedsOf(writes, trusting ? KeyLook::kUnproven : KeyLook::kAll), positions,
                 trusting, rows);
    PlanGroup(writes, meta_.shard_id, rows, answers, changes);
  };
  plan(way == Way::kTrusting);
  auto refused = [](const WriteResult& result) { return result.outcome != Outcome::kOk; };
  if (way == Way::kTrusting && std::any_of(answers.begin(), answers.end(), refused)) plan(false);
  if (writes.empty()) return;
  core::CrashPoint("commit.after_plan");
  group_->Write(changes);
  counters_.next_player = rows.next_player;
  counters_.next_item = rows.next_item;
  counters_.next_seq = rows.next_seq;
}

// A group that does not hold is cut in halves, each under a savepoint, down to the request that is
// to blame: the same outcome as one by one, without a thousand round trips for one bad row.
void PgStore::ApplyHalves(const CommitGroup& group, size_t from, size_t count,
                          std::span<WriteResult> results) {
  if (count == 0) return;
  const PgCounters before = counters_;
  std::string reason;
  PgExec(group_->connection(), "SAVEPOINT request");
  try {
    ApplyRange(group, from, count, results, Way::kHalves);
    PgExec(group_->connection(), "RELEASE SAVEPOINT request");
    return;
  } catch (const PgMismatch& mismatch) {
    reason = mismatch.what();
  } catch (const PgError& error) {
    if (error.lost() || !IsRowFailure(error.sqlstate())) throw;
    reason = error.what();
  }
  PgExec(group_->connection(), "ROLLBACK TO SAVEPOINT request; RELEASE SAVEPOINT request");
  counters_ = before;
  if (count == 1) {
    core::Log(core::LogLevel::kError, "request_does_not_hold", "player={} reason=\"{}\"",
              group.writes[from].key.player_id, reason);
    results[from] = {};
    results[from].outcome = Outcome::kRefused;
    results[from].refusal = Refusal::kInvalid;
    stats_.rows_refused.Add();
    return;
  }
  ApplyHalves(group, from, count / 2, results);
  ApplyHalves(group, from + count / 2, count - count / 2, results);
}

Status PgStore::Reconnect() { return WhileServing(ReconnectOnce()); }

Status PgStore::ReconnectOnce() {
  if (stale_) return Stale();
  const PgBackend old = last_backend_;
  if (!connection_ || !connection_->usable()) {
    if (Status status = Connect(); !status.ok()) return status;
    stats_.reconnects.Add();
    Status status = EndPredecessor(old);
    if (status.ok()) status = Prepare();
    if (!status.ok()) {
      connection_.reset();
      last_backend_ = old;
      return status;
    }
  }
  bool mine = false;
  const Status status = Wire([&](PGconn* wire) {
    PgExec(wire, "BEGIN");
    mine = group_->LockShard(meta_.run, counters_);
    PgExec(wire, "ROLLBACK");
  });
  if (!status.ok()) {
    connection_.reset();
    last_backend_ = old;
    return status;
  }
  if (!mine) return Stale();
  if (counters_.next_seq < meta_.next_seq) {
    return {
        Code::kCorrupt, "the database has lost answered commits",
        fmt::format("its next event is {}, this process was answered up to {}: a standby was "
                    "promoted or a backup restored; `zoned serve --accept-restored` goes on from "
                    "what is left",
                    counters_.next_seq, meta_.next_seq - 1)};
  }
  TakeCounters();
  return status;
}

Result<std::optional<WriteResult>> PgStore::FindResult(const IdempotencyKey& key) {
  std::optional<WriteResult> found;
  const Status status = Wire([&](PGconn* wire) {
    const PgRows rows = PgQuery(
        wire, "SELECT result FROM idempotency WHERE player_id = $1::bigint AND key = $2::uuid",
        PgParameters().Int8(key.player_id).Bytes(key.bytes));
    if (rows.empty()) return;
    auto result = DecodeResult(rows.Bytes(0, 0));
    if (!result.ok()) throw PgError("a stored answer cannot be read", "XX001", false);
    found = std::move(*result);
  });
  if (!status.ok()) return status;
  return found;
}

Result<PlayerRow> PgStore::LoadPlayer(std::string_view name) {
  std::optional<PlayerRow> found;
  const std::string sql = std::string(kPgSelectPlayer) + "p.name = $1::text";
  const Status status = Wire([&](PGconn* wire) {
    const PgRows rows = PgQuery(wire, sql.c_str(), PgParameters().Text(name));
    if (!rows.empty()) found = ReadPgPlayer(rows, 0).row;
  });
  if (!status.ok()) return status;
  if (!found) return Status(Code::kNotFound, "no player of that name");
  return *found;
}

Result<uint64_t> PgStore::CountPlayers() {
  uint64_t count = 0;
  const Status status = Wire([&](PGconn* wire) {
    count = static_cast<uint64_t>(PgQuery(wire, "SELECT count(*) FROM player").Int(0, 0));
  });
  if (!status.ok()) return status;
  return count;
}

Result<std::vector<EventRow>> PgStore::ReadEvents(AggregateType type, int64_t aggregate_id,
                                                  int64_t from_version, size_t limit) {
  std::vector<EventRow> events;
  const std::string sql = std::string(kPgSelectEvent) +
                          "aggregate_type = $1::bigint AND aggregate_id = $2::bigint AND"
                          " version >= $3::bigint ORDER BY version LIMIT $4::bigint";
  const Status status = Wire([&](PGconn* wire) {
    const PgRows rows = PgQuery(wire, sql.c_str(),
                                PgParameters()
                                    .Int8(static_cast<int64_t>(type))
                                    .Int8(aggregate_id)
                                    .Int8(from_version)
                                    .Int8(static_cast<int64_t>(limit)));
    for (int row = 0; row < rows.size(); ++row) events.push_back(ReadPgEvent(rows, row));
  });
  if (!status.ok()) return status;
  return events;
}

Result<std::vector<ItemRow>> PgStore::LoadWorldItems(int64_t after_id, size_t limit) {
  std::vector<ItemRow> items;
  const std::string sql = std::string(kPgSelectItem) +
                          "i.holder = 0 AND i.item_id > $1::bigint ORDER BY i.item_id"
                          " LIMIT $2::bigint";
  const Status status = Wire([&](PGconn* wire) {
    const PgRows rows =
        PgQuery(wire, sql.c_str(), PgParameters().Int8(after_id).Int8(static_cast<int64_t>(limit)));
    for (int row = 0; row < rows.size(); ++row) items.push_back(ReadPgItem(rows, row));
  });
  if (!status.ok()) return status;
  return items;
}

Status PgStore::Maintain(int64_t now_us) {
  if (!connection_ || !connection_->usable()) {
    return {Code::kUnavailable, "not connected to the database (database.url)"};
  }
  if (!shard_lock_held_) {  // a lost session of our own may have held it until now
    const Status status = connection_->Run([&](pqxx::connection_base& link) {
      pqxx::nontransaction tx(link);
      shard_lock_held_ = tx.exec1(kTryShardLock)[0].as<bool>();
    });
    if (!status.ok()) return status;
  }
  auto made = MakeEventPartitions(*connection_, options_.retention, now_us);
  if (made.ok() && *made > 0) {
    core::Log(core::LogLevel::kInfo, "event_partitions_made", "count={}", *made);
  }
  return made.status();
}

Result<uint64_t> PgStore::PurgeKeys(int64_t before_us, size_t limit) {
  return Purge([&](PGconn* wire) {
    PgExec(wire, "SET LOCAL enable_bitmapscan = on");  // the index by age is of that kind
    return PgQuery(wire,
                   "DELETE FROM idempotency WHERE ctid = ANY (ARRAY(SELECT ctid FROM"
                   " idempotency WHERE at_us < $1::bigint AND player_id >= 0 LIMIT $2::bigint))",
                   PgParameters().Int8(before_us).Int8(static_cast<int64_t>(limit)))
        .affected();
  });
}

Result<uint64_t> PgStore::PurgeNotes(int64_t before_us, size_t limit) {
  return Purge(
      [&](PGconn* wire) { return PurgePgNotes(wire, before_us, static_cast<int64_t>(limit)); });
}

Result<uint64_t> PgStore::Purge(const std::function<int64_t(PGconn*)>& body) {
  if (stale_) return Stale();
  int64_t purged = 0;
  bool stale = false;
  const Status status = Wire([&](PGconn* wire) {
    PgExec(wire, "BEGIN");
    PgCounters counters;
    stale = !group_->LockShard(meta_.run, counters);
    if (!stale) purged = body(wire);
    PgExec(wire, stale ? "ROLLBACK" : "COMMIT");
  });
  if (!status.ok()) return WhileServing(status);
  if (stale) return Stale();
  return static_cast<uint64_t>(purged);
}

// The lock of shard_meta proves the end of whatever the lost session did; this only brings it about
// sooner, where the server has not noticed yet that its client is gone.
Status PgStore::EndPredecessor(const PgBackend& old) {
  // Not through libpqxx, which loses the memory of a result that ends in an exception.
  return Wire([&](PGconn* wire) {
    PgQuery(wire,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1::bigint"
            " AND backend_start::text = $2::text AND pid <> pg_backend_pid()",
            PgParameters().Int8(old.pid).Text(old.started));
  });
}

}  // namespace

Result<std::unique_ptr<Store>> OpenPgStore(const PgStoreOptions& options,
                                           const core::Clock& clock) {
  auto store = std::make_unique<PgStore>(options, clock);
  if (Status status = store->Start(); !status.ok()) return status;
  return std::unique_ptr<Store>(std::move(store));
}

}  // namespace bluemarble::persistence
