/// The server's snapshot message on the unreliable channel: private block, leaf-block parts, drops.
/// Pure functions over spans, any thread, no allocation. Layout (proto/WIRE.md "Snapshot";
/// little-endian, byte aligned):
///
///   u8 type = 2 | u16 sequence | u32 tick | u8 flags | i8 input_depth | u8 health
///   flags bit 0: exact own state: f64 position[3], velocity[3], ground_height, u16 yaw
///   flags bit 1: u8 confirmed_age: own prediction was right at tick - confirmed_age
///   flags bit 2: u8 dilation_pct - 100
///   u8 drop_count, drop_count x u64 leaf key
///   until the end: parts, each
///     u8 mode: class(2) has_base ages_follow next_of_leaf long numbered whole_key
///     [u64 leaf key or varint relative key] [u8 part number] [varint ages]
///     u8 or u16 length | payload
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "bluemarble/wire.h"
#include "core/ids.h"
#include "core/result.h"
#include "geo/grid.h"
#include "geo/vec3.h"

namespace bluemarble::protocol {

inline constexpr size_t kPartHeaderBytes = 14;  ///< At most; 2 to 5 in the middle of a snapshot.
inline constexpr size_t kMaxPartBytes =
    900;  ///< Header excluded; what cannot be sent in one datagram must not exist.
inline constexpr int kMaxDropsPerSnapshot = 32;

struct PrivateBlock {
  uint16_t sequence = 0;
  uint32_t tick = 0;       ///< Low 32 bits.
  int8_t input_depth = 0;  ///< Newest command tick the server holds, minus `tick`, clamped to ±127.
  uint8_t health = 0;
  uint16_t dilation_pct = 100;  ///< 100..355: a tick's period now, of the regular one.
  bool exact = false;  ///< The following four are valid: the own state at `tick`, bit for bit.
  geo::Vec3 position, velocity;
  double ground_height_m = 0;
  uint16_t yaw = 0;
  bool confirmed = false;  ///< The client's own prediction at tick - confirmed_age was right.
  uint8_t confirmed_age = 0;
};

struct PartHeader {
  geo::NodeKey leaf;
  uint8_t part = 0;
  ReplicationClass cls = ReplicationClass::kCombat;
  uint8_t base_age = 0;  ///< tick - base tick in 1..kBaseTicks-1; 0: keyframe.
  uint8_t base_step =
      0;  ///< Base tick - older base tick; 0: there is none. age + step < kBaseTicks.
  friend constexpr bool operator==(const PartHeader&, const PartHeader&) = default;
};

/// Builds one snapshot. `out` is the whole message's space; parts that do not fit are refused.
class SnapshotWriter {
 public:
  /// kNoSpace when even the private block and drops do not fit.
  core::Status Begin(const PrivateBlock& own, std::span<const geo::NodeKey> drops,
                     std::span<std::byte> out);
  /// False when header + payload do not fit in what is left. Parts of one leaf in the order of
  /// their numbers, and parts with the same ages after each other, have the shortest headers.
  bool AddPart(const PartHeader& header, std::span<const std::byte> payload);
  size_t size_bytes() const { return size_; }
  size_t room_bytes() const { return out_.size() - size_; }

 private:
  std::span<std::byte> out_;
  size_t size_ = 0;
  PartHeader before_;         ///< leaf none: no part yet.
  uint16_t ages_before_ = 0;  ///< Of the last part with a base; 0: none.
};

/// Reads a snapshot in the order it was written.
class SnapshotReader {
 public:
  /// Parses and checks the private block and the drops. kInvalid: truncated, wrong type, bad key or
  /// flag.
  core::Status Begin(std::span<const std::byte> bytes);
  const PrivateBlock& own() const { return own_; }
  std::span<const geo::NodeKey> drops() const { return {drops_.data(), drop_count_}; }
  /// The next part; false at the end or on malformed bytes: then `malformed()` tells which.
  bool NextPart(PartHeader& header, std::span<const std::byte>& payload);
  bool malformed() const { return malformed_; }
  size_t rest_bytes() const { return rest_.size(); }  ///< Of the parts not read yet.

 private:
  PrivateBlock own_;
  std::array<geo::NodeKey, kMaxDropsPerSnapshot> drops_;
  size_t drop_count_ = 0;
  std::span<const std::byte> rest_;
  PartHeader before_;
  uint16_t ages_before_ = 0;
  bool malformed_ = false;
};

}  // namespace bluemarble::protocol
