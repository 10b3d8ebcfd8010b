/// Schemas that are missing, edited, newer, or somebody else's; and the event table's partitions.
#include "persistence/pg_migrate.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "persistence/pg_partitions.h"
#include "postgres_backend.h"

namespace bluemarble::persistence {
namespace {

using core::Code;
using core::Status;

constexpr int64_t kDayUs = 86'400'000'000;

class PgSchemas : public testing::Test {
 protected:
  void SetUp() override {
    auto connection = OpenPgForMigration(settings_);
    ASSERT_TRUE(connection.ok()) << connection.status().ToString();
    connection_ = std::move(*connection);
  }
  Status OpenStore() {
    PgStoreOptions options;
    options.database = settings_;
    return OpenPgStore(options, clock_).status();
  }
  void Up() { ASSERT_TRUE(PgMigrateUp(*connection_, false, 5).ok()); }
  std::string Sql(const std::string& sql) {
    return cluster_.Sql("postgres", "SET search_path = " + settings_.schema + "; " + sql);
  }
  std::vector<Migration> WithSecond(const char* sql) const {
    std::vector<Migration> known(PostgresMigrations().begin(), PostgresMigrations().end());
    known.push_back({static_cast<int>(known.size()) + 1, "0099_more", "abc", sql});
    return known;
  }

  support::PgCluster& cluster_ = support::PgCluster::Shared();
  DatabaseSettings settings_ = NewSettings(cluster_);
  ManualClock clock_;
  std::unique_ptr<PgConnection> connection_;
};

TEST_F(PgSchemas, AMissingSchemaIsRefusedWithTheCommandThatMakesIt) {
  const Status status = OpenStore();
  EXPECT_EQ(status.code(), Code::kCorrupt);
  EXPECT_NE(status.ToString().find("zoned migrate up"), std::string::npos) << status.ToString();
  EXPECT_EQ(cluster_.Sql("postgres", "SELECT count(*) FROM pg_namespace WHERE nspname = '" +
                                         settings_.schema + "'"),
            "0")
      << "a refused start changes nothing";
}

TEST_F(PgSchemas, UpMakesTheSchemaOnceAndStatusTellsIt) {
  auto status = PgMigrationStatus(*connection_);
  ASSERT_TRUE(status.ok());
  EXPECT_FALSE(status->schema_exists);
  EXPECT_TRUE(status->has(MigrationLine::State::kMissing));
  auto applied = PgMigrateUp(*connection_, false, 5);
  ASSERT_TRUE(applied.ok()) << applied.status().ToString();
  EXPECT_EQ(applied->size(), PostgresMigrations().size());
  EXPECT_EQ(PgMigrateUp(*connection_, false, 6)->size(), 0u);
  status = PgMigrationStatus(*connection_);
  EXPECT_TRUE(status->current());
  EXPECT_EQ(status->lines.at(0).applied_us, 5);
  EXPECT_TRUE(OpenStore().ok()) << OpenStore().ToString();
}

TEST_F(PgSchemas, ADryRunShowsWhatWouldHappenAndWhatWouldFailAndLeavesNothing) {
  auto planned = PgMigrateUp(*connection_, true, 5);
  ASSERT_TRUE(planned.ok()) << planned.status().ToString();
  EXPECT_EQ(planned->size(), PostgresMigrations().size());
  EXPECT_FALSE(PgMigrationStatus(*connection_)->schema_exists);
  const auto broken = PgMigrateUp(*connection_, true, 5, WithSecond("CREATE TABLE player (i int)"));
  EXPECT_FALSE(broken.ok());
  EXPECT_NE(broken.status().ToString().find("already exists"), std::string::npos);
  EXPECT_FALSE(PgMigrationStatus(*connection_)->schema_exists);
}

TEST_F(PgSchemas, AMigrationThatFailsKeepsThoseBeforeItAndNothingOfItself) {
  const auto known = WithSecond("CREATE TABLE half (i int); SELECT 1 / 0");
  EXPECT_FALSE(PgMigrateUp(*connection_, false, 5, known).ok());
  EXPECT_TRUE(PgMigrationStatus(*connection_)->current());
  EXPECT_EQ(Sql("SELECT count(*) FROM pg_tables WHERE tablename = 'half' AND schemaname = "
                "current_schema()"),
            "0");
}

TEST_F(PgSchemas, AnEditedANewerAndAForeignSchemaAreRefused) {
  Up();
  Sql("UPDATE schema_migration SET sha256 = 'edited' WHERE id = 1");
  EXPECT_EQ(OpenStore().code(), Code::kCorrupt);
  EXPECT_EQ(PgMigrateUp(*connection_, false, 5).status().code(), Code::kCorrupt);
  Sql("UPDATE schema_migration SET sha256 = '" + std::string(PostgresMigrations()[0].sha256) +
      "' WHERE id = 1; INSERT INTO schema_migration VALUES (7777, '7777_future', 'x', 1)");
  EXPECT_EQ(OpenStore().code(), Code::kStale);
  EXPECT_NE(OpenStore().ToString().find("7777_future"), std::string::npos);
  EXPECT_EQ(PgMigrateUp(*connection_, false, 5).status().code(), Code::kStale);
  Sql("DROP TABLE schema_migration");
  EXPECT_EQ(OpenStore().code(), Code::kCorrupt);
  const auto up = PgMigrateUp(*connection_, false, 5);
  EXPECT_EQ(up.status().code(), Code::kCorrupt);
  EXPECT_NE(up.status().ToString().find("somebody else's"), std::string::npos);
}

TEST_F(PgSchemas, VerifyFindsWhatSomebodyChangedByHand) {
  Up();
  auto same = PgMigrateVerify(*connection_);
  ASSERT_TRUE(same.ok()) << same.status().ToString();
  EXPECT_TRUE(same->empty()) << same->front();
  Sql("ALTER TABLE item DROP COLUMN quantity; DROP INDEX item_by_holder;"
      " ALTER TABLE player ADD COLUMN luck int; ALTER TABLE ledger DISABLE TRIGGER ALL");
  const auto differs = PgMigrateVerify(*connection_);
  ASSERT_TRUE(differs.ok()) << differs.status().ToString();
  std::string all;
  for (const std::string& line : *differs) all += line + "\n";
  for (const char* expected : {"missing: column item.quantity", "missing: index",
                               "unknown: column "
                               "player.luck",
                               "trigger ledger.ledger_is_append_only disabled"}) {
    EXPECT_NE(all.find(expected), std::string::npos) << expected << " is not in\n" << all;
  }
}

TEST_F(PgSchemas, PartitionsAreMadeAheadWithoutGapsAlsoAfterTheirLengthChanged) {
  Up();
  const int64_t now_us = 20'000 * kDayUs + 5;
  RetentionSettings retention;
  ASSERT_TRUE(MakeEventPartitions(*connection_, retention, now_us).ok());
  EXPECT_EQ(MakeEventPartitions(*connection_, retention, now_us).value(), 0);
  retention.partition_days = 3;
  retention.partitions_ahead = 9;
  EXPECT_GT(MakeEventPartitions(*connection_, retention, now_us).value(), 0);
  const auto all = ListEventPartitions(*connection_).value();
  EXPECT_LE(all.front().from_us, now_us);
  EXPECT_GE(all.back().to_us, now_us + 9 * 3 * kDayUs);
  for (size_t i = 1; i < all.size(); ++i) EXPECT_EQ(all[i].from_us, all[i - 1].to_us);
  EXPECT_EQ(all.front().name, "event_p20241003");
}

TEST_F(PgSchemas, EventsThatTheDefaultPartitionCaughtMoveIntoTheirOwn) {
  Up();
  Sql("INSERT INTO event VALUES (1, 1, 1, 1728000000000005, 1, 1, 4, '\\x00'),"
      " (1, 1, 2, 5, 2, 1, 4, '\\x00')");
  EXPECT_EQ(Sql("SELECT count(*) FROM event_default"), "2");
  ASSERT_TRUE(MakeEventPartitions(*connection_, {}, 1'728'000'000'000'000).ok());
  EXPECT_EQ(Sql("SELECT count(*) FROM event_default"), "1") << "1970 has no partition";
  EXPECT_EQ(Sql("SELECT count(*) FROM event"), "2");
  EXPECT_THROW(Sql("DELETE FROM event"), std::runtime_error) << "append-only again";
}

TEST_F(PgSchemas, EventsOfBeforeTheEpochGetNoneAlsoWhereTheyHaveBeenDetached) {
  ASSERT_TRUE(PgMigrateUp(*connection_, false, 5, PostgresMigrations().first(1)).ok());
  const int64_t now_us = 20'000 * kDayUs;
  const RetentionSettings days{.partition_days = 1, .partitions_ahead = 1};
  ASSERT_TRUE(MakeEventPartitions(*connection_, days, now_us).ok());
  for (const int64_t at_us : {now_us, now_us + kDayUs}) {
    Sql("INSERT INTO event VALUES (1, 1, 1, " + std::to_string(at_us) + ", 1, 1, 4, '\\x00')");
  }
  const std::string detached = ListEventPartitions(*connection_).value().front().name;
  ASSERT_TRUE(DetachEventPartition(*connection_, detached).ok());
  const auto applied = PgMigrateUp(*connection_, false, 6);
  ASSERT_TRUE(applied.ok()) << applied.status().ToString();
  EXPECT_EQ(Sql("SELECT count(*) || ' ' || sum(epoch) FROM event"), "1 0");
  EXPECT_EQ(Sql("SELECT count(*) || ' ' || sum(epoch) FROM " + detached), "1 0");
  const auto differs = PgMigrateVerify(*connection_);
  ASSERT_TRUE(differs.ok());
  EXPECT_TRUE(differs->empty()) << differs->front();
}

// Somebody reads the event table for long, as pg_dump does.
class LongReader {
 public:
  explicit LongReader(const DatabaseSettings& settings) : link_(PQconnectdb(settings.url.c_str())) {
    PQclear(PQexec(
        link_, ("BEGIN; LOCK TABLE " + settings.schema + ".event IN ACCESS SHARE MODE").c_str()));
  }
  ~LongReader() { PQfinish(link_); }

 private:
  PGconn* link_;
};

TEST_F(PgSchemas, ALongReaderDelaysPartitionsAheadButNobodyElse) {
  Up();
  const int64_t now_us = 20'000 * kDayUs;
  ASSERT_TRUE(MakeEventPartitions(*connection_, {}, now_us).ok());
  const std::vector<EventPartition> before = ListEventPartitions(*connection_).value();
  RetentionSettings more;
  more.partitions_ahead = 20;
  {
    const LongReader reader(settings_);
    const auto start = std::chrono::steady_clock::now();
    const auto made = MakeEventPartitions(*connection_, more, now_us);
    ASSERT_TRUE(made.ok()) << made.status().ToString();
    EXPECT_EQ(*made, 0);
    EXPECT_EQ(DetachEventPartition(*connection_, before.front().name).code(), Code::kUnavailable);
    EXPECT_EQ(MakeEventPartitions(*connection_, {}, now_us + 400 * kDayUs).status().code(),
              Code::kUnavailable)
        << "today's is missing";
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
    EXPECT_TRUE(connection_->usable());
  }
  EXPECT_GT(MakeEventPartitions(*connection_, more, now_us).value(), 0);
  EXPECT_TRUE(DetachEventPartition(*connection_, before.front().name).ok());
}

TEST_F(PgSchemas, BoundsOfAttachedPartitionsComeFromTheCatalogue) {
  Up();
  const int64_t now_us = 20'000 * kDayUs;
  ASSERT_TRUE(MakeEventPartitions(*connection_, {}, now_us).ok());
  const EventPartition first = ListEventPartitions(*connection_).value().front();
  Sql("COMMENT ON TABLE " + first.name + " IS 'do not touch'");
  EventPartition found = ListEventPartitions(*connection_).value().front();
  EXPECT_EQ(found.name, first.name);
  EXPECT_EQ(found.from_us, first.from_us);
  EXPECT_EQ(found.to_us, first.to_us);
  EXPECT_EQ(MakeEventPartitions(*connection_, {}, now_us).value(), 0);
  ASSERT_TRUE(DetachEventPartition(*connection_, first.name).ok());
  found = ListEventPartitions(*connection_).value().front();
  EXPECT_TRUE(found.bounds_known);
  EXPECT_EQ(found.to_us, first.to_us);
  for (const char* comment : {"", "1 2 3", "17", "2 1", "0 0", "x 5"}) {
    Sql("COMMENT ON TABLE " + first.name + " IS '" + comment + "'");
    EXPECT_FALSE(ListEventPartitions(*connection_).value().front().bounds_known) << comment;
  }
}

TEST_F(PgSchemas, ADetachedPartitionIsFoundAgainAndDroppedOnlyThen) {
  Up();
  const int64_t now_us = 20'000 * kDayUs;
  ASSERT_TRUE(MakeEventPartitions(*connection_, {}, now_us).ok());
  const EventPartition first = ListEventPartitions(*connection_).value().front();
  EXPECT_TRUE(first.attached);
  EXPECT_EQ(DropDetached(*connection_, first.name).code(), Code::kInvalid);
  ASSERT_TRUE(DetachEventPartition(*connection_, first.name).ok());
  EXPECT_TRUE(DetachEventPartition(*connection_, first.name).ok()) << "again after a crash";
  const EventPartition found = ListEventPartitions(*connection_).value().front();
  EXPECT_EQ(found.name, first.name);
  EXPECT_EQ(found.from_us, first.from_us);
  EXPECT_EQ(found.to_us, first.to_us);
  EXPECT_FALSE(found.attached);
  ASSERT_TRUE(DropDetached(*connection_, first.name).ok());
  EXPECT_EQ(DropDetached(*connection_, first.name).code(), Code::kNotFound);
  EXPECT_EQ(DetachEventPartition(*connection_, "player").code(), Code::kNotFound);
}

}  // namespace
}  // namespace bluemarble::persistence
