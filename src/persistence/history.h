/// Time travel: what an aggregate went through, what it was at a moment, and whether its events
/// lead to the rows that are stored. Everything reads through a StoreReader and nothing is written;
/// one thread at a time per reader, as the reader says.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/result.h"
#include "persistence/reader.h"
#include "persistence/rows.h"

namespace bluemarble::persistence {

/// An event with its payload read. By type: `player`; `item` (item_id and version as the event's);
/// `balance` and `amount`. `cause` is of items and accounts.
struct DecodedEvent {
  EventRow row;
  bool readable = false;  ///< False: the payload is of a format that this program does not know.
  PlayerState player;
  ItemRow item;
  int64_t balance = 0;
  int64_t amount = 0;
  Cause cause;
};
DecodedEvent DecodeEvent(EventRow row);

/// As ParseAggregate; a player may be named as well: "player:Ada", "account:Ada". kNotFound when
/// there is none.
core::Result<AggregateId> ResolveAggregate(StoreReader& reader, std::string_view text);

/// "2026-11-21T15:30:00.000000Z" for microseconds since 1970 UTC.
std::string TimeText(int64_t at_us);
/// 32 digits.
std::string KeyText(const std::array<std::byte, 16>& key);
/// nullopt: not exactly 32 hexadecimal digits.
std::optional<std::array<std::byte, 16>> ParseKey(std::string_view text);

/// A moment in the past.
struct Moment {
  StoreReader::Moment by = StoreReader::Moment::kTime;
  int64_t at = 0;  ///< Microseconds since 1970 UTC, tick, or version of the aggregate.
};
/// "2026-11-21T15:30:00Z" (with "T" or a blank, seconds and their fraction optional, "Z" or
/// "+02:00"; without either: UTC), "1763739000" or "1763739000.25" (unix seconds), "tick:N",
/// "version:N". kInvalid says what is expected.
core::Result<Moment> ParseMoment(std::string_view text);
std::string ToString(const Moment& moment);

/// For the SQL of StoreReader::ItemsTouched: where an item event's payload has the holder and the
/// player of the cause (bytes, counted from 1), and a player's number as it stands there.
inline constexpr int kItemHolderAt = 10;
inline constexpr int kItemCauseAt = 50;
std::array<std::byte, 8> InPayload(int64_t player_id);

/// Which items a player has and ever had, as far as the events go back. Works in steps, as
/// Verifier.
struct ItemSearch {
  int64_t player_id = 0;
  int64_t after = -1;          ///< Of seq: up to here it is done; -1: at the beginning.
  int64_t newest = 0;          ///< Of seq, when the last step was taken.
  std::vector<int64_t> items;  ///< Found by the steps taken; may hold an item several times.
  bool done() const { return after >= newest; }
};
core::Status SearchItems(StoreReader& reader, ItemSearch& search);

/// Events in version order from `from_version` on, at most `limit`.
core::Result<std::vector<DecodedEvent>> History(StoreReader& reader, AggregateId aggregate,
                                                int64_t from_version, size_t limit);

/// The newest event at or before the moment: its payload is the whole state. kNotFound: there was
/// none yet, or its partition has been archived; or the version is newer than the newest, which the
/// detail tells. kCorrupt: the payload cannot be read.
core::Result<DecodedEvent> StateAt(StoreReader& reader, AggregateId aggregate, Moment moment);

/// Where Verify stands: aggregates type by type, then the whole event table in its total order.
struct VerifyCursor {
  enum class Stage : uint8_t { kPlayers = 1, kItems = 2, kAccounts = 3, kEvents = 4, kDone = 5 };
  Stage stage = Stage::kPlayers;
  int64_t after = INT64_MIN;  ///< Last id that is done; kEvents: last seq.
};
std::string ToString(const VerifyCursor& cursor);
core::Result<VerifyCursor> ParseVerifyCursor(std::string_view text);

/// Something that should not be.
struct Finding {
  AggregateId aggregate;
  int64_t version = 0;  ///< Of the event, or of the row; 0: of neither.
  std::string what;
};

struct VerifyReport {
  uint64_t aggregates = 0;
  uint64_t events = 0;  ///< Replayed.
  /// Rows whose events have all been archived: nothing to compare with. No finding.
  uint64_t without_history = 0;
  uint64_t findings = 0;
  std::vector<Finding> listed;  ///< The first of them.
};

/// Replays the events of every aggregate and compares where they lead with the row; then reads the
/// whole event table for gaps in its order and for aggregates that have events but no row. A live
/// shard may be verified: who changes meanwhile is read again. Works in steps, so that neither a
/// request nor a terminal waits for a large shard: the state between steps is the cursor alone.
class Verifier {
 public:
  explicit Verifier(StoreReader& reader, size_t max_listed = 100)
      : reader_(reader), max_listed_(max_listed) {}

  /// One aggregate. Its report lines are added to report().
  core::Status VerifyOne(AggregateId aggregate);
  /// Goes on from `cursor` until about `budget` events and rows have been read; the cursor moves.
  core::Status Step(VerifyCursor& cursor, uint64_t budget);
  const VerifyReport& report() const { return report_; }

 private:
  struct Stored;
  core::Result<Stored> Load(AggregateId aggregate);
  core::Result<bool> HistoryIsCut();
  core::Status StepAggregates(VerifyCursor& cursor, AggregateType type, uint64_t& left);
  core::Status StepEvents(VerifyCursor& cursor, uint64_t& left);
  core::Status CheckOrphan(AggregateId aggregate);
  void Find(AggregateId aggregate, int64_t version, std::string what);

  StoreReader& reader_;
  size_t max_listed_;
  VerifyReport report_;
  std::optional<bool> cut_;
  std::unordered_set<uint64_t> known_;  // aggregates with a row; forgotten when it grows large
};

}  // namespace bluemarble::persistence
