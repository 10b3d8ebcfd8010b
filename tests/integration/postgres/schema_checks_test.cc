/// Schemas that were tampered with, and users who may not do what a shard needs.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "persistence/pg_migrate.h"
#include "postgres_backend.h"

namespace bluemarble::persistence {
namespace {

using core::Code;
using core::Status;

class PgSchemaChecks : public testing::Test {
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
  void Sql(const std::string& sql) {
    cluster_.Sql("postgres", "SET search_path = " + settings_.schema + "; " + sql);
  }

  support::PgCluster& cluster_ = support::PgCluster::Shared();
  DatabaseSettings settings_ = NewSettings(cluster_);
  ManualClock clock_;
  std::unique_ptr<PgConnection> connection_;
};

TEST_F(PgSchemaChecks, VerifyFindsAGuardThatGuardsNoMore) {
  Up();
  const std::string body = "RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END $$";
  Sql("CREATE OR REPLACE FUNCTION refuse_change() " + body + "; CREATE FUNCTION strange() " + body +
      "; DROP TRIGGER event_is_append_only ON event; CREATE TRIGGER event_is_append_only"
      " BEFORE UPDATE OR DELETE ON event FOR EACH ROW EXECUTE FUNCTION strange()");
  const auto differs = PgMigrateVerify(*connection_);
  ASSERT_TRUE(differs.ok()) << differs.status().ToString();
  std::string all;
  for (const std::string& line : *differs) all += line + "\n";
  for (const char* expected : {"missing: function CREATE OR REPLACE FUNCTION refuse_change()",
                               "unknown: function CREATE OR REPLACE FUNCTION refuse_change()",
                               "unknown: function CREATE OR REPLACE FUNCTION strange()",
                               "unknown: trigger event.event_is_append_only"}) {
    EXPECT_NE(all.find(expected), std::string::npos) << expected << " is not in\n" << all;
  }
}

TEST_F(PgSchemaChecks, AStartWithoutATableNamesTheCommandThatFindsIt) {
  Up();
  Sql("DROP TABLE outbox, inbox, ledger CASCADE");
  EXPECT_NE(OpenStore().ToString().find("zoned migrate verify"), std::string::npos)
      << OpenStore().ToString();
}

TEST_F(PgSchemaChecks, AUserWithoutRightsIsToldWhatItLacks) {
  Up();
  Sql("CREATE ROLE guest LOGIN");
  settings_.url = cluster_.url("postgres", "guest");
  const auto denied = [&](const Status& status, const char* of) {
    EXPECT_EQ(status.code(), Code::kDenied) << status.ToString();
    EXPECT_NE(status.ToString().find("database.url"), std::string::npos) << status.ToString();
    EXPECT_NE(status.ToString().find("make it the owner"), std::string::npos) << status.ToString();
    EXPECT_NE(status.ToString().find(of), std::string::npos) << status.ToString();
  };
  denied(OpenStore(), "permission denied for schema");
  denied(OpenPgReader(settings_).status(), "permission denied for schema");
  Sql("GRANT USAGE ON SCHEMA " + settings_.schema + " TO guest");
  denied(OpenStore(), "permission denied for table schema_migration");
  Sql("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA " + settings_.schema +
      " TO guest");
  denied(OpenStore(), "schema");  // it makes event partitions
  EXPECT_TRUE(OpenPgReader(settings_).ok()) << "a reader needs no more than to read";
  DatabaseSettings other = settings_;
  other.schema = cluster_.NewSchema();
  auto guest = OpenPgForMigration(other);
  ASSERT_TRUE(guest.ok()) << guest.status().ToString();
  denied(PgMigrateUp(**guest, false, 5).status(), "permission denied for database");
}

TEST(PgAudit, FindsAPreparedTransactionThatNobodyEnded) {
  support::PgCluster cluster({{"max_prepared_transactions = 2"}});
  const DatabaseSettings settings = NewSettings(cluster);
  ASSERT_TRUE(Migrate(settings).ok());
  const auto reader = OpenPgReader(settings);
  ASSERT_TRUE(reader.ok()) << reader.status().ToString();
  const auto open = [&] {
    const auto lines = (*reader)->Audit();
    EXPECT_TRUE(lines.ok()) << lines.status().ToString();
    if (lines.ok()) {
      for (const AuditLine& line : *lines) {
        if (line.name == "prepared_transactions" && line.must_be_zero) return line.value;
      }
    }
    return int64_t{-1};
  };
  EXPECT_EQ(open(), 0);
  PGconn* const other = PQconnectdb(cluster.url().c_str());
  for (const char* sql : {"BEGIN", "PREPARE TRANSACTION 'left'"}) PQclear(PQexec(other, sql));
  EXPECT_EQ(open(), 1);
  PQclear(PQexec(other, "ROLLBACK PREPARED 'left'"));
  EXPECT_EQ(open(), 0);
  PQfinish(other);
}

TEST(PgAudit, FindsEventsOfAnEpochThatWasOverOrNotYetThere) {
  PostgresBackend backend;
  const PlayerRow ada = CommitOne(backend.store(), Login(1, "Ada")).row;
  ASSERT_EQ(CommitOne(backend.store(), Sample(2, ada, 2, 9, 40)).outcome, Outcome::kOk);
  const auto wrong = [&](int64_t version, int64_t epoch) {
    backend.Sql(
        fmt::format("ALTER TABLE event DISABLE TRIGGER event_is_append_only;"
                    " UPDATE event SET epoch = {} WHERE aggregate_type = 1 AND version = {};"
                    " ALTER TABLE event ENABLE TRIGGER event_is_append_only",
                    epoch, version));
    std::map<std::string, int64_t> found;
    for (const AuditLine& line : backend.Audit()) {
      if (line.must_be_zero && line.value != 0) found[line.name] = line.value;
    }
    return found;
  };
  const auto one = std::map<std::string, int64_t>{{"event_epochs_wrong", 1}};
  EXPECT_TRUE(wrong(1, 1).empty()) << "as they were";
  EXPECT_EQ(wrong(3, 2), one) << "newer than the owner's";
  EXPECT_EQ(wrong(3, 0), one) << "older than those before it";
  backend.SetOwner(ada.player_id, "zone", 2);
  EXPECT_TRUE(wrong(3, 2).empty()) << "handed over in between";
  EXPECT_EQ(wrong(2, 2).size(), 0u);
  EXPECT_EQ(wrong(3, 1), one);
}

TEST(PgReading, FindsTheItemsThatAPlayerEverHad) {
  PostgresBackend backend;
  DurableWrite login = Login(1, "Ada");
  login.login->starters = {{7, 10}, {8, 1}};
  const WriteResult ada = CommitOne(backend.store(), login);
  const WriteResult bob = CommitOne(backend.store(), Login(2, "Bob"));
  ASSERT_EQ(ada.items.size(), 2u);
  DurableWrite give = Action(3, {ada.row, bob.row});
  give.items = {Move(ada.items[1], bob.row.player_id)};
  ASSERT_EQ(CommitOne(backend.store(), give).outcome, Outcome::kOk);
  const auto touched = [&](const PlayerRow& player, int64_t after, int64_t through) {
    const auto items = backend.reader().ItemsTouched(player.player_id, after, through);
    EXPECT_TRUE(items.ok()) << items.status().ToString();
    return items.ok() ? *items : std::vector<int64_t>();
  };
  EXPECT_EQ(touched(ada.row, 0, 1000), (std::vector{ada.items[0].item_id, ada.items[1].item_id}));
  EXPECT_EQ(touched(bob.row, 0, 1000), std::vector{ada.items[1].item_id});
  EXPECT_TRUE(touched(ada.row, 0, 1).empty());
  EXPECT_TRUE(touched(ada.row, 1000, 2000).empty());
}

}  // namespace
}  // namespace bluemarble::persistence
