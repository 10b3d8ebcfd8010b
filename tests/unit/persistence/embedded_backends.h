/// The stores that need nothing installed, for the contract suites and the random groups.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "persistence/sqlite_reader.h"
#include "store_contract_backend.h"
#include "support/sim_store.h"

namespace bluemarble::persistence {

class SqliteBackend final : public SqlBackend {
 public:
  SqliteBackend() { Open(); }
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
      auto reader = OpenSqliteReader(folder_.path());
      EXPECT_TRUE(reader.ok()) << reader.status().ToString();
      reader_ = std::move(*reader);
    }
    return *reader_;
  }
  int64_t Number(const std::string& sql) override {
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open(folder_.database().c_str(), &db), SQLITE_OK);
    int64_t number = 0;
    auto take = [](void* to, int, char** values, char**) {
      *static_cast<int64_t*>(to) = values[0] == nullptr ? 0 : std::stoll(values[0]);
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), take, &number, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db);
    sqlite3_close(db);
    return number;
  }

 private:
  void Open() {
    store_ = OpenOrNull(folder_.path(), clock_);
    ASSERT_NE(store_, nullptr);
  }
  TempFolder folder_;
  ManualClock clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<StoreReader> reader_;
};

class SimBackend final : public Backend {
 public:
  Store& store() override { return store_; }
  void Restart() override { store_.Reopen(); }
  void SetOwner(int64_t player_id, const std::string& shard_id, int64_t epoch) override {
    store_.SetOwner(player_id, shard_id, epoch);
  }
  void TakeOver() override { store_.TakeOver(); }
  std::optional<ItemRow> Item(int64_t item_id) override {
    const auto found = store_.items().find(item_id);
    return found == store_.items().end() ? std::nullopt : std::optional(found->second);
  }
  std::vector<ItemRow> ItemsOf(int64_t holder) override {
    std::vector<ItemRow> items;
    for (const auto& [id, item] : store_.items()) {
      if (item.holder == holder) items.push_back(item);
    }
    return items;
  }
  AccountRow Account(int64_t account_id) override {
    const auto found = store_.accounts().find(account_id);
    return found == store_.accounts().end() ? AccountRow{} : found->second;
  }
  std::vector<EventRow> AllEvents() override { return store_.events(); }
  int64_t LedgerRows() override { return static_cast<int64_t>(store_.ledger().size()); }
  std::pair<int64_t, int64_t> Supply(uint32_t definition) override {
    const auto found = store_.supply().find(definition);
    if (found == store_.supply().end()) return {0, 0};
    return {found->second.created, found->second.destroyed};
  }
  std::vector<NoteRow> Notes(const NoteQuery& query) override {
    std::vector<NoteRow> found;
    for (const auto& [key, note] : store_.notes()) {
      if (note.at_us >= query.since_us && note.at_us < query.until_us &&
          query.player_id.value_or(note.player_id) == note.player_id &&
          query.kind.value_or(note.kind) == note.kind)
        found.push_back(note);
    }
    if (found.size() > query.limit)
      found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(query.limit));
    return found;
  }
  std::vector<AuditLine> Audit() override {
    AuditLine gold{.name = "gold_sum", .what = "sum of all balances"};
    for (const auto& [id, account] : store_.accounts()) gold.value += account.balance;
    std::map<uint32_t, int64_t> quantities;
    for (const auto& [id, item] : store_.items()) quantities[item.definition] += item.quantity;
    AuditLine items{.name = "items_off_supply", .what = "definitions"};
    for (const auto& [definition, sum] : store_.supply())
      items.value += quantities[definition] != sum.created - sum.destroyed;
    return {gold, items};
  }

 private:
  support::SimStore store_{1, "zone", 99};
};

}  // namespace bluemarble::persistence
