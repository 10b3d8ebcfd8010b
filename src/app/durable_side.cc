#include "app/durable_side.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "core/crash_point.h"
#include "core/log.h"
#include "persistence/pg_reader.h"
#include "persistence/sqlite_migrate.h"
#include "persistence/sqlite_reader.h"
#include "persistence/sqlite_store.h"

namespace bluemarble::app {
namespace {

using persistence::DatabaseSettings;
using persistence::PoolLimits;
using persistence::Store;

std::string HostAndProcess() {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  return fmt::format("host {}, process {}", host.data(), getpid());
}

// Of the clock and not of the store: a database restored from a backup counts old numbers again,
// under which Redis may still hold what the backup does not know. Comes again after 248 days, long
// after redis.ttl_s.
int64_t FreshGeneration(const core::Clock& clock) { return clock.WallUs() / 10'000 & 0x7fffffff; }

}  // namespace

core::Status DurableSide::CheckSchema(const persistence::PersistenceSettings& settings) {
  if (settings.database.url.empty()) {
    return persistence::CheckSqliteSchema(settings.data_dir + "/" + persistence::kSqliteFileName);
  }
  const core::Status status = persistence::OpenPgReader(settings.database).status();
  return status.code() == core::Code::kUnavailable ? core::Status::Ok() : status;
}

core::Result<std::unique_ptr<DurableSide>> DurableSide::Open(const DurableOptions& options,
                                                             const core::Clock& clock) {
  std::unique_ptr<DurableSide> side(new DurableSide(options, clock));
  auto store = side->OpenStore(clock);
  if (!store.ok()) return store.status();
  core::CrashPoint("start.after_open");
  if (core::Status whole = side->CheckIsWhole(**store); !whole.ok()) return whole;
  if (core::Status opened = side->OpenJournal(**store, clock); !opened.ok()) return opened;
  if (!options.settings.redis.url.empty()) {
    auto cache = persistence::RedisCache::Create(options.settings.redis, options.shard_id,
                                                 FreshGeneration(clock));
    if (!cache.ok()) return cache.status();
    side->cache_ = std::move(*cache);
    const core::Status checked = side->cache_->Check();
    if (checked.code() == core::Code::kDenied) return checked;
    if (!checked.ok())
      core::Log(core::LogLevel::kWarn, "cache_away", "reason=\"{}\"", checked.ToString());
    side->noting_cache_ = std::make_unique<persistence::NameNotingCache>(*side->cache_);
  }
  side->committer_ = std::make_unique<persistence::Committer>(
      options.settings, std::move(*store), clock, side->journal_.get(), side->noting_cache_.get());
  side->OpenReaders();
  if (side->noting_cache_ != nullptr) side->noting_cache_->TellNames(*side->state_);
  return side;
}

core::Result<std::unique_ptr<Store>> DurableSide::OpenStore(const core::Clock& clock) {
  const persistence::PersistenceSettings& settings = options_.settings;
  if (!has_postgres()) {
    return persistence::OpenSqliteStore({.data_dir = settings.data_dir,
                                         .shard_id = options_.shard_id,
                                         .world_seed = options_.world_seed,
                                         .check_limit_mib = settings.check_limit_mib},
                                        clock);
  }
  auto folder = persistence::DataFolder::Open(settings.data_dir);
  if (!folder.ok()) return folder.status();
  folder_.emplace(std::move(*folder));
  core::CrashPoint("start.after_lock");
  return persistence::OpenPgStore({.database = settings.database,
                                   .retention = settings.retention,
                                   .shard_id = options_.shard_id,
                                   .world_seed = options_.world_seed,
                                   .holder = HostAndProcess(),
                                   .take_over = options_.take_over,
                                   .stats = &pg_stats_},
                                  clock);
}

// Before the journal is replayed: what it holds belongs to the commits that are missing.
core::Status DurableSide::CheckIsWhole(const Store& store) {
  const persistence::StoreMeta& meta = store.meta();
  found_ = {options_.shard_id,
            has_postgres() ? fmt::format("postgresql schema {} seed {}",
                                         options_.settings.database.schema, meta.world_seed)
                           : fmt::format("sqlite seed {}", meta.world_seed),
            meta.next_seq - 1};
  return CheckLastCommit(ReadLastCommit(options_.settings.data_dir), found_,
                         options_.accept_restored);
}

void DurableSide::BeginServing() {
  const std::string& data_dir = options_.settings.data_dir;
  if (core::Status written = WriteLastCommit(data_dir, found_); !written.ok())
    core::Log(core::LogLevel::kWarn, "last_commit_not_written", "reason=\"{}\"",
              written.ToString());
  last_commit_.emplace(data_dir, found_, clock_);
  NoteLastCommit();
}

core::Status DurableSide::OpenJournal(Store& store, const core::Clock& clock) {
  std::unique_ptr<persistence::JournalDisk> disk;
  if (options_.settings.journal.enabled) {
    auto opened = persistence::OpenJournalDisk(options_.settings.data_dir);
    if (!opened.ok()) return opened.status();
    disk = std::move(*opened);
  }
  journal_ = std::make_unique<persistence::Journal>(options_.settings, options_.shard_id,
                                                    std::move(disk), clock);
  const auto replayed = persistence::ReplayJournal(store, *journal_);
  return replayed.status();
}

void DurableSide::OpenReaders() {
  const DatabaseSettings& database = options_.settings.database;
  const PoolLimits limits{.connections = database.readers,
                          .max_waiting = database.max_waiting,
                          .wait_ms = database.wait_ms};
  auto make = [this]() -> core::Result<std::unique_ptr<persistence::StoreReader>> {
    auto reader = has_postgres() ? persistence::OpenPgReader(options_.settings.database)
                                 : persistence::OpenSqliteReader(options_.settings.data_dir);
    if (!reader.ok()) return reader.status();
    return persistence::TimeReads(std::move(*reader), clock_, read_stats_);
  };
  readers_ = std::make_unique<persistence::StateService::ReaderPool>(
      limits, make, [](persistence::StoreReader& reader) { return reader.Usable(); });
  state_ = std::make_unique<persistence::StateService>(
      persistence::StateService::Live{
          .position = [this](int64_t player_id) { return journal_->live().Find(player_id); },
          .inventory =
              [this](int64_t player_id) { return committer_->inventories().Find(player_id); }},
      cache_.get(), *readers_);
}

void DurableSide::Start() {
  journal_->Start(committer_->meta().run);
  committer_->Start();
}

persistence::StopReport DurableSide::Stop(int deadline_ms) {
  persistence::StopReport report = committer_->Stop(deadline_ms);
  core::CrashPoint("stop.after_commit");
  if (last_commit_) {
    last_commit_->Note(static_cast<int64_t>(committer_->stats().last_seq.Get()),
                       /*at_once=*/true);
  }
  journal_->Stop();
  core::CrashPoint("stop.after_journal");
  return report;
}

void DurableSide::NoteLastCommit() {
  last_commit_->Note(static_cast<int64_t>(committer_->stats().last_seq.Get()));
}

void DurableSide::AddHealth(ops::Health& health) {
  store_health_ = &health.Add("store");
  journal_health_ = &health.Add("journal");
  if (cache_ != nullptr) cache_health_ = &health.Add("cache");
  PublishHealth();
}

void DurableSide::PublishHealth() {
  using ops::HealthState;
  if (committer_->lost_ownership()) {
    store_health_->Set(HealthState::kNotReady, "another process took the shard over");
  } else if (committer_->failed()) {
    store_health_->Set(HealthState::kNotReady, "the store gave up: restart zoned");
  } else if (committer_->stats().away.Get() != 0) {
    store_health_->Set(HealthState::kNotReady, "the store is away");
  } else if (committer_->queue_used_bytes() > options_.settings.queue_bytes / 4 * 3) {
    store_health_->Set(HealthState::kNotReady, "the store's queue is nearly full");
  } else {
    store_health_->Set(HealthState::kReady);
  }
  if (journal_->degraded()) {
    journal_health_->Set(HealthState::kDegraded, "the journal cannot be written: see the log");
  } else {
    journal_health_->Set(HealthState::kReady);
  }
  if (cache_health_ == nullptr) return;
  if (cache_->available()) {
    cache_health_->Set(HealthState::kReady);
  } else {
    cache_health_->Set(HealthState::kDegraded, "the circuit to Redis is open");
  }
}

}  // namespace bluemarble::app
