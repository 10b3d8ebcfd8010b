/// What the contract suites need of a store under test besides the contract itself.
///
/// To run them against another store: derive from Backend (SqlBackend when there is a StoreReader),
/// default constructible, each object with an empty database of shard "zone" and world seed 99,
/// then
///
///   #include "unit/persistence/store_contract.h"
///   #include "unit/persistence/store_contract_items.h"
///   #include "unit/persistence/store_contract_notes.h"
///   namespace bluemarble::persistence {
///   INSTANTIATE_TYPED_TEST_SUITE_P(Postgres, StoreContract, PostgresBackend);
///   INSTANTIATE_TYPED_TEST_SUITE_P(Postgres, StoreContractItems, PostgresBackend);
///   INSTANTIATE_TYPED_TEST_SUITE_P(Postgres, StoreContractNotes, PostgresBackend);
///   }
///
/// After every test the audit's lines must hold.
#pragma once

#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fixture.h"
#include "persistence/reader.h"

namespace bluemarble::persistence {

class Backend {
 public:
  virtual ~Backend() = default;
  virtual Store& store() = 0;
  /// A clean stop and start.
  virtual void Restart() = 0;
  /// Rewrites an ownership row, as a handoff would.
  virtual void SetOwner(int64_t player_id, const std::string& shard_id, int64_t epoch) = 0;
  /// Raises the stored run number, as another process does that opens the shard.
  virtual void TakeOver() = 0;

  virtual std::optional<ItemRow> Item(int64_t item_id) = 0;
  virtual std::vector<ItemRow> ItemsOf(int64_t holder) = 0;
  /// Zero when there is none.
  virtual AccountRow Account(int64_t account_id) = 0;
  /// All, in the shard's order.
  virtual std::vector<EventRow> AllEvents() = 0;
  virtual int64_t LedgerRows() = 0;
  /// What was created and what was destroyed.
  virtual std::pair<int64_t, int64_t> Supply(uint32_t definition) = 0;
  virtual std::vector<AuditLine> Audit() = 0;
  virtual std::vector<NoteRow> Notes(const NoteQuery& query) = 0;
};

class SqlBackend : public Backend {
 public:
  /// Of the database as it is now.
  virtual StoreReader& reader() = 0;
  /// First column of the first row; 0 when there is none.
  virtual int64_t Number(const std::string& sql) = 0;

  std::optional<ItemRow> Item(int64_t item_id) override {
    auto item = reader().LoadItem(item_id);
    if (item.ok()) return *item;
    EXPECT_EQ(item.status().code(), core::Code::kNotFound) << item.status().ToString();
    return std::nullopt;
  }
  std::vector<ItemRow> ItemsOf(int64_t holder) override {
    auto items = reader().ItemsOf(holder);
    EXPECT_TRUE(items.ok()) << items.status().ToString();
    return items.ok() ? *items : std::vector<ItemRow>{};
  }
  AccountRow Account(int64_t account_id) override {
    auto account = reader().LoadAccount(account_id);
    if (account.ok()) return *account;
    EXPECT_EQ(account.status().code(), core::Code::kNotFound) << account.status().ToString();
    return {};
  }
  std::vector<EventRow> AllEvents() override {
    auto events = reader().ReadEventsAfter(0, 1'000'000);
    EXPECT_TRUE(events.ok()) << events.status().ToString();
    return events.ok() ? *events : std::vector<EventRow>{};
  }
  int64_t LedgerRows() override { return Number("SELECT count(*) FROM ledger"); }
  std::pair<int64_t, int64_t> Supply(uint32_t definition) override {
    const std::string of = " FROM item_supply WHERE definition = " + std::to_string(definition);
    return {Number("SELECT created" + of), Number("SELECT destroyed" + of)};
  }
  std::vector<AuditLine> Audit() override {
    auto lines = reader().Audit();
    EXPECT_TRUE(lines.ok()) << lines.status().ToString();
    return lines.ok() ? *lines : std::vector<AuditLine>{};
  }
  std::vector<NoteRow> Notes(const NoteQuery& query) override {
    auto notes = reader().ReadNotes(query);
    EXPECT_TRUE(notes.ok()) << notes.status().ToString();
    return notes.ok() ? *notes : std::vector<NoteRow>{};
  }
};

template <typename T>
class StoreContractBase : public testing::Test {
 protected:
  void TearDown() override {
    for (const AuditLine& line : backend_.Audit()) {
      const bool given_away = line.name == "players_of_another_shard" && gives_players_away_;
      if (line.must_be_zero && !given_away) {
        EXPECT_EQ(line.value, 0) << line.name << ": " << line.what << "\n" << line.sql;
      }
    }
    const auto events = backend_.AllEvents();
    for (size_t i = 0; i < events.size(); ++i) {
      EXPECT_EQ(events[i].seq, static_cast<int64_t>(i) + 1) << "the order of events has no gaps";
    }
  }

  Store& store() { return backend_.store(); }
  WriteResult Commit(const DurableWrite& write) { return CommitOne(store(), write); }
  std::vector<WriteResult> CommitAll(const std::vector<DurableWrite>& writes) {
    std::vector<WriteResult> results(writes.size());
    const core::Status status = store().Commit({writes, {}, 0}, results, report_);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return results;
  }
  PlayerRow LoggedIn(std::string_view name = "Ada", uint64_t key = 1) {
    const WriteResult result = CommitOne(store(), Login(key, name));
    EXPECT_EQ(result.outcome, Outcome::kOk);
    return result.row;
  }
  PlayerRow Stored(std::string_view name = "Ada") {
    auto row = store().LoadPlayer(name);
    EXPECT_TRUE(row.ok()) << row.status().ToString();
    return row.ok() ? *row : PlayerRow{};
  }
  std::vector<EventRow> Events(int64_t player_id, int64_t from = 1, size_t limit = 100) {
    return EventsOf(AggregateType::kPlayer, player_id, from, limit);
  }
  std::vector<EventRow> EventsOf(AggregateType type, int64_t id, int64_t from = 1,
                                 size_t limit = 100) {
    auto events = store().ReadEvents(type, id, from, limit);
    EXPECT_TRUE(events.ok()) << events.status().ToString();
    return events.ok() ? *events : std::vector<EventRow>{};
  }
  CommitReport Save(const std::vector<PositionSave>& saves) {
    CommitReport report;
    EXPECT_TRUE(store().Commit({{}, saves, 0}, {}, report).ok());
    return report;
  }
  void GiveAway(int64_t player_id, const std::string& shard_id) {
    gives_players_away_ = shard_id != "zone";
    backend_.SetOwner(player_id, shard_id, 1);
  }

  T backend_;
  CommitReport report_;
  bool gives_players_away_ = false;
};

}  // namespace bluemarble::persistence
