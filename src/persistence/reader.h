/// Reading beside the committer: people's and programs' questions to the database, through
/// connections of their own that never write. One thread at a time per reader; a pool hands them
/// out. Same answers from SQLite and PostgreSQL. kUnavailable: the database is away or the call
/// took too long; build a new reader.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "persistence/notes.h"
#include "persistence/rows.h"
#include "persistence/store.h"

namespace bluemarble::persistence {

struct AggregateId {
  AggregateType type = AggregateType::kPlayer;
  int64_t id = 0;
  friend auto operator<=>(const AggregateId&, const AggregateId&) = default;
};
/// "player:17", "player:Ada" needs a reader (ResolveAggregate in history.h), "item:17",
/// "account:-1". kInvalid says what is expected.
core::Result<AggregateId> ParseAggregate(std::string_view text);
std::string ToString(const AggregateId& aggregate);

/// One number that the audit expects to be zero, or tells for information.
struct AuditLine {
  std::string name;  ///< "gold_sum", "items_without_holder", ...
  int64_t value = 0;
  bool must_be_zero = true;
  std::string what;  ///< For people.
  std::string sql;   ///< That gave it.
};

class StoreReader {
 public:
  virtual ~StoreReader() = default;

  /// After it lay idle: may it be used? False when its server has gone meanwhile. Does not block.
  virtual bool Usable() const { return true; }

  /// kNotFound when there is none.
  virtual core::Result<PlayerRow> LoadPlayer(std::string_view name) = 0;
  virtual core::Result<PlayerRow> LoadPlayer(int64_t player_id) = 0;
  virtual core::Result<ItemRow> LoadItem(int64_t item_id) = 0;
  virtual core::Result<AccountRow> LoadAccount(int64_t account_id) = 0;
  virtual core::Result<std::vector<ItemRow>> ItemsOf(int64_t holder) = 0;
  virtual core::Result<uint64_t> CountPlayers() = 0;

  /// In version order, from `from_version` on.
  virtual core::Result<std::vector<EventRow>> ReadEvents(AggregateId aggregate,
                                                         int64_t from_version, size_t limit) = 0;
  /// In the shard's total order, after `seq`. What it returned once never changes, and nothing ever
  /// appears before it.
  virtual core::Result<std::vector<EventRow>> ReadEventsAfter(int64_t seq, size_t limit) = 0;
  /// The newest event of the aggregate at or before the given wall clock (at_us), tick or version.
  enum class Moment : uint8_t { kTime, kTick, kVersion };
  virtual core::Result<std::optional<EventRow>> EventAt(AggregateId aggregate, Moment by,
                                                        int64_t at) = 0;
  /// Ids of stored aggregates after `after`, ascending, at most `limit`.
  virtual core::Result<std::vector<int64_t>> Aggregates(AggregateType type, int64_t after,
                                                        size_t limit) = 0;
  /// Ids of items that an event after `after` and up to `through` (of seq) says are held by the
  /// player, or were changed on his request; ascending. Reads all events of that range.
  virtual core::Result<std::vector<int64_t>> ItemsTouched(int64_t player_id, int64_t after,
                                                          int64_t through) = 0;
  /// Newest seq of the event table: the version of what is read now, for the cache.
  virtual core::Result<int64_t> LastSeq() = 0;
  /// The stored answer of a key, with `repeated` set; nullopt when there is none (or no more).
  virtual core::Result<std::optional<WriteResult>> FindResult(const IdempotencyKey& key) = 0;
  /// In the order in which they were written.
  virtual core::Result<std::vector<NoteRow>> ReadNotes(const NoteQuery& query) = 0;
  /// All lines of the audit (TESTS.md, last section), in one snapshot.
  virtual core::Result<std::vector<AuditLine>> Audit() = 0;
};

}  // namespace bluemarble::persistence
