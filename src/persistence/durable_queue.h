/// The zone thread's side of durability: bounded, non-blocking requests out, completions in. The
/// threaded `Committer` implements it over a real store, the tests' simulated world and the flight
/// recorder's replay stand in for it. One thread (the zone's) calls everything here; nothing
/// allocates or blocks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "core/ids.h"
#include "core/result.h"
#include "persistence/notes.h"
#include "persistence/rows.h"

namespace bluemarble::persistence {

/// What a player may be told about a transactional request (DESIGN §6).
enum class Outcome : uint8_t {
  kOk = 0,       ///< Durable. Will be found after any crash.
  kRefused = 1,  ///< Nothing changed; `refusal` says why.
  kUnknown = 2,  ///< It may or may not have happened: ask again with the same key.
};

enum class Refusal : uint8_t {
  kNone = 0,
  kVersion =
      1,  ///< Expected version is not the stored one; the completion's row is the stored state.
  kNotOwner = 2,        ///< This shard or epoch does not own the player.
  kNotFound = 3,        ///< No such player.
  kKeyReused = 4,       ///< The idempotency key was used by a different request.
  kUnavailable = 5,     ///< The store is away, full or stopping; trying later may work.
  kInvalid = 6,         ///< The request breaks the contract (a name that is not one, NaN).
  kNotHolder = 7,       ///< An item is not where the request says: it moved, or is gone.
  kInsufficient = 8,    ///< Not enough gold.
  kTooFar = 9,          ///< Item or player out of reach.
  kInventoryFull = 10,  ///< game.max_items of the receiver.
  kBusy = 11,           ///< The item, the gold or the offer is part of an action still under way.
  kOffline = 12,        ///< The other player is not in play here.
  kDeclined = 13,       ///< The other player said no, or the offer has expired or changed.
  kBadAmount = 14,      ///< A quantity or sum that is zero, negative or too large.
  kNoSuchItem = 15,     ///< No such item, entity or offer.
};
inline constexpr uint8_t kRefusals = 16;
std::string_view OutcomeName(Outcome outcome);
std::string_view RefusalName(Refusal refusal);

/// Things that a new player gets with its first login.
inline constexpr int kMaxStarters = 8;
struct Starter {
  uint32_t definition = 0;
  uint32_t quantity = 0;  ///< 0: none.
};

/// Loads the player of that name, or creates it in state `initial`; appends the login event. Its
/// items come before the answer, one kItem completion each.
struct LoginRequest {
  uint64_t request_id = 0;  ///< The caller's; comes back; unique within the process's life.
  core::Tick tick = 0;      ///< Of the event, and of `initial`.
  PlayerState initial;
  PlayerName name;
  std::array<Starter, kMaxStarters> starters{};
  int64_t starting_gold = 0;
};

/// Appends a versioned event that carries the player's whole state: logout, or the minute's sample.
/// Several may be outstanding: each names the version that it expects to find, i.e. after those
/// before it. When one is refused with kVersion, its completion carries the row as stored, to go on
/// from.
struct PlayerEventRequest {
  uint64_t request_id = 0;
  int64_t player_id = 0;
  int64_t epoch = 0;
  int64_t expected_version = 0;
  core::Tick tick = 0;
  PlayerState state;
  EventKind kind = EventKind::kSample;  ///< kSample or kLogout.
  uint8_t reserved[7] = {};
};

/// How one item changes. The expected version and holder must be the stored ones.
enum class ItemOp : uint8_t {
  kCreate = 1,   ///< definition, quantity, to_holder (place); the store gives the number.
  kMove = 2,     ///< item_id from from_holder to to_holder (place).
  kSplit = 3,    ///< `quantity` of item_id becomes a new item of to_holder (= from_holder).
  kMerge = 4,    ///< All of other_item_id goes into item_id; both held by from_holder, alike.
  kDestroy = 5,  ///< item_id is used up.
};
struct ItemChange {
  int64_t item_id = 0;
  int64_t expected_version = 0;
  int64_t from_holder = 0;
  int64_t to_holder = 0;
  int64_t other_item_id = 0;
  int64_t other_version = 0;
  uint32_t definition = 0;
  uint32_t quantity = 0;
  ItemPlace place;
  ItemOp op = ItemOp::kMove;
  uint8_t reserved[7] = {};
};

inline constexpr int kMaxItemChanges = 16;

/// A transactional action of a player (or, with player 0, of the zone itself): items change, gold
/// moves, all or nothing, exactly once by the player's key. A repeat is answered from the key
/// whatever else it says, so a caller whose own checks fail still asks, with `refuse_with`: the
/// answer found by the key, else that refusal, and nothing is written but the refusal.
struct ActionRequest {
  uint64_t request_id = 0;
  int64_t player_id = 0;  ///< Whose key it is; also locked as owned, with `epoch`. 0: the zone.
  int64_t epoch = 0;
  int64_t other_id = 0;  ///< The other player, likewise locked; 0: none.
  int64_t other_epoch = 0;
  std::array<std::byte, 16> key{};
  std::array<std::byte, 16> other_key{};  ///< Of the other player, gets the same answer; 0: none.
  uint64_t digest = 0;                    ///< Of what the client asked for, see RequestDigest.
  uint64_t other_digest = 0;
  core::Tick tick = 0;
  int64_t gold = 0;  ///< From `player_id` to `other_id`; negative: the other way.
  uint32_t changes = 0;
  Refusal refuse_with = Refusal::kNone;
  uint8_t keep_key = 0;  ///< 1, with player 0: the key is never purged (kForeverKeys).
  uint8_t reserved[2] = {};
  std::array<ItemChange, kMaxItemChanges> items{};  ///< The first `changes`; each item once.
};

enum class CompletionKind : uint8_t {
  kLogin = 1,
  kLogout = 2,
  kSample = 3,
  kTicksReserved = 4,
  kAction = 5,     ///< `item`: the one that the action created, if any.
  kItem = 6,       ///< One item of the player that logs in; comes before its kLogin.
  kWorldItem = 7,  ///< One item on the ground, after RequestWorldItems.
  kWorldItemsEnd = 8,
};

/// The answer to one request. Recorded and replayed as its bytes.
struct Completion {
  uint64_t request_id = 0;  ///< 0 for kTicksReserved.
  CompletionKind kind = CompletionKind::kLogin;
  Outcome outcome = Outcome::kOk;
  Refusal refusal = Refusal::kNone;
  uint8_t created = 0;   ///< kLogin: 1 when the player is new.
  uint8_t repeated = 0;  ///< 1 when the answer was found by key: the request had been done before.
  uint8_t reserved[3] = {};
  core::Tick reserved_tick = 0;  ///< kTicksReserved: every tick up to this one may be used.
  PlayerRow row;                 ///< After the request; kVersion: as stored; otherwise zero.
  ItemRow item;                  ///< kAction, kItem, kWorldItem.
  int64_t gold = 0;              ///< kLogin: the player's balance.
  friend bool operator==(const Completion&, const Completion&) = default;
};
static_assert(std::is_trivially_copyable_v<LoginRequest> && sizeof(LoginRequest) == 168);
static_assert(std::is_trivially_copyable_v<PlayerEventRequest> && sizeof(PlayerEventRequest) == 88);
static_assert(std::is_trivially_copyable_v<Completion> && sizeof(Completion) == 216);
static_assert(std::is_trivially_copyable_v<ItemChange> && sizeof(ItemChange) == 96);
static_assert(std::is_trivially_copyable_v<ActionRequest> &&
              sizeof(ActionRequest) == 112 + kMaxItemChanges * sizeof(ItemChange));

inline constexpr size_t kCompletionBytes = sizeof(Completion);
/// Writes exactly kCompletionBytes; kNoSpace when `out` is smaller.
core::Status EncodeCompletion(const Completion& completion, std::span<std::byte> out);
/// kCorrupt when the length or an enumerator is wrong.
core::Status DecodeCompletion(std::span<const std::byte> in, Completion& out);

class DurableQueue {
 public:
  virtual ~DurableQueue() = default;

  /// Requests. Ok means accepted, not done: a completion follows for each, unless the process dies;
  /// in order of acceptance, with one exception: what has waited longer than stall_ms behind a
  /// group in doubt is refused as kUnavailable before that group is answered. kFull (names
  /// persistence.queue_bytes): nothing was taken; refuse the player or try again next tick.
  /// kUnavailable: the store is away or stalled, likewise. kDenied: the queue is stopping or the
  /// store is gone for good, and nothing will be taken any more.
  virtual core::Status RequestLogin(const LoginRequest& request) = 0;
  virtual core::Status AppendEvent(const PlayerEventRequest& request) = 0;
  virtual core::Status RequestAction(const ActionRequest& request) = 0;
  /// Asks for all items on the ground: kWorldItem completions, then kWorldItemsEnd. Once, at start.
  virtual core::Status RequestWorldItems(uint64_t request_id) = 0;
  /// Asks that ticks up to `up_to` may be used; the zone runs no tick beyond what was confirmed.
  virtual core::Status ReserveTicks(core::Tick up_to) = 0;

  /// Progressive saves of one tick, at most one per player; no completion. On kFull some may have
  /// been taken: the caller marks all as unsaved and saves their newer state a later tick (the
  /// newest wins).
  virtual core::Status SavePositions(std::span<const PositionSave> saves) = 0;

  /// Appends a note; no completion. Ok: it is written with the next transaction and lost only when
  /// the process dies before that, or when the store never comes back. Refused as the requests
  /// above are; kInvalid: CheckNote says no.
  virtual core::Status AppendNote(const NoteRequest& note) = 0;

  /// Copies the next completion; false when there is none now.
  virtual bool NextCompletion(Completion& out) = 0;

  /// Is the store reachable and the queue below three quarters of its bound? For /v1/join. Any
  /// thread.
  virtual bool ready() const = 0;
};

}  // namespace bluemarble::persistence
