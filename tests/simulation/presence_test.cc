// Who is in play: what keeps an operator from rolling a player back under the zone's hands.
#include <gtest/gtest.h>

#include "support/sim_world.h"

namespace bluemarble::support {
namespace {

int64_t IdOf(SimWorld& world, const std::string& name) {
  return world.store().LoadPlayer(name)->player_id;
}

TEST(Presence, AStandingPlayerIsInPlayUntilTheSessionHasEnded) {
  SimWorld world({.seed = 31, .zone = SmallZone(), .faults = {}, .workers = 1});
  SimPlayer& player = world.Join("still");
  player.Stand();
  world.Run(90);
  ASSERT_EQ(world.playing(), 1u);
  const int64_t id = IdOf(world, "still");
  const session::Presence& presence = world.zone().presence();
  EXPECT_TRUE(presence.Contains(id));
  EXPECT_FALSE(presence.Contains(id + 1));

  // The store is away and comes back: a logout that waits for it keeps the player in play.
  world.store().set_away(true);
  player.core().Quit();
  for (int i = 0; i < 180; ++i) {
    if (i == 90) world.store().set_away(false);
    world.Step();
    ASSERT_EQ(presence.Contains(id), !world.zone().sessions().empty()) << i;
  }
  EXPECT_TRUE(world.zone().sessions().empty());
  EXPECT_FALSE(presence.Contains(id));
}

TEST(Presence, APlayerWhoIsReplacedStaysInPlay) {
  SimWorld world({.seed = 32, .zone = SmallZone(), .faults = {}, .workers = 1});
  world.Join("twin");
  world.Run(90);
  const int64_t id = IdOf(world, "twin");
  const SimPlayer& newer = world.Join("twin");
  for (int i = 0; i < 90; ++i) {
    world.Step();
    ASSERT_TRUE(world.zone().presence().Contains(id)) << i;
  }
  EXPECT_EQ(newer.core().state(), ClientState::kPlaying);
  for (const auto& player : world.players()) player->core().Quit();
  world.Run(90);
  EXPECT_FALSE(world.zone().presence().Contains(id));
}

}  // namespace
}  // namespace bluemarble::support
