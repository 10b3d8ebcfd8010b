// Whole zones on a simulated clock, network and disk. Every run prints its seed on failure.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "support/sim_world.h"
#include "view_checker.h"

namespace bluemarble::support {
namespace {

constexpr SimFaults kBadNetwork{
    .loss = 0.2, .duplicate = 0.05, .latency_ns = 30'000'000, .jitter_ns = 60'000'000};

SimWorldOptions Options(uint64_t seed, const SimFaults& faults = {}, int workers = 1) {
  return {.seed = seed, .zone = SmallZone(), .faults = faults, .workers = workers};
}

/// Players come and go, some without a word, and the zone takes and leaves relief, for `ticks`.
void Bustle(SimWorld& world, uint64_t seed, int ticks, const std::function<void()>& after_tick) {
  core::Random random(seed);
  uint64_t names = 0;
  for (int i = 0; i < ticks; ++i) {
    if (world.players().size() < 20 && random.Chance(0.2)) {
      const GeoPosition place{2.35 + random.Range(-0.002, 0.002),
                              48.85 + random.Range(-0.002, 0.002), 0};
      world.Join("p" + std::to_string(++names),
                 random.Chance(0.7) ? std::optional(place) : std::nullopt);
    }
    if (!world.players().empty() && random.Chance(0.01)) {
      SimPlayer& leaver = *world.players()[random.Below(world.players().size())];
      if (random.Chance(0.5)) {
        leaver.core().Quit();
      } else {
        world.network().Vanish(leaver.link());
      }
    }
    if (random.Chance(0.03))
      world.Relieve({.step = static_cast<uint8_t>(random.Below(replication::kReliefSteps + 1)),
                     .dilation_pct = static_cast<uint16_t>(100 + random.Below(101))});
    world.Step();
    after_tick();
    if (testing::Test::HasFatalFailure()) return;
  }
}

class Seeds : public testing::TestWithParam<uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Simulation, Seeds, testing::Range<uint64_t>(1, 13));

TEST_P(Seeds, EveryInvariantHoldsUnderLossReorderingJoiningAndLeaving) {
  SimWorld world(Options(GetParam(), kBadNetwork));
  ViewChecker checker;
  Bustle(world, GetParam(), 450, [&] {
    const std::string problem = checker.Check(world);
    ASSERT_EQ(problem, "") << "seed " << GetParam();
  });
  EXPECT_GT(checker.compared(), 1000u);
  EXPECT_GT(world.zone().session_stats().logins.Get(), 5u);
}

std::vector<uint64_t> HashesOf(uint64_t seed, int workers) {
  SimWorld world(Options(seed, kBadNetwork, workers));
  std::vector<uint64_t> hashes;
  Bustle(world, seed, 240, [&] { hashes.push_back(world.zone().Hash()); });
  return hashes;
}

TEST(Simulation, TheSameSeedGivesTheSameWorldAtEveryTick) {
  EXPECT_EQ(HashesOf(7, 1), HashesOf(7, 1));
}

TEST(Simulation, AnyNumberOfWorkersGivesTheSameWorld) {
  const auto one = HashesOf(11, 1);
  EXPECT_EQ(one, HashesOf(11, 2));
  EXPECT_EQ(one, HashesOf(11, 4));
}

TEST(Simulation, AnotherSeedGivesAnotherWorld) { EXPECT_NE(HashesOf(7, 1), HashesOf(8, 1)); }

struct Place {
  const char* name;
  double lon, lat;
};
class Places : public testing::TestWithParam<Place> {};
INSTANTIATE_TEST_SUITE_P(
    Simulation, Places,
    testing::Values(Place{"Equator", 10, 0}, Place{"NorthPole", 0, 90}, Place{"SouthPole", 77, -90},
                    Place{"NearThePole", 12, 89.9998}, Place{"Antimeridian", 180, 12.5},
                    Place{"WestOfIt", -179.9999, -40}, Place{"PrimeMeridian", 0, 51.5}),
    [](const auto& place) { return place.param.name; });

TEST_P(Places, PlayersMeetAndSeeEachOtherMove) {
  SimWorld world(Options(3, {.latency_ns = 20'000'000, .jitter_ns = 5'000'000}));
  ViewChecker checker;
  for (int i = 0; i < 5; ++i)
    world.Join("p" + std::to_string(i), GeoPosition{GetParam().lon, GetParam().lat, 0});
  for (int i = 0; i < 300; ++i) {
    world.Step();
    ASSERT_EQ(checker.Check(world), "");
  }
  ASSERT_EQ(world.playing(), 5u);
  for (const auto& player : world.players()) {
    int players = 0;
    player->core().replica()->ForEach([&](const client::HeldEntity& held) {
      players += held.kind == static_cast<uint8_t>(world::Kind::kPlayer) ? 1 : 0;
    });
    EXPECT_GE(players, 4) << player->name();
  }
}

TEST(Simulation, WithoutLossAnHonestPlayerIsHardlyEverCorrected) {
  SimWorld world(Options(5, {.latency_ns = 20'000'000, .jitter_ns = 3'000'000}));
  SimPlayer& player = world.Join("honest");
  world.Run(90);
  const uint64_t wrong_before = world.zone().session_stats().input.mismatched.Get();
  const uint64_t right_before = world.zone().session_stats().input.confirmed.Get();
  world.Run(600);
  const uint64_t wrong = world.zone().session_stats().input.mismatched.Get() - wrong_before;
  const uint64_t right = world.zone().session_stats().input.confirmed.Get() - right_before;
  EXPECT_EQ(player.core().state(), ClientState::kPlaying);
  EXPECT_GT(right, 100u);
  EXPECT_LE(wrong, right / 100);
}

TEST(Simulation, APlayerCannotWalkOverTheBorder) {
  SimWorldOptions options = Options(2);
  options.zone.shard.lon_min = -60;
  options.zone.shard.lon_max = 60;
  SimWorld world(options);
  SimPlayer& player = world.Join("east", GeoPosition{59.9999, 0, 0});  // 11 m from the wall
  player.Walk(1, 0);
  ViewChecker checker;
  for (int i = 0; i < 300; ++i) {
    world.Step();
    ASSERT_EQ(checker.Check(world), "");
  }
  const uint32_t row =
      world.zone().world().RowOf(core::EntityId{player.core().welcome()->entity_id});
  EXPECT_LT(world.zone().range().DepthInside(world.zone().world().bodies()[row].position), 1.0);
  // The client predicts the wall: pushing against it needs no corrections.
  EXPECT_LT(world.zone().session_stats().input.mismatched.Get(), 10u);
}

TEST(Simulation, AnOrderlyStopKeepsWhereEverybodyStood) {
  SimWorld world(Options(4));
  SimPlayer& player = world.Join("keeper");
  player.Walk(1, 0);
  world.Run(90);
  const uint32_t row =
      world.zone().world().RowOf(core::EntityId{player.core().welcome()->entity_id});
  const geo::Vec3 before = world.zone().world().bodies()[row].position;
  world.StopAndRestart();
  SimPlayer& again = world.Join("keeper");
  world.Run(30);
  ASSERT_NE(again.core().welcome(), nullptr);
  // The stopping tick itself still moves nobody: players are taken out before Simulate.
  EXPECT_LT(Length(again.core().welcome()->position - before), 0.01);
}

TEST(Simulation, ACrashLosesAtMostASecondOfAPlayersWay) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    SimWorld world(Options(seed));
    SimPlayer& player = world.Join("walker");
    player.Walk(0, 1);
    world.Run(120 + static_cast<int>(seed) * 7);
    const uint32_t row =
        world.zone().world().RowOf(core::EntityId{player.core().welcome()->entity_id});
    const geo::Vec3 before = world.zone().world().bodies()[row].position;
    world.store().Sync();
    world.CrashAndRestart();
    SimPlayer& again = world.Join("walker");
    world.Run(30);
    ASSERT_NE(again.core().welcome(), nullptr) << "seed " << seed;
    EXPECT_LE(Length(again.core().welcome()->position - before), 7.0 + 0.5) << "seed " << seed;
  }
}

TEST(Simulation, TickNumbersNeverRepeatAcrossACrash) {
  SimWorld world(Options(6));
  world.Run(50);
  const core::Tick before = world.tick();
  world.CrashAndRestart();
  EXPECT_GT(world.tick(), before);
}

TEST(Simulation, AVanishedPlayerIsTakenOutInFiveSeconds) {
  SimWorld world(Options(9));
  SimPlayer& player = world.Join("ghost");
  world.Run(60);
  ASSERT_EQ(world.zone().session_stats().players.Get(), 1u);
  world.network().Vanish(player.link());
  world.Run(5 * world.hz() + 10);
  EXPECT_EQ(world.zone().session_stats().players.Get(), 0u);
  EXPECT_EQ(
      world.zone().session_stats().ended[static_cast<size_t>(DisconnectReason::kTimeout)].Get(),
      1u);
}

TEST(Simulation, TheOlderSessionOfAPlayerIsReplacedAndItsPlaceKept) {
  SimWorld world(Options(10));
  SimPlayer& older = world.Join("twin");
  older.Walk(1, 0);
  world.Run(90);
  const uint32_t row =
      world.zone().world().RowOf(core::EntityId{older.core().welcome()->entity_id});
  const geo::Vec3 before = world.zone().world().bodies()[row].position;
  SimPlayer& newer = world.Join("twin");
  world.Run(30);
  EXPECT_EQ(older.core().state(), ClientState::kEnded);
  EXPECT_EQ(older.core().end_reason(), DisconnectReason::kReplaced);
  ASSERT_EQ(newer.core().state(), ClientState::kPlaying);
  EXPECT_LT(Length(newer.core().welcome()->position - before), 7.0);
  EXPECT_EQ(world.zone().session_stats().players.Get(), 1u);
}

geo::Vec3 StoredPlace(SimWorld& world, const std::string& name) {
  const auto row = world.store().LoadPlayer(name);
  return row.ok() ? geo::Vec3{row->state.x_m, row->state.y_m, row->state.z_m} : geo::Vec3{};
}

TEST(Simulation, APlayerWhoNeverMovesAfterAppearingElsewhereIsSavedThere) {
  SimWorld world(Options(15));
  world.Join("mover", GeoPosition{2.35, 48.85, 0}).Stand();
  world.Run(60);
  world.players()[0]->core().Quit();
  world.Run(10);
  SimPlayer& again = world.Join("mover", GeoPosition{2.351, 48.85, 0});  // 73 m to the east
  again.Stand();
  world.Run(60);
  ASSERT_EQ(again.core().state(), ClientState::kPlaying);
  EXPECT_LT(Length(StoredPlace(world, "mover") - again.core().welcome()->position), 0.01);
}

constexpr double kWayOfATickM = 7.0 / 30 + 0.01;

/// Steps until `newer` plays; returns where `older` stood last.
geo::Vec3 StepUntilPlaying(SimWorld& world, const SimPlayer& older, const SimPlayer& newer) {
  const core::EntityId id{older.core().welcome()->entity_id};
  geo::Vec3 last;
  for (int i = 0; i < 60 && newer.core().state() != ClientState::kPlaying; ++i) {
    if (world.zone().world().Alive(id))
      last = world.zone().world().bodies()[world.zone().world().RowOf(id)].position;
    world.Step();
  }
  return last;
}

TEST(Simulation, APlayerWhoLeavesWhileTheSamePlayerLogsInHandsItsPlaceOver) {
  for (int ticks = 0; ticks < 8; ++ticks) {  // from before the newer login to after its end
    SimWorld world(Options(16));
    SimPlayer& older = world.Join("twin");
    older.Walk(1, 0);
    world.Run(100);
    SimPlayer& newer = world.Join("twin");
    newer.Stand();
    world.Run(ticks);
    if (newer.core().state() == ClientState::kPlaying) break;
    older.core().Quit();
    const geo::Vec3 last = StepUntilPlaying(world, older, newer);
    ASSERT_EQ(newer.core().state(), ClientState::kPlaying) << ticks;
    EXPECT_LT(Length(newer.core().welcome()->position - last), kWayOfATickM) << ticks;
  }
}

TEST(Simulation, OfTwoLoginsAtOnceTheLastOneTakesThePlaceOver) {
  SimWorld world(Options(17));
  SimPlayer& older = world.Join("twin");
  older.Walk(1, 0);
  world.Run(100);
  const SimPlayer& second = world.Join("twin");
  const SimPlayer& third = world.Join("twin");
  const geo::Vec3 last = StepUntilPlaying(world, older, third);
  EXPECT_EQ(second.core().end_reason(), DisconnectReason::kReplaced);
  ASSERT_EQ(third.core().state(), ClientState::kPlaying);
  EXPECT_LT(Length(third.core().welcome()->position - last), kWayOfATickM);
}

TEST(Simulation, AFullZoneLetsAPlayerReplaceItsOwnGhost) {
  SimWorldOptions options = Options(18);
  options.zone.session.max_players = 2;
  options.zone.replication.max_viewers = 2;
  SimWorld world(options);
  SimPlayer& ghost = world.Join("ghost");
  world.Join("other");
  world.Run(60);
  ASSERT_EQ(world.playing(), 2u);
  world.network().Vanish(ghost.link());
  const SimPlayer& again = world.Join("ghost");
  const SimPlayer& stranger = world.Join("stranger");
  world.Run(30);
  EXPECT_EQ(again.core().state(), ClientState::kPlaying) << again.core().error();
  EXPECT_EQ(stranger.core().end_reason(), DisconnectReason::kZoneFull);
}

TEST(Simulation, AFullZoneRefusesWithItsSettingAndGoesOn) {
  SimWorldOptions options = Options(12);
  options.zone.session.max_players = 3;
  SimWorld world(options);
  for (int i = 0; i < 5; ++i) world.Join("p" + std::to_string(i));
  world.Run(90);
  EXPECT_EQ(world.playing(), 3u);
  int refused = 0;
  for (const auto& player : world.players()) {
    if (player->core().end_reason() != DisconnectReason::kZoneFull) continue;
    EXPECT_NE(player->core().error().find("session.max_players"), std::string::npos)
        << player->core().error();
    ++refused;
  }
  EXPECT_EQ(refused, 2);
}

TEST(Simulation, AStormOfLoginsEndsNobodyWhoWaitsForATurn) {
  SimWorldOptions options = Options(14);
  options.zone.session.enters_per_tick = 1;
  options.zone.session.login_timeout_ms = 500;
  SimWorld world(options);
  for (int i = 0; i < 60; ++i) world.Join("p" + std::to_string(i));
  world.Run(60 + 30);  // one a tick: two seconds for the last one
  EXPECT_EQ(world.playing(), 60u);
}

TEST(Simulation, AStoreThatIsAwayRefusesLoginsAndLeavesPlayersAlone) {
  SimWorld world(Options(13));
  SimPlayer& inside = world.Join("inside");
  world.Run(60);
  world.store().set_away(true);
  SimPlayer& outside = world.Join("outside");
  world.Run(60);
  EXPECT_EQ(inside.core().state(), ClientState::kPlaying);
  EXPECT_EQ(outside.core().end_reason(), DisconnectReason::kStoreUnavailable);
  world.store().set_away(false);
  world.Run(60);  // until the committer's next try finds it back
  SimPlayer& later = world.Join("later");
  world.Run(200);
  EXPECT_EQ(later.core().state(), ClientState::kPlaying);
}

int LogoutsOf(SimWorld& world, const std::string& name) {
  const int64_t id = world.store().LoadPlayer(name)->player_id;
  return static_cast<int>(
      std::ranges::count_if(world.store().events(), [id](const persistence::EventRow& event) {
        return event.aggregate_id == id && event.kind == persistence::EventKind::kLogout;
      }));
}

TEST(Simulation, WhoeverLeavesWhileTheStoreIsAwayIsLoggedOutOnceWhenItIsBack) {
  SimWorld world(Options(20));
  constexpr int kPlayers = 8;
  for (int i = 0; i < kPlayers; ++i) world.Join("p" + std::to_string(i));
  world.Run(90);
  const auto& stats = world.zone().session_stats();
  ASSERT_EQ(world.playing(), size_t{kPlayers});
  // The first one's logout is on its way to the store already.
  world.players()[0]->core().Quit();
  for (int i = 0; i < 30 && stats.players.Get() == kPlayers; ++i) world.Step();
  ASSERT_EQ(stats.players.Get(), uint64_t{kPlayers - 1});
  world.store().set_away(true);
  for (int i = 1; i < kPlayers; ++i) {
    world.Run(30);
    world.players()[static_cast<size_t>(i)]->core().Quit();
  }
  const SimPlayer& back_too_early = world.Join("p3");
  world.Run(22 * world.hz());
  EXPECT_EQ(back_too_early.core().end_reason(), DisconnectReason::kStoreUnavailable);
  EXPECT_EQ(stats.players.Get(), 0u);
  EXPECT_EQ(stats.pending.Get(), uint64_t{kPlayers});
  world.store().set_away(false);
  world.Run(60);
  EXPECT_EQ(stats.pending.Get(), 0u) << "every slot is free";
  EXPECT_EQ(stats.logouts_refused.Get(), 0u);
  for (int i = 0; i < kPlayers; ++i)
    EXPECT_EQ(LogoutsOf(world, "p" + std::to_string(i)), 1) << "p" << i;
  const SimPlayer& back = world.Join("p3");
  world.Run(30);
  EXPECT_EQ(back.core().state(), ClientState::kPlaying) << back.core().error();
  EXPECT_EQ(LogoutsOf(world, "p3"), 1);
}

TEST(Simulation, APlayerWhoLeftDuringAnOutageAndIsBackFirstFindsItsPlace) {
  for (int ticks = 0; ticks < 45; ++ticks) {  // from before the store is found back to after it
    SimWorld world(Options(21));
    SimPlayer& older = world.Join("twin");
    older.Walk(1, 0);
    world.Run(90);
    world.store().set_away(true);
    world.Run(60);
    const core::EntityId id{older.core().welcome()->entity_id};
    older.core().Quit();
    geo::Vec3 last;
    for (int i = 0; i < 30 && world.zone().world().Alive(id); ++i) {
      last = world.zone().world().bodies()[world.zone().world().RowOf(id)].position;
      world.Step();
    }
    world.Run(30);
    world.store().set_away(false);
    world.Run(ticks);
    SimPlayer& newer = world.Join("twin");
    newer.Stand();
    world.Run(60);
    if (newer.core().end_reason() == DisconnectReason::kStoreUnavailable) continue;
    ASSERT_EQ(newer.core().state(), ClientState::kPlaying) << ticks;
    EXPECT_LT(Length(newer.core().welcome()->position - last), 0.3) << ticks;
    EXPECT_EQ(world.zone().session_stats().pending.Get(), 0u) << ticks;
    EXPECT_LE(LogoutsOf(world, "twin"), 1) << ticks;
  }
}

TEST(Simulation, AStoreThatIsGoneForGoodHoldsNoSlot) {
  SimWorld world(Options(22));
  for (int i = 0; i < 3; ++i) world.Join("p" + std::to_string(i));
  world.Run(90);
  ASSERT_EQ(world.playing(), 3u);
  world.store().TakeOver();
  world.Run(60);
  for (const auto& player : world.players()) player->core().Quit();
  world.Run(60);
  EXPECT_EQ(world.zone().session_stats().pending.Get(), 0u);
  EXPECT_EQ(world.zone().session_stats().logouts_refused.Get(), 3u);
}

}  // namespace
}  // namespace bluemarble::support
