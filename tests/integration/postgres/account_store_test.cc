// The account store on a real PostgreSQL: its contract, and a server that goes away.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

#include "persistence/account_store.h"
#include "postgres_backend.h"
#include "unit/persistence/account_store_contract.h"

namespace bluemarble::persistence {
namespace {

class PostgresAccountsBackend {
 public:
  PostgresAccountsBackend() : settings_(NewSettings(support::PgCluster::Shared())) {
    const core::Status migrated = Migrate(settings_);
    EXPECT_TRUE(migrated.ok()) << migrated.ToString();
    store_ = Another();
  }
  AccountStore& store() { return *store_; }
  std::unique_ptr<AccountStore> Another() {
    auto store = OpenPgAccounts(settings_);
    EXPECT_TRUE(store.ok()) << store.status().ToString();
    return store.ok() ? std::move(*store) : nullptr;
  }
  int64_t Number(const std::string& sql) {
    const std::string answer = support::PgCluster::Shared().Sql(
        "postgres", "SET search_path = " + settings_.schema + "; " + sql);
    return answer.empty() ? 0 : std::stoll(answer);
  }

 private:
  DatabaseSettings settings_;
  std::unique_ptr<AccountStore> store_;
};

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Postgres, AccountStoreContract, PostgresAccountsBackend);

namespace {

TEST(PostgresAccounts, ASchemaThatIsNotThereIsRefused) {
  const DatabaseSettings settings = NewSettings(support::PgCluster::Shared());
  EXPECT_EQ(OpenPgAccounts(settings).status().code(), core::Code::kCorrupt);
}

TEST(PostgresAccounts, AnIdleConnectionThatTheServerHasClosedCostsNoFailure) {
  PostgresAccountsBackend backend;
  ASSERT_TRUE(backend.store().Create("Ann", "ann", "h", 1, "a").ok());
  backend.Number(
      "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
      " WHERE application_name = 'zoned accounts'");
  // The server's farewell arrives in its own time; until then the loss shows in a call.
  core::Status status;
  for (int i = 0; i < 100; ++i) {
    status = backend.store().Find("ann").status();
    if (status.ok()) break;
    EXPECT_EQ(status.code(), core::Code::kUnavailable) << status.ToString();
  }
  EXPECT_TRUE(status.ok()) << status.ToString();
}

TEST(PostgresAccounts, OfTwoConnectionsThatRotateTheSameTokenOneWins) {
  PostgresAccountsBackend backend;
  const auto other = backend.Another();
  const auto ann = backend.store().Create("Ann", "ann", "h", 1, "a");
  ASSERT_TRUE(ann.ok());
  for (int round = 0; round < 20; ++round) {
    ASSERT_TRUE(backend.store()
                    .OpenSession({.session = SecretOf(round),
                                  .secret = SecretOf(1000),
                                  .account_id = ann->account_id,
                                  .created_us = 1000,
                                  .expires_us = 9000},
                                 100, {.account_id = ann->account_id})
                    .ok());
    Rotation first = Rotation::kUnknown, second = Rotation::kUnknown;
    const auto rotate = [&](AccountStore& store, int to, Rotation& rotation) {
      const auto rotated =
          store.Rotate(SecretOf(round), SecretOf(1000), SecretOf(to), 2000, 9000, "a");
      ASSERT_TRUE(rotated.ok()) << rotated.status().ToString();
      rotation = rotated->rotation;
    };
    {
      std::jthread thread([&] { rotate(*other, 2000, first); });
      rotate(backend.store(), 3000, second);
    }
    EXPECT_EQ((first == Rotation::kRotated) + (second == Rotation::kRotated), 1);
    EXPECT_EQ((first == Rotation::kReused) + (second == Rotation::kReused), 1);
  }
}

TEST(PostgresAccounts, AServerThatIsFrozenIsUnavailableInTime) {
  support::PgCluster cluster;
  DatabaseSettings settings;
  settings.url = cluster.url();
  settings.schema = "frozen";
  settings.call_timeout_ms = 300;
  settings.connect_timeout_ms = 300;
  ASSERT_TRUE(Migrate(settings).ok());
  auto store = OpenPgAccounts(settings);
  ASSERT_TRUE(store.ok()) << store.status().ToString();
  ASSERT_TRUE((*store)->Create("Ann", "ann", "h", 1, "a").ok());
  cluster.Pause();
  EXPECT_EQ((*store)->Create("Bob", "bob", "h", 1, "a").status().code(), core::Code::kUnavailable);
  EXPECT_EQ((*store)->Find("ann").status().code(), core::Code::kUnavailable);
  cluster.Resume();
  EXPECT_TRUE((*store)->Find("ann").ok());
}

}  // namespace
}  // namespace bluemarble::persistence
