#include "persistence/sqlite_store.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <filesystem>
#include <utility>

#include "persistence/data_folder.h"
#include "persistence/sqlite_db.h"
#include "persistence/sqlite_migrate.h"

namespace bluemarble::persistence {
namespace {

using core::Code;
using core::Result;
using core::Status;

// How long a statement waits for a tool that holds the file (`sqlite3 zone.sqlite3`), milliseconds.
constexpr int kBusyMs = 1000;

constexpr const char* kPlayerColumns =
    "SELECT p.player_id, p.version, coalesce(o.epoch, 0), p.created_us, p.saved_tick, p.x_m, "
    "p.y_m, p.z_m, "
    "p.ground_height_m, p.health, p.yaw, p.name, coalesce(o.shard_id, '') "
    "FROM player p LEFT JOIN ownership o USING (player_id) WHERE ";

struct OwnedPlayer {
  PlayerRow row;
  std::string shard_id;
};

OwnedPlayer ReadPlayer(const SqliteStatement& from) {
  OwnedPlayer player;
  PlayerRow& row = player.row;
  row.player_id = from.Int(0);
  row.version = from.Int(1);
  row.epoch = from.Int(2);
  row.created_us = from.Int(3);
  row.saved_tick = static_cast<uint64_t>(from.Int(4));
  row.state.x_m = from.Real(5);
  row.state.y_m = from.Real(6);
  row.state.z_m = from.Real(7);
  row.state.ground_height_m = from.Real(8);
  row.state.health = static_cast<int32_t>(from.Int(9));
  row.state.yaw = static_cast<uint16_t>(from.Int(10));
  row.name = PlayerName::From(from.Text(11));
  player.shard_id = from.Text(12);
  return player;
}

class SqliteStore final : public Store {
 public:
  SqliteStore(DataFolder folder, SqliteDb db) : folder_(std::move(folder)), db_(std::move(db)) {}

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
  Result<uint64_t> PurgeKeys(int64_t before_us, size_t limit) override;

 private:
  Status CheckFile(int check_limit_mib);
  Status PrepareAll();
  Status OpenMeta(const SqliteStoreOptions& options);

  enum class Pass { kTogether, kOneByOne };
  Status RunGroup(Pass pass, const CommitGroup& group, std::span<WriteResult> results,
                  CommitReport& report, bool& refused);
  Status RunAlone(const DurableWrite& write, WriteResult& result);
  Status Apply(const DurableWrite& write, WriteResult& result);
  Status ApplyLogin(const DurableWrite& write, WriteResult& result);
  Status CreatePlayer(const DurableWrite& write);
  Status ApplyUpdate(const DurableWrite& write, const PlayerUpdate& update, WriteResult& result);
  Status AddEvent(int64_t player_id, int64_t version, const DurableWrite& write, EventKind kind,
                  std::span<const std::byte> payload);
  Status SavePosition(const PositionSave& save, CommitReport& report);
  Status StoreResult(const DurableWrite& write, const WriteResult& result);
  Status EndTransaction();
  Status FindPlayer(std::string_view name, std::optional<OwnedPlayer>& found);
  Status FindPlayer(int64_t player_id, std::optional<OwnedPlayer>& found);
  Status ReadOne(SqliteStatement& statement, std::optional<OwnedPlayer>& found);
  Status Done(int code) const { return db_.StatusOf(code); }

  DataFolder folder_;  // outlives the database: the lock goes last
  SqliteDb db_;
  StoreMeta meta_;
  bool restart_needed_ = false;
  SqliteStatement find_key_, store_key_, purge_keys_, find_by_name_, find_by_id_,
      take_player_number_, insert_player_, insert_owner_, bump_version_, save_state_,
      save_position_, insert_event_, reserve_ticks_, count_players_, read_events_;
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
  const std::string by_name = std::string(kPlayerColumns) + "p.name = ?";
  const std::string by_id = std::string(kPlayerColumns) + "p.player_id = ?";
  const std::pair<SqliteStatement*, const char*> statements[] = {
      {&find_key_,
       "SELECT request_digest, result FROM idempotency WHERE player_id = ? AND key = ?"},
      {&store_key_,
       "INSERT INTO idempotency (player_id, key, request_digest, at_us, result) VALUES (?, ?, ?, "
       "?, ?)"},
      {&purge_keys_,
       "DELETE FROM idempotency WHERE (player_id, key) IN "
       "(SELECT player_id, key FROM idempotency WHERE at_us < ? ORDER BY at_us LIMIT ?)"},
      {&find_by_name_, by_name.c_str()},
      {&find_by_id_, by_id.c_str()},
      {&take_player_number_,
       "UPDATE shard_meta SET next_player = next_player + 1 RETURNING next_player - 1"},
      {&insert_player_,
       "INSERT INTO player (player_id, name, version, created_us, saved_tick, x_m, y_m, z_m, "
       "ground_height_m, "
       "health, yaw) VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?)"},
      {&insert_owner_, "INSERT INTO ownership (player_id, shard_id, epoch) VALUES (?, ?, 1)"},
      {&bump_version_,
       "UPDATE player SET version = version + 1 WHERE player_id = ? AND version = ?"},
      {&save_state_,
       "UPDATE player SET saved_tick = ?2, x_m = ?3, y_m = ?4, z_m = ?5, ground_height_m = ?6, "
       "health = ?7, "
       "yaw = ?8 WHERE player_id = ?1 AND saved_tick <= ?2"},
      {&save_position_,
       "UPDATE player SET saved_tick = ?2, x_m = ?3, y_m = ?4, z_m = ?5, ground_height_m = ?6, "
       "health = ?7, "
       "yaw = ?8 WHERE player_id = ?1 AND saved_tick < ?2 AND EXISTS "
       "(SELECT 1 FROM ownership WHERE player_id = ?1 AND epoch = ?9 AND shard_id = ?10)"},
      {&insert_event_,
       "INSERT INTO event (aggregate_type, aggregate_id, version, at_us, tick, kind, payload) "
       "VALUES (?, ?, ?, ?, ?, ?, ?)"},
      {&reserve_ticks_, "UPDATE shard_meta SET reserved_tick = max(reserved_tick, ?)"},
      {&count_players_, "SELECT count(*) FROM player"},
      {&read_events_,
       "SELECT version, at_us, tick, kind, payload FROM event WHERE aggregate_type = ? AND "
       "aggregate_id = ? "
       "AND version >= ? ORDER BY version LIMIT ?"},
  };
  for (const auto& [statement, sql] : statements) {
    auto prepared = db_.Prepare(sql);
    if (!prepared.ok()) return prepared.status();
    *statement = std::move(*prepared);
  }
  return Status::Ok();
}

Status SqliteStore::OpenMeta(const SqliteStoreOptions& options) {
  auto open = db_.Prepare(
      "INSERT INTO shard_meta (only_row, shard_id, world_seed, reserved_tick, next_player, run, "
      "cache_generation) "
      "VALUES (1, ?, ?, 0, 1, 1, 1) "
      "ON CONFLICT (only_row) DO UPDATE SET run = run + 1, cache_generation = cache_generation + 1 "
      "RETURNING shard_id, world_seed, reserved_tick, run, cache_generation");
  if (!open.ok()) return open.status();
  if (Status status = db_.Exec("BEGIN IMMEDIATE"); !status.ok()) return status;
  open->Bind(std::string_view(options.shard_id), static_cast<int64_t>(options.world_seed));
  const int code = open->Step();
  if (code != SQLITE_ROW) {
    const Status status = Done(code);
    db_.Rollback();
    return status.ok() ? Status(Code::kInternal, "shard_meta has no row") : status;
  }
  meta_.shard_id = open->Text(0);
  meta_.world_seed = static_cast<uint64_t>(open->Int(1));
  meta_.reserved_tick = static_cast<core::Tick>(open->Int(2));
  meta_.run = open->Int(3);
  meta_.cache_generation = open->Int(4);
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
  bool refused = false;
  report = {};
  Status status = RunGroup(Pass::kTogether, group, results, report, refused);
  if (status.ok() && refused) {
    report = {};
    status = RunGroup(Pass::kOneByOne, group, results, report, refused);
    report.rerun = true;
  }
  if (!status.ok()) {
    db_.Rollback();
    return status;
  }
  if (group.reserve_ticks > meta_.reserved_tick) meta_.reserved_tick = group.reserve_ticks;
  return status;
}

Status SqliteStore::RunGroup(Pass pass, const CommitGroup& group, std::span<WriteResult> results,
                             CommitReport& report, bool& refused) {
  if (Status status = db_.Exec("BEGIN IMMEDIATE"); !status.ok()) return status;
  for (size_t i = 0; i < group.writes.size(); ++i) {
    results[i] = {};
    const Status status = pass == Pass::kTogether ? Apply(group.writes[i], results[i])
                                                  : RunAlone(group.writes[i], results[i]);
    if (!status.ok()) return status;
    if (pass == Pass::kTogether && results[i].outcome == Outcome::kRefused &&
        !results[i].repeated) {
      db_.Rollback();
      refused = true;
      return Status::Ok();
    }
  }
  for (const PositionSave& save : group.positions) {
    if (Status status = SavePosition(save, report); !status.ok()) return status;
  }
  if (group.reserve_ticks != 0) {
    const Status status = Done(reserve_ticks_.Run(static_cast<int64_t>(group.reserve_ticks)));
    if (!status.ok()) return status;
  }
  return EndTransaction();
}

// A savepoint each instead of a transaction each: the same outcome for one sync.
Status SqliteStore::RunAlone(const DurableWrite& write, WriteResult& result) {
  if (Status status = db_.Exec("SAVEPOINT request"); !status.ok()) return status;
  if (Status status = Apply(write, result); !status.ok()) return status;
  if (result.outcome == Outcome::kRefused && !result.repeated) {
    if (Status status = db_.Exec("ROLLBACK TO request"); !status.ok()) return status;
    if (IsFinal(result.refusal)) {
      if (Status status = StoreResult(write, result); !status.ok()) return status;
    }
  }
  return db_.Exec("RELEASE request");
}

Status SqliteStore::EndTransaction() {
  const int code = sqlite3_exec(db_.handle(), "COMMIT", nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return Status::Ok();
  const Status status = Done(code);
  db_.Rollback();
  if ((code & 0xff) != SQLITE_IOERR) return status;
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

Status SqliteStore::Apply(const DurableWrite& write, WriteResult& result) {
  auto refuse = [&result](Refusal refusal) {
    result.outcome = Outcome::kRefused;
    result.refusal = refusal;
    return Status::Ok();
  };
  find_key_.Bind(write.key.player_id, std::span<const std::byte>(write.key.bytes));
  const int code = find_key_.Step();
  if (code == SQLITE_ROW) {
    const auto digest = static_cast<uint64_t>(find_key_.Int(0));
    auto stored = DecodeResult(find_key_.Blob(1));
    find_key_.Reset();
    if (!stored.ok()) return stored.status();
    if (digest != RequestDigest(write)) return refuse(Refusal::kKeyReused);
    result = *stored;
    return Status::Ok();
  }
  find_key_.Reset();
  if (code != SQLITE_DONE) return Done(code);
  if (!CheckWrite(write).ok()) return refuse(Refusal::kInvalid);

  result.outcome = Outcome::kOk;
  if (write.login) {
    if (Status status = ApplyLogin(write, result); !status.ok()) return status;
  }
  for (const PlayerUpdate& update : write.updates) {
    if (result.outcome != Outcome::kOk) return Status::Ok();
    if (Status status = ApplyUpdate(write, update, result); !status.ok()) return status;
  }
  return result.outcome == Outcome::kOk ? StoreResult(write, result) : Status::Ok();
}

Status SqliteStore::ApplyLogin(const DurableWrite& write, WriteResult& result) {
  const std::string_view name = write.login->name.view();
  std::optional<OwnedPlayer> player;
  if (Status status = FindPlayer(name, player); !status.ok()) return status;
  if (!player) {
    if (Status status = CreatePlayer(write); !status.ok()) return status;
    if (Status status = FindPlayer(name, player); !status.ok()) return status;
    result.created = true;
  }
  result.row = player->row;
  if (player->shard_id != meta_.shard_id) {
    result.outcome = Outcome::kRefused;
    result.refusal = Refusal::kNotOwner;
    return Status::Ok();
  }
  PlayerRow& row = result.row;
  if (Status status = Done(bump_version_.Run(row.player_id, row.version)); !status.ok())
    return status;
  ++row.version;
  return AddEvent(row.player_id, row.version, write, EventKind::kLogin,
                  EncodePlayerState(row.state));
}

Status SqliteStore::CreatePlayer(const DurableWrite& write) {
  take_player_number_.Bind();
  const int code = take_player_number_.Step();
  const int64_t number = code == SQLITE_ROW ? take_player_number_.Int(0) : 0;
  take_player_number_.Reset();
  if (code != SQLITE_ROW) return Done(code);
  const int64_t player_id = ShardPrefix(meta_.shard_id) << kPlayerNumberBits | number;
  const PlayerState& state = write.login->initial;
  Status status = Done(insert_player_.Run(
      player_id, write.login->name.view(), write.at_us, static_cast<int64_t>(write.tick), state.x_m,
      state.y_m, state.z_m, state.ground_height_m, int64_t{state.health}, int64_t{state.yaw}));
  if (status.ok()) status = Done(insert_owner_.Run(player_id, std::string_view(meta_.shard_id)));
  if (!status.ok()) return status;
  return AddEvent(player_id, 1, write, EventKind::kPlayerCreated, EncodePlayerState(state));
}

Status SqliteStore::ApplyUpdate(const DurableWrite& write, const PlayerUpdate& update,
                                WriteResult& result) {
  auto refuse = [&result](Refusal refusal) {
    result.outcome = Outcome::kRefused;
    result.refusal = refusal;
    return Status::Ok();
  };
  std::optional<OwnedPlayer> player;
  if (Status status = FindPlayer(update.player_id, player); !status.ok()) return status;
  if (!player) return refuse(Refusal::kNotFound);
  if (player->shard_id != meta_.shard_id || player->row.epoch != update.epoch)
    return refuse(Refusal::kNotOwner);
  result.row = player->row;
  if (Status status = Done(bump_version_.Run(update.player_id, update.expected_version));
      !status.ok()) {
    return status;
  }
  if (db_.changes() != 1) return refuse(Refusal::kVersion);
  const PlayerState& state = update.state;
  Status status = Done(save_state_.Run(update.player_id, static_cast<int64_t>(write.tick),
                                       state.x_m, state.y_m, state.z_m, state.ground_height_m,
                                       int64_t{state.health}, int64_t{state.yaw}));
  if (!status.ok()) return status;
  if (db_.changes() == 1) {
    result.row.state = state;
    result.row.saved_tick = write.tick;
  }
  result.row.version = update.expected_version + 1;
  return AddEvent(update.player_id, result.row.version, write, update.kind, update.payload);
}

Status SqliteStore::AddEvent(int64_t player_id, int64_t version, const DurableWrite& write,
                             EventKind kind, std::span<const std::byte> payload) {
  return Done(insert_event_.Run(static_cast<int64_t>(AggregateType::kPlayer), player_id, version,
                                write.at_us, static_cast<int64_t>(write.tick),
                                static_cast<int64_t>(kind), payload));
}

Status SqliteStore::SavePosition(const PositionSave& save, CommitReport& report) {
  const PlayerState& state = save.state;
  if (!IsFinite(state)) {
    ++report.positions_refused;
    return Status::Ok();
  }
  const int code =
      save_position_.Run(save.player_id, static_cast<int64_t>(save.tick), state.x_m, state.y_m,
                         state.z_m, state.ground_height_m, int64_t{state.health},
                         int64_t{state.yaw}, save.epoch, std::string_view(meta_.shard_id));
  if (code != SQLITE_DONE) return Done(code);
  if (db_.changes() == 1) {
    ++report.positions_saved;
    return Status::Ok();
  }
  std::optional<OwnedPlayer> player;
  if (Status status = FindPlayer(save.player_id, player); !status.ok()) return status;
  const bool owned =
      player && player->shard_id == meta_.shard_id && player->row.epoch == save.epoch;
  ++(owned ? report.positions_stale : report.positions_refused);
  return Status::Ok();
}

Status SqliteStore::StoreResult(const DurableWrite& write, const WriteResult& result) {
  const std::vector<std::byte> bytes = EncodeResult(result);
  return Done(store_key_.Run(write.key.player_id, std::span<const std::byte>(write.key.bytes),
                             static_cast<int64_t>(RequestDigest(write)), write.at_us,
                             std::span<const std::byte>(bytes)));
}

Status SqliteStore::FindPlayer(std::string_view name, std::optional<OwnedPlayer>& found) {
  find_by_name_.Bind(name);
  return ReadOne(find_by_name_, found);
}

Status SqliteStore::FindPlayer(int64_t player_id, std::optional<OwnedPlayer>& found) {
  find_by_id_.Bind(player_id);
  return ReadOne(find_by_id_, found);
}

Status SqliteStore::ReadOne(SqliteStatement& statement, std::optional<OwnedPlayer>& found) {
  const int code = statement.Step();
  if (code == SQLITE_ROW) found = ReadPlayer(statement);
  statement.Reset();
  return Done(code);
}

Result<std::optional<WriteResult>> SqliteStore::FindResult(const IdempotencyKey& key) {
  find_key_.Bind(key.player_id, std::span<const std::byte>(key.bytes));
  const int code = find_key_.Step();
  std::optional<WriteResult> found;
  Status status = Done(code);
  if (code == SQLITE_ROW) {
    auto stored = DecodeResult(find_key_.Blob(1));
    if (stored.ok()) {
      found = *stored;
    } else {
      status = stored.status();
    }
  }
  find_key_.Reset();
  if (!status.ok()) return status;
  return found;
}

Result<PlayerRow> SqliteStore::LoadPlayer(std::string_view name) {
  std::optional<OwnedPlayer> player;
  if (Status status = FindPlayer(name, player); !status.ok()) return status;
  if (!player) return Status(Code::kNotFound, "no player of that name");
  return player->row;
}

Result<uint64_t> SqliteStore::CountPlayers() {
  count_players_.Bind();
  const int code = count_players_.Step();
  const int64_t count = code == SQLITE_ROW ? count_players_.Int(0) : 0;
  count_players_.Reset();
  if (code != SQLITE_ROW) return Done(code);
  return static_cast<uint64_t>(count);
}

Result<std::vector<EventRow>> SqliteStore::ReadEvents(AggregateType type, int64_t aggregate_id,
                                                      int64_t from_version, size_t limit) {
  std::vector<EventRow> events;
  read_events_.Bind(static_cast<int64_t>(type), aggregate_id, from_version,
                    static_cast<int64_t>(limit));
  int code = SQLITE_ROW;
  while ((code = read_events_.Step()) == SQLITE_ROW) {
    EventRow event;
    event.aggregate_type = type;
    event.aggregate_id = aggregate_id;
    event.version = read_events_.Int(0);
    event.at_us = read_events_.Int(1);
    event.tick = static_cast<core::Tick>(read_events_.Int(2));
    event.kind = static_cast<EventKind>(read_events_.Int(3));
    const auto payload = read_events_.Blob(4);
    event.payload.assign(payload.begin(), payload.end());
    events.push_back(std::move(event));
  }
  read_events_.Reset();
  if (code != SQLITE_DONE) return Done(code);
  return events;
}

Result<uint64_t> SqliteStore::PurgeKeys(int64_t before_us, size_t limit) {
  const int code = purge_keys_.Run(before_us, static_cast<int64_t>(limit));
  if ((code & 0xff) == SQLITE_IOERR)
    restart_needed_ = true;  // this commit, too, may have failed to sync
  if (code != SQLITE_DONE) return Done(code);
  return static_cast<uint64_t>(db_.changes());
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
