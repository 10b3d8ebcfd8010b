/// A shard in a schema of its own on the program's PostgreSQL.
#pragma once

#include <memory>
#include <string>

#include "persistence/pg_connection.h"
#include "persistence/pg_migrate.h"
#include "persistence/pg_reader.h"
#include "persistence/pg_store.h"
#include "support/pg_cluster.h"
#include "unit/persistence/store_contract_backend.h"

namespace bluemarble::persistence {

/// Of a schema that does not exist yet.
inline DatabaseSettings NewSettings(support::PgCluster& cluster) {
  DatabaseSettings settings;
  settings.url = cluster.url();
  settings.schema = cluster.NewSchema();
  settings.start_patience_ms = 0;
  return settings;
}

/// Makes every test of the program a skipped one where PostgreSQL is not installed.
class NeedsPostgres final : public testing::Environment {
 public:
  void SetUp() override {
    if (!support::PgCluster::Installed()) GTEST_SKIP() << "PostgreSQL 15 is not installed";
  }
};
inline const testing::Environment* const kNeedsPostgres =
    testing::AddGlobalTestEnvironment(new NeedsPostgres);

/// Brings the schema up; its message when that failed.
inline core::Status Migrate(const DatabaseSettings& settings) {
  auto connection = OpenPgForMigration(settings);
  if (!connection.ok()) return connection.status();
  return PgMigrateUp(**connection, false, 1).status();
}

/// The contract's events are of the year 1970; they get a partition, so that the default one stays
/// empty.
inline constexpr const char* kPartitionOfOld =
    "CREATE TABLE event_old PARTITION OF event FOR VALUES FROM (0) TO (1000000000)";

class PostgresBackend final : public SqlBackend {
 public:
  PostgresBackend() : cluster_(support::PgCluster::Shared()) {
    options_.database = NewSettings(cluster_);
    options_.shard_id = "zone";
    options_.world_seed = 99;
    options_.holder = "test";
    options_.stats = &stats_;
    const core::Status status = Migrate(options_.database);
    EXPECT_TRUE(status.ok()) << status.ToString();
    Number(kPartitionOfOld);
    Open();
  }
  Store& store() override { return *store_; }
  void Restart() override {
    store_.reset();
    Open();
  }
  void SetOwner(int64_t player_id, const std::string& shard_id, int64_t epoch) override {
    Number("UPDATE ownership SET shard_id = '" + shard_id + "', epoch = " + std::to_string(epoch) +
           " WHERE player_id = " + std::to_string(player_id));
  }
  void TakeOver() override { Number("UPDATE shard_meta SET run = run + 1"); }
  StoreReader& reader() override {
    if (!reader_) {
      auto reader = OpenPgReader(options_.database);
      EXPECT_TRUE(reader.ok()) << reader.status().ToString();
      reader_ = std::move(*reader);
    }
    return *reader_;
  }
  int64_t Number(const std::string& sql) override {
    const std::string answer = Sql(sql);
    return answer.empty() ? 0 : std::stoll(answer);
  }

  std::string Sql(const std::string& sql) {
    return cluster_.Sql("postgres", "SET search_path = " + options_.database.schema + "; " + sql);
  }
  support::PgCluster& cluster() { return cluster_; }
  PgStoreOptions& options() { return options_; }
  const PgStoreStats& stats() const { return stats_; }
  core::Clock& clock() { return clock_; }
  void CloseStore() { store_.reset(); }

 private:
  void Open() {
    auto store = OpenPgStore(options_, clock_);
    ASSERT_TRUE(store.ok()) << store.status().ToString();
    store_ = std::move(*store);
  }
  support::PgCluster& cluster_;
  PgStoreStats stats_;
  PgStoreOptions options_;
  ManualClock clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<StoreReader> reader_;
};

}  // namespace bluemarble::persistence
