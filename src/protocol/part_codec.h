/// The delta codec of leaf-block parts, both directions. Pure functions over spans, any thread, no
/// allocation. Layout and rules: proto/WIRE.md "Part payload".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "bluemarble/wire.h"
#include "core/ids.h"
#include "core/result.h"
#include "geo/grid.h"

namespace bluemarble::protocol {

inline constexpr int kSlots = 32;  ///< Slots of one part.

/// A member's state quantised to a class, in the frame of its leaf's sector.
/// Units: position 1 cm (combat), 10 cm (visual), 50 cm (extended); yaw 1/1,024 turn (combat),
/// 1/256 (visual), absent in extended; velocity cm/s, health percent, animation: combat only, else
/// 0.
struct QuantState {
  std::array<int32_t, 3> position{};  ///< east, north, up
  std::array<int16_t, 3> velocity{};  ///< east, north, up; clamped to ±4,095
  uint16_t yaw = 0;
  uint8_t health = 0;
  uint8_t animation = 0;
  friend constexpr bool operator==(const QuantState&, const QuantState&) = default;
};

struct Member {
  core::EntityId id;
  uint8_t kind = 0;  ///< 0..15
  QuantState state;
  friend constexpr bool operator==(const Member&, const Member&) = default;
};

/// What a viewer holds of one part at one tick: the invariant's content.
struct PartState {
  uint32_t occupied = 0;
  std::array<Member, kSlots> members;  ///< Valid where `occupied` has the bit.
};

/// Full-precision (combat) state to that of a coarser class; identity for combat. Pure integer
/// arithmetic.
QuantState ToClass(const QuantState& full, ReplicationClass cls);
/// Centimetres per position unit of the class: 1, 10, 50.
int32_t PositionUnitCm(ReplicationClass cls);

/// Encodes `now` (already in the class's units). `base` null: a keyframe. `same` tells which
/// occupied slots hold the same entity as in `base` (bit i): they are coded as deltas against
/// base->members[i], predicted `base_age` ticks ahead at `tick_hz`; the others in full with
/// identity and kind. Errors: kNoSpace when `out` is too small (kMaxPartBytes always suffices).
/// Cost: O(members).
core::Result<size_t> EncodePart(const PartState& now, const PartState* base, uint32_t same,
                                int base_age, int tick_hz, ReplicationClass cls,
                                std::span<std::byte> out);

/// Decodes a payload onto `base` (null for a keyframe). kInvalid: truncated, trailing, out-of-range
/// or a delta for a slot that `base` does not hold.
core::Status DecodePart(std::span<const std::byte> payload, const PartState* base, int base_age,
                        int tick_hz, ReplicationClass cls, PartState& out);

}  // namespace bluemarble::protocol
