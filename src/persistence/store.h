/// The store contract: blocking, transactional, one implementation per database (SQLite when
/// embedded). Used by one thread at a time: start-up, then the committer. Every implementation
/// passes the suites in tests/unit/persistence/store_contract*.h. The reasons:
/// docs/decisions/0004-store-contract.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/ids.h"
#include "core/result.h"
#include "persistence/durable_queue.h"
#include "persistence/notes.h"
#include "persistence/rows.h"

namespace bluemarble::persistence {

/// Owner of the keys that PurgeKeys spares: of what the zone does once in the life of its world.
inline constexpr int64_t kForeverKeys = -1;

/// What makes a transactional request happen once, however often it arrives. Unique per player;
/// player 0 holds the zone's own keys (logins, events), so that no client can take one.
struct IdempotencyKey {
  int64_t player_id = 0;  ///< Or kForeverKeys.
  std::array<std::byte, 16> bytes{};
  friend bool operator==(const IdempotencyKey&, const IdempotencyKey&) = default;
  friend auto operator<=>(const IdempotencyKey&, const IdempotencyKey&) = default;
};

/// A state row and its event: one cannot be written without the other. The version goes from
/// `expected_version` to the next, under which the event is filed.
struct PlayerUpdate {
  int64_t player_id = 0;
  int64_t epoch = 0;
  int64_t expected_version = 0;
  PlayerState state;
  EventKind kind = EventKind::kSample;
  std::vector<std::byte> payload;
};

/// Find the player or create it (version 1, event, ownership row with epoch 1, account, starting
/// gold out of the mint, starters), then the login event.
struct PlayerLogin {
  PlayerName name;
  PlayerState initial;
  std::vector<Starter> starters;  ///< Each becomes an item of a new player.
  int64_t starting_gold = 0;
};

/// A player whose ownership row must say: this shard, this epoch.
struct Owner {
  int64_t player_id = 0;
  int64_t epoch = 0;
};

/// One side of a ledger entry.
struct Posting {
  int64_t account_id = 0;
  int64_t amount = 0;  ///< Never 0.
};

/// One transactional request: all of it or nothing.
struct DurableWrite {
  IdempotencyKey key;
  int64_t at_us = 0;  ///< Wall clock of the events.
  core::Tick tick = 0;
  std::optional<PlayerLogin> login;
  std::vector<PlayerUpdate> updates;  ///< Ascending player_id, each once.
  /// Ascending player_id, each once; besides those of updates. Whoever gives or gets an item or
  /// gold must be in one of the two: without his ownership row another shard may be writing him.
  std::vector<Owner> owners;
  std::vector<ItemChange> items;  ///< In order; each item named once.
  std::vector<Posting> postings;  ///< Ascending account_id, each once; they sum to zero.
  /// A second key that gets the same answer: the other player's of a trade. None: player 0.
  IdempotencyKey also;
  uint64_t also_digest = 0;
  uint64_t digest = 0;  ///< What the client asked for; 0: computed from the write itself.
  /// Not kNone: write nothing else; answer by the key, else refuse with this.
  Refusal refuse_with = Refusal::kNone;
};

struct WriteResult {
  Outcome outcome = Outcome::kUnknown;
  Refusal refusal = Refusal::kNone;
  bool created = false;   ///< The login made a new player.
  bool repeated = false;  ///< Found by key; nothing was written now.
  /// Of the login, or of the last update; on kVersion the stored row. A repeated update has its id
  /// and version only: it is stored with every key, and a hundred bytes are a third of its cost.
  PlayerRow row;
  ItemRow item;  ///< The first one created or split off.
  // Of a login, as of its commit (a repeated one: as of now); not stored with the key:
  std::vector<ItemRow> items;  ///< What the player holds, ascending item_id.
  int64_t gold = 0;
  /// Of anything but a login: its items as it left them, quantity 0: gone. Not stored either.
  std::vector<ItemRow> changed;
  int64_t seq = 0;  ///< Of the write's last event; 0 when it had none or was repeated.
  friend bool operator==(const WriteResult&, const WriteResult&) = default;
};

/// Everything that goes into one transaction, in this order.
struct CommitGroup {
  std::span<const DurableWrite> writes;
  std::span<const PositionSave> positions;  ///< Progressive; at most one per player.
  core::Tick reserve_ticks = 0;             ///< 0: none. Never lowers the stored value.
  /// Each once by (run, number): one that is stored already is left as it is.
  std::span<const NoteRow> notes = {};
};

struct CommitReport {
  static constexpr size_t kMaxRefusedPlayers = 64;

  uint64_t positions_saved = 0;
  uint64_t positions_stale = 0;          ///< Not newer than the row.
  uint64_t positions_refused = 0;        ///< Unknown player, or owner or epoch not current.
  std::vector<int64_t> refused_players;  ///< Of those the first kMaxRefusedPlayers.
  bool rerun = false;                    ///< What was read did not hold: the group ran one by one.
  int64_t last_seq = 0;                  ///< Of the newest event of the shard.

  void RefusePosition(int64_t player_id) {
    if (++positions_refused <= kMaxRefusedPlayers) refused_players.push_back(player_id);
  }
};

struct StoreMeta {
  std::string shard_id;
  uint64_t world_seed = 0;
  core::Tick reserved_tick = 0;  ///< The zone starts at the tick after this one.
  int64_t run = 0;               ///< Counts openings for writing: no two processes share one.
  int64_t cache_generation = 0;
  int schema = 0;  ///< Highest applied migration.
  /// Next numbers, as of opening; the store raises them with its commits.
  int64_t next_player = 1;
  int64_t next_item = 1;
  int64_t next_seq = 1;
};

class Store {
 public:
  virtual ~Store() = default;

  /// As of opening; `reserved_tick` follows the commits.
  virtual const StoreMeta& meta() const = 0;

  /// One transaction for the whole group, planned by PlanGroup (group_plan.h). A write that does
  /// not find what it expects is refused alone. Should the rows have changed under the plan, the
  /// group is rolled back and run again request by request. `results` is as long as `writes`.
  /// Ok:           durable (synced), `results` final.
  /// kUnavailable: nothing changed, later may work (disk full, database away). Refuse, retry, go
  /// on. kUnknown:     the outcome of the group is not known; `results` are what it would have
  /// been.
  ///               Reconnect, then FindResult for each write, or commit it again.
  /// kStale:       another process took this shard over (its run number is newer): nothing changed,
  ///               and nothing may be written any more.
  /// kCorrupt, kDenied, kInternal: nothing changed and nothing will work again; detail says what to
  /// do.
  virtual core::Status Commit(const CommitGroup& group, std::span<WriteResult> results,
                              CommitReport& report) = 0;

  /// Makes the store usable after kUnknown or kUnavailable. When it returns Ok, no earlier call can
  /// still take effect: what FindResult does not find now has not happened. kInternal: only a
  /// restart of the process may decide (a failed fsync, PITFALLS F-10).
  virtual core::Status Reconnect() = 0;

  /// The stored answer of a key, with `repeated` set; nullopt when it never committed.
  virtual core::Result<std::optional<WriteResult>> FindResult(const IdempotencyKey& key) = 0;

  /// kNotFound when there is no such player.
  virtual core::Result<PlayerRow> LoadPlayer(std::string_view name) = 0;
  virtual core::Result<uint64_t> CountPlayers() = 0;
  /// Events of one aggregate from `from_version` on, in version order, at most `limit`.
  virtual core::Result<std::vector<EventRow>> ReadEvents(AggregateType type, int64_t aggregate_id,
                                                         int64_t from_version, size_t limit) = 0;

  /// Items on the ground, ascending, beginning after `after_id`, at most `limit`.
  virtual core::Result<std::vector<ItemRow>> LoadWorldItems(int64_t after_id, size_t limit) = 0;

  /// Now and then, from the committing thread: what the database needs to go on (partitions ahead).
  virtual core::Status Maintain(int64_t now_us) = 0;

  /// Forgets at most `limit` idempotency keys older than `before_us`, but none of kForeverKeys;
  /// returns how many.
  virtual core::Result<uint64_t> PurgeKeys(int64_t before_us, size_t limit) = 0;

  /// Forgets at most `limit` notes older than `before_us`; returns how many.
  virtual core::Result<uint64_t> PurgeNotes(int64_t before_us, size_t limit) = 0;
};

/// A digest of what a request asks for, stored with its key: the same key with another request is
/// refused as kKeyReused. `at_us` and `tick` do not count, a repeat comes later.
uint64_t RequestDigest(const DurableWrite& write);

/// Player ids carry the shard that made them: ShardPrefix << 40 | running number. 22 bits of the
/// id's hash, never 0; the shards of one world must not share one (their owner checks that at
/// start).
int64_t ShardPrefix(std::string_view shard_id);
inline constexpr int kPlayerNumberBits = 40;

/// Stored with the key? Only answers that stay true: an owner or an outage may change.
constexpr bool IsFinal(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone:
    case Refusal::kNotOwner:
    case Refusal::kNotFound:
    case Refusal::kKeyReused:
    case Refusal::kUnavailable:
    case Refusal::kBusy: return false;
    default: return true;
  }
}

/// kInvalid for what no store may write: a bad name, numbers that are not finite, unsorted updates,
/// postings that do not sum to zero, an item named twice, a login beside anything else. The context
/// says what.
core::Status CheckWrite(const DurableWrite& write);
bool IsFinite(const PlayerState& state);

/// WriteResult as stored with its key: [u8 format = 3][outcome][refusal][u8 parts: 1 created, 2
/// item, 4 version, 8 row], then the parts: [i64 item id][i64 item version], [i64 player id][i64
/// version] when the row holds nothing else, else the PlayerRow; `repeated`, items, gold and seq
/// left out. Formats 1 (a row, no item) and 2 (an item, a row by the length) are still read.
std::vector<std::byte> EncodeResult(const WriteResult& result);
/// With `repeated` set; kCorrupt when the bytes are not a result.
core::Result<WriteResult> DecodeResult(std::span<const std::byte> bytes);

}  // namespace bluemarble::persistence
