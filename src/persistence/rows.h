/// What the store keeps about players, as plain values: trivially copyable, no padding, so the same
/// structs cross the queue to the committer and go into the flight recorder byte for byte. Any
/// thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/ids.h"

namespace bluemarble::persistence {

inline constexpr size_t kMaxNameBytes = 32;

/// A validated player name (core::ValidateName), zero-filled to its end.
struct PlayerName {
  std::array<char, 40> bytes{};

  /// Cuts what is longer than kMaxNameBytes; validate first.
  static PlayerName From(std::string_view text) {
    PlayerName name;
    if (!text.empty()) {
      std::memcpy(name.bytes.data(), text.data(),
                  text.size() < kMaxNameBytes ? text.size() : kMaxNameBytes);
    }
    return name;
  }
  std::string_view view() const { return {bytes.data(), ::strnlen(bytes.data(), kMaxNameBytes)}; }
  friend bool operator==(const PlayerName&, const PlayerName&) = default;
};

/// The progressive part of a player: what changes by itself and is saved about once a second.
struct PlayerState {
  double x_m = 0;  ///< ECEF, metres.
  double y_m = 0;
  double z_m = 0;
  double ground_height_m = 0;  ///< Above the ellipsoid.
  int32_t health = 0;
  uint16_t yaw = 0;  ///< 1/65,536 turn clockwise from north.
  uint16_t reserved = 0;
  friend bool operator==(const PlayerState&, const PlayerState&) = default;
};

struct PlayerRow {
  int64_t player_id = 0;    ///< Unique over all shards: see ShardPrefix.
  int64_t version = 0;      ///< Of the aggregate; 1 at creation, +1 with each event.
  int64_t epoch = 0;        ///< Of the ownership row; every write names it.
  int64_t created_us = 0;   ///< Wall clock, microseconds since 1970 UTC.
  uint64_t saved_tick = 0;  ///< Tick of `state`.
  PlayerState state;
  PlayerName name;
  friend bool operator==(const PlayerRow&, const PlayerRow&) = default;
};

/// One progressive save. A save whose tick is not newer than the row's is ignored.
struct PositionSave {
  int64_t player_id = 0;
  int64_t epoch = 0;
  core::Tick tick = 0;
  PlayerState state;
  friend bool operator==(const PositionSave&, const PositionSave&) = default;
};

/// Who holds an item: a player's id, or one of these.
inline constexpr int64_t kHeldByWorld = 0;    ///< Lies on the ground, at its place.
inline constexpr int64_t kHeldByEscrow = -1;  ///< Taken away by an operator.

/// Where an item lies: ECEF metres, height of the ground above the ellipsoid. Zero when it is held.
struct ItemPlace {
  double x_m = 0;
  double y_m = 0;
  double z_m = 0;
  double ground_height_m = 0;
  friend bool operator==(const ItemPlace&, const ItemPlace&) = default;
};

/// An item, or a stack of equal ones: a row that moves. It has one holder at any time.
struct ItemRow {
  int64_t item_id = 0;  ///< Unique over all shards, as player ids; 0: none.
  int64_t version = 0;  ///< 1 at creation, +1 with each event.
  int64_t holder = kHeldByWorld;
  uint32_t definition = 0;  ///< Of the item catalogue.
  uint32_t quantity = 0;    ///< At least 1.
  ItemPlace place;          ///< With kHeldByWorld only.
  friend bool operator==(const ItemRow&, const ItemRow&) = default;
};

/// Accounts of the double-entry ledger: a player's is numbered as the player, the system's are
/// these. Only system accounts may be below zero; all balances of a shard sum to zero.
inline constexpr int64_t kMintAccount = -1;        ///< Where gold comes from.
inline constexpr int64_t kSinkAccount = -2;        ///< Where it goes.
inline constexpr int64_t kAdjustmentAccount = -3;  ///< Other side of operators' corrections.

struct AccountRow {
  int64_t account_id = 0;
  int64_t version = 0;
  int64_t balance = 0;
  friend bool operator==(const AccountRow&, const AccountRow&) = default;
};

static_assert(std::is_trivially_copyable_v<PlayerRow> && sizeof(PlayerRow) == 120);
static_assert(std::is_trivially_copyable_v<PositionSave> && sizeof(PositionSave) == 64);
static_assert(std::is_trivially_copyable_v<ItemRow> && sizeof(ItemRow) == 64);

/// Stored as numbers; never renumber.
enum class AggregateType : uint8_t { kPlayer = 1, kItem = 2, kAccount = 3 };
enum class EventKind : uint8_t {
  kPlayerCreated = 1,
  kLogin = 2,
  kLogout = 3,
  kSample = 4,
  kItemCreated = 5,   ///< Its supply grows by the quantity (or, out of a stack, see kItemSplitOff).
  kItemMoved = 6,     ///< The holder changed.
  kItemReduced = 7,   ///< Some of the stack was split off into another item.
  kItemSplitOff = 8,  ///< Version 1 of an item that came out of a stack; the supply stays.
  kItemMerged = 9,    ///< Another stack was added to this one.
  kItemEmptied = 10,  ///< This stack was added to another one and is gone; the supply stays.
  kItemDestroyed = 11,  ///< Gone; its supply shrinks.
  kPosted = 12,         ///< An account's balance changed.
  kRolledBack = 13,     ///< A player was set back by an operator.
};

/// "player", "item", "account".
std::string_view AggregateTypeName(AggregateType type);

/// "player_created" and so on, for people.
std::string_view EventKindName(EventKind kind);

/// One row of the append-only event table; (type, id, version) is its key.
struct EventRow {
  AggregateType aggregate_type = AggregateType::kPlayer;
  int64_t aggregate_id = 0;
  int64_t version = 0;
  int64_t at_us = 0;
  core::Tick tick = 0;
  int64_t seq = 0;  ///< Place in the shard's total order: gap-free, ascending in commit order.
  /// Of the ownership row, locked by the transaction that wrote this, of the player whose it is:
  /// the player, the account's, the item's holder (the one before, when nobody holds it now). 0:
  /// nobody's, or written by a version before the column.
  int64_t epoch = 0;
  EventKind kind = EventKind::kSample;
  std::vector<std::byte> payload;  ///< The aggregate's whole state after the event, by its type.
  friend bool operator==(const EventRow&, const EventRow&) = default;
};

/// Payload of player events: [u8 format = 1][x][y][z][ground height: f64 each][health i32][yaw
/// u16], little-endian, 39 bytes.
std::vector<std::byte> EncodePlayerState(const PlayerState& state);
/// False when the format is unknown or the length wrong.
bool DecodePlayerState(const std::vector<std::byte>& payload, PlayerState& out);

/// What caused an item's or account's event: the transactional request, by its key.
struct Cause {
  int64_t player_id = 0;  ///< 0: the zone itself.
  std::array<std::byte, 16> key{};
  friend bool operator==(const Cause&, const Cause&) = default;
};
/// Payload of item events: [u8 format = 1][definition u32][quantity u32][holder
/// i64][x][y][z][ground height: f64][cause player i64][cause key 16 B], little-endian, 73 bytes. A
/// destroyed or emptied item has quantity 0. Decoding leaves id and version as they are: those are
/// the event's.
std::vector<std::byte> EncodeItemEvent(const ItemRow& item, const Cause& cause);
bool DecodeItemEvent(const std::vector<std::byte>& payload, ItemRow& out, Cause& cause);
/// Payload of account events: [u8 format = 1][balance i64][amount i64][cause player i64][cause key
/// 16 B], little-endian, 41 bytes.
std::vector<std::byte> EncodeAccountEvent(int64_t balance, int64_t amount, const Cause& cause);
bool DecodeAccountEvent(const std::vector<std::byte>& payload, int64_t& balance, int64_t& amount,
                        Cause& cause);

}  // namespace bluemarble::persistence
