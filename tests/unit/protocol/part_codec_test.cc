#include "protocol/part_codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "core/hash.h"
#include "protocol/snapshot.h"

namespace bluemarble::protocol {
namespace {

constexpr ReplicationClass kAll[] = {ReplicationClass::kCombat, ReplicationClass::kVisual,
                                     ReplicationClass::kExtended};

QuantState RandomState(core::Random& random) {
  QuantState state;
  for (auto& axis : state.position) axis = static_cast<int32_t>(random.Below(1u << 21)) - (1 << 20);
  for (auto& axis : state.velocity)
    axis = static_cast<int16_t>(static_cast<int>(random.Below(8191)) - 4095);
  state.yaw = static_cast<uint16_t>(random.Below(1024));
  state.health = static_cast<uint8_t>(random.Below(101));
  state.animation = static_cast<uint8_t>(random.Below(16));
  return state;
}

// Small steps, no step and jumps, so that every residual size and flag occurs.
void Drift(core::Random& random, QuantState& state) {
  const int32_t reach = random.Chance(0.3) ? 0 : random.Chance(0.9) ? 200 : 400'000;
  for (auto& axis : state.position) {
    axis += reach == 0
                ? 0
                : static_cast<int32_t>(random.Below(static_cast<uint64_t>(2 * reach))) - reach;
    axis = std::clamp(axis, -(1 << 20), 1 << 20);
  }
  if (random.Chance(0.5)) state.velocity = RandomState(random).velocity;
  if (random.Chance(0.5)) state.yaw = static_cast<uint16_t>(random.Below(1024));
  if (random.Chance(0.1)) state.health = static_cast<uint8_t>(random.Below(101));
}

PartState InClass(const PartState& full, ReplicationClass cls) {
  PartState part = full;
  for (auto& member : part.members) member.state = ToClass(member.state, cls);
  return part;
}

void ExpectSame(const PartState& a, const PartState& b) {
  ASSERT_EQ(a.occupied, b.occupied);
  for (size_t slot = 0; slot < kSlots; ++slot) {
    if ((a.occupied >> slot & 1) == 0) continue;
    ASSERT_EQ(a.members[slot], b.members[slot]) << slot;
  }
}

TEST(PartCodec, DecodesExactlyWhatWasEncodedForRandomChainsOfBases) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    core::Random random(seed);
    PartState full{};
    for (const ReplicationClass cls : kAll) {
      PartState held;
      bool have_base = false;
      for (int step = 0; step < 20; ++step) {
        uint32_t same = full.occupied;
        for (size_t slot = 0; slot < kSlots; ++slot) {
          const bool taken = (full.occupied >> slot & 1) != 0;
          if (!taken && random.Chance(0.2)) {
            full.members[slot] = {core::EntityId{static_cast<uint32_t>(random.Next() | 1)},
                                  static_cast<uint8_t>(random.Below(16)), RandomState(random)};
            full.occupied |= 1u << slot;
            same &= ~(1u << slot);
          } else if (taken && random.Chance(0.1)) {
            full.occupied &= ~(1u << slot);
            same &= ~(1u << slot);
          } else if (taken) {
            Drift(random, full.members[slot].state);
          }
        }
        const PartState now = InClass(full, cls);
        const int age = 1 + static_cast<int>(random.Below(31));
        std::array<std::byte, kMaxPartBytes> out;
        const PartState* base = have_base ? &held : nullptr;
        const auto size = EncodePart(now, base, same, age, 30, cls, out);
        ASSERT_TRUE(size.ok());
        PartState decoded;
        ASSERT_TRUE(DecodePart({out.data(), *size}, base, age, 30, cls, decoded).ok());
        ExpectSame(now, decoded);
        held = decoded;
        have_base = true;
        for (size_t cut = 0; cut < *size; cut += 7) {
          EXPECT_FALSE(DecodePart({out.data(), cut}, base, age, 30, cls, decoded).ok()) << cut;
        }
      }
    }
  }
}

TEST(PartCodec, WorstCaseFitsItsBound) {
  core::Random random(1);
  PartState now{};
  PartState base{};
  now.occupied = base.occupied = 0xffffffffu;
  for (size_t slot = 0; slot < kSlots; ++slot) {
    now.members[slot] = {core::EntityId{1}, 1, RandomState(random)};
    base.members[slot] = now.members[slot];
    for (size_t axis = 0; axis < 3; ++axis) {
      now.members[slot].state.position[axis] = 1 << 20;
      base.members[slot].state.position[axis] = -(1 << 20);
      now.members[slot].state.velocity[axis] = 4095;
      base.members[slot].state.velocity[axis] = -4095;
    }
    base.members[slot].state.health ^= 1;
    base.members[slot].state.yaw ^= 1;
  }
  std::array<std::byte, kMaxPartBytes> out;
  EXPECT_TRUE(EncodePart(now, nullptr, 0, 0, 30, ReplicationClass::kCombat, out).ok());
  EXPECT_TRUE(EncodePart(now, &base, now.occupied, 31, 10, ReplicationClass::kCombat, out).ok());
}

TEST(PartCodec, AWalkerOnCourseCostsOneBit) {
  PartState base{};
  base.occupied = 1;
  base.members[0] = {core::EntityId{5}, 1, {.position = {100, 200, 0}, .velocity = {150, -90, 0}}};
  PartState now = base;
  now.members[0].state.position = {100 + 150 * 4 / 30, 200 - 90 * 4 / 30, 0};
  std::array<std::byte, kMaxPartBytes> out;
  const auto size = EncodePart(now, &base, 1, 4, 30, ReplicationClass::kCombat, out);
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(*size, 5u);  // 32 bits of membership, one of "same entity", one of "as predicted"
}

TEST(PartCodec, ClassesRoundToTheNearestUnit) {
  for (int32_t cm :
       {-1'000'001, -126, -125, -26, -25, -24, -5, -1, 0, 4, 5, 24, 25, 26, 1'000'001}) {
    QuantState full;
    full.position = {cm, 0, 0};
    for (const ReplicationClass cls : kAll) {
      const int32_t unit = PositionUnitCm(cls);
      const int32_t back = ToClass(full, cls).position[0] * unit;
      EXPECT_LE(std::abs(back - cm), unit / 2) << cm << " unit " << unit;
    }
  }
}

TEST(PartCodec, RefusesADeltaForASlotThatTheBaseLacks) {
  PartState base{};
  base.occupied = 1;
  base.members[0] = {core::EntityId{5}, 1, {}};
  std::array<std::byte, kMaxPartBytes> out;
  const auto size = EncodePart(base, &base, 1, 1, 30, ReplicationClass::kCombat, out);
  PartState empty{};
  PartState decoded;
  EXPECT_EQ(
      DecodePart({out.data(), *size}, &empty, 1, 30, ReplicationClass::kCombat, decoded).code(),
      core::Code::kInvalid);
}

TEST(PartCodec, RandomBytesNeverYieldAnythingOutOfRange) {
  for (uint64_t seed = 1; seed <= 20'000; ++seed) {
    core::Random random(seed);
    std::vector<std::byte> bytes(random.Below(200));
    for (auto& b : bytes) b = static_cast<std::byte>(random.Next());
    PartState decoded;
    if (!DecodePart(bytes, nullptr, 0, 30, kAll[random.Below(3)], decoded).ok()) continue;
    for (size_t slot = 0; slot < kSlots; ++slot) {
      if ((decoded.occupied >> slot & 1) == 0) continue;
      for (int32_t axis : decoded.members[slot].state.position) ASSERT_LE(std::abs(axis), 1 << 21);
    }
  }
}

}  // namespace
}  // namespace bluemarble::protocol
