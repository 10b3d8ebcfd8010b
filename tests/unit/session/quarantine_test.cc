#include "session/quarantine.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace bluemarble::session {
namespace {

using persistence::PlayerName;

const PlayerName kAda = PlayerName::From("Ada");
const PlayerName kBob = PlayerName::From("Bob");

TEST(Quarantine, HoldsThePlayerAloneAndOnlyForItsTime) {
  Quarantine quarantine(100);
  quarantine.Hold(kAda, 10);
  EXPECT_TRUE(quarantine.Holds(kAda, 10));
  EXPECT_TRUE(quarantine.Holds(kAda, 109));
  EXPECT_FALSE(quarantine.Holds(kBob, 10));
  EXPECT_FALSE(quarantine.Holds(kAda, 110));
}

TEST(Quarantine, ThreeRefusalsOfThePlayerAloneAreEnough) {
  Quarantine quarantine(100);
  EXPECT_FALSE(quarantine.Strike(kAda, 0, 10));
  EXPECT_FALSE(quarantine.Strike(kAda, 0, 11));
  EXPECT_FALSE(quarantine.Holds(kAda, 11));
  EXPECT_TRUE(quarantine.Strike(kAda, 0, 12));
  EXPECT_TRUE(quarantine.Holds(kAda, 12));
  EXPECT_FALSE(quarantine.Strike(kAda, 0, 13)) << "held already";
}

TEST(Quarantine, WhoMeetsOneDamagedPlayerAgainAndAgainIsNotDamaged) {
  Quarantine quarantine(100);
  for (core::Tick now = 10; now < 30; ++now) EXPECT_FALSE(quarantine.Strike(kBob, 7, now));
  EXPECT_FALSE(quarantine.Holds(kBob, 29));
}

TEST(Quarantine, WhoIsRefusedWithSeveralPartnersIsTheOne) {
  Quarantine quarantine(100);
  EXPECT_FALSE(quarantine.Strike(kAda, 7, 10));
  EXPECT_FALSE(quarantine.Strike(kAda, 8, 11));
  EXPECT_TRUE(quarantine.Strike(kAda, 8, 12));
}

TEST(Quarantine, OldStrikesAreForgotten) {
  Quarantine quarantine(100);
  quarantine.Strike(kAda, 0, 10);
  quarantine.Strike(kAda, 0, 11);
  EXPECT_FALSE(quarantine.Strike(kAda, 0, 110));
  EXPECT_FALSE(quarantine.Holds(kAda, 110));
}

TEST(Quarantine, AFullTableForgetsTheOldest) {
  Quarantine quarantine(10'000);
  for (size_t i = 0; i <= Quarantine::kMaxPlayers; ++i)
    quarantine.Hold(PlayerName::From(fmt::format("player{}", i)), 1 + i);
  const core::Tick now = 2 + Quarantine::kMaxPlayers;
  EXPECT_FALSE(quarantine.Holds(PlayerName::From("player0"), now));
  EXPECT_TRUE(quarantine.Holds(PlayerName::From("player1"), now));
  EXPECT_TRUE(
      quarantine.Holds(PlayerName::From(fmt::format("player{}", Quarantine::kMaxPlayers)), now));
}

}  // namespace
}  // namespace bluemarble::session
