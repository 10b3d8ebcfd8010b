/// A PostgreSQL that is killed, frozen, taken over and crossed: every request once, whatever dies.
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "persistence/pg_wire.h"
#include "postgres_backend.h"

namespace bluemarble::persistence {
namespace {

using core::Code;
using core::Status;
using namespace std::chrono_literals;

constexpr const char* kOurBackends =
    "FROM pg_stat_activity WHERE application_name = 'zoned zone' AND state <> 'idle'";

class PgFaults : public testing::Test {
 protected:
  void SetUp() override {
    backend_.options().database.call_timeout_ms = 2000;
    backend_.Restart();
    for (int i = 0; i < 20; ++i) {
      rows_.push_back(CommitOne(store(), Login(Next(), "Player " + std::to_string(i))).row);
      ASSERT_NE(rows_.back().player_id, 0);
    }
  }
  void TearDown() override {
    for (const AuditLine& line : backend_.Audit()) {
      if (line.must_be_zero) {
        EXPECT_EQ(line.value, 0) << line.name << ": " << line.what;
      }
    }
  }

  Store& store() { return backend_.store(); }
  uint64_t Next() { return ++number_; }
  /// One event of each player, as the next of its row.
  std::vector<DurableWrite> Group() {
    std::vector<DurableWrite> writes;
    for (PlayerRow& row : rows_) {
      const uint64_t number = Next();
      writes.push_back(Sample(number, row, row.version, 1.0 + static_cast<double>(number),
                              static_cast<core::Tick>(100 + number)));
      ++row.version;
    }
    return writes;
  }
  Status Commit(const std::vector<DurableWrite>& writes, std::vector<WriteResult>& results) {
    results.assign(writes.size(), {});
    return store().Commit({writes, {}, 0}, results, report_);
  }
  /// As CommitPipeline does: reconnect, then the same group again, answered by its keys.
  void CommitUntilAnswered(const std::vector<DurableWrite>& writes) {
    const auto end = std::chrono::steady_clock::now() + 60s;
    std::vector<WriteResult> results;
    Status status = Commit(writes, results);
    while (!status.ok() && std::chrono::steady_clock::now() < end) {
      ASSERT_TRUE(status.code() == Code::kUnknown || status.code() == Code::kUnavailable)
          << status.ToString();
      ++troubles_;
      if (store().Reconnect().ok()) {
        status = Commit(writes, results);
      } else {
        std::this_thread::sleep_for(20ms);
      }
    }
    ASSERT_TRUE(status.ok()) << status.ToString();
    for (const WriteResult& result : results) ASSERT_EQ(result.outcome, Outcome::kOk);
  }
  void ExpectEachExactlyOnce() {
    for (const PlayerRow& row : rows_) {
      EXPECT_EQ(store().LoadPlayer(row.name.view())->version, row.version);
      EXPECT_EQ(store().ReadEvents(AggregateType::kPlayer, row.player_id, 1, 100000)->size(),
                static_cast<size_t>(row.version));
    }
  }
  bool Until(const std::function<bool()>& holds) {
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (!holds()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(5ms);
    }
    return true;
  }
  void Terminate() {
    backend_.Sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'zoned zone'");
  }

  PostgresBackend backend_;
  std::vector<PlayerRow> rows_;
  uint64_t number_ = 0;
  int troubles_ = 0;
  CommitReport report_;
};

TEST_F(PgFaults, ASessionKilledAtAnyMomentDoublesAndLosesNothing) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::atomic<bool> stop{false};
  std::thread killer([&] {
    std::mt19937 random(seed);
    while (!stop) {
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 40));
      Terminate();
    }
  });
  for (int i = 0; i < 60 || (troubles_ < 8 && i < 5000); ++i) CommitUntilAnswered(Group());
  stop = true;
  killer.join();
  EXPECT_GE(troubles_, 8) << "the killer hit too rarely to prove anything";
  CommitUntilAnswered(Group());
  ExpectEachExactlyOnce();
}

TEST_F(PgFaults, ACommitThatDiesBeforeItsEndIsUnknownAndThenFoundNotToHaveHappened) {
  backend_.Sql(
      "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
      " PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); RETURN NULL; END $$;"
      "CREATE CONSTRAINT TRIGGER die AFTER INSERT ON idempotency DEFERRABLE INITIALLY DEFERRED"
      " FOR EACH ROW EXECUTE FUNCTION die()");
  const auto writes = Group();
  std::vector<WriteResult> results;
  const Status status = Commit(writes, results);
  EXPECT_EQ(status.code(), Code::kUnknown) << status.ToString();
  backend_.Sql("DROP TRIGGER die ON idempotency");
  ASSERT_TRUE(store().Reconnect().ok());
  for (const DurableWrite& write : writes) {
    EXPECT_FALSE(store().FindResult(write.key).value().has_value());
  }
  CommitUntilAnswered(writes);
  ExpectEachExactlyOnce();
}

TEST_F(PgFaults, ACommitWhoseAnswerIsLostIsUnknownAndThenFoundByItsKeys) {
  // COMMIT is done here and then waits for a standby that does not exist.
  backend_.cluster().Sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
  backend_.cluster().Sql("postgres", "SELECT pg_reload_conf()");
  ASSERT_TRUE(Until([&] { return backend_.Sql("SHOW synchronous_standby_names") == "nobody"; }));
  const auto writes = Group();
  std::vector<WriteResult> results;
  // The server tells its processes of the setting in its own time.
  Status status = Commit(writes, results);
  backend_.cluster().Sql("postgres", "ALTER SYSTEM RESET synchronous_standby_names");
  backend_.cluster().Sql("postgres", "SELECT pg_reload_conf()");
  EXPECT_EQ(status.code(), Code::kUnknown) << status.ToString();
  ASSERT_TRUE(Until([&] { return store().Reconnect().ok(); }));
  for (const DurableWrite& write : writes) {
    const auto found = store().FindResult(write.key);
    ASSERT_TRUE(found.ok());
    ASSERT_TRUE(found->has_value());
    EXPECT_EQ((*found)->outcome, Outcome::kOk);
  }
  CommitUntilAnswered(writes);
  ExpectEachExactlyOnce();
  EXPECT_GE(backend_.stats().cut_calls.Get(), 1u);
}

TEST_F(PgFaults, AFrozenServerIsLeftAtTheDeadlineAndNothingIsDoubledAfterIt) {
  CommitUntilAnswered(Group());
  backend_.cluster().Pause();
  const auto writes = Group();
  std::vector<WriteResult> results;
  const auto start = std::chrono::steady_clock::now();
  const Status status = Commit(writes, results);
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_TRUE(status.code() == Code::kUnavailable || status.code() == Code::kUnknown);
  EXPECT_LT(took, 6s);
  EXPECT_EQ(store().Reconnect().code(), Code::kUnavailable) << "nobody answers yet";
  backend_.cluster().Resume();
  CommitUntilAnswered(writes);
  ExpectEachExactlyOnce();
}

TEST_F(PgFaults, ReconnectDoesNotReturnWhileTheLostSessionCouldStillCommit) {
  backend_.Sql(
      "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
      " PERFORM pg_advisory_xact_lock(42); RETURN NULL; END $$;"
      "CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON idempotency DEFERRABLE INITIALLY DEFERRED"
      " FOR EACH ROW EXECUTE FUNCTION wait()");
  const std::unique_ptr<PGconn, decltype(&PQfinish)> holder(
      PQconnectdb(backend_.cluster().url().c_str()), &PQfinish);
  PQclear(PQexec(holder.get(), "SELECT pg_advisory_lock(42)"));
  const auto writes = Group();
  std::atomic<pid_t> stopped{0};
  std::thread freezer([&] {
    std::string pid;
    Until([&] {
      pid = backend_.Sql(std::string("SELECT pid ") + kOurBackends +
                         " AND query = 'COMMIT' AND wait_event_type = 'Lock'");
      return !pid.empty();
    });
    if (pid.empty()) return;
    stopped = static_cast<pid_t>(std::stol(pid));
    ::kill(stopped, SIGSTOP);
  });
  std::vector<WriteResult> results;
  const Status status = Commit(writes, results);
  freezer.join();
  ASSERT_NE(stopped.load(), 0);
  EXPECT_EQ(status.code(), Code::kUnknown) << status.ToString();
  PQclear(PQexec(holder.get(), "SELECT pg_advisory_unlock(42)"));
  EXPECT_EQ(store().Reconnect().code(), Code::kUnavailable);
  ::kill(stopped, SIGCONT);
  ASSERT_TRUE(Until([&] { return store().Reconnect().ok(); }));
  backend_.Sql("DROP TRIGGER wait ON idempotency");
  CommitUntilAnswered(writes);
  ExpectEachExactlyOnce();
}

TEST_F(PgFaults, AServerKilledWholeLosesNoAnswer) {
  for (int i = 0; i < 3; ++i) {
    CommitUntilAnswered(Group());
    backend_.cluster().KillTree();
    const auto writes = Group();
    std::vector<WriteResult> results;
    const Status status = Commit(writes, results);
    EXPECT_EQ(status.code(), Code::kUnavailable) << status.ToString();
    EXPECT_EQ(store().Reconnect().code(), Code::kUnavailable);
    backend_.cluster().Start();
    CommitUntilAnswered(writes);
  }
  ExpectEachExactlyOnce();
}

TEST_F(PgFaults, ASecondOpenerIsToldWhoServesTheShardAndATakeOverFencesTheFirst) {
  PgStoreOptions second = backend_.options();
  second.holder = "second";
  second.database.call_timeout_ms = 300;
  const Status refused = OpenPgStore(second, backend_.clock()).status();
  EXPECT_EQ(refused.code(), Code::kConflict);
  EXPECT_NE(refused.ToString().find("held by test"), std::string::npos) << refused.ToString();
  CommitUntilAnswered(Group());
  second.take_over = true;
  second.database.call_timeout_ms = 2000;
  auto taken = OpenPgStore(second, backend_.clock());
  ASSERT_TRUE(taken.ok()) << taken.status().ToString();
  EXPECT_EQ((*taken)->meta().run, store().meta().run + 1);
  EXPECT_EQ((*taken)->meta().cache_generation, store().meta().cache_generation + 1);
  const int64_t events = (*taken)->meta().next_seq;
  const std::vector<PlayerRow> before = rows_;
  std::vector<WriteResult> results;
  EXPECT_EQ(Commit(Group(), results).code(), Code::kStale);
  EXPECT_EQ(store().Reconnect().code(), Code::kStale);
  rows_ = before;
  EXPECT_EQ(backend_.Number("SELECT next_seq FROM shard_meta"), events) << "nothing was written";
  backend_.CloseStore();
  taken->reset();
  backend_.Restart();
  ExpectEachExactlyOnce();
}

// The store remembers the players it wrote; what somebody else does to them counts all the same.
TEST_F(PgFaults, WhatTheStoreRemembersOfAPlayerDecidesNothing) {
  const auto raise = [&](int by) {
    backend_.Sql("UPDATE player SET version = version + " + std::to_string(by) +
                 " WHERE player_id = " + std::to_string(rows_[5].player_id));
  };
  for (const int64_t above : {0, 2}) {  // as remembered; neither as remembered nor as stored
    std::vector<WriteResult> results;
    ASSERT_TRUE(Commit(Group(), results).ok());
    const PlayerRow& row = rows_[5];
    raise(3);
    const auto key = static_cast<uint64_t>(90'000 + above);
    const WriteResult late = CommitOne(store(), Sample(key, row, row.version + above, 9, 9000));
    EXPECT_EQ(late.refusal, Refusal::kVersion);
    EXPECT_EQ(late.row.version, row.version + 3);
    raise(-3);
  }
  ExpectEachExactlyOnce();
}

TEST_F(PgFaults, ARowThatTheDatabaseRefusesDoesNotStopTheOthers) {
  backend_.Sql("ALTER TABLE idempotency ADD CHECK (request_digest <> 666)");
  auto writes = Group();
  writes[3].digest = 666;
  writes[17].digest = 666;
  const PositionSave save{rows_[3].player_id, 1, 5000, StateAt(77)};
  std::vector<WriteResult> results(writes.size());
  ASSERT_TRUE(store().Commit({writes, {&save, 1}, 900}, results, report_).ok());
  EXPECT_TRUE(report_.rerun);
  EXPECT_EQ(report_.positions_saved, 1u);
  EXPECT_EQ(store().meta().reserved_tick, 900u);
  EXPECT_EQ(backend_.stats().rows_refused.Get(), 2u);
  for (size_t i = 0; i < writes.size(); ++i) {
    const bool poisoned = i == 3 || i == 17;
    EXPECT_EQ(results[i].outcome, poisoned ? Outcome::kRefused : Outcome::kOk) << i;
    EXPECT_EQ(results[i].refusal, poisoned ? Refusal::kInvalid : Refusal::kNone) << i;
    if (poisoned) --rows_[i].version;
  }
  ExpectEachExactlyOnce();
}

TEST_F(PgFaults, AStoredAnswerThatCannotBeReadCostsItsRequestAlone) {
  std::vector<DurableWrite> asked = Group();
  std::vector<WriteResult> results;
  ASSERT_TRUE(Commit(asked, results).ok());
  backend_.Sql(
      "CREATE TABLE kept AS SELECT * FROM idempotency; UPDATE idempotency SET result = '\\xff'");
  backend_.Restart();  // which forgets the keys that it knows
  std::vector<DurableWrite> group = Group();
  group[5] = asked[5];
  --rows_[5].version;
  const Status status = Commit(group, results);
  ASSERT_TRUE(status.ok()) << status.ToString();
  for (size_t i = 0; i < group.size(); ++i) {
    EXPECT_EQ(results[i].refusal, i == 5 ? Refusal::kInvalid : Refusal::kNone) << i;
  }
  backend_.Sql(
      "UPDATE idempotency i SET result = k.result FROM kept k"
      " WHERE i.player_id = k.player_id AND i.key = k.key; DROP TABLE kept");
  EXPECT_TRUE(CommitOne(store(), asked[5]).repeated);
}

TEST_F(PgFaults, ARowThatIsNotAsItWasReadIsRefusedAlone) {
  backend_.Sql(
      "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
      "CREATE TRIGGER keep BEFORE UPDATE ON player FOR EACH ROW WHEN (OLD.player_id = " +
      std::to_string(rows_[5].player_id) + ") EXECUTE FUNCTION keep()");
  std::vector<WriteResult> results;
  ASSERT_TRUE(Commit(Group(), results).ok());
  EXPECT_TRUE(report_.rerun);
  for (size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i].outcome, i == 5 ? Outcome::kRefused : Outcome::kOk) << i;
  }
  --rows_[5].version;
  ExpectEachExactlyOnce();
}

TEST_F(PgFaults, ADeadlockWithAnOperatorIsTriedAgain) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> operator_session(
      PQconnectdb(backend_.cluster().url().c_str()), &PQfinish);
  auto sql = [&](const std::string& text) {
    PQclear(PQexec(operator_session.get(), text.c_str()));
  };
  sql("SET search_path = " + backend_.options().database.schema);
  sql("SET deadlock_timeout = '10s'");  // the store's session finds it first
  sql("BEGIN");
  sql("SELECT 1 FROM ownership WHERE player_id = " + std::to_string(rows_[0].player_id) +
      " FOR UPDATE");
  std::thread crossing([&] {
    Until([&] {
      return backend_.Sql(std::string("SELECT count(*) ") + kOurBackends +
                          " AND wait_event_type = 'Lock'") == "1";
    });
    sql("SELECT 1 FROM shard_meta FOR UPDATE");
    sql("COMMIT");
  });
  std::vector<WriteResult> results;
  const Status status = Commit(Group(), results);
  crossing.join();
  ASSERT_TRUE(status.ok()) << status.ToString();
  EXPECT_GE(backend_.stats().lock_retries.Get(), 1u);
  ExpectEachExactlyOnce();
}

TEST_F(PgFaults, ADatabaseThatLostAnsweredCommitsIsNotServedFurther) {
  CommitUntilAnswered(Group());
  const std::string seq = backend_.Sql("SELECT next_seq FROM shard_meta");
  backend_.Sql("UPDATE shard_meta SET next_seq = next_seq - 1");
  Terminate();
  std::vector<WriteResult> results;
  const std::vector<PlayerRow> before = rows_;
  EXPECT_FALSE(Commit(Group(), results).ok());
  rows_ = before;
  const Status status = store().Reconnect();
  EXPECT_EQ(status.code(), Code::kCorrupt) << status.ToString();
  EXPECT_NE(status.ToString().find("lost answered commits"), std::string::npos);
  backend_.Sql("UPDATE shard_meta SET next_seq = " + seq);
}

}  // namespace
}  // namespace bluemarble::persistence
