#include "protocol/part_codec.h"

#include <algorithm>
#include <bit>

#include "core/bits.h"

namespace bluemarble::protocol {
namespace {

using core::BitReader;
using core::BitWriter;
using core::Code;

// Widths of a residual's four sizes. The largest holds every value of its field, so each residual
// has a code. Walkers against a base up to 8 ticks old stay below 32 units on most axes (measured:
// docs/performance.md).
constexpr std::array<int, 4> kPositionBits{0, 4, 8, 23};
constexpr std::array<int, 4> kVelocityBits{0, 5, 9, 14};
constexpr int kVelocityLimit = 4095;
constexpr int kFullPositionBits = 22;
constexpr int kFullVelocityBits = 13;

constexpr int YawBits(ReplicationClass cls) {
  return cls == ReplicationClass::kCombat ? 10 : cls == ReplicationClass::kVisual ? 8 : 0;
}

int32_t FloorDivide(int32_t value, int32_t by) {
  const int32_t quotient = value / by;
  return value % by < 0 ? quotient - 1 : quotient;
}

// Where the base's velocity (cm/s; combat only, else 0) carries an axis in `age` ticks, rounded
// half up.
int32_t Predict(int32_t position, int16_t velocity, int age, int tick_hz) {
  return position + FloorDivide(2 * int32_t{velocity} * age + tick_hz, 2 * tick_hz);
}

void WriteResidual(BitWriter& out, int32_t residual, const std::array<int, 4>& sizes) {
  const uint32_t coded = core::ZigZag(residual);
  for (uint32_t size = 0; size < 4; ++size) {
    if (static_cast<int>(std::bit_width(coded)) <= sizes[size]) {
      out.Write(size, 2);
      out.Write(coded, sizes[size]);
      return;
    }
  }
}

int32_t ReadResidual(BitReader& in, const std::array<int, 4>& sizes) {
  return core::UnZigZag(in.Read(sizes[in.Read(2)]));
}

bool PositionInRange(int32_t value) { return value >= -(1 << 21) && value < (1 << 21); }

void WriteFull(BitWriter& out, const Member& member, ReplicationClass cls) {
  out.Write(member.id.bits, 32);
  out.Write(member.kind, 4);
  for (int32_t axis : member.state.position)
    out.Write(static_cast<uint32_t>(axis), kFullPositionBits);
  out.Write(member.state.yaw, YawBits(cls));
  if (cls == ReplicationClass::kCombat) {
    for (int16_t axis : member.state.velocity)
      out.Write(static_cast<uint32_t>(axis), kFullVelocityBits);
    out.Write(member.state.health, 8);
    out.Write(member.state.animation, 4);
  }
}

int32_t SignExtend(uint32_t value, int bits) {
  const uint32_t sign = 1u << (bits - 1);
  return static_cast<int32_t>((value ^ sign) - sign);
}

Member ReadFull(BitReader& in, ReplicationClass cls) {
  Member member;
  member.id.bits = in.Read(32);
  member.kind = static_cast<uint8_t>(in.Read(4));
  for (int32_t& axis : member.state.position)
    axis = SignExtend(in.Read(kFullPositionBits), kFullPositionBits);
  member.state.yaw = static_cast<uint16_t>(in.Read(YawBits(cls)));
  if (cls == ReplicationClass::kCombat) {
    for (int16_t& axis : member.state.velocity) {
      axis = static_cast<int16_t>(SignExtend(in.Read(kFullVelocityBits), kFullVelocityBits));
    }
    member.state.health = static_cast<uint8_t>(in.Read(8));
    member.state.animation = static_cast<uint8_t>(in.Read(4));
  }
  return member;
}

QuantState Predicted(const QuantState& base, int age, int tick_hz) {
  QuantState state = base;
  for (size_t axis = 0; axis < 3; ++axis) {
    state.position[axis] = Predict(base.position[axis], base.velocity[axis], age, tick_hz);
  }
  return state;
}

void WriteDelta(BitWriter& out, const QuantState& now, const QuantState& predicted,
                ReplicationClass cls) {
  out.WriteBool(now != predicted);
  if (now == predicted) return;
  for (size_t axis = 0; axis < 3; ++axis) {
    WriteResidual(out, now.position[axis] - predicted.position[axis], kPositionBits);
  }
  if (cls == ReplicationClass::kExtended) return;
  out.WriteBool(now.yaw != predicted.yaw);
  if (now.yaw != predicted.yaw) out.Write(now.yaw, YawBits(cls));
  if (cls != ReplicationClass::kCombat) return;
  const bool moved = now.velocity != predicted.velocity;
  out.WriteBool(moved);
  for (size_t axis = 0; moved && axis < 3; ++axis) {
    WriteResidual(out, now.velocity[axis] - predicted.velocity[axis], kVelocityBits);
  }
  const bool vitals = now.health != predicted.health || now.animation != predicted.animation;
  out.WriteBool(vitals);
  if (vitals) {
    out.Write(now.health, 8);
    out.Write(now.animation, 4);
  }
}

QuantState ReadDelta(BitReader& in, QuantState state, ReplicationClass cls) {
  if (!in.ReadBool()) return state;
  for (int32_t& axis : state.position) axis += ReadResidual(in, kPositionBits);
  if (cls == ReplicationClass::kExtended) return state;
  if (in.ReadBool()) state.yaw = static_cast<uint16_t>(in.Read(YawBits(cls)));
  if (cls != ReplicationClass::kCombat) return state;
  if (in.ReadBool()) {
    for (int16_t& axis : state.velocity)
      axis = static_cast<int16_t>(axis + ReadResidual(in, kVelocityBits));
  }
  if (in.ReadBool()) {
    state.health = static_cast<uint8_t>(in.Read(8));
    state.animation = static_cast<uint8_t>(in.Read(4));
  }
  return state;
}

bool InRange(const QuantState& state) {
  return std::all_of(state.position.begin(), state.position.end(), PositionInRange) &&
         std::all_of(state.velocity.begin(), state.velocity.end(),
                     [](int16_t v) { return v >= -kVelocityLimit && v <= kVelocityLimit; });
}

}  // namespace

int32_t PositionUnitCm(ReplicationClass cls) {
  return cls == ReplicationClass::kCombat ? 1 : cls == ReplicationClass::kVisual ? 10 : 50;
}

QuantState ToClass(const QuantState& full, ReplicationClass cls) {
  if (cls == ReplicationClass::kCombat) return full;
  const int32_t unit = PositionUnitCm(cls);
  QuantState state;
  for (size_t axis = 0; axis < 3; ++axis) {
    state.position[axis] = FloorDivide(full.position[axis] + unit / 2, unit);
  }
  if (cls == ReplicationClass::kVisual)
    state.yaw = static_cast<uint16_t>(((full.yaw + 2) >> 2) & 0xff);
  return state;
}

core::Result<size_t> EncodePart(const PartState& now, const PartState* base, uint32_t same,
                                int base_age, int tick_hz, ReplicationClass cls,
                                std::span<std::byte> out) {
  BitWriter writer(out);
  writer.Write(now.occupied, 32);
  for (uint32_t rest = now.occupied; rest != 0; rest &= rest - 1) {
    const auto slot = static_cast<size_t>(std::countr_zero(rest));
    const bool delta = base != nullptr && (same >> slot & 1) != 0;
    if (base != nullptr) writer.WriteBool(delta);
    if (delta) {
      const QuantState predicted = Predicted(base->members[slot].state, base_age, tick_hz);
      WriteDelta(writer, now.members[slot].state, predicted, cls);
    } else {
      WriteFull(writer, now.members[slot], cls);
    }
  }
  writer.Align();
  if (writer.overflow()) return {Code::kNoSpace, "part does not fit"};
  return writer.size_bytes();
}

core::Status DecodePart(std::span<const std::byte> payload, const PartState* base, int base_age,
                        int tick_hz, ReplicationClass cls, PartState& out) {
  BitReader reader(payload);
  out.occupied = reader.Read(32);
  for (uint32_t rest = out.occupied; rest != 0; rest &= rest - 1) {
    const auto slot = static_cast<size_t>(std::countr_zero(rest));
    const bool delta = base != nullptr && reader.ReadBool();
    if (!delta) {
      out.members[slot] = ReadFull(reader, cls);
    } else {
      if ((base->occupied >> slot & 1) == 0)
        return {Code::kInvalid, "part changes a slot its base does not hold"};
      out.members[slot] = base->members[slot];
      out.members[slot].state =
          ReadDelta(reader, Predicted(base->members[slot].state, base_age, tick_hz), cls);
    }
    if (!InRange(out.members[slot].state))
      return {Code::kInvalid, "part has a position out of range"};
    if (!out.members[slot].id) return {Code::kInvalid, "part has a member without an id"};
  }
  if (reader.overflow()) return {Code::kInvalid, "part is truncated"};
  if (reader.remaining_bytes() != 0) return {Code::kInvalid, "part has trailing bytes"};
  return core::Status::Ok();
}

}  // namespace bluemarble::protocol
