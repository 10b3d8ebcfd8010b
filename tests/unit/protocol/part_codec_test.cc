#include "protocol/part_codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <string>
#include <vector>

#include "core/hash.h"
#include "protocol/part_format.h"
#include "protocol/snapshot.h"

namespace bluemarble::protocol {
namespace {

constexpr ReplicationClass kAll[] = {ReplicationClass::kCombat, ReplicationClass::kVisual,
                                     ReplicationClass::kExtended};

Rotation RandomRotation(core::Random& random) {
  Rotation rotation;
  rotation.largest = static_cast<uint8_t>(random.Below(4));
  for (auto& part : rotation.parts)
    part = static_cast<int16_t>(static_cast<int>(random.Below(1415)) - 707);
  return rotation;
}

QuantState RandomState(core::Random& random, uint8_t kind) {
  QuantState state;
  for (auto& axis : state.position) axis = static_cast<int32_t>(random.Below(1u << 21)) - (1 << 20);
  if (kind == kBodyKind) {
    state.rotation = RandomRotation(random);
    return state;
  }
  state.yaw = static_cast<uint16_t>(random.Below(1024));
  state.health = static_cast<uint8_t>(random.Below(101));
  state.animation = static_cast<uint8_t>(random.Below(16));
  return state;
}

// Small steps, no step and jumps, so that every token and flag occurs.
void Drift(core::Random& random, uint8_t kind, QuantState& state) {
  const int32_t reach = random.Chance(0.3) ? 0 : random.Chance(0.9) ? 200 : 400'000;
  for (auto& axis : state.position) {
    axis += reach == 0
                ? 0
                : static_cast<int32_t>(random.Below(static_cast<uint64_t>(2 * reach))) - reach;
    axis = std::clamp(axis, -(1 << 20), 1 << 20);
  }
  if (kind == kBodyKind) {
    if (random.Chance(0.2)) state.rotation = RandomRotation(random);
    for (auto& part : state.rotation.parts) {
      part = static_cast<int16_t>(
          std::clamp(part + static_cast<int>(random.Below(21)) - 10, -707, 707));
    }
    return;
  }
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

bool Same(const PartState& a, const PartState& b) {
  if (a.occupied != b.occupied) return false;
  for (size_t slot = 0; slot < kSlots; ++slot) {
    if ((a.occupied >> slot & 1) != 0 && a.members[slot] != b.members[slot]) return false;
  }
  return true;
}

uint32_t SameSlots(const PartState& now, const PartState& then) {
  uint32_t same = 0;
  for (size_t slot = 0; slot < kSlots; ++slot) {
    const bool both = (now.occupied & then.occupied) >> slot & 1;
    if (both && now.members[slot].id == then.members[slot].id) same |= 1u << slot;
  }
  return same;
}

struct Held {
  int tick = 0;
  PartState state;
};

TEST(PartCodec, DecodesExactlyWhatWasEncodedForRandomChainsOfBases) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    core::Random random(seed);
    PartState full{};
    for (const ReplicationClass cls : kAll) {
      std::deque<Held> held;
      int tick = 0;
      for (int at = 0; at < 20; ++at) {
        for (size_t slot = 0; slot < kSlots; ++slot) {
          Member& member = full.members[slot];
          const bool taken = (full.occupied >> slot & 1) != 0;
          if (!taken && random.Chance(0.2)) {
            const auto kind = static_cast<uint8_t>(random.Below(16));
            member = {core::EntityId{static_cast<uint32_t>(random.Next() | 1)}, kind,
                      RandomState(random, kind)};
            full.occupied |= 1u << slot;
          } else if (taken && random.Chance(0.1)) {
            full.occupied &= ~(1u << slot);
          } else if (taken) {
            Drift(random, member.kind, member.state);
          }
        }
        tick += 1 + static_cast<int>(random.Below(8));
        while (!held.empty() && held.front().tick + kBaseTicks <= tick) held.pop_front();
        PartBases bases;
        SameMembers same;
        const PartState now = InClass(full, cls);
        if (!held.empty()) {
          const Held& newest = held[random.Below(held.size())];
          const Held& older = held.front();
          bases.newest = &newest.state;
          bases.age = tick - newest.tick;
          same.newest = SameSlots(now, newest.state);
          if (older.tick < newest.tick && random.Chance(0.7)) {
            bases.older = &older.state;
            bases.step = newest.tick - older.tick;
            same.both = SameSlots(now, older.state) & same.newest;
          }
        }
        std::array<std::byte, 2 * kMaxPartBytes> out;
        const auto size = EncodePart(now, bases, same, 30, cls, out);
        ASSERT_TRUE(size.ok());
        PartState decoded;
        ASSERT_TRUE(DecodePart({out.data(), *size}, bases, 30, cls, decoded).ok());
        ExpectSame(now, decoded);
        held.push_back({tick, decoded});
        // Another length may by chance fit another content, never the same.
        for (const size_t length : {*size + 1, *size - 1, *size / 2, size_t{0}}) {
          PartState other{};
          EXPECT_FALSE(DecodePart({out.data(), length}, bases, 30, cls, other).ok() &&
                       Same(now, other))
              << length;
        }
      }
    }
  }
}

TEST(PartCodec, AFullPartOfStrangersFitsItsBound) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    core::Random random(seed);
    PartState now{};
    PartState base{};
    now.occupied = base.occupied = 0xffffffffu;
    for (size_t slot = 0; slot < kSlots; ++slot) {
      const uint8_t kind = random.Chance(0.5) ? kBodyKind : uint8_t{1};
      now.members[slot] = {core::EntityId{static_cast<uint32_t>(random.Next() | 1)}, kind,
                           RandomState(random, kind)};
      base.members[slot] = now.members[slot];
      base.members[slot].state = RandomState(random, kind);
    }
    std::array<std::byte, kMaxPartBytes> out;
    EXPECT_TRUE(EncodePart(now, {}, {}, 30, ReplicationClass::kCombat, out).ok());
    const PartBases bases{.newest = &base, .older = &now, .age = 15, .step = 16};
    EXPECT_TRUE(
        EncodePart(now, bases, {now.occupied, now.occupied}, 10, ReplicationClass::kCombat, out)
            .ok());
  }
}

TEST(PartCodec, NothingIsWrittenBeyondTheSpaceGiven) {
  core::Random random(7);
  PartState now{};
  now.occupied = 0xffffffffu;
  for (auto& member : now.members)
    member = {core::EntityId{static_cast<uint32_t>(random.Next() | 1)}, 1, RandomState(random, 1)};
  std::array<std::byte, kMaxPartBytes> out;
  const size_t whole = *EncodePart(now, {}, {}, 30, ReplicationClass::kCombat, out);
  for (size_t space = 0; space < whole; ++space) {
    std::vector<std::byte> small(space);
    EXPECT_EQ(EncodePart(now, {}, {}, 30, ReplicationClass::kCombat, small).status().code(),
              core::Code::kNoSpace);
  }
}

TEST(PartCodec, WalkersOnCourseCostABitOrTwo) {
  PartState older{}, newest{}, now{};
  older.occupied = newest.occupied = now.occupied = 0xffffffffu;
  for (int slot = 0; slot < kSlots; ++slot) {
    const auto at = [&](int tick) {
      Member member{core::EntityId{static_cast<uint32_t>(slot + 1)}, 1, {}};
      member.state.position = {100 * slot + 5 * tick, 200 - 3 * tick, 7};
      return member;
    };
    older.members[static_cast<size_t>(slot)] = at(0);
    newest.members[static_cast<size_t>(slot)] = at(3);
    now.members[static_cast<size_t>(slot)] = at(7);
  }
  const PartBases bases{&newest, &older, 4, 3};
  std::array<std::byte, kMaxPartBytes> out;
  const auto size = EncodePart(now, bases, {~0u, ~0u}, 30, ReplicationClass::kCombat, out);
  ASSERT_TRUE(size.ok());
  EXPECT_LE(*size, 8u);  // 32 members
}

TEST(PartCodec, ASteadySpinIsPredictedToTheThousandth) {
  // A turn about a slanted axis, 12 degrees a tick.
  const auto at = [](int tick) {
    const double half = 0.5 * 12 * 3.14159265358979 / 180 * tick;
    const std::array<double, 4> q{0.6 * std::sin(half), 0.0, 0.8 * std::sin(half), std::cos(half)};
    Rotation rotation;
    size_t largest = 0;
    for (size_t i = 1; i < 4; ++i) {
      if (std::abs(q[i]) > std::abs(q[largest])) largest = i;
    }
    rotation.largest = static_cast<uint8_t>(largest);
    size_t part = 0;
    for (size_t i = 0; i < 4; ++i) {
      if (i == largest) continue;
      const double value = q[largest] < 0 ? -q[i] : q[i];
      rotation.parts[part++] = static_cast<int16_t>(std::lround(1000 * value));
    }
    return rotation;
  };
  for (const int step : {1, 2, 3, 6}) {
    for (const int age : {1, 2, 3, 4, 6}) {
      for (int tick = age + step; tick < 60; ++tick) {
        const Rotation truth = at(tick);
        const Rotation older = at(tick - age - step), newest = at(tick - age);
        Turn turn;
        turn.Begin(RotationLanes({&older, &older, &older, &older}),
                   RotationLanes({&newest, &newest, &newest, &newest}));
        turn.FindFactor(Pace(age, step));
        ExpectedRotations expected;
        expected.Set(0, turn.End());
        const auto predicted = expected.PartsWithout(truth.largest, 0);
        // The bases' rounding is carried on with the turn.
        const int allowed = 3 + 3 * age / step;
        for (size_t i = 0; i < 3; ++i) {
          ASSERT_LE(std::abs(predicted[i] - truth.parts[i]), allowed)
              << "step " << step << " age " << age << " tick " << tick;
        }
      }
    }
  }
}

// As proto/WIRE.md "Orientation" says it, number by number.
std::array<int32_t, 4> CarriedOn(const Rotation& older, const Rotation& newest, int age, int step) {
  using Wide = std::array<int64_t, 4>;
  const auto root = [](int64_t square) {
    auto r = static_cast<int64_t>(std::sqrt(static_cast<double>(std::max<int64_t>(square, 0))));
    while (r * r > square && r > 0) --r;
    while ((r + 1) * (r + 1) <= square) ++r;
    return r;
  };
  const auto widen = [&](const Rotation& rotation) {
    Wide wide{};
    int64_t rest = 1 << 28;
    size_t part = 0;
    for (size_t i = 0; i < 4; ++i) {
      if (i == rotation.largest) continue;
      wide[i] = (rotation.parts[part++] * int64_t{16'777} + 512) >> 10;
      rest -= wide[i] * wide[i];
    }
    wide[rotation.largest] = root(rest);
    return wide;
  };
  const auto product = [](const Wide& a, const Wide& b) -> Wide {
    return {(a[3] * b[0] + a[0] * b[3] + a[1] * b[2] - a[2] * b[1]) >> 14,
            (a[3] * b[1] - a[0] * b[2] + a[1] * b[3] + a[2] * b[0]) >> 14,
            (a[3] * b[2] + a[0] * b[1] - a[1] * b[0] + a[2] * b[3]) >> 14,
            (a[3] * b[3] - a[0] * b[0] - a[1] * b[1] - a[2] * b[2]) >> 14};
  };
  Wide from = widen(older);
  const Wide to = widen(newest);
  for (size_t i = 0; i < 3; ++i) from[i] = -from[i];
  Wide turn = product(to, from);
  for (size_t i = 0; i < 3; ++i) turn[i] *= turn[3] < 0 ? -1 : 1;
  const int64_t sine = (turn[0] * turn[0] + turn[1] * turn[1] + turn[2] * turn[2]) >> 12;
  const int64_t one = 65'536, ratio = (age * one) / step, square = ratio * ratio >> 16;
  int64_t factor = one;
  for (const int64_t term : {(25 * one - square) / 42, (9 * one - square) / 20, (one - square) / 6})
    factor = std::clamp(one + ((term * sine >> 16) * factor >> 16), -64 * one, 64 * one);
  factor = ratio * factor >> 16;
  int64_t rest = 1 << 28;
  for (size_t i = 0; i < 3; ++i) {
    turn[i] = std::clamp<int64_t>(turn[i] * factor >> 16, -16'384, 16'384);
    rest -= turn[i] * turn[i];
  }
  turn[3] = root(rest);
  const Wide wide = product(turn, to);
  size_t largest = 3;
  for (size_t i = 0; i < 3; ++i) {
    if (std::abs(wide[i]) > std::abs(wide[largest])) largest = i;
  }
  std::array<int32_t, 4> said{static_cast<int32_t>(largest)};
  size_t part = 0;
  for (size_t i = 0; i < 4; ++i) {
    if (i == largest) continue;
    said[++part] =
        static_cast<int32_t>(((wide[largest] < 0 ? -1 : 1) * wide[i] * 1000 + 8192) >> 14);
  }
  return said;
}

TEST(PartCodec, FourTurnsAtOnceAreEachWhatTheFormatSays) {
  core::Random random(17);
  const auto draw = [&](Rotation& rotation) {
    rotation.largest = static_cast<uint8_t>(random.Below(4));
    // From small to anything that a base can hold, also what is no rotation at all.
    const int most = random.Below(3) == 0 ? kRotationUnit + 1 : 1 << random.Below(10);
    for (int16_t& part : rotation.parts)
      part = static_cast<int16_t>(
          static_cast<int>(random.Below(2 * static_cast<uint64_t>(most) + 1)) - most);
  };
  std::array<int, 4> seen{};
  for (int round = 0; round < 20'000; ++round) {
    std::array<Rotation, kLanes> older, newest;
    for (size_t lane = 0; lane < kLanes; ++lane) {
      draw(older[lane]);
      draw(newest[lane]);
      if (random.Below(2) != 0) older[lane] = newest[lane];
      if (random.Below(2) != 0) older[lane].parts[1] ^= 1;
    }
    const int age = 1 + static_cast<int>(random.Below(30));
    const int step = 1 + static_cast<int>(random.Below(30));
    Turn turn;
    turn.Begin(RotationLanes({&older[0], &older[1], &older[2], &older[3]}),
               RotationLanes({&newest[0], &newest[1], &newest[2], &newest[3]}));
    turn.FindFactor(Pace(age, step));
    ExpectedRotations expected;
    expected.Set(4, turn.End());
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const auto wanted = CarriedOn(older[lane], newest[lane], age, step);
      const auto parts = expected.parts(4 + lane);
      ASSERT_EQ((std::array<int32_t, 4>{expected.largest(4 + lane), parts[0], parts[1], parts[2]}),
                wanted)
          << "round " << round << " lane " << lane << " age " << age << " step " << step;
      ASSERT_EQ(expected.PartsWithout(static_cast<size_t>(wanted[0]), 4 + lane), parts);
      ++seen[static_cast<size_t>(wanted[0])];
    }
  }
  for (const int count : seen) EXPECT_GT(count, 1000);
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

TEST(PartCodec, RefusesADeltaForASlotThatABaseLacks) {
  PartState base{};
  base.occupied = 1;
  base.members[0] = {core::EntityId{5}, 1, {}};
  PartState other = base;
  other.members[0].id = core::EntityId{6};
  PartState empty{};
  std::array<std::byte, kMaxPartBytes> out;
  PartState decoded;
  const auto cls = ReplicationClass::kCombat;
  const auto decode = [&](const PartState* newest, const PartState* older, size_t size) {
    return DecodePart({out.data(), size}, {newest, older, 1, older == nullptr ? 0 : 1}, 30, cls,
                      decoded)
        .code();
  };
  const size_t one = *EncodePart(base, {&base, nullptr, 1, 0}, {1, 0}, 30, cls, out);
  EXPECT_EQ(decode(&base, nullptr, one), core::Code::kOk);
  EXPECT_EQ(decode(&empty, nullptr, one), core::Code::kInvalid);
  const size_t two = *EncodePart(base, {&base, &base, 1, 1}, {1, 1}, 30, cls, out);
  EXPECT_EQ(decode(&base, &base, two), core::Code::kOk);
  EXPECT_EQ(decode(&base, &empty, two), core::Code::kInvalid);
  EXPECT_EQ(decode(&base, &other, two), core::Code::kInvalid);
}

TEST(PartCodec, RandomBytesNeverYieldAnythingOutOfRange) {
  core::Random scene(3);
  PartState newest{}, older{};
  newest.occupied = older.occupied = 0x0fffffffu;
  for (size_t slot = 0; slot < kSlots; ++slot) {
    const uint8_t kind = slot % 2 == 0 ? kBodyKind : uint8_t{1};
    newest.members[slot] = {core::EntityId::Make(static_cast<uint32_t>(slot), 1), kind,
                            RandomState(scene, kind)};
    older.members[slot] = newest.members[slot];
    older.members[slot].state = RandomState(scene, kind);
  }
  int accepted = 0;
  for (uint64_t seed = 1; seed <= 60'000; ++seed) {
    core::Random random(seed);
    std::vector<std::byte> bytes(random.Below(120));
    for (auto& b : bytes) b = static_cast<std::byte>(random.Next());
    PartState decoded;
    PartBases bases;
    if (random.Chance(0.7)) bases = {&newest, nullptr, 1 + static_cast<int>(random.Below(15)), 0};
    if (bases.newest != nullptr && random.Chance(0.7)) {
      bases.older = &older;
      bases.step = 1 + static_cast<int>(random.Below(16));
    }
    const auto cls = kAll[random.Below(3)];
    PartState coarse_newest = InClass(newest, cls), coarse_older = InClass(older, cls);
    if (bases.newest != nullptr) bases.newest = &coarse_newest;
    if (bases.older != nullptr) bases.older = &coarse_older;
    if (!DecodePart(bytes, bases, 30, cls, decoded).ok()) continue;
    ++accepted;
    for (size_t slot = 0; slot < kSlots; ++slot) {
      if ((decoded.occupied >> slot & 1) == 0) continue;
      const QuantState& state = decoded.members[slot].state;
      for (int32_t axis : state.position) ASSERT_LE(std::abs(axis), 1 << 21);
      for (int16_t part : state.rotation.parts) ASSERT_LE(std::abs(part), kRotationLimit);
    }
  }
  EXPECT_GT(accepted, 0);
}

TEST(Residual, EveryRowOfTheTableIsAWholeDistribution) {
  for (const auto& row : kTokenStart) {
    ASSERT_EQ(row[0], 0);
    ASSERT_EQ(row[kTokens], 1 << kTokenBits);
    for (uint32_t token = 0; token < kTokens; ++token) ASSERT_LT(row[token], row[token + 1]);
  }
}

TEST(PartCodec, WhatIsSaidToBeSpentAddsUpToThePayload) {
  core::Random random(11);
  for (int round = 0; round < 200; ++round) {
    PartState base{};
    base.occupied = static_cast<uint32_t>(random.Next());
    for (auto& member : base.members) {
      const uint8_t kind = random.Chance(0.5) ? kBodyKind : uint8_t{1};
      member = {core::EntityId{static_cast<uint32_t>(random.Next() | 1)}, kind,
                RandomState(random, kind)};
    }
    PartState now = base;
    now.occupied |= 1;
    for (auto& member : now.members) Drift(random, member.kind, member.state);
    for (const bool keyframe : {false, true}) {
      PartBases bases;
      if (!keyframe) bases = {.newest = &base, .age = 3};
      std::array<std::byte, kMaxPartBytes> out;
      PartSpending spending;
      const auto size =
          EncodePart(now, bases, {base.occupied, 0}, 30, ReplicationClass::kCombat, out, &spending);
      ASSERT_TRUE(size.ok());
      uint64_t sum = 0;
      for (size_t kind = 0; kind < kSpendingKinds; ++kind) {
        for (const uint16_t field : spending.eighths[kind]) {
          sum += field;
          EXPECT_TRUE(field == 0 || (spending.kinds >> kind & 1) != 0);
        }
      }
      const uint64_t whole = 64 * *size;
      EXPECT_LE(sum, whole);
      EXPECT_GE(sum + 2 * 64, whole);
    }
  }
}

TEST(PartCodec, BitsAreSpentOnTheKindAndFieldThatChanged) {
  PartState base{};
  base.occupied = 0b11;
  base.members[0] = {core::EntityId::Make(1, 1), 1, {.health = 100}};
  base.members[1] = {core::EntityId::Make(2, 1), kBodyKind, {}};
  const auto spent = [&](const PartState& now) {
    std::array<std::byte, kMaxPartBytes> out;
    PartSpending spending;
    EXPECT_TRUE(EncodePart(now, {.newest = &base, .age = 3}, {0b11, 0}, 30,
                           ReplicationClass::kCombat, out, &spending)
                    .ok());
    return spending;
  };
  const auto more = [&](const PartSpending& a, uint8_t kind, PartField field) {
    const PartSpending still = spent(base);
    const int its = a.eighths[kind][static_cast<size_t>(field)] -
                    still.eighths[kind][static_cast<size_t>(field)];
    EXPECT_GT(its, 8 * 8);
    for (uint8_t k = 0; k < kSpendingKinds; ++k) {
      for (size_t f = 0; f < kPartFields; ++f) {
        if (k == kind && f == static_cast<size_t>(field)) continue;
        // Contexts of what comes later change a little.
        EXPECT_LE(std::abs(a.eighths[k][f] - still.eighths[k][f]), std::max(4 * 8, its / 4))
            << int{k} << " " << f;
      }
    }
  };
  PartState now = base;
  now.members[0].state.position = {5000, -5000, 5000};
  more(spent(now), 1, PartField::kPosition);
  now = base;
  now.members[0].state.health = 50;
  more(spent(now), 1, PartField::kVitals);
  now = base;
  now.members[1].state.rotation = {{300, -300, 300}, 3};
  more(spent(now), kBodyKind, PartField::kFacing);
  now = base;
  now.members[0].state.yaw = 500;
  more(spent(now), 1, PartField::kFacing);
}

// The bytes of proto/WIRE.md's example: who changes the format changes the version and that page.
TEST(PartCodec, WritesTheExampleOfThePage) {
  PartState older{}, newest{}, now{};
  older.occupied = newest.occupied = now.occupied = 0b101;
  newest.members[0] = {
      core::EntityId::Make(7, 1), 1, {.position = {1000, -2000, 30}, .yaw = 100, .health = 100}};
  newest.members[2] = {core::EntityId::Make(9, 2),
                       kBodyKind,
                       {.position = {1500, -1500, 400}, .rotation = {{100, -200, 300}, 3}}};
  older = now = newest;
  older.occupied = newest.occupied = now.occupied = 0b101;
  older.members[0].state.position = {988, -2003, 30};
  older.members[2].state.position = {1480, -1500, 390};
  older.members[2].state.rotation.parts = {90, -190, 310};
  now.members[0].state.position = {1013, -1996, 30};
  now.members[0].state.yaw = 110;
  now.members[2].state.position = {1521, -1500, 409};
  now.members[2].state.rotation.parts = {111, -209, 290};
  const auto hex = [](std::span<const std::byte> bytes) {
    std::string text;
    for (const std::byte b : bytes) {
      constexpr char kDigits[] = "0123456789abcdef";
      text += kDigits[std::to_integer<unsigned>(b) >> 4];
      text += kDigits[std::to_integer<unsigned>(b) & 15];
    }
    return text;
  };
  std::array<std::byte, kMaxPartBytes> out;
  const auto key = EncodePart(now, {}, {}, 30, ReplicationClass::kCombat, out);
  EXPECT_EQ(hex({out.data(), *key}), "e939377399259ee6a840e88a4206b3963cfc0d67c35575cda4");
  const auto delta =
      EncodePart(now, {&newest, &older, 3, 3}, {0b101, 0b101}, 30, ReplicationClass::kCombat, out);
  EXPECT_EQ(hex({out.data(), *delta}), "126ab484e0e9");
}

}  // namespace
}  // namespace bluemarble::protocol
