/// What a wrong setting or a wrong server says, and that it says it in time.
#include "persistence/pg_connection.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <pqxx/pqxx>
#include <string>
#include <thread>

#include "persistence/connection_pool.h"
#include "persistence/pg_wire.h"
#include "postgres_backend.h"

namespace bluemarble::persistence {
namespace {

using core::Code;
using core::Status;

double SecondsOf(const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Status OpenStatus(const DatabaseSettings& settings, PgSession session = {}) {
  return PgConnection::Open(settings, session).status();
}

class PgConnections : public testing::Test {
 protected:
  support::PgCluster& cluster_ = support::PgCluster::Shared();
  DatabaseSettings settings_ = NewSettings(cluster_);
};

TEST_F(PgConnections, ARefusedPortIsNamedAsUnreachable) {
  settings_.url = "postgresql://postgres@127.0.0.1:1/postgres";
  const Status status = OpenStatus(settings_);
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_NE(status.ToString().find("database.url"), std::string::npos) << status.ToString();
  EXPECT_NE(status.ToString().find("refused"), std::string::npos) << status.ToString();
}

TEST_F(PgConnections, AWrongPasswordIsNamedAndNoPasswordIsEverInTheText) {
  for (const std::string password : {"hunter2secret", "", "wrong%20words"}) {
    settings_.url = "postgresql://keeper" + (password.empty() ? "" : ":" + password) +
                    "@127.0.0.1:" + std::to_string(cluster_.port()) + "/postgres";
    const Status status = OpenStatus(settings_);
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(status.ToString().find("hunter2secret"), std::string::npos);
    EXPECT_EQ(status.ToString().find("wrong words"), std::string::npos);
    if (!password.empty()) {
      EXPECT_EQ(status.code(), Code::kDenied) << status.ToString();
      EXPECT_NE(status.ToString().find("password"), std::string::npos) << status.ToString();
    }
  }
  settings_.url = "host=127.0.0.1 user=keeper dbname=postgres password='open sesame' port=" +
                  std::to_string(cluster_.port());
  EXPECT_TRUE(OpenStatus(settings_).ok()) << OpenStatus(settings_).ToString();
}

TEST_F(PgConnections, AUrlThatCannotBeReadIsRefusedWithoutRepeatingIt) {
  for (const char* url :
       {"postgresql://u:topsecret@[::1/db", "postgresql://u:topsecret@h:1/d?nonsense=1",
        "password=topsecret nonsense", "topsecret", "mysql://u:topsecret@h/d"}) {
    settings_.url = url;
    const Status status = OpenStatus(settings_);
    EXPECT_EQ(status.code(), Code::kInvalid) << url << ": " << status.ToString();
    EXPECT_EQ(status.ToString().find("secret"), std::string::npos) << status.ToString();
  }
}

TEST_F(PgConnections, AUrlIsCheckedWithoutConnectingAndWithoutRepeatingIt) {
  for (const char* url : {"", "postgresql://u:topsecret@h:1/d?connect_timeout=3", "host=h dbname=d",
                          "postgres://[::1]/d"})
    EXPECT_TRUE(CheckDatabaseUrl(url).ok()) << url;
  for (const char* url : {"postgresql://u:topsecret@h/d?foo=1", "host=h foo=topsecret", "topsecret",
                          "mysql://u:topsecret@h/d", "postgresql://u:topsecret@[::1/db"}) {
    const Status status = CheckDatabaseUrl(url);
    EXPECT_EQ(status.code(), Code::kInvalid) << url;
    EXPECT_TRUE(status.ToString().starts_with("database.url")) << status.ToString();
    EXPECT_EQ(status.ToString().find("topsecret"), std::string::npos) << status.ToString();
  }
  EXPECT_EQ(CheckDatabaseUrl(std::string("host=h\0x", 8)).code(), Code::kInvalid);
}

TEST_F(PgConnections, AnUnknownDatabaseAndAnUnknownUserAreNamed) {
  settings_.url = cluster_.url("nowhere");
  Status status = OpenStatus(settings_);
  EXPECT_EQ(status.code(), Code::kDenied);
  EXPECT_NE(status.ToString().find("\"nowhere\" does not exist"), std::string::npos)
      << status.ToString();
  settings_.url = cluster_.url("postgres", "stranger");
  status = OpenStatus(settings_);
  EXPECT_EQ(status.code(), Code::kDenied);
  EXPECT_NE(status.ToString().find("stranger"), std::string::npos) << status.ToString();
}

TEST_F(PgConnections, AReadOnlyServerIsRefusedForWritingAndServesReaders) {
  const std::string database = cluster_.CreateDatabase();
  cluster_.Sql("postgres",
               "ALTER DATABASE " + database + " SET default_transaction_read_only = on");
  settings_.url = cluster_.url(database);
  const Status status = OpenStatus(settings_);
  EXPECT_EQ(status.code(), Code::kDenied);
  EXPECT_NE(status.ToString().find("a primary is needed"), std::string::npos) << status.ToString();
  EXPECT_TRUE(OpenStatus(settings_, {.writes = false}).ok());
}

TEST_F(PgConnections, ADatabaseOfAnotherEncodingIsRefused) {
  for (const std::string encoding : {"SQL_ASCII", "LATIN1"}) {
    const std::string database = "in_" + encoding;
    cluster_.Sql("postgres", "CREATE DATABASE \"" + database + "\" ENCODING '" + encoding +
                                 "' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    settings_.url = cluster_.url(database);
    for (const Status& status : {OpenStatus(settings_), OpenPgForMigration(settings_).status(),
                                 OpenStatus(settings_, {.writes = false})}) {
      EXPECT_EQ(status.code(), Code::kDenied) << status.ToString();
      EXPECT_NE(status.ToString().find("database.url"), std::string::npos) << status.ToString();
      EXPECT_NE(status.ToString().find(encoding), std::string::npos) << status.ToString();
    }
  }
}

TEST_F(PgConnections, AReadersSessionCannotWrite) {
  auto connection = PgConnection::Open(settings_, {.writes = false});
  ASSERT_TRUE(connection.ok()) << connection.status().ToString();
  const Status status = (*connection)->RunWire([](PGconn* wire) {
    PgExec(wire, "CREATE TABLE public.never (i int)");
  });
  EXPECT_EQ(status.code(), Code::kDenied) << status.ToString();
}

TEST_F(PgConnections, AFullServerSaysSo) {
  support::PgCluster small({{"max_connections = 4", "superuser_reserved_connections = 0"}});
  DatabaseSettings settings = settings_;
  settings.url = small.url();
  std::vector<std::unique_ptr<PgConnection>> open;
  Status status;
  for (int i = 0; i < 5 && status.ok(); ++i) {
    auto connection = PgConnection::Open(settings, {});
    status = connection.status();
    if (connection.ok()) open.push_back(std::move(*connection));
  }
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_NE(status.ToString().find("no connection left"), std::string::npos) << status.ToString();
}

TEST_F(PgConnections, AFrozenServerFreesConnectAndCallAtTheirDeadlines) {
  support::PgCluster frozen;
  DatabaseSettings settings = settings_;
  settings.url = frozen.url();
  settings.connect_timeout_ms = 700;
  settings.call_timeout_ms = 500;
  auto open = PgConnection::Open(settings, {});
  ASSERT_TRUE(open.ok()) << open.status().ToString();
  frozen.Pause();
  Status status;
  const double connect_s = SecondsOf([&] { status = OpenStatus(settings); });
  EXPECT_EQ(status.code(), Code::kUnavailable) << status.ToString();
  EXPECT_GT(connect_s, 0.6);
  EXPECT_LT(connect_s, 3.0);
  const double call_s =
      SecondsOf([&] { status = (*open)->RunWire([](PGconn* wire) { PgExec(wire, "SELECT 1"); }); });
  EXPECT_EQ(status.code(), Code::kUnavailable) << status.ToString();
  EXPECT_NE(status.ToString().find("database.call_timeout_ms"), std::string::npos);
  EXPECT_GT(call_s, 0.4);
  EXPECT_LT(call_s, 3.0);
  EXPECT_FALSE((*open)->usable());
  frozen.Resume();
  status = (*open)->RunWire([](PGconn* wire) { PgExec(wire, "SELECT 1"); });
  EXPECT_EQ(status.code(), Code::kUnavailable) << "a cut connection is never used again";
}

TEST_F(PgConnections, AnInterruptedCallEndsAndNoneBeginsAfterIt) {
  settings_.call_timeout_ms = 60'000;
  auto connection = PgConnection::Open(settings_, {.application_name = "to be interrupted"});
  ASSERT_TRUE(connection.ok()) << connection.status().ToString();
  std::thread other([&] {
    while (cluster_.Sql("postgres",
                        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'to be"
                        " interrupted' AND query LIKE '%pg_sleep%' AND state = 'active'") != "1") {
    }
    (*connection)->Interrupt();
  });
  Status status;
  const double call_s = SecondsOf([&] {
    status = (*connection)->RunWire([](PGconn* wire) { PgExec(wire, "SELECT pg_sleep(50)"); });
  });
  other.join();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_NE(status.ToString().find("interrupted"), std::string::npos) << status.ToString();
  EXPECT_LT(call_s, 20.0);
  bool ran = false;
  status = (*connection)->RunWire([&](PGconn*) { ran = true; });
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_FALSE(ran);
}

TEST_F(PgConnections, AnIdleOneIsQuietUntilTheServerHasClosedIt) {
  auto connection = PgConnection::Open(settings_, {});
  ASSERT_TRUE(connection.ok()) << connection.status().ToString();
  EXPECT_TRUE((*connection)->Quiet());
  cluster_.Sql("postgres", "SELECT pg_terminate_backend(" +
                               std::to_string((*connection)->backend().pid) + ", 5000)");
  EXPECT_FALSE((*connection)->Quiet());
}

TEST_F(PgConnections, APoolOfReadersServesOnAfterTheServerHasEndedItsSessions) {
  ASSERT_TRUE(Migrate(settings_).ok());
  ConnectionPool<StoreReader> readers(
      {.connections = 2}, [&] { return OpenPgReader(settings_); },
      [](StoreReader& reader) { return reader.Usable(); });
  {
    auto one = readers.Acquire();
    auto other = readers.Acquire();
    ASSERT_TRUE(one.ok() && other.ok());
  }
  EXPECT_EQ(cluster_.Sql("postgres",
                         "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
                         " WHERE application_name = 'zoned reader'"),
            "2");
  auto again = readers.Acquire();
  ASSERT_TRUE(again.ok()) << again.status().ToString();
  const auto players = (*again)->CountPlayers();
  EXPECT_TRUE(players.ok()) << players.status().ToString();
  EXPECT_EQ(readers.stats().broken.Get(), 2u);
}

TEST(PgWatchdog, NeverCutsWhatGotTheNumberOfAClosedDescriptor) {
  int old_pair[2], new_pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, old_pair), 0);
  PgWatchdog watchdog;
  {
    PgWatchdog::Guard guard(watchdog, old_pair[0],
                            PgWatchdog::Clock::now() + std::chrono::milliseconds(50));
    // As libpq does when a connection fails in the middle of a call.
    ::close(old_pair[0]);
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, new_pair), 0);
    ASSERT_EQ(new_pair[0], old_pair[0]);
    char byte = 0;
    EXPECT_EQ(::read(old_pair[1], &byte, 1), 0) << "the guarded one is cut, which ends this wait";
    EXPECT_TRUE(guard.fired());
  }
  EXPECT_EQ(::send(new_pair[1], "x", 1, MSG_NOSIGNAL), 1);
  char byte = 0;
  EXPECT_EQ(::read(new_pair[0], &byte, 1), 1) << "the new one is not";
  for (const int fd : {old_pair[1], new_pair[0], new_pair[1]}) ::close(fd);
}

TEST_F(PgConnections, AFailedTransactionLeavesNothingOpen) {
  auto connection = PgConnection::Open(settings_, {});
  ASSERT_TRUE(connection.ok());
  const Status status = (*connection)->RunWire([](PGconn* wire) {
    PgExec(wire, "BEGIN");
    PgExec(wire, "SELECT 1 / 0");
  });
  EXPECT_EQ(status.code(), Code::kInvalid) << status.ToString();
  EXPECT_EQ((*connection)->last_sqlstate(), "22012");
  int64_t answer = 0;
  EXPECT_TRUE((*connection)
                  ->RunWire([&](PGconn* wire) { answer = PgQuery(wire, "SELECT 7").Int(0, 0); })
                  .ok());
  EXPECT_EQ(answer, 7);
}

TEST_F(PgConnections, NoticesOfTheServerDoNotReachStderr) {
  auto connection = PgConnection::Open(settings_, {});
  ASSERT_TRUE(connection.ok());
  testing::internal::CaptureStderr();
  const Status status = (*connection)->RunWire([](PGconn* wire) {
    PgExec(wire, "DO $$ BEGIN RAISE WARNING 'look here'; END $$");
  });
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace bluemarble::persistence
