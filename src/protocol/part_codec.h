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
#include "protocol/rotation.h"

namespace bluemarble::protocol {

inline constexpr int kSlots = 32;  ///< Slots of one part.

/// Members of this kind have a full orientation in place of yaw, health and animation.
inline constexpr uint8_t kBodyKind = 5;

/// A member's state quantised to a class, in the frame of its leaf's sector.
/// Units: position 1 cm (combat), 10 cm (visual), 50 cm (extended); yaw 1/1,024 turn (combat),
/// 1/256 (visual), absent in extended; health percent, animation: combat only, else 0; rotation:
/// combat and visual, bodies only. How fast it moves is not part of it: two states tell.
struct QuantState {
  std::array<int32_t, 3> position{};  ///< east, north, up
  uint16_t yaw = 0;
  uint8_t health = 0;
  uint8_t animation = 0;
  Rotation rotation;
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

/// The states a part is coded against: what is common knowledge of it. One gives where its members
/// were, an older one besides how they moved.
struct PartBases {
  const PartState* newest = nullptr;  ///< Null: a keyframe, and the rest is unused.
  const PartState* older = nullptr;   ///< Null: none.
  int age = 0;                        ///< Ticks from `newest` to now, at least 1.
  int step = 0;  ///< Ticks from `older` to `newest`; age + step < kBaseTicks. 0 without `older`.
};

/// Which slots hold the same entity now as in the bases (bit i), as the encoder knows it.
struct SameMembers {
  uint32_t newest = 0;
  uint32_t both = 0;  ///< A subset of `newest`.
};

/// What the bits of a payload are spent on: membership and identity, position, yaw or orientation,
/// health and animation.
enum class PartField : uint8_t { kIdentity, kPosition, kFacing, kVitals };
inline constexpr size_t kPartFields = 4;
/// In place of a kind: what is said of the part as a whole.
inline constexpr uint8_t kNobody = 0;
inline constexpr size_t kSpendingKinds =
    6;  ///< kNobody, who has the unknown kinds too, and 1 to 5.

/// Where the bits of one payload of at most kMaxPartBytes went, in eighths of a bit. Nobody has
/// kIdentity only. Up to two bytes at a payload's end are for none.
struct PartSpending {
  std::array<std::array<uint16_t, kPartFields>, kSpendingKinds> eighths{};
  uint32_t kinds = 0;  ///< Bit k: row k has something.
};

/// Centimetres per position unit of the class: 1, 10, 50.
constexpr int32_t PositionUnitCm(ReplicationClass cls) {
  return cls == ReplicationClass::kCombat ? 1 : cls == ReplicationClass::kVisual ? 10 : 50;
}

/// To the nearest, halves upwards.
template <int32_t kUnit>
constexpr int32_t RoundedTo(int32_t value) {
  const int32_t shifted = value + kUnit / 2;
  const int32_t quotient = shifted / kUnit;
  return shifted % kUnit < 0 ? quotient - 1 : quotient;
}

/// Full-precision (combat) state to that of a coarser class; identity for combat. Pure integer
/// arithmetic; inline, since a block needs it three times a member.
inline QuantState ToClass(const QuantState& full, ReplicationClass cls) {
  if (cls == ReplicationClass::kCombat) return full;
  QuantState state;
  // Constants: a division costs more than all the rest here.
  if (cls == ReplicationClass::kExtended) {
    for (size_t axis = 0; axis < 3; ++axis)
      state.position[axis] =
          RoundedTo<PositionUnitCm(ReplicationClass::kExtended)>(full.position[axis]);
    return state;
  }
  for (size_t axis = 0; axis < 3; ++axis)
    state.position[axis] =
        RoundedTo<PositionUnitCm(ReplicationClass::kVisual)>(full.position[axis]);
  state.yaw = static_cast<uint16_t>(((full.yaw + 2) >> 2) & 0xff);
  state.rotation = full.rotation;
  return state;
}

/// Encodes `now` (already in the class's units). Members in `same` are coded against the bases'
/// members of their slot, of which only the state is read; the others in full with identity and
/// kind. Errors: kNoSpace when `out` is too small. Cost: O(members). What was spent is told if
/// asked for.
core::Result<size_t> EncodePart(const PartState& now, const PartBases& bases, SameMembers same,
                                int tick_hz, ReplicationClass cls, std::span<std::byte> out,
                                PartSpending* spending = nullptr);

/// Decodes a payload onto its bases. kInvalid: a length that does not fit what it says, something
/// out of range, or a delta for a slot that a base does not hold.
core::Status DecodePart(std::span<const std::byte> payload, const PartBases& bases, int tick_hz,
                        ReplicationClass cls, PartState& out);

}  // namespace bluemarble::protocol
