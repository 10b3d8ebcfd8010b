/// A database of the release before items and gold, brought up to date.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstring>
#include <string>
#include <vector>

#include "fixture.h"
#include "persistence/sqlite_migrate.h"
#include "persistence/sqlite_reader.h"

namespace bluemarble::persistence {
namespace {

/// Two players with events and a key, as migration 0001 and its program left them.
class OldDatabase : public testing::Test {
 protected:
  static constexpr int64_t kAda = 4711;
  static constexpr int64_t kBob = 4712;

  void SetUp() override {
    auto db = SqliteDb::Open(folder_.database());
    ASSERT_TRUE(db.ok());
    ASSERT_TRUE(db->Exec("PRAGMA journal_mode = WAL").ok());
    ASSERT_EQ(MigrateSqlite(*db, SqliteMigrations().first(1), 1).value(), 1);
    ASSERT_TRUE(db->Exec("INSERT INTO shard_meta VALUES (1, 'zone', 99, 500, 3, 7, 7)").ok());
    auto player = db->Prepare(
        "INSERT INTO player VALUES (?, ?, 2, 1000, 20, ?, -2.5, 6371000.125, 12.5, 77, 4242)");
    auto owner = db->Prepare("INSERT INTO ownership VALUES (?, 'zone', 1)");
    auto event = db->Prepare("INSERT INTO event VALUES (1, ?, ?, ?, 10, ?, ?)");
    ASSERT_TRUE(player.ok() && owner.ok() && event.ok());
    for (const int64_t id : {kAda, kBob}) {
      player->Run(id, std::string_view(id == kAda ? "Ada" : "Bob"), static_cast<double>(id));
      owner->Run(id);
      for (int64_t version : {1, 2}) {
        const auto payload = EncodePlayerState(StateAt(static_cast<double>(version)));
        // Bob's first event is the oldest, Ada's last the newest.
        event->Run(id, version, version * 1000 + (id == kAda ? 500 : 0), version,
                   std::span<const std::byte>(payload));
      }
    }
    PlayerRow row{.player_id = kAda, .version = 2, .epoch = 1};
    std::vector<std::byte> result(4 + sizeof(row));
    result[0] = std::byte{1};
    std::memcpy(result.data() + 4, &row, sizeof(row));
    auto key = db->Prepare("INSERT INTO idempotency VALUES (0, ?, ?, 1000, ?)");
    ASSERT_TRUE(key.ok());
    const DurableWrite login = Login(1, "Ada");
    key->Run(std::span<const std::byte>(login.key.bytes),
             static_cast<int64_t>(RequestDigest(login)), std::span<const std::byte>(result));
  }

  TempFolder folder_;
  ManualClock clock_;
};

TEST_F(OldDatabase, KeepsPlayersEventsAndKeysAndTakesNewOnes) {
  auto store = OpenOrNull(folder_.path(), clock_);
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(store->meta().schema, SqliteMigrations().back().id);
  EXPECT_EQ(store->meta().run, 8);
  EXPECT_EQ(store->meta().reserved_tick, 500u);
  EXPECT_EQ(store->meta().next_seq, 5);
  auto ada = store->LoadPlayer("Ada");
  ASSERT_TRUE(ada.ok());
  EXPECT_EQ(ada->player_id, kAda);
  EXPECT_EQ(ada->version, 2);
  EXPECT_EQ(ada->state, StateAt(static_cast<double>(kAda)));
  auto events = store->ReadEvents(AggregateType::kPlayer, kAda, 1, 10);
  ASSERT_TRUE(events.ok());
  ASSERT_EQ(events->size(), 2u);
  EXPECT_EQ((*events)[0].seq, 2);
  EXPECT_EQ((*events)[1].seq, 4);
  EXPECT_EQ((*events)[1].epoch, 0) << "nobody knows";
  EXPECT_TRUE(CommitOne(*store, Login(1, "Ada")).repeated);

  DurableWrite login = Login(2, "Ada");
  login.login->starting_gold = 50;  // not for a player who is there already
  const WriteResult again = CommitOne(*store, login);
  EXPECT_EQ(again.outcome, Outcome::kOk);
  EXPECT_EQ(again.row.version, 3);
  EXPECT_EQ(again.seq, 5);
  EXPECT_EQ(again.gold, 0);
  DurableWrite give = Action(3, {*ada});
  give.items = {Create(7, 1, kAda)};
  give.postings = Pay(kMintAccount, kAda, 5);
  EXPECT_EQ(CommitOne(*store, give).outcome, Outcome::kOk);
  EXPECT_EQ(CommitOne(*store, Login(4, "Cid")).row.player_id & ((int64_t{1} << 40) - 1), 3);

  events = store->ReadEvents(AggregateType::kPlayer, kAda, 3, 10);
  ASSERT_TRUE(events.ok());
  ASSERT_EQ(events->size(), 1u);
  EXPECT_EQ((*events)[0].epoch, 1);

  auto reader = OpenSqliteReader(folder_.path());
  ASSERT_TRUE(reader.ok());
  auto lines = (*reader)->Audit();
  ASSERT_TRUE(lines.ok());
  for (const AuditLine& line : *lines) {
    if (line.must_be_zero) {
      EXPECT_EQ(line.value, 0) << line.name;
    }
  }
}

TEST_F(OldDatabase, IsNotReadBesideTheDaemonBeforeItIsUpToDate) {
  const auto reader = OpenSqliteReader(folder_.path());
  EXPECT_EQ(reader.status().code(), core::Code::kStale);
  EXPECT_NE(reader.status().ToString().find("zoned migrate"), std::string::npos);
}

}  // namespace
}  // namespace bluemarble::persistence
