/// Everything behind the zone that keeps things: store (PostgreSQL or embedded), journal, cache,
/// committer, and the readers beside them. Opened and closed by the main thread; the parts say who
/// may call them.
#pragma once

#include <memory>
#include <optional>

#include "app/last_commit.h"
#include "core/clock.h"
#include "core/result.h"
#include "ops/health.h"
#include "persistence/committer.h"
#include "persistence/data_folder.h"
#include "persistence/journal.h"
#include "persistence/pg_store.h"
#include "persistence/redis_cache.h"
#include "persistence/settings.h"
#include "persistence/state_service.h"
#include "persistence/timed_reader.h"

namespace bluemarble::app {

struct DurableOptions {
  persistence::PersistenceSettings settings;
  std::string shard_id;
  uint64_t world_seed = 0;
  /// Do not wait for a zoned that still holds the shard: its next write finds itself fenced.
  bool take_over = false;
  /// Serve a database that lacks events which were answered before it was restored.
  bool accept_restored = false;
};

class DurableSide {
 public:
  /// Has the database the schema that this program knows? Looks, and changes nothing. One that is
  /// away, or that Open brings up to date by itself, is Ok; else as Open would fail, and before the
  /// ports are taken.
  static core::Status CheckSchema(const persistence::PersistenceSettings& settings);

  /// Opens the store, replays the journal into it, checks the cache; the committer is not started.
  /// What fails says which setting or command mends it.
  static core::Result<std::unique_ptr<DurableSide>> Open(const DurableOptions& options,
                                                         const core::Clock& clock);

  void Start();
  /// The zone serves from now on: only now is what accept_restored gave up forgotten, so that a
  /// start that fails on the way does not use the flag up. Main thread, before players come.
  void BeginServing();
  /// Writes what waits. A committer that does not return keeps what it uses: then this object must
  /// not be destroyed (`timed_out` of the report).
  persistence::StopReport Stop(int deadline_ms);

  void AddHealth(ops::Health& health);
  /// From time to time, by the main thread.
  void PublishHealth();
  void NoteLastCommit();

  persistence::Committer& committer() { return *committer_; }
  const persistence::Committer& committer() const { return *committer_; }
  const persistence::Journal& journal() const { return *journal_; }
  const persistence::RedisCache* cache() const { return cache_.get(); }  ///< Null: none configured.
  const persistence::PgStoreStats& pg_stats() const { return pg_stats_; }
  persistence::StateService::ReaderPool& readers() { return *readers_; }
  const persistence::StateService::ReaderPool& readers() const { return *readers_; }
  const persistence::ReadStats& read_stats() const { return read_stats_; }
  persistence::StateService& state() { return *state_; }
  const persistence::StateService& state() const { return *state_; }
  bool has_postgres() const { return !options_.settings.database.url.empty(); }

 private:
  DurableSide(const DurableOptions& options, const core::Clock& clock)
      : options_(options), clock_(clock) {}
  core::Result<std::unique_ptr<persistence::Store>> OpenStore(const core::Clock& clock);
  core::Status CheckIsWhole(const persistence::Store& store);
  core::Status OpenJournal(persistence::Store& store, const core::Clock& clock);
  void OpenReaders();

  const DurableOptions options_;
  const core::Clock& clock_;
  std::optional<persistence::DataFolder> folder_;  // the embedded store locks it by itself
  persistence::PgStoreStats pg_stats_;
  std::unique_ptr<persistence::Journal> journal_;
  LastCommit found_;                             // as the store began
  std::optional<LastCommitKeeper> last_commit_;  // once the zone serves
  std::unique_ptr<persistence::RedisCache> cache_;
  std::unique_ptr<persistence::NameNotingCache> noting_cache_;  // with a cache only
  std::unique_ptr<persistence::Committer> committer_;
  persistence::ReadStats read_stats_;  // of the readers
  std::unique_ptr<persistence::StateService::ReaderPool> readers_;
  std::unique_ptr<persistence::StateService> state_;
  ops::HealthComponent* store_health_ = nullptr;
  ops::HealthComponent* journal_health_ = nullptr;
  ops::HealthComponent* cache_health_ = nullptr;
};

}  // namespace bluemarble::app
