/// Strong identifiers and sequence arithmetic. Values only, any thread.
#pragma once

#include <compare>
#include <cstdint>

namespace bluemarble::core {

/// One fixed simulation step's number: the only clock inside the world. It never goes back, also
/// across restarts (the store keeps it). On the wire it travels as its low 32 bits.
using Tick = uint64_t;

/// Index + generation of an entity; 0 is "none". The same 32 bits are the network id.
struct EntityId {
  static constexpr uint32_t kIndexBits = 20;  // 1,048,576 live entities per shard
  static constexpr uint32_t kIndexMask = (1u << kIndexBits) - 1;
  static constexpr uint32_t kGenerationMask = (1u << (32 - kIndexBits)) - 1;

  uint32_t bits = 0;

  static constexpr EntityId Make(uint32_t index, uint32_t generation) {
    return EntityId{(generation & kGenerationMask) << kIndexBits | (index & kIndexMask)};
  }
  constexpr uint32_t index() const { return bits & kIndexMask; }
  constexpr uint32_t generation() const { return bits >> kIndexBits; }
  constexpr explicit operator bool() const { return bits != 0; }
  friend constexpr auto operator<=>(const EntityId&, const EntityId&) = default;
};

/// A transport endpoint: ENet host, slot in it, and the slot's generation; a peer that left is
/// never mistaken for the one that took its slot (PITFALLS E-17). 0 is "none".
struct PeerId {
  uint64_t bits = 0;

  static constexpr PeerId Make(uint32_t host, uint32_t slot, uint32_t generation) {
    return PeerId{uint64_t{generation} << 32 | uint64_t{host & 0xffff} << 16 | (slot & 0xffff)};
  }
  constexpr uint32_t host() const { return (bits >> 16) & 0xffff; }
  constexpr uint32_t slot() const { return bits & 0xffff; }
  constexpr uint32_t generation() const { return static_cast<uint32_t>(bits >> 32); }  // >= 1
  constexpr explicit operator bool() const { return bits != 0; }
  friend constexpr auto operator<=>(const PeerId&, const PeerId&) = default;
};

/// Wrap-safe order of 16-bit packet sequences: is `a` newer than `b`?
constexpr bool SequenceNewer(uint16_t a, uint16_t b) {
  return static_cast<int16_t>(static_cast<uint16_t>(a - b)) > 0;
}

/// The full tick whose low 32 bits are `low` and that lies nearest to `reference`.
constexpr Tick ExpandTick(uint32_t low, Tick reference) {
  const auto difference = static_cast<int32_t>(low - static_cast<uint32_t>(reference));
  return reference + static_cast<Tick>(static_cast<int64_t>(difference));
}

}  // namespace bluemarble::core
