/// A group's rows, out of an SQLite database and back into it, inside a transaction that the store
/// has begun. The committing thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/result.h"
#include "persistence/group_plan.h"
#include "persistence/sqlite_db.h"
#include "persistence/store.h"

namespace bluemarble::persistence {

class SqliteGroup {
 public:
  explicit SqliteGroup(SqliteDb& db) : db_(db) {}
  core::Status Prepare();

  /// Everything that PlanGroup wants to see of `needs`; the counters are the caller's.
  core::Status Read(const GroupNeeds& needs, GroupRows& rows);
  /// kConflict: a row was not as it was read, or the database's own rules refuse one; the
  /// transaction is to be undone.
  core::Status Write(const GroupChanges& changes, std::string_view shard_id);
  /// Columns only, and only when newer, owned and finite; counts what became of it.
  core::Status SavePosition(const PositionSave& save, std::string_view shard_id,
                            CommitReport& report);

  core::Status FindKey(const IdempotencyKey& key, std::optional<StoredKey>& found);
  core::Status FindPlayer(std::string_view name, std::optional<StoredPlayer>& found);
  core::Status FindPlayer(int64_t player_id, std::optional<StoredPlayer>& found);

 private:
  core::Status ReadLogin(const std::string& name, GroupRows& rows);
  core::Status ReadAccounts(int64_t account_id, GroupRows& rows);
  core::Status ReadItems(SqliteStatement& statement, int64_t id, GroupRows& rows);
  core::Status ReadOne(SqliteStatement& statement, std::optional<StoredPlayer>& found);
  core::Status WritePlayer(const PlayerChange& change, std::string_view shard_id);
  core::Status WriteItem(const RowChange<ItemRow>& change);
  core::Status WriteAccount(const RowChange<AccountRow>& change);
  /// Runs a statement that must change one row.
  template <typename... Args>
  core::Status One(SqliteStatement& statement, const Args&... args);

  SqliteDb& db_;
  SqliteStatement find_key_, find_by_name_, find_by_id_, find_item_, find_items_of_, find_account_,
      insert_player_, insert_owner_, insert_extended_, update_player_, update_extended_,
      save_position_, insert_item_, update_item_, delete_item_, put_entity_, delete_entity_,
      insert_account_, update_account_, insert_ledger_, insert_event_, insert_key_, add_supply_;
};

}  // namespace bluemarble::persistence
