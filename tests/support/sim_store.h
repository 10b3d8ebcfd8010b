/// An in-memory store on a simulated disk. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/hash.h"
#include "persistence/durable_queue.h"
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
  core::Result<uint64_t> PurgeKeys(int64_t before_us, size_t limit) override;

  void set_faults(const SimStoreFaults& faults) { faults_ = faults; }
  /// Every commit fails with kUnavailable until told otherwise.
  void set_away(bool away) { away_ = away; }
  void Sync();
  /// The process dies and starts again: what was not synced is gone, the run number rises.
  void CrashAndReopen();
  /// A clean stop and start.
  void Reopen();
  /// Gives a player to another owner, as a handoff would.
  void SetOwner(int64_t player_id, std::string shard_id, int64_t epoch);
  size_t keys() const { return keys_.size(); }

 private:
  struct Player {
    persistence::PlayerRow row;
    std::string owner;
  };
  struct StoredResult {
    uint64_t digest = 0;
    int64_t at_us = 0;
    persistence::WriteResult result;
  };
  void Apply(const persistence::CommitGroup& group, std::span<persistence::WriteResult> results,
             persistence::CommitReport& report);
  persistence::WriteResult ApplyWrite(const persistence::DurableWrite& write);
  void ApplyPosition(const persistence::PositionSave& save, persistence::CommitReport& report);

  core::Random random_;
  persistence::StoreMeta meta_;
  SimStoreFaults faults_;
  bool away_ = false;
  bool broken_ = false;  // between kUnknown and Reconnect
  int64_t next_player_ = 1;
  std::map<int64_t, Player> players_;
  std::map<std::string, int64_t, std::less<>> names_;
  std::map<std::pair<int64_t, int64_t>, persistence::EventRow> events_;
  std::map<persistence::IdempotencyKey, StoredResult> keys_;
  std::map<int64_t, std::pair<uint64_t, persistence::PlayerState>> unsynced_;  // as last synced
};

}  // namespace bluemarble::support
