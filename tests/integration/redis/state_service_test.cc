#include "persistence/state_service.h"

#include <gtest/gtest.h>

#include <map>

#include "redis_fixture.h"

namespace bluemarble::persistence {
namespace {

using core::Code;
using core::Status;

/// Tables in memory, shared by the readers of one test.
struct Tables {
  std::map<int64_t, PlayerRow> players;
  std::map<int64_t, AccountRow> accounts;
  std::map<int64_t, std::vector<ItemRow>> items;
  int64_t seq = 0;
  int queries = 0;
  bool away = false;
  std::function<void()> after_items;  ///< A commit between two queries.
};

class TableReader final : public StoreReader {
 public:
  explicit TableReader(Tables& tables) : tables_(tables) {}
  core::Result<PlayerRow> LoadPlayer(std::string_view name) override {
    if (Status status = Query(); !status.ok()) return status;
    for (const auto& [id, row] : tables_.players) {
      if (row.name.view() == name) return row;
    }
    return Status(Code::kNotFound, "no such player");
  }
  core::Result<PlayerRow> LoadPlayer(int64_t player_id) override {
    return Find(tables_.players, player_id);
  }
  core::Result<ItemRow> LoadItem(int64_t) override { return Status(Code::kNotFound, "no items"); }
  core::Result<AccountRow> LoadAccount(int64_t account_id) override {
    return Find(tables_.accounts, account_id);
  }
  core::Result<std::vector<ItemRow>> ItemsOf(int64_t holder) override {
    if (Status status = Query(); !status.ok()) return status;
    auto items = tables_.items[holder];
    if (tables_.after_items) std::exchange(tables_.after_items, {})();
    return items;
  }
  core::Result<uint64_t> CountPlayers() override { return tables_.players.size(); }
  core::Result<std::vector<EventRow>> ReadEvents(AggregateId, int64_t, size_t) override {
    return std::vector<EventRow>();
  }
  core::Result<std::vector<EventRow>> ReadEventsAfter(int64_t, size_t) override {
    return std::vector<EventRow>();
  }
  core::Result<std::optional<EventRow>> EventAt(AggregateId, Moment, int64_t) override {
    return std::optional<EventRow>();
  }
  core::Result<std::vector<int64_t>> Aggregates(AggregateType, int64_t, size_t) override {
    return std::vector<int64_t>();
  }
  core::Result<std::optional<WriteResult>> FindResult(const IdempotencyKey&) override {
    return std::optional<WriteResult>();
  }
  core::Result<std::vector<int64_t>> ItemsTouched(int64_t, int64_t, int64_t) override {
    return std::vector<int64_t>();
  }
  core::Result<int64_t> LastSeq() override {
    if (Status status = Query(); !status.ok()) return status;
    return tables_.seq;
  }
  core::Result<std::vector<NoteRow>> ReadNotes(const NoteQuery&) override {
    return std::vector<NoteRow>();
  }
  core::Result<std::vector<AuditLine>> Audit() override { return std::vector<AuditLine>(); }

 private:
  Status Query() {
    ++tables_.queries;
    return tables_.away ? Status(Code::kUnavailable, "the database is away") : Status();
  }
  template <typename Row>
  core::Result<Row> Find(const std::map<int64_t, Row>& rows, int64_t id) {
    if (Status status = Query(); !status.ok()) return status;
    const auto found = rows.find(id);
    if (found == rows.end()) return Status(Code::kNotFound, "no such row");
    return found->second;
  }
  Tables& tables_;
};

class StateServiceTest : public RedisTest {
 protected:
  StateServiceTest()
      : readers_({.connections = 2}, [this]() -> core::Result<std::unique_ptr<StoreReader>> {
          ++opened_;
          return std::unique_ptr<StoreReader>(std::make_unique<TableReader>(tables_));
        }) {
    PlayerRow ada;
    ada.player_id = 17;
    ada.version = 3;
    ada.epoch = 1;
    ada.saved_tick = 100;
    ada.state.health = 90;
    ada.name = PlayerName::From("Ada");
    tables_.players[17] = ada;
    tables_.accounts[17] = {.account_id = 17, .version = 2, .balance = 250};
    tables_.items[17] = {
        {.item_id = 5, .version = 1, .holder = 17, .definition = 2, .quantity = 3}};
    tables_.seq = 40;
  }
  void SetUp() override {
    RedisTest::SetUp();
    if (IsSkipped()) return;
    StartServer();
    cache_ = MakeCache(Settings());
    service_ = std::make_unique<StateService>(
        StateService::Live{.position = [this](int64_t id) -> std::optional<PositionSave> {
                             const auto found = live_.find(id);
                             return found == live_.end() ? std::nullopt
                                                         : std::optional(found->second);
                           },
                           .inventory = [this](int64_t id) { return inventories_.Find(id); }},
        cache_.get(), readers_);
  }
  static PositionSave At(core::Tick tick, int32_t health) {
    PositionSave save{17, 1, tick, {}};
    save.state.health = health;
    return save;
  }
  uint64_t Answered(CacheKind kind, Level level) const {
    return service_->answered()[static_cast<size_t>(kind) - 1][static_cast<size_t>(level)];
  }
  void PutPosition(const PositionSave& save) {
    const CacheEntry entry{CacheKind::kPosition, 17, save.tick, false, EncodeCachedPosition(save)};
    cache_->Put({&entry, 1});
  }

  Tables tables_;
  int opened_ = 0;
  std::map<int64_t, PositionSave> live_;
  LiveInventories inventories_;
  StateService::ReaderPool readers_;
  std::unique_ptr<RedisCache> cache_;
  std::unique_ptr<StateService> service_;
};

TEST_F(StateServiceTest, TheSecondReadComesFromRedisAlone) {
  const auto cold = service_->Read(17);
  ASSERT_TRUE(cold.ok()) << cold.status().ToString();
  EXPECT_EQ(cold->row, tables_.players[17]);
  EXPECT_EQ(cold->gold, 250);
  EXPECT_EQ(cold->items, tables_.items[17]);
  EXPECT_EQ(cold->row_level, Level::kStore);
  const int queries = tables_.queries;
  const auto hot = service_->Read(17);
  ASSERT_TRUE(hot.ok());
  EXPECT_EQ(tables_.queries, queries);
  EXPECT_EQ(hot->row, cold->row);
  EXPECT_EQ(hot->gold, 250);
  EXPECT_EQ(hot->items, cold->items);
  EXPECT_EQ(hot->row_level, Level::kRedis);
  EXPECT_EQ(hot->inventory_level, Level::kRedis);
  EXPECT_EQ(hot->position_level, Level::kRedis);
  EXPECT_EQ(Answered(CacheKind::kPlayer, Level::kStore), 1u);
  EXPECT_EQ(Answered(CacheKind::kPlayer, Level::kRedis), 1u);
}

TEST_F(StateServiceTest, TheNewestPositionWinsWhereverItIs) {
  ASSERT_TRUE(service_->Read(17).ok());
  PutPosition(At(120, 80));
  auto view = service_->Read(17);
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(view->position.tick, 120u);
  EXPECT_EQ(view->row.state.health, 80);
  EXPECT_EQ(view->row.saved_tick, 120u);
  live_[17] = At(130, 70);
  view = service_->Read(17);
  EXPECT_EQ(view->position_level, Level::kLive);
  EXPECT_EQ(view->row.state.health, 70);
  EXPECT_EQ(view->row_level, Level::kRedis);
  live_[17] = At(110, 60);  // a player who has just left
  view = service_->Read(17);
  EXPECT_EQ(view->position.tick, 120u);
}

TEST_F(StateServiceTest, TheInventoryOfAPlayerInPlayIsReadFromNoOtherPlace) {
  ASSERT_TRUE(service_->Prefetch(17).ok());
  DurableWrite login;
  login.login.emplace();
  WriteResult done;
  done.outcome = Outcome::kOk;
  done.seq = 41;
  done.row.player_id = 17;
  done.gold = 777;
  done.items = {{.item_id = 6, .version = 1, .holder = 17, .definition = 4, .quantity = 1}};
  inventories_.Apply(login, done);
  inventories_.Publish();
  const auto view = service_->Read(17);
  ASSERT_TRUE(view.ok()) << view.status().ToString();
  EXPECT_EQ(view->inventory_level, Level::kLive);
  EXPECT_EQ(view->gold, 777);
  EXPECT_EQ(view->items, done.items);
  EXPECT_EQ(view->row_level, Level::kRedis);
  EXPECT_EQ(Answered(CacheKind::kInventory, Level::kLive), 1u);
  inventories_.Remove(17);
  inventories_.Publish();
  EXPECT_EQ(service_->Read(17)->gold, 250);
  EXPECT_EQ(Answered(CacheKind::kInventory, Level::kRedis), 1u);
}

TEST_F(StateServiceTest, ACachedRowDoesNotStandForANewestPositionThatIsLost) {
  ASSERT_TRUE(service_->Read(17).ok());
  tables_.players[17].saved_tick = 200;  // saved without an event: the row's version stays
  tables_.players[17].state.health = 10;
  server_->Command({"DEL", cache_->KeyText({CacheKind::kPosition, 17}, cache_->generation())});
  const auto view = service_->Read(17);
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(view->row.state.health, 10);
  EXPECT_EQ(view->position_level, Level::kStore);
  EXPECT_EQ(view->inventory_level, Level::kRedis);
}

TEST_F(StateServiceTest, APutThatComesDuringALoadIsNotOverwrittenByIt) {
  AccountRow paid{.account_id = 17, .version = 3, .balance = 50};
  tables_.after_items = [&] {
    tables_.accounts[17] = paid;
    tables_.items[17][0].version = 2;
    tables_.seq = 41;
    const CacheEntry entry{CacheKind::kInventory, 17, 41, false,
                           EncodeCachedInventory(50, tables_.items[17])};
    cache_->Put({&entry, 1});
  };
  const auto during = service_->Read(17);
  ASSERT_TRUE(during.ok());
  EXPECT_EQ(during->gold, 50) << "gold and items of two moments";
  EXPECT_EQ(during->items[0].version, 2);
  const auto after = service_->Read(17);
  EXPECT_EQ(after->gold, 50);
  EXPECT_EQ(after->items[0].version, 2);
  EXPECT_EQ(after->inventory_level, Level::kRedis);
}

TEST_F(StateServiceTest, AnswersByNameAndLooksUpANameOnce) {
  ASSERT_TRUE(service_->Read("Ada").ok());
  const int queries = tables_.queries;
  const auto view = service_->Read("Ada");
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(view->row.player_id, 17);
  EXPECT_EQ(tables_.queries, queries);
  EXPECT_EQ(service_->Read("Bob").status().code(), Code::kNotFound);
  EXPECT_EQ(service_->Read(18).status().code(), Code::kNotFound);
  EXPECT_EQ(opened_, 1) << "a player who does not exist breaks no connection";
}

TEST_F(StateServiceTest, PrefetchedPlayersAreAnsweredByRedis) {
  ASSERT_TRUE(service_->Prefetch(17).ok());
  const int queries = tables_.queries;
  ASSERT_TRUE(service_->Prefetch(17).ok());
  ASSERT_TRUE(service_->Read(17).ok());
  EXPECT_EQ(tables_.queries, queries);
  EXPECT_EQ(Answered(CacheKind::kInventory, Level::kRedis), 1u);
  EXPECT_EQ(Answered(CacheKind::kInventory, Level::kStore), 0u);
}

TEST_F(StateServiceTest, WithoutRedisTheDatabaseAnswers) {
  server_->Kill();
  for (int i = 0; i < 5; ++i) {
    const auto view = service_->Read(17);
    ASSERT_TRUE(view.ok());
    EXPECT_EQ(view->row_level, Level::kStore);
  }
  StateService alone({}, nullptr, readers_);
  const auto view = alone.Read("Ada");
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(view->gold, 250);
  EXPECT_TRUE(alone.Prefetch(17).ok());
}

TEST_F(StateServiceTest, WhileTheDatabaseIsAwayRedisAnswersWhatItHas) {
  ASSERT_TRUE(service_->Read(17).ok());
  tables_.away = true;
  EXPECT_TRUE(service_->Read(17).ok());
  ASSERT_EQ(server_->Command({"FLUSHALL"}), "OK");
  EXPECT_EQ(service_->Read(17).status().code(), Code::kUnavailable);
  tables_.away = false;
  EXPECT_TRUE(service_->Read(17).ok());
  EXPECT_EQ(opened_, 2) << "a reader that failed is not used again";
}

TEST_F(StateServiceTest, WhoCameIntoPlayIsFoundByNameWhileTheDatabaseIsAway) {
  ASSERT_TRUE(service_->Read(17).ok());
  tables_.away = true;
  EXPECT_EQ(service_->Read("Ada").status().code(), Code::kUnavailable);
  service_->NoteName("Ada", 17);
  const auto view = service_->Read("Ada");
  ASSERT_TRUE(view.ok()) << view.status().ToString();
  EXPECT_EQ(view->row.player_id, 17);
}

TEST_F(StateServiceTest, TheNameOfWhoWasCommittedIsNotedOnTheWayToTheCache) {
  NameNotingCache noting(*cache_);
  noting.TellNames(*service_);
  ASSERT_TRUE(service_->Read(17).ok());
  const PlayerRow row = service_->Read(17)->row;
  const CacheEntry entry{CacheKind::kPlayer, 17, 50, false, EncodeCachedPlayer(row)};
  tables_.away = true;
  EXPECT_FALSE(service_->Read("Ada").ok());
  noting.Put({&entry, 1});
  ASSERT_TRUE(service_->Read("Ada").ok());
  EXPECT_EQ(service_->Read("Ada")->row_level, Level::kRedis) << "the entry reached the cache";
}

TEST_F(StateServiceTest, TheSessionIsToldWhenRedisKnowsIt) {
  EXPECT_FALSE(service_->Read(17)->session);
  const CacheEntry entry{CacheKind::kSession, 17, 41, false, EncodeCachedSession({4, 1'000'000})};
  cache_->Put({&entry, 1});
  const auto view = service_->Read(17);
  ASSERT_TRUE(view->session);
  EXPECT_EQ(view->session->epoch, 4);
  EXPECT_EQ(view->session->since_us, 1'000'000);
}

}  // namespace
}  // namespace bluemarble::persistence
