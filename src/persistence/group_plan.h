/// The rules of the durable world, once for every store: what a group of requests does to the rows
/// that it touches. A store reads those rows inside its transaction, lets PlanGroup decide, and
/// writes the outcome. Pure functions over values; the committing thread.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/result.h"
#include "persistence/store.h"

namespace bluemarble::persistence {

/// What a group needs to see. Sorted and unique: locks are taken in this order.
struct GroupNeeds {
  std::vector<IdempotencyKey> keys;
  std::vector<std::string> names;   ///< Of logins.
  std::vector<int64_t> player_ids;  ///< Ownership row and player row.
  std::vector<int64_t> item_ids;
  std::vector<int64_t> account_ids;  ///< Missing ones count as zero, version 0.
};
/// Players whom the names of logins lead to are not known before the look: the store reads them by
/// name, then their ownership, items (by holder) and account as well.
/// kUnproven leaves out the keys of writes that update players: if such a write has happened
/// before, its expected version is over and it comes out refused. Whoever leaves keys out must
/// plan again with all of them when any write is refused, and lean on their uniqueness.
enum class KeyLook : uint8_t { kAll, kUnproven };
GroupNeeds NeedsOf(std::span<const DurableWrite> writes, KeyLook look = KeyLook::kAll);

struct StoredKey {
  uint64_t digest = 0;
  WriteResult result;
};
struct StoredPlayer {
  PlayerRow row;      ///< `epoch` from the ownership row.
  std::string owner;  ///< Shard; empty: no ownership row.
};

/// The rows as read in the transaction (and, while PlanGroup runs, as changed so far).
struct GroupRows {
  std::map<IdempotencyKey, StoredKey> keys;
  std::map<int64_t, StoredPlayer> players;
  std::map<std::string, int64_t, std::less<>> names;
  std::map<int64_t, ItemRow> items;        ///< Also all items of players that log in.
  std::map<int64_t, AccountRow> accounts;  ///< Also those of players that log in.
  /// The counters of StoreMeta; PlanGroup raises them.
  int64_t next_player = 1;
  int64_t next_item = 1;
  int64_t next_seq = 1;
};

struct KeyInsert {
  IdempotencyKey key;
  uint64_t digest = 0;
  int64_t at_us = 0;
  std::vector<std::byte> result;  ///< EncodeResult.
};
struct LedgerInsert {
  int64_t account_id = 0;
  int64_t version = 0;  ///< Of the account, after it.
  int64_t amount = 0;
  int64_t balance = 0;  ///< After it.
  int64_t at_us = 0;
  Cause cause;
};
/// A row as it must be found and as it is left. Version 0 before: it is inserted; `gone`: deleted.
template <typename Row>
struct RowChange {
  int64_t version_before = 0;
  bool gone = false;
  Row row;
};
struct PlayerChange {
  int64_t version_before = 0;  ///< 0: inserted, with its ownership and extended rows.
  PlayerRow row;
  uint32_t logins = 0;   ///< To add.
  int64_t login_us = 0;  ///< 0: no login in this group.
  int64_t logout_us = 0;
};
struct SupplyChange {
  uint32_t definition = 0;
  int64_t created = 0;  ///< To add, quantities.
  int64_t destroyed = 0;
};

/// What is to be written, each row once, ascending by its id; events ascending by seq.
struct GroupChanges {
  std::vector<PlayerChange> players;
  std::vector<RowChange<ItemRow>> items;
  std::vector<RowChange<AccountRow>> accounts;
  std::vector<EventRow> events;
  std::vector<LedgerInsert> ledger;
  std::vector<KeyInsert> keys;
  std::vector<SupplyChange> supply;
  std::vector<Owner> owners;  ///< Whose ownership the group rests on: lock these (FOR SHARE).
};

/// Decides every write of the group in order, each all or nothing, later ones seeing what earlier
/// ones did. `rows` must hold what NeedsOf named as far as it exists. `results` as long as
/// `writes`. Allocates; O(rows log rows). Never fails: what cannot be done is a refusal.
void PlanGroup(std::span<const DurableWrite> writes, const std::string& shard_id, GroupRows& rows,
               std::span<WriteResult> results, GroupChanges& changes);

/// Hundredths of a degree at a place, for the indexed columns.
struct CentiDegrees {
  int32_t lon = 0;  ///< -18000..17999
  int32_t lat = 0;  ///< -9000..9000
};
CentiDegrees CentiDegreesAt(double x_m, double y_m, double z_m);

}  // namespace bluemarble::persistence
