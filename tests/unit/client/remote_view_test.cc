#include "client/remote_view.h"

#include <gtest/gtest.h>

#include <set>

#include "core/hash.h"
#include "protocol/item_look.h"

namespace bluemarble::client {
namespace {

constexpr int kHz = 30;
constexpr std::array<uint32_t, kReplicationClasses> kPeriods = {1, 3, 15};
const geo::Vec3 kOrigin{3.7e6, 9e5, 5.0e6};
const geo::Vec3 kVelocity{1.2, -0.5, 0.3};

geo::Vec3 Straight(double tick) { return kOrigin + kVelocity * (tick / kHz); }

HeldEntity At(uint32_t id, core::Tick tick, geo::Vec3 position,
              ReplicationClass cls = ReplicationClass::kCombat) {
  HeldEntity entity;
  entity.id.bits = id;
  entity.kind = 1;
  entity.tick = tick;
  entity.cls = cls;
  entity.position = position;
  return entity;
}

double Off(const EntityView& view, geo::Vec3 truth) {
  return Length(geo::Vec3{view.position.x, view.position.y, view.position.z} - truth);
}

class StraightWalk : public ::testing::TestWithParam<ReplicationClass> {};

TEST_P(StraightWalk, IsDrawnWhereItWasAtTheDrawnTick) {
  RemoteView view(kHz, kPeriods, 0);
  const core::Tick period = kPeriods[static_cast<size_t>(GetParam())];
  for (core::Tick t = 300; t < 900; ++t) {
    if (t % period == 0) view.OnUpdate(At(7, t, Straight(static_cast<double>(t)), GetParam()));
    view.Advance(static_cast<double>(t), 0);
    EntityView drawn;
    ASSERT_TRUE(view.Find({7}, static_cast<double>(t) + 0.4, drawn));
    ASSERT_LT(Off(drawn, Straight(drawn.drawn_tick)), 1e-6) << t;
  }
}
INSTANTIATE_TEST_SUITE_P(Classes, StraightWalk,
                         ::testing::Values(ReplicationClass::kCombat, ReplicationClass::kVisual,
                                           ReplicationClass::kExtended));

TEST(RemoteView, DrawsCombatByDefaultSomeTicksInThePast) {
  RemoteView view(kHz, kPeriods, 0);
  for (core::Tick t = 300; t < 310; ++t) view.OnUpdate(At(7, t, Straight(static_cast<double>(t))));
  EntityView drawn;
  ASSERT_TRUE(view.Find({7}, 309.0, drawn));
  EXPECT_NEAR(drawn.drawn_tick, 309.0 - 3.6, 0.01);
  EXPECT_EQ(drawn.newest_tick, 309u);
}

TEST(RemoteView, CoversTheUpdateSpacingThatTheBudgetLeaves) {
  RemoteView view(kHz, kPeriods, 0);
  for (core::Tick t = 300; t < 1500; ++t) {
    if (t % 6 == 0) view.OnUpdate(At(7, t, Straight(static_cast<double>(t))));
    view.Advance(static_cast<double>(t), 0);
  }
  EXPECT_GE(view.delay_ticks(ReplicationClass::kCombat), 6.0);
  EXPECT_LE(view.delay_ticks(ReplicationClass::kCombat), 8.0);
}

TEST(RemoteView, KeepsTheDelayWithinItsBounds) {
  RemoteView view(kHz, kPeriods, 0);
  for (core::Tick t = 300; t < 9000; ++t) {
    if (t % 40 == 0) view.OnUpdate(At(7, t, Straight(static_cast<double>(t))));
    view.Advance(static_cast<double>(t), 100);
  }
  EXPECT_LE(view.delay_ticks(ReplicationClass::kCombat), 0.4 * kHz + 1e-9);
}

TEST(RemoteView, UsesAFixedDelayWhenAsked) {
  RemoteView view(kHz, kPeriods, 500);
  EXPECT_DOUBLE_EQ(view.delay_ticks(ReplicationClass::kCombat), 15.0);
  EXPECT_DOUBLE_EQ(view.delay_ticks(ReplicationClass::kExtended), 15.0);
}

TEST(RemoteView, ExtrapolatesAQuarterSecondAndNotFurther) {
  RemoteView view(kHz, kPeriods, 0);
  for (core::Tick t = 300; t <= 310; ++t) view.OnUpdate(At(7, t, Straight(static_cast<double>(t))));
  EntityView drawn;
  ASSERT_TRUE(view.Find({7}, 310 + 3.6 + 5, drawn));
  EXPECT_LT(Off(drawn, Straight(315)), 1e-3);
  ASSERT_TRUE(view.Find({7}, 400, drawn));
  EXPECT_LT(Off(drawn, Straight(317.5)), 1e-3);
}

TEST(RemoteView, RemovesAnEntityWhenTheDrawnMomentPassesItsRemoval) {
  RemoteView view(kHz, kPeriods, 0);
  for (core::Tick t = 300; t <= 310; ++t) view.OnUpdate(At(7, t, Straight(static_cast<double>(t))));
  view.OnRemove({7}, 311);
  EntityView drawn;
  EXPECT_TRUE(view.Find({7}, 311 + 3.5, drawn));
  EXPECT_FALSE(view.Find({7}, 311 + 3.7, drawn));
  view.Advance(330, 0);
  EXPECT_EQ(view.size(), 0u);
}

TEST(RemoteView, KeepsAnEntityThatComesBackInAnotherLeaf) {
  RemoteView view(kHz, kPeriods, 0);
  view.OnUpdate(At(7, 300, kOrigin));
  view.OnRemove({7}, 301);
  view.OnUpdate(At(7, 301, kOrigin));
  view.Advance(400, 0);
  EntityView drawn;
  EXPECT_TRUE(view.Find({7}, 400, drawn));
}

TEST(RemoteView, IgnoresAStateThatIsNotNewer) {
  RemoteView view(kHz, kPeriods, 0);
  view.OnUpdate(At(7, 300, kOrigin));
  view.OnUpdate(At(7, 299, kOrigin + geo::Vec3{5, 0, 0}));
  EntityView drawn;
  ASSERT_TRUE(view.Find({7}, 303, drawn));
  EXPECT_EQ(drawn.newest_tick, 300u);
  EXPECT_LT(Off(drawn, kOrigin), 1);
}

TEST(RemoteView, LeavesOutTheOwnPlayer) {
  RemoteView view(kHz, kPeriods, 0);
  view.OnUpdate(At(7, 300, kOrigin));
  view.OnUpdate(At(8, 300, kOrigin));
  std::set<uint32_t> seen;
  view.ForEach(301, {7}, [&](const EntityView& drawn) { seen.insert(drawn.id); });
  EXPECT_EQ(seen, (std::set<uint32_t>{8}));
}

TEST(RemoteView, FindsEveryEntityUnderComingAndGoing) {
  constexpr uint64_t kSeed = 11;
  SCOPED_TRACE(kSeed);
  core::Random random(kSeed);
  RemoteView view(kHz, kPeriods, 100);
  std::set<uint32_t> held;
  for (core::Tick t = 100; t < 2000; ++t) {
    for (int i = 0; i < 4; ++i) {
      const auto id = static_cast<uint32_t>(1 + random.Below(300));
      if (random.Chance(0.5)) {
        view.OnUpdate(At(id, t, kOrigin));
        held.insert(id);
      } else if (held.contains(id)) {
        view.OnRemove({id}, t);
        held.erase(id);
      }
    }
    view.Advance(static_cast<double>(t), 0);
  }
  view.Advance(3000, 0);
  ASSERT_EQ(view.size(), held.size());
  for (uint32_t id = 1; id <= 300; ++id) {
    EntityView drawn;
    EXPECT_EQ(view.Find({id}, 3000, drawn), held.contains(id)) << id;
  }
}

TEST(RemoteView, KnowsAnItemsDefinitionOnceItWasNear) {
  RemoteView view(kHz, kPeriods, 0);
  EntityView drawn;
  HeldEntity far = At(7, 300, kOrigin, ReplicationClass::kVisual);
  far.kind = protocol::kItemKind;
  view.OnUpdate(far);
  ASSERT_TRUE(view.Find({7}, 300, drawn));
  EXPECT_EQ(drawn.definition, 0);

  HeldEntity near = far;
  near.cls = ReplicationClass::kCombat;
  near.tick = 303;
  const protocol::ItemLook look = protocol::LookOf(0xabc);
  near.state.health = look.health;
  near.state.animation = look.animation;
  view.OnUpdate(near);
  far.tick = 306;
  view.OnUpdate(far);
  ASSERT_TRUE(view.Find({7}, 306, drawn));
  EXPECT_EQ(drawn.cls, ReplicationClass::kVisual);
  EXPECT_EQ(drawn.definition, 0xabc);
  EXPECT_EQ(drawn.health, 100);
  EXPECT_EQ(drawn.animation, 0);

  HeldEntity player = At(8, 300, kOrigin);
  player.state.health = 55;
  player.state.animation = 2;
  view.OnUpdate(player);
  ASSERT_TRUE(view.Find({8}, 300, drawn));
  EXPECT_EQ(drawn.definition, 0);
  EXPECT_EQ(drawn.health, 55);
  EXPECT_EQ(drawn.animation, 2);
}

}  // namespace
}  // namespace bluemarble::client
