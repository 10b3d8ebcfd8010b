/// An in-memory store on a simulated disk, by the same rules as the real ones: same seed, same
/// faults. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/hash.h"
#include "persistence/group_plan.h"
#include "persistence/store.h"

namespace bluemarble::support {

/// Chances per commit, in [0, 1].
struct SimStoreFaults {
  double unavailable = 0;      ///< Fails with kUnavailable, nothing changed.
  double unknown_applied = 0;  ///< The commit happens, the answer is lost (kUnknown).
  double unknown_lost = 0;     ///< The commit does not happen, the answer is lost.
  double reconnect_fails = 0;  ///< Reconnect says kUnavailable once more.
};

/// Keeps the promises of the contract and not one more: a group with a transactional request is
/// synced when Commit returns; a group of positions alone is synced by the next such group or by
/// Sync.
class SimStore final : public persistence::Store {
 public:
  explicit SimStore(uint64_t seed = 1, std::string shard_id = "zone", uint64_t world_seed = 1);

  const persistence::StoreMeta& meta() const override { return meta_; }
  core::Status Commit(const persistence::CommitGroup& group,
                      std::span<persistence::WriteResult> results,
                      persistence::CommitReport& report) override;
  core::Status Reconnect() override;
  core::Result<std::optional<persistence::WriteResult>> FindResult(
      const persistence::IdempotencyKey& key) override;
  core::Result<persistence::PlayerRow> LoadPlayer(std::string_view name) override;
  core::Result<uint64_t> CountPlayers() override;
  core::Result<std::vector<persistence::EventRow>> ReadEvents(persistence::AggregateType type,
                                                              int64_t aggregate_id,
                                                              int64_t from_version,
                                                              size_t limit) override;
  core::Result<std::vector<persistence::ItemRow>> LoadWorldItems(int64_t after_id,
                                                                 size_t limit) override;
  core::Status Maintain(int64_t now_us) override;
  core::Result<uint64_t> PurgeKeys(int64_t before_us, size_t limit) override;
  core::Result<uint64_t> PurgeNotes(int64_t before_us, size_t limit) override;

  void set_faults(const SimStoreFaults& faults) { faults_ = faults; }
  /// Every commit fails with kUnavailable until told otherwise.
  void set_away(bool away) { away_ = away; }
  void Sync();
  /// The process dies and starts again: what was not synced is gone, the run number rises.
  void CrashAndReopen();
  /// A clean stop and start.
  void Reopen();
  /// Another process opens the shard: this one is stale until Reopen.
  void TakeOver() { ++stored_run_; }
  /// Gives a player to another owner, as a handoff would.
  void SetOwner(int64_t player_id, std::string shard_id, int64_t epoch);

  // What the tables hold.
  size_t keys() const { return keys_.size(); }
  const std::map<int64_t, persistence::StoredPlayer>& players() const { return players_; }
  const std::map<int64_t, persistence::ItemRow>& items() const { return items_; }
  const std::map<int64_t, persistence::AccountRow>& accounts() const { return accounts_; }
  /// In commit order.
  const std::vector<persistence::EventRow>& events() const { return events_; }
  const std::vector<persistence::LedgerInsert>& ledger() const { return ledger_; }
  const std::map<uint32_t, persistence::SupplyChange>& supply() const { return supply_; }
  /// By (run, number).
  const std::map<std::pair<int64_t, int64_t>, persistence::NoteRow>& notes() const {
    return notes_;
  }

 private:
  struct StoredAnswer {
    persistence::StoredKey stored;
    int64_t at_us = 0;
  };
  core::Status Apply(const persistence::CommitGroup& group,
                     std::span<persistence::WriteResult> results,
                     persistence::CommitReport& report);
  persistence::GroupRows ReadRows(const persistence::GroupNeeds& needs) const;
  void ReadItem(int64_t item_id, persistence::GroupRows& rows) const;
  void ReadAccount(int64_t account_id, persistence::GroupRows& rows) const;
  bool Holds(const persistence::GroupChanges& changes) const;
  void Write(const persistence::GroupChanges& changes);
  void ApplyPosition(const persistence::PositionSave& save, persistence::CommitReport& report);

  core::Random random_;
  persistence::StoreMeta meta_;
  int64_t stored_run_ = 1;
  SimStoreFaults faults_;
  bool away_ = false;
  bool broken_ = false;  // between kUnknown and Reconnect
  std::map<int64_t, persistence::StoredPlayer> players_;
  std::map<std::string, int64_t, std::less<>> names_;
  std::map<int64_t, persistence::ItemRow> items_;
  std::set<std::pair<int64_t, int64_t>> held_;  // holder, item
  std::map<int64_t, persistence::AccountRow> accounts_;
  std::vector<persistence::EventRow> events_;
  std::map<std::tuple<persistence::AggregateType, int64_t, int64_t>, size_t> event_of_;
  std::vector<persistence::LedgerInsert> ledger_;
  std::map<uint32_t, persistence::SupplyChange> supply_;
  std::map<persistence::IdempotencyKey, StoredAnswer> keys_;
  std::map<std::pair<int64_t, int64_t>, persistence::NoteRow> notes_;
  std::map<int64_t, std::pair<uint64_t, persistence::PlayerState>> unsynced_;  // as last synced
};

}  // namespace bluemarble::support
