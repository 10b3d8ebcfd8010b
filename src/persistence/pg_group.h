/// The statements of one committing transaction: locks, reads for PlanGroup, set-based writes with
/// their row counts compared. Throws PgError; PgMismatch when a row was not as it had been read.
/// The committing thread.
#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "persistence/group_plan.h"
#include "persistence/pg_wire.h"
#include "persistence/store.h"

namespace bluemarble::persistence {

/// shard_meta's counters, as of the running transaction.
struct PgCounters {
  int64_t reserved_tick = 0;
  int64_t next_player = 1;
  int64_t next_item = 1;
  int64_t next_seq = 1;
};

class PgGroup {
 public:
  PgGroup(PGconn* connection, std::string shard_id)
      : connection_(connection), shard_id_(std::move(shard_id)) {}

  PGconn* connection() const { return connection_; }

  /// Prepares every statement; once per connection, outside a transaction.
  void Prepare();

  /// The fence: locks shard_meta's row for the rest of the transaction. False: `run` is not its run
  /// any more, nothing may be written.
  bool LockShard(int64_t run, PgCounters& counters);
  /// Reads what NeedsOf named, after it has locked the ownership of all players concerned, those of
  /// `positions` as well: FOR SHARE, ascending. `trusting`: player rows come from memory where this
  /// connection's last commits left them; their updates compare the version, and a refusal must not
  /// rest on them: read again without trust.
  void Read(const GroupNeeds& needs, std::span<const PositionSave> positions, bool trusting,
            GroupRows& rows);
  void Write(const GroupChanges& changes);
  /// After Read and Write, in the same transaction.
  void SavePositions(std::span<const PositionSave> positions, CommitReport& report);
  void WriteCounters(const PgCounters& counters);
  /// The transaction has committed, and nothing that Write or SavePositions did in it was undone:
  /// its player rows are now known.
  void Committed();
  void ForgetPlayers() { known_.clear(); }

 private:
  struct Ownership {
    std::string owner;
    int64_t epoch = 0;
  };

  void LockOwners(std::span<const int64_t> player_ids);
  void ReadKeys(const std::vector<IdempotencyKey>& keys, GroupRows& rows);
  std::vector<int64_t> ReadNames(const std::vector<std::string>& names, GroupRows& rows);
  void ReadPlayers(std::span<const int64_t> player_ids, GroupRows& rows);
  void TakePlayer(StoredPlayer player, GroupRows& rows);
  void ReadItems(const char* statement, std::span<const int64_t> ids, GroupRows& rows);
  void InsertPlayers(PgPipeline& to, const std::vector<PlayerChange>& changes);
  void UpdatePlayers(PgPipeline& to, const std::vector<PlayerChange>& changes);
  void WriteItems(PgPipeline& to, const GroupChanges& changes);
  void WriteGround(PgPipeline& to, const std::vector<RowChange<ItemRow>>& changes);
  void WriteAccounts(PgPipeline& to, const GroupChanges& changes);
  void WriteLedger(PgPipeline& to, const std::vector<LedgerInsert>& ledger);
  void WriteEvents(PgPipeline& to, const std::vector<EventRow>& events);
  void WriteKeys(PgPipeline& to, const std::vector<KeyInsert>& keys);
  void WriteSupply(PgPipeline& to, const std::vector<SupplyChange>& supply);

  PGconn* connection_;
  std::string shard_id_;
  std::unordered_map<int64_t, Ownership> owners_;  // locked in this transaction
  std::set<int64_t> on_ground_;                    // items that lay there when they were read
  // Players as committed on this connection. Only the holder of shard_meta's run writes players, so
  // they are so still; Write finds out if not.
  std::unordered_map<int64_t, PlayerRow> known_;
  std::vector<PlayerRow> written_;   // in this transaction
  std::vector<PositionSave> saved_;  // in this transaction, after written_
};

}  // namespace bluemarble::persistence
