/// The layout of a part's payload, written once for all directions: a Coder that writes returns
/// what it was given, one that reads returns what came, and one that counts (residual_training)
/// learns how often what occurs. For the codec and its trainer only. Rules: proto/WIRE.md "Part
/// payload".
#pragma once

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "protocol/part_codec.h"
#include "protocol/residual.h"

namespace bluemarble::protocol {

inline constexpr int32_t kPositionLimit = 1 << 21;  ///< -limit <= position < limit
inline constexpr int kFullPositionBits = 22;
inline constexpr int kIndexBits = 20;  ///< Of an entity's id.
inline constexpr int kGenerationBits = 12;
inline constexpr int kFullPartBits = 11;  ///< Of a rotation's part.
inline constexpr int32_t kVitalsBits = 12;

/// What a slot holds, in the order of the frequencies below.
enum class SlotUse : uint8_t { kEmpty = 0, kKept = 1, kKeptShort = 2, kFull = 3 };
inline constexpr uint32_t kSlotUses = 4;
/// By the use of the slot before (kKept before the first): where each use starts in 4,096. Chosen,
/// not trained: slots fill from below, and members seldom come and go.
inline constexpr uint16_t kSlotUseStart[kSlotUses][kSlotUses + 1] = {
    {0, 3700, 3980, 4016, 4096},
    {0, 160, 3976, 4016, 4096},
    {0, 240, 2400, 3900, 4096},
    {0, 400, 2200, 2400, 4096},
};
// Chances in 4,096.
inline constexpr uint32_t kFullAfterFull = 3900;  // keyframes: a slot is taken, after one that is
inline constexpr uint32_t kFullAfterEmpty = 400;
inline constexpr uint32_t kNobodyTurns = 2048;  // of a part's kept members, none turns
inline constexpr uint32_t kSameWidth = 2048;
inline constexpr uint32_t kSameGeneration = 2800;
inline constexpr uint32_t kSameKind = 3700;
inline constexpr uint32_t kSameYaw = 1024;      // full records: as the one before
inline constexpr uint32_t kSameVitals = 3300;   // full records: as the one before
inline constexpr uint32_t kVitalsChange = 48;   // deltas
inline constexpr uint32_t kSameLargest = 3900;  // rotation: the predicted component is the largest

constexpr int YawBits(ReplicationClass cls) {
  return cls == ReplicationClass::kCombat ? 10 : cls == ReplicationClass::kVisual ? 8 : 0;
}

constexpr TokenSet TokensOf(uint8_t kind) {
  return kind == kBodyKind ? TokenSet::kFlying : TokenSet::kWalking;
}

/// The running scales of one part. Members that moved between the bases, those that did not, and
/// those of which only one base is known have their own.
struct PartScales {
  struct Set {
    std::array<ResidualScale, 2> position;  ///< east and north, up
    ResidualScale turn;
  };
  Set moving, still, known_once;
  std::array<ResidualScale, 2> full;
  Pace pace;
  bool somebody_turns = true;

  // The guesses: errors grow with the square of the time, as under a steady acceleration; most of
  // what moves keeps its height.
  PartScales(const PartBases& bases, int tick_hz, ReplicationClass cls) {
    const int unit = PositionUnitCm(cls);
    const int squared = 20 * bases.age * (bases.age + bases.step) / (tick_hz * tick_hz * unit);
    moving.position[0] = ResidualScale::Guess(static_cast<uint32_t>(squared));
    moving.turn = ResidualScale::Guess(1);
    const int straight = 200 * bases.age / (tick_hz * unit);
    known_once.position[0] = ResidualScale::Guess(static_cast<uint32_t>(straight));
    if (bases.older != nullptr) pace = Pace(bases.age, bases.step);
    full.fill(ResidualScale::Guess(static_cast<uint32_t>(500 / unit)));
  }
};

/// Where a member is expected: on from `older` to `newest` and further, rounded half up; without
/// `older` at `newest`.
inline int32_t PredictAxis(int32_t newest, int32_t older, int age, int step) {
  const int32_t twice = 2 * (newest - older) * age + step;
  const int32_t carried =
      newest + (twice >= 0 ? twice / (2 * step) : -((2 * step - 1 - twice) / (2 * step)));
  return std::clamp(carried, -kPositionLimit, kPositionLimit - 1);
}

/// A number of at most `bits` bits as its width and what follows the leading one. The width is
/// often that of the number `before`.
template <typename Coder>
uint32_t CodeWidth(Coder& coder, uint32_t value, uint32_t before, int width_bits, int bits) {
  const int given = static_cast<int>(std::bit_width(value));
  int width = static_cast<int>(std::bit_width(before));
  if (!coder.Flag(given == width, kSameWidth)) {
    width = static_cast<int>(coder.Bits(static_cast<uint32_t>(given), width_bits));
    width = std::min(width, bits);
  }
  return width == 0 ? 0 : 1u << (width - 1) | coder.Bits(value, width - 1);
}

template <typename Coder>
void CodeRotation(Coder& coder, const QuantState& newest, const QuantState* older,
                  const PartScales& scales, ResidualScale& scale, int near, Rotation& rotation) {
  const WideRotation predicted = older == nullptr
                                     ? Widen(newest.rotation)
                                     : Extrapolate(older->rotation, newest.rotation, scales.pace);
  const int expected = LargestOf(predicted);
  if (coder.Flag(rotation.largest == expected, kSameLargest)) {
    rotation.largest = static_cast<uint8_t>(expected);
  } else {
    rotation.largest = static_cast<uint8_t>(coder.Bits(rotation.largest, 2));
  }
  const std::array<int32_t, 3> parts = Narrow(predicted, rotation.largest);
  int levels = near;
  for (size_t i = 0; i < 3; ++i) {
    int level = 0;
    const int32_t residual = CodeResidual(coder, TokenSet::kFlying, rotation.parts[i] - parts[i],
                                          scale, i == 2 ? levels / 3 : levels >> i, level);
    rotation.parts[i] = static_cast<int16_t>(
        std::clamp(parts[i] + residual, -kRotationUnit - 1, kRotationUnit + 1));
    levels += level;
  }
}

/// A member that the bases hold; `state` is what is written, or becomes what was read.
template <typename Coder>
void CodeKept(Coder& coder, const QuantState& newest, const QuantState* older,
              const PartBases& bases, uint8_t kind, ReplicationClass cls, PartScales& scales,
              QuantState& state) {
  PartScales::Set& set = older == nullptr                     ? scales.known_once
                         : older->position == newest.position ? scales.still
                                                              : scales.moving;
  int levels = 0;
  for (size_t axis = 0; axis < 3; ++axis) {
    const int32_t predicted =
        older == nullptr
            ? newest.position[axis]
            : PredictAxis(newest.position[axis], older->position[axis], bases.age, bases.step);
    int level = 0;
    const int near = axis == 0 ? -1 : levels >> (axis - 1);
    state.position[axis] =
        predicted + CodeResidual(coder, TokensOf(kind), state.position[axis] - predicted,
                                 set.position[axis / 2], near, level);
    levels += level;
  }
  if (cls == ReplicationClass::kExtended) return;
  if (kind == kBodyKind) {
    CodeRotation(coder, newest, older, scales, set.turn, levels / 3, state.rotation);
    return;
  }
  if (scales.somebody_turns) {
    const int half_turn = 1 << (YawBits(cls) - 1);
    int level = 0;
    const int32_t turned = ((state.yaw - newest.yaw + half_turn) & (2 * half_turn - 1)) - half_turn;
    const int32_t turn =
        CodeResidual(coder, TokenSet::kWalking, turned, set.turn, levels / 3, level);
    state.yaw = static_cast<uint16_t>((newest.yaw + turn) & (2 * half_turn - 1));
  }
  if (cls != ReplicationClass::kCombat) return;
  if (coder.Flag(state.health != newest.health || state.animation != newest.animation,
                 kVitalsChange)) {
    const uint32_t vitals =
        coder.Bits(uint32_t{state.health} | uint32_t{state.animation} << 8, kVitalsBits);
    state.health = static_cast<uint8_t>(vitals & 0xff);
    state.animation = static_cast<uint8_t>(vitals >> 8);
  }
}

/// A member in full. `before`: the member decoded before it in this part, null for the first;
/// `before_full`: the full record before it.
template <typename Coder>
void CodeFull(Coder& coder, const Member* before, const Member& before_full, ReplicationClass cls,
              PartScales& scales, Member& member) {
  const uint32_t index = CodeWidth(coder, member.id.index(), before_full.id.index(), 5, kIndexBits);
  uint32_t generation = before_full.id.generation();
  if (!coder.Flag(member.id.generation() == generation, kSameGeneration)) {
    generation = CodeWidth(coder, member.id.generation(), generation, 4, kGenerationBits);
  }
  member.id = core::EntityId::Make(index, generation);
  if (coder.Flag(member.kind == before_full.kind, kSameKind)) {
    member.kind = before_full.kind;
  } else {
    member.kind = static_cast<uint8_t>(coder.Bits(member.kind, 4));
  }
  QuantState& state = member.state;
  int levels = 0;
  for (size_t axis = 0; axis < 3; ++axis) {
    if (before == nullptr) {
      const uint32_t bits =
          coder.Bits(static_cast<uint32_t>(state.position[axis]), kFullPositionBits);
      state.position[axis] = static_cast<int32_t>((bits ^ 1u << (kFullPositionBits - 1)) -
                                                  (1u << (kFullPositionBits - 1)));
      continue;
    }
    int level = 0;
    const int near = axis == 0 ? -1 : levels >> (axis - 1);
    const int32_t reference = before->state.position[axis];
    state.position[axis] =
        reference + CodeResidual(coder, TokensOf(member.kind), state.position[axis] - reference,
                                 scales.full[axis / 2], near, level);
    levels += level;
  }
  if (cls == ReplicationClass::kExtended) return;
  if (member.kind == kBodyKind) {
    state.rotation.largest = static_cast<uint8_t>(coder.Bits(state.rotation.largest, 2));
    for (int16_t& part : state.rotation.parts) {
      const auto shifted = static_cast<uint32_t>(part + kRotationUnit);
      part = static_cast<int16_t>(static_cast<int32_t>(coder.Bits(shifted, kFullPartBits)) -
                                  kRotationUnit);
    }
    return;
  }
  const QuantState& usual = before_full.state;
  if (coder.Flag(state.yaw == usual.yaw, kSameYaw)) {
    state.yaw = usual.yaw;
  } else {
    state.yaw = static_cast<uint16_t>(coder.Bits(state.yaw, YawBits(cls)));
  }
  if (cls != ReplicationClass::kCombat) return;
  if (coder.Flag(state.health == usual.health && state.animation == usual.animation, kSameVitals)) {
    state.health = usual.health;
    state.animation = usual.animation;
    return;
  }
  const uint32_t vitals =
      coder.Bits(uint32_t{state.health} | uint32_t{state.animation} << 8, kVitalsBits);
  state.health = static_cast<uint8_t>(vitals & 0xff);
  state.animation = static_cast<uint8_t>(vitals >> 8);
}

/// What `before_full` is at the beginning of a part: a healthy player at rest.
inline Member FirstBeforeFull() {
  Member member;
  member.id = core::EntityId::Make(255, 1);
  member.kind = 1;
  member.state.health = 100;
  return member;
}

inline SlotUse UseOf(uint32_t slot, uint32_t occupied, const PartBases& bases,
                     const SameMembers& same) {
  if ((occupied >> slot & 1) == 0) return SlotUse::kEmpty;
  if (bases.newest == nullptr || (same.newest >> slot & 1) == 0) return SlotUse::kFull;
  return bases.older != nullptr && (same.both >> slot & 1) == 0 ? SlotUse::kKeptShort
                                                                : SlotUse::kKept;
}

template <typename Coder>
void CodeSlotUses(Coder& coder, bool keyframe, std::array<SlotUse, kSlots>& uses) {
  SlotUse before = keyframe ? SlotUse::kFull : SlotUse::kKept;
  for (SlotUse& use : uses) {
    if (keyframe) {
      const bool full = coder.Flag(use == SlotUse::kFull,
                                   before == SlotUse::kFull ? kFullAfterFull : kFullAfterEmpty);
      use = full ? SlotUse::kFull : SlotUse::kEmpty;
    } else {
      use = static_cast<SlotUse>(coder.Symbol(kSlotUseStart[static_cast<size_t>(before)], kSlotUses,
                                              static_cast<uint32_t>(use)));
    }
    before = use;
  }
}

/// Asked before the members: whether a yaw among the kept ones is not as in the newest base.
inline bool SomebodyTurns(const std::array<SlotUse, kSlots>& uses, const PartBases& bases,
                          const PartState& part) {
  for (size_t slot = 0; slot < kSlots; ++slot) {
    const bool kept = uses[slot] == SlotUse::kKept || uses[slot] == SlotUse::kKeptShort;
    if (kept && part.members[slot].state.yaw != bases.newest->members[slot].state.yaw) return true;
  }
  return false;
}

/// The payload. `part` holds what is written, or room for what is read; false when a kept slot is
/// one that a base does not hold (reading only).
template <typename Coder>
bool CodePart(Coder& coder, std::array<SlotUse, kSlots>& uses, const PartBases& bases, int tick_hz,
              ReplicationClass cls, PartState& part) {
  CodeSlotUses(coder, bases.newest == nullptr, uses);
  PartScales scales(bases, tick_hz, cls);
  if (bases.newest != nullptr && cls != ReplicationClass::kExtended) {
    scales.somebody_turns = !coder.Flag(!SomebodyTurns(uses, bases, part), kNobodyTurns);
  }
  const Member first = FirstBeforeFull();
  const Member* before = nullptr;
  const Member* before_full = &first;
  part.occupied = 0;
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    if (uses[slot] == SlotUse::kEmpty) continue;
    part.occupied |= 1u << slot;
    Member& member = part.members[slot];
    if (uses[slot] == SlotUse::kFull) {
      coder.Begin(member);
      CodeFull(coder, before, *before_full, cls, scales, member);
      before_full = &member;
    } else {
      const bool both = bases.older != nullptr && uses[slot] == SlotUse::kKept;
      const QuantState* older = both ? &bases.older->members[slot].state : nullptr;
      if (!coder.Holds(*bases.newest, slot, member, true) ||
          (both && !coder.Holds(*bases.older, slot, member, false))) {
        return false;
      }
      CodeKept(coder, bases.newest->members[slot].state, older, bases, member.kind, cls, scales,
               member.state);
    }
    before = &member;
  }
  return true;
}

}  // namespace bluemarble::protocol
