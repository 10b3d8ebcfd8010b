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

static_assert(std::is_trivially_copyable_v<PlayerRow> && sizeof(PlayerRow) == 120);
static_assert(std::is_trivially_copyable_v<PositionSave> && sizeof(PositionSave) == 64);

/// Stored as numbers; never renumber.
enum class AggregateType : uint8_t { kPlayer = 1 };
enum class EventKind : uint8_t { kPlayerCreated = 1, kLogin = 2, kLogout = 3, kSample = 4 };

/// "player_created" and so on, for people.
std::string_view EventKindName(EventKind kind);

/// One row of the append-only event table; (type, id, version) is its key.
struct EventRow {
  AggregateType aggregate_type = AggregateType::kPlayer;
  int64_t aggregate_id = 0;
  int64_t version = 0;
  int64_t at_us = 0;
  core::Tick tick = 0;
  EventKind kind = EventKind::kSample;
  std::vector<std::byte> payload;  ///< For players: EncodePlayerState.
  friend bool operator==(const EventRow&, const EventRow&) = default;
};

/// Payload of player events: [u8 format = 1][x][y][z][ground height: f64 each][health i32][yaw
/// u16], little-endian, 39 bytes.
std::vector<std::byte> EncodePlayerState(const PlayerState& state);
/// False when the format is unknown or the length wrong.
bool DecodePlayerState(const std::vector<std::byte>& payload, PlayerState& out);

}  // namespace bluemarble::persistence
