/// The layout of a part's payload, written once for all directions: a Coder that writes returns
/// what it was given, one that reads returns what came and stores it, and one that counts
/// (residual_training) learns how often what occurs. For the codec and its trainer only. Rules:
/// proto/WIRE.md "Part payload".
///
/// Encoding is a part of every tick, so what differs from member to member is looked up rather than
/// branched on, and no member divides.
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

/// Where members are expected by how they moved between the bases. Divides by multiplying: a
/// quotient below 2^29 by at most 62 is exact with 35 digits behind the point, and is above zero
/// once a multiple of the divisor is added.
class Course {
 public:
  Course() = default;
  Course(int age, int step)
      : twice_age_(2 * age),
        away_(kFarthest / (2 * step) + 1),
        above_(2 * step * away_ + step),
        inverse_(kInverse[static_cast<size_t>(step)]) {}
  /// On from `older` to `newest` and further, rounded half up.
  int32_t operator()(int32_t newest, int32_t older) const {
    const auto twice = static_cast<uint32_t>((newest - older) * twice_age_ + above_);
    const auto carried = static_cast<int32_t>(twice * inverse_ >> kInverseBits) - away_;
    return std::clamp(newest + carried, -kPositionLimit, kPositionLimit - 1);
  }

 private:
  static constexpr int kInverseBits = 35;
  static constexpr int32_t kFarthest = 2 * 2 * kPositionLimit * (kBaseTicks - 2) + kBaseTicks;
  static constexpr auto kInverse = [] {
    std::array<uint64_t, kBaseTicks> inverse{};
    for (uint64_t step = 1; step < kBaseTicks; ++step)
      inverse[step] = ((uint64_t{1} << kInverseBits) + 2 * step - 1) / (2 * step);
    return inverse;
  }();
  static_assert(2 * uint64_t{kFarthest} * 2 * (kBaseTicks - 1) < uint64_t{1} << kInverseBits);

  int32_t twice_age_ = 0, away_ = 0, above_ = 0;
  uint64_t inverse_ = 0;
};

/// The running scales of one part. Members that moved between the bases, those that did not, and
/// those of which only one base is known have their own.
struct PartScales {
  struct Set {
    std::array<ResidualScale, 2> position;  ///< east and north, up
    ResidualScale turn;
  };
  enum : size_t { kMoving, kStill, kKnownOnce, kSets };
  std::array<Set, kSets> kept;
  std::array<ResidualScale, 2> full;
  Course course;
  Pace pace;
  bool somebody_turns = true;

  // The guesses: errors grow with the square of the time, as under a steady acceleration; most of
  // what moves keeps its height.
  PartScales(const PartBases& bases, int tick_hz, ReplicationClass cls) {
    const int unit = PositionUnitCm(cls);
    if (bases.newest != nullptr) {
      const int squared = 20 * bases.age * (bases.age + bases.step) / (tick_hz * tick_hz * unit);
      kept[kMoving].position[0] = ResidualScale::Guess(static_cast<uint32_t>(squared));
      kept[kMoving].turn = ResidualScale::Guess(1);
      const int straight = 200 * bases.age / (tick_hz * unit);
      kept[kKnownOnce].position[0] = ResidualScale::Guess(static_cast<uint32_t>(straight));
    }
    if (bases.older != nullptr) {
      course = Course(bases.age, bases.step);
      pace = Pace(bases.age, bases.step);
    }
    full.fill(ResidualScale::Guess(static_cast<uint32_t>(500 / unit)));
  }
};

/// Levels are never negative, which makes the division cheaper.
constexpr int MeanOfThree(int sum) { return static_cast<int>(static_cast<uint32_t>(sum) / 3); }

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

template <typename Coder, typename State>
void CodeVitals(Coder& coder, State& state) {
  const uint32_t vitals =
      coder.Bits(uint32_t{state.health} | uint32_t{state.animation} << 8, kVitalsBits);
  coder.Store(state.health, vitals & 0xff);
  coder.Store(state.animation, vitals >> 8);
}

template <typename Coder, typename Rotation>
[[gnu::always_inline]] inline void CodeRotation(Coder& coder, const ExpectedRotations& expected,
                                                size_t number, ResidualScale& scale, int near,
                                                Rotation& rotation) {
  int largest = expected.largest(number);
  std::array<int32_t, 3> parts = expected.parts(number);
  if (!coder.Flag(rotation.largest == largest, kSameLargest)) {
    largest = static_cast<int>(coder.Bits(rotation.largest, 2));
    parts = expected.PartsWithout(static_cast<size_t>(largest), number);
  }
  coder.Store(rotation.largest, largest);
  const auto code = [&](size_t i, int near_it) __attribute__((always_inline)) {
    int level = 0;
    const int32_t residual =
        CodeResidual(coder, TokenSet::kFlying, rotation.parts[i] - parts[i], scale, near_it, level);
    coder.Store(rotation.parts[i],
                std::clamp(parts[i] + residual, -kRotationUnit - 1, kRotationUnit + 1));
    return level;
  };
  const int first = code(0, near);
  const int second = code(1, (near + first) >> 1);
  code(2, MeanOfThree(near + first + second));
}

/// East, north and up of `position` by their residuals to `reference`; the mean of their levels.
template <typename Coder, typename Position>
[[gnu::always_inline]] inline int CodePosition(Coder& coder, TokenSet set,
                                               const std::array<int32_t, 3>& reference,
                                               std::array<ResidualScale, 2>& scales,
                                               Position& position) {
  const auto code = [&](size_t axis, ResidualScale & scale, int near)
      __attribute__((always_inline)) {
    int level = 0;
    coder.Store(position[axis],
                reference[axis] +
                    CodeResidual(coder, set, position[axis] - reference[axis], scale, near, level));
    return level;
  };
  ResidualScale flat = scales[0];  // in a register
  const int east = code(0, flat, -1);
  const int north = code(1, flat, east);
  scales[0] = flat;
  const int up = code(2, scales[1], (east + north) >> 1);
  return MeanOfThree(east + north + up);
}

/// A member that the bases hold, if a body the one of `number` among them; `state` is what is
/// written, or becomes what was read.
template <typename Coder, typename State>
[[gnu::always_inline]] inline void CodeKept(Coder& coder, const QuantState& newest,
                                            const QuantState* older, uint8_t kind,
                                            ReplicationClass cls, const ExpectedRotations& expected,
                                            size_t number, PartScales& scales, State& state) {
  std::array<int32_t, 3> predicted = newest.position;
  size_t which = PartScales::kKnownOnce;
  if (older != nullptr) {
    int32_t moved = 0;
    for (size_t axis = 0; axis < 3; ++axis) {
      predicted[axis] = scales.course(newest.position[axis], older->position[axis]);
      moved |= newest.position[axis] ^ older->position[axis];
    }
    which = moved == 0 ? PartScales::kStill : PartScales::kMoving;
  }
  PartScales::Set& set = scales.kept[which];
  const int near = CodePosition(coder, TokensOf(kind), predicted, set.position, state.position);
  coder.Spent(PartField::kPosition, kind);
  if (cls == ReplicationClass::kExtended) return;
  if (kind == kBodyKind) {
    CodeRotation(coder, expected, number, set.turn, near, state.rotation);
    coder.Spent(PartField::kFacing, kind);
    return;
  }
  if (scales.somebody_turns) {
    const int half_turn = 1 << (YawBits(cls) - 1);
    int level = 0;
    const int32_t given = ((state.yaw - newest.yaw + half_turn) & (2 * half_turn - 1)) - half_turn;
    const int32_t turn = CodeResidual(coder, TokenSet::kWalking, given, set.turn, near, level);
    coder.Store(state.yaw, (newest.yaw + turn) & (2 * half_turn - 1));
    coder.Spent(PartField::kFacing, kind);
  }
  if (cls != ReplicationClass::kCombat) return;
  if (coder.Flag(state.health != newest.health || state.animation != newest.animation,
                 kVitalsChange)) {
    CodeVitals(coder, state);
  }
  coder.Spent(PartField::kVitals, kind);
}

/// A member in full. `before`: the member decoded before it in this part, null for the first;
/// `before_full`: the full record before it.
template <typename Coder, typename Member>
void CodeFull(Coder& coder, const protocol::Member* before, const protocol::Member& before_full,
              ReplicationClass cls, PartScales& scales, Member& member) {
  const uint32_t index = CodeWidth(coder, member.id.index(), before_full.id.index(), 5, kIndexBits);
  uint32_t generation = before_full.id.generation();
  if (!coder.Flag(member.id.generation() == generation, kSameGeneration)) {
    generation = CodeWidth(coder, member.id.generation(), generation, 4, kGenerationBits);
  }
  coder.Store(member.id, core::EntityId::Make(index, generation));
  uint8_t kind = before_full.kind;
  if (!coder.Flag(member.kind == kind, kSameKind))
    kind = static_cast<uint8_t>(coder.Bits(member.kind, 4));
  coder.Store(member.kind, kind);
  coder.Spent(PartField::kIdentity, kind);
  auto& state = member.state;
  if (before == nullptr) {
    for (auto& axis : state.position) {
      const uint32_t bits = coder.Bits(static_cast<uint32_t>(axis), kFullPositionBits);
      coder.Store(axis, static_cast<int32_t>((bits ^ 1u << (kFullPositionBits - 1)) -
                                             (1u << (kFullPositionBits - 1))));
    }
  } else {
    CodePosition(coder, TokensOf(kind), before->state.position, scales.full, state.position);
  }
  coder.Spent(PartField::kPosition, kind);
  if (cls == ReplicationClass::kExtended) return;
  if (kind == kBodyKind) {
    coder.Store(state.rotation.largest, coder.Bits(state.rotation.largest, 2));
    for (auto& part : state.rotation.parts) {
      const auto shifted = static_cast<uint32_t>(part + kRotationUnit);
      coder.Store(part, static_cast<int32_t>(coder.Bits(shifted, kFullPartBits)) - kRotationUnit);
    }
    coder.Spent(PartField::kFacing, kind);
    return;
  }
  const QuantState& usual = before_full.state;
  uint32_t yaw = usual.yaw;
  if (!coder.Flag(state.yaw == yaw, kSameYaw)) yaw = coder.Bits(state.yaw, YawBits(cls));
  coder.Store(state.yaw, yaw);
  coder.Spent(PartField::kFacing, kind);
  if (cls != ReplicationClass::kCombat) return;
  if (coder.Flag(state.health == usual.health && state.animation == usual.animation, kSameVitals)) {
    coder.Store(state.health, usual.health);
    coder.Store(state.animation, usual.animation);
  } else {
    CodeVitals(coder, state);
  }
  coder.Spent(PartField::kVitals, kind);
}

/// What `before_full` is at the beginning of a part: a healthy player at rest.
inline Member FirstBeforeFull() {
  Member member;
  member.id = core::EntityId::Make(255, 1);
  member.kind = 1;
  member.state.health = 100;
  return member;
}

/// By slot, one bit each; the rest is empty. No slot is in two.
struct SlotUses {
  uint32_t kept = 0, kept_short = 0, full = 0;

  uint32_t any_kept() const { return kept | kept_short; }
  uint32_t taken() const { return kept | kept_short | full; }
  SlotUse Of(uint32_t slot) const {
    return static_cast<SlotUse>((kept >> slot & 1) + 2 * (kept_short >> slot & 1) +
                                3 * (full >> slot & 1));
  }
  void Set(uint32_t slot, SlotUse use) {
    kept |= uint32_t{use == SlotUse::kKept} << slot;
    kept_short |= uint32_t{use == SlotUse::kKeptShort} << slot;
    full |= uint32_t{use == SlotUse::kFull} << slot;
  }
};

inline SlotUses UsesOf(uint32_t occupied, const PartBases& bases, const SameMembers& same) {
  if (bases.newest == nullptr) return {.full = occupied};
  const uint32_t kept = occupied & same.newest;
  const uint32_t as_before = bases.older != nullptr ? kept & same.both : kept;
  return {.kept = as_before, .kept_short = kept & ~as_before, .full = occupied & ~kept};
}

/// Of a part with bases: the uses of the slots from `slot` on, the one before it had `before`.
template <typename Coder>
void CodeUses(Coder& coder, uint32_t slot, SlotUse before, SlotUses& uses) {
  for (; slot < kSlots; ++slot) {
    const auto use =
        static_cast<SlotUse>(coder.Symbol(kSlotUseStart[static_cast<size_t>(before)], kSlotUses,
                                          static_cast<uint32_t>(uses.Of(slot))));
    uses.Set(slot, use);
    before = use;
  }
}

/// Of a keyframe.
template <typename Coder>
void CodeTaken(Coder& coder, SlotUses& uses) {
  bool before = true;
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    const bool full =
        coder.Flag((uses.full >> slot & 1) != 0, before ? kFullAfterFull : kFullAfterEmpty);
    uses.full |= uint32_t{full} << slot;
    before = full;
  }
}

/// Asked before the members: whether a yaw among the kept ones is not as in the newest base.
inline bool SomebodyTurns(const SlotUses& uses, const PartBases& bases, const PartState& part) {
  uint32_t turned = 0;
  for (uint32_t rest = uses.any_kept(); rest != 0; rest &= rest - 1) {
    const auto slot = static_cast<size_t>(std::countr_zero(rest));
    turned |= uint32_t{part.members[slot].state.yaw} ^ bases.newest->members[slot].state.yaw;
  }
  return turned != 0;
}

/// Where the kept bodies have turned, by their order. All at once and before any is coded, for one
/// does not wait for another.
template <typename Coder, typename Part>
[[gnu::always_inline]] inline void TurnBodies(const Coder& coder, const SlotUses& uses,
                                              const PartBases& bases, const Pace& pace,
                                              const Part& part, ExpectedRotations& expected) {
  uint32_t bodies = 0;
  for (uint32_t rest = uses.any_kept(); rest != 0; rest &= rest - 1) {
    const auto slot = static_cast<uint32_t>(std::countr_zero(rest));
    bodies |= uint32_t{coder.KindOf(*bases.newest, part, slot) == kBodyKind} << slot;
  }
  std::array<Turn, kSlots / kLanes> turns;
  std::array<Lanes, kSlots / kLanes> known_once;
  size_t groups = 0;
  for (; bodies != 0; ++groups) {
    std::array<const Rotation*, kLanes> newest, older;
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const auto slot = static_cast<uint32_t>(std::countr_zero(bodies));
      const bool both = bases.older != nullptr && (uses.kept >> slot & 1) != 0 &&
                        coder.IsHeld(*bases.older, slot);
      newest[lane] = &bases.newest->members[slot].state.rotation;
      older[lane] = both ? &bases.older->members[slot].state.rotation : newest[lane];
      known_once[groups][lane] = both ? 0 : -1;
      // The last one fills what is left of the lanes.
      if ((bodies & (bodies - 1)) != 0 || lane == kLanes - 1) bodies &= bodies - 1;
    }
    turns[groups].Begin(RotationLanes(older), RotationLanes(newest));
  }
  for (size_t group = 0; group < groups; ++group) turns[group].FindFactor(pace);
  for (size_t group = 0; group < groups; ++group) {
    WideRotations turned = turns[group].End();
    for (size_t i = 0; i < turned.size(); ++i)
      turned[i] = known_once[group] ? turns[group].newest[i] : turned[i];
    expected.Set(group * kLanes, turned);
  }
}

/// The payload. `part` holds what is written, or room for what is read; false when a kept slot is
/// one that a base does not hold (reading only).
template <typename Coder, typename Part>
[[gnu::always_inline]] inline bool CodePart(Coder& coder, SlotUses uses, const PartBases& bases,
                                            int tick_hz, ReplicationClass cls, Part& part) {
  if (bases.newest == nullptr) {
    CodeTaken(coder, uses);
  } else {
    coder.Uses(uses);
  }
  PartScales scales(bases, tick_hz, cls);
  if (bases.newest != nullptr && cls != ReplicationClass::kExtended) {
    scales.somebody_turns = !coder.Flag(!SomebodyTurns(uses, bases, part), kNobodyTurns);
  }
  coder.Spent(PartField::kIdentity, kNobody);
  coder.Store(part.occupied, uses.taken());
  ExpectedRotations expected;
  size_t kept_bodies = 0;
  if (cls != ReplicationClass::kExtended)
    TurnBodies(coder, uses, bases, scales.pace, part, expected);
  const Member first = FirstBeforeFull();
  const Member* before = nullptr;
  const Member* before_full = &first;
  for (uint32_t rest = uses.taken(); rest != 0; rest &= rest - 1) {
    const auto slot = static_cast<uint32_t>(std::countr_zero(rest));
    auto& member = part.members[slot];
    if ((uses.full >> slot & 1) != 0) {
      coder.Begin(member);
      CodeFull(coder, before, *before_full, cls, scales, member);
      before_full = &member;
    } else {
      const bool both = bases.older != nullptr && (uses.kept >> slot & 1) != 0;
      const QuantState* older = both ? &bases.older->members[slot].state : nullptr;
      if (!coder.Holds(*bases.newest, slot, member, true) ||
          (both && !coder.Holds(*bases.older, slot, member, false))) {
        return false;
      }
      CodeKept(coder, bases.newest->members[slot].state, older, member.kind, cls, expected,
               kept_bodies, scales, member.state);
      kept_bodies += member.kind == kBodyKind ? 1 : 0;
    }
    before = &member;
  }
  return true;
}

}  // namespace bluemarble::protocol
