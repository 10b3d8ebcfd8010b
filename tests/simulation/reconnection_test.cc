// Players who lose their connection and come back, through a whole zone on a simulated network.
#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "durable_checker.h"
#include "net/identity.h"
#include "raw_peer.h"
#include "support/sim_world.h"

namespace bluemarble::support {
namespace {

constexpr uint32_t kSword = 2;

SimWorldOptions Options(uint64_t seed, uint32_t linger_s = 30) {
  SimWorldOptions options{.seed = seed, .zone = SmallZone(), .faults = {}, .workers = 1};
  options.zone.session.linger_s = linger_s;
  return options;
}

core::EntityId EntityOf(const SimPlayer& player) {
  return core::EntityId{player.core().welcome()->entity_id};
}

geo::Vec3 PlaceOf(SimWorld& world, core::EntityId entity) {
  return world.zone().world().bodies()[world.zone().world().RowOf(entity)].position;
}

uint64_t Ended(SimWorld& world, DisconnectReason reason) {
  return world.zone().session_stats().ended[static_cast<size_t>(reason)].Get();
}

/// In play for a while, then gone without a word, until the zone has noticed.
SimPlayer& JoinAndLose(SimWorld& world, const std::string& name) {
  SimPlayer& player = world.Join(name);
  player.Walk(1, 0);
  world.Run(90);
  world.network().Vanish(player.link());
  world.Run(5 * world.hz() + 5);
  return player;
}

TEST(Reconnection, ALostPlayerGoesOnAsTheSameEntityWithoutBeingLoaded) {
  SimWorld world(Options(1));
  const core::EntityId entity = EntityOf(JoinAndLose(world, "ann"));
  ASSERT_EQ(world.zone().session_stats().lingering.Get(), 1u);
  ASSERT_EQ(world.zone().session_stats().players.Get(), 0u);
  world.Run(15 * world.hz());
  // Also while the store is away: nothing is asked of it.
  world.store().set_away(true);
  SimPlayer& again = world.Join("ann");
  world.Run(10);
  ASSERT_EQ(again.core().state(), ClientState::kPlaying) << again.core().error();
  EXPECT_TRUE(again.core().welcome()->resumed);
  EXPECT_EQ(EntityOf(again), entity);
  EXPECT_EQ(world.zone().session_stats().resumed.Get(), 1u);
  EXPECT_EQ(world.zone().session_stats().lingering.Get(), 0u);
  world.store().set_away(false);
  again.Walk(0, 1);
  const geo::Vec3 before = PlaceOf(world, entity);
  world.Run(60);
  EXPECT_EQ(again.core().state(), ClientState::kPlaying);
  EXPECT_GT(Length(PlaceOf(world, entity) - before), 3.0);
  EXPECT_LT(Length(geo::Vec3{again.core().own().confirmed.x, again.core().own().confirmed.y,
                             again.core().own().confirmed.z} -
                   PlaceOf(world, entity)),
            3.0);
}

TEST(Reconnection, WhoIsLostStandsStillAndIsSeenByOthers) {
  SimWorld world(Options(2));
  SimPlayer& watcher = world.Join("watcher");
  watcher.Stand();
  const core::EntityId entity = EntityOf(JoinAndLose(world, "ann"));
  world.Run(30);  // until the last steps are done
  const geo::Vec3 before = PlaceOf(world, entity);
  world.Run(10 * world.hz());
  EXPECT_LT(Length(PlaceOf(world, entity) - before), 0.001);
  const auto row = world.store().LoadPlayer("ann");
  ASSERT_TRUE(row.ok());
  EXPECT_LT(Length(geo::Vec3{row->state.x_m, row->state.y_m, row->state.z_m} - before), 0.01);
}

TEST(Reconnection, WhoSaysGoodbyeIsTakenOutAtOnce) {
  SimWorld world(Options(3));
  SimPlayer& player = world.Join("ann");
  world.Run(60);
  const core::EntityId entity = EntityOf(player);
  player.core().Quit();
  world.Run(5);
  EXPECT_FALSE(world.zone().world().Alive(entity));
  EXPECT_EQ(world.zone().session_stats().lingering.Get(), 0u);
}

TEST(Reconnection, WhoBrokeTheRulesIsTakenOutAtOnce) {
  SimWorld world(Options(4));
  RawPeer peer(world.network(), "ann", std::nullopt);
  world.Run(60);
  const core::EntityId entity{peer.entity()};
  ASSERT_TRUE(world.zone().world().Alive(entity));
  peer.link().Send(net::Channel::kReliable, std::array{std::byte{0xff}});
  world.Run(5);
  EXPECT_FALSE(world.zone().world().Alive(entity));
}

TEST(Reconnection, WhoHasSaidNothingYetIsGivenTimeForARepeatedWelcome) {
  SimWorld world(Options(6));
  RawPeer peer(world.network(), "ann", std::nullopt);
  world.Run(10);
  ASSERT_EQ(world.zone().session_stats().players.Get(), 1u);
  world.Run(14 * world.hz());
  EXPECT_EQ(world.zone().session_stats().players.Get(), 1u);
  EXPECT_EQ(Ended(world, DisconnectReason::kTimeout), 0u);
  world.Run(2 * world.hz());
  EXPECT_EQ(world.zone().session_stats().players.Get(), 0u);
  EXPECT_EQ(Ended(world, DisconnectReason::kTimeout), 1u);
}

TEST(Reconnection, WhoDoesNotComeBackInTimeIsTakenOutAndKept) {
  SimWorld world(Options(5, /*linger_s=*/10));
  const core::EntityId entity = EntityOf(JoinAndLose(world, "ann"));
  world.Run(9 * world.hz());
  ASSERT_TRUE(world.zone().world().Alive(entity));
  world.Run(2 * world.hz());
  EXPECT_FALSE(world.zone().world().Alive(entity));
  EXPECT_EQ(world.zone().session_stats().lingers_expired.Get(), 1u);
  EXPECT_EQ(Ended(world, DisconnectReason::kTimeout), 1u);
  EXPECT_TRUE(world.zone().sessions().empty());
  SimPlayer& again = world.Join("ann");
  world.Run(30);
  ASSERT_EQ(again.core().state(), ClientState::kPlaying);
  EXPECT_FALSE(again.core().welcome()->resumed);
  EXPECT_FALSE(EntityOf(again) == entity);
}

TEST(Reconnection, WithoutLingeringALostPlayerIsTakenOutAtOnce) {
  SimWorld world(Options(6, /*linger_s=*/0));
  const core::EntityId entity = EntityOf(JoinAndLose(world, "ann"));
  EXPECT_FALSE(world.zone().world().Alive(entity));
}

TEST(Reconnection, ASecondLoginTakesOverAndTheFirstIsTold) {
  SimWorld world(Options(7));
  SimPlayer& first = world.Join("ann");
  first.Walk(1, 0);
  world.Run(90);
  const core::EntityId entity = EntityOf(first);
  SimPlayer& second = world.Join("ann");
  world.Run(10);
  EXPECT_EQ(first.core().end_reason(), DisconnectReason::kReplaced);
  ASSERT_EQ(second.core().state(), ClientState::kPlaying);
  EXPECT_TRUE(second.core().welcome()->resumed);
  EXPECT_EQ(EntityOf(second), entity);
  EXPECT_EQ(world.zone().session_stats().players.Get(), 1u);
  EXPECT_EQ(Ended(world, DisconnectReason::kReplaced), 1u);
  second.core().Quit();
  world.Run(60);
  EXPECT_TRUE(world.zone().sessions().empty());
}

TEST(Reconnection, OfThreeLoginsInOneTickTheLastOnePlays) {
  SimWorld world(Options(8));
  world.Join("ann");
  world.Run(60);
  for (int i = 0; i < 3; ++i) world.Join("ann");
  world.Run(20);
  EXPECT_EQ(world.playing(), 1u);
  EXPECT_EQ(world.players().back()->core().state(), ClientState::kPlaying);
  EXPECT_EQ(world.zone().session_stats().players.Get(), 1u);
}

TEST(Reconnection, AFullZoneTakesOutWhoHasLingeredLongest) {
  SimWorldOptions options = Options(9);
  options.zone.session.max_players = 3;
  options.zone.replication.max_viewers = 3;
  SimWorld world(options);
  const core::EntityId longest = EntityOf(JoinAndLose(world, "longest"));
  const core::EntityId shorter = EntityOf(JoinAndLose(world, "shorter"));
  world.Join("inside");
  world.Run(30);
  ASSERT_EQ(world.zone().session_stats().lingering.Get(), 2u);
  SimPlayer& fresh = world.Join("new");
  world.Run(30);
  EXPECT_EQ(fresh.core().state(), ClientState::kPlaying) << fresh.core().error();
  EXPECT_FALSE(world.zone().world().Alive(longest));
  EXPECT_TRUE(world.zone().world().Alive(shorter));
  EXPECT_EQ(world.zone().session_stats().lingers_evicted.Get(), 1u);
  // The one who made room is stored and may come back as far as there is room.
  world.Join("another");
  world.Run(30);
  SimPlayer& refused = world.Join("longest");
  world.Run(30);
  EXPECT_EQ(refused.core().end_reason(), DisconnectReason::kZoneFull);
}

TEST(Reconnection, ACrowdComesBackAFewPerTick) {
  constexpr int kCrowd = 40;
  SimWorldOptions options = Options(10);
  options.zone.session.enters_per_tick = 4;
  options.zone.session.login_timeout_ms = 500;
  SimWorld world(options);
  for (int i = 0; i < kCrowd; ++i) world.Join("p" + std::to_string(i));
  world.Run(90);
  ASSERT_EQ(world.playing(), size_t{kCrowd});
  for (auto& player : world.players()) world.network().Vanish(player->link());
  world.Run(6 * world.hz());
  ASSERT_EQ(world.zone().session_stats().lingering.Get(), uint64_t{kCrowd});
  for (int i = 0; i < kCrowd; ++i) world.Join("p" + std::to_string(i));
  uint64_t before = 0;
  for (int tick = 0; tick < kCrowd; ++tick) {
    world.Step();
    const uint64_t resumed = world.zone().session_stats().resumed.Get();
    EXPECT_LE(resumed - before, 2u) << tick;
    before = resumed;
  }
  EXPECT_EQ(before, uint64_t{kCrowd});
}

TEST(Reconnection, WhoIsLostWhileWaitingForATurnHoldsNobodyUp) {
  SimWorldOptions options = Options(11);
  options.zone.session.enters_per_tick = 2;
  SimWorld world(options);
  for (int i = 0; i < 6; ++i) world.Join("p" + std::to_string(i));
  world.Run(60);
  for (int i = 0; i < 6; ++i) world.Join("p" + std::to_string(i));
  world.Run(2);
  world.players()[9]->core().Quit();  // before its turn
  world.Run(30);
  for (const size_t i : {6u, 7u, 8u, 10u, 11u})
    EXPECT_EQ(world.players()[i]->core().state(), ClientState::kPlaying) << i;
}

TEST(Reconnection, AShardThatLostThePlayerFindsOutAtTheNextWrite) {
  SimWorld world(Options(12));
  const core::EntityId entity = EntityOf(JoinAndLose(world, "ann"));
  const auto row = world.store().LoadPlayer("ann");
  ASSERT_TRUE(row.ok());
  world.store().SetOwner(row->player_id, "elsewhere", row->epoch + 1);
  SimPlayer& again = world.Join("ann");
  world.Run(30);
  EXPECT_EQ(again.core().end_reason(), DisconnectReason::kWrongShard);
  EXPECT_FALSE(world.zone().world().Alive(entity));
}

TEST(Reconnection, AnActionWhoseAnswerWasLostIsAnsweredAgainAndDoneOnce) {
  SimWorldOptions options = Options(13);
  options.zone.game.ground_items = 0;
  SimWorld world(options);
  std::deque<RawPeer> peers;
  RawPeer& peer = peers.emplace_back(world.network(), "ann", std::nullopt);
  world.Run(60);
  const int64_t sword = peer.First(kSword).item_id;
  ASSERT_NE(sword, 0);
  peer.Act(1, protocol::Drop{sword});
  world.Step();
  world.network().Vanish(peer.link());  // the answer is under way
  world.Run(6 * world.hz());
  ASSERT_TRUE(peer.ResultsOf(1).empty());
  RawPeer& again = peers.emplace_back(world.network(), "ann", std::nullopt);
  world.Run(10);
  ASSERT_TRUE(again.playing());
  EXPECT_EQ(again.entity(), peer.entity());
  EXPECT_EQ(again.First(kSword).item_id, 0);
  again.Act(1, protocol::Drop{sword});
  world.Run(15);
  ASSERT_EQ(again.ResultsOf(1).size(), 1u);
  EXPECT_EQ(again.ResultsOf(1)[0].outcome, ActionOutcome::kOk);
  EXPECT_TRUE(again.ResultsOf(1)[0].repeated);
  EXPECT_EQ(world.zone().items().ground().items().size(), 1u);
  EXPECT_EQ(CheckConserved(world.store()), "");
  EXPECT_EQ(CheckMemory(world.zone(), world.store()), "");
}

TEST(Reconnection, OffersThatStandAreToldAgain) {
  SimWorldOptions options = Options(14);
  options.zone.session.timeout_ms = 600'000;  // raw peers send no inputs
  SimWorld world(options);
  std::deque<RawPeer> peers;
  const geo::Geodetic place{2.35, 48.85, 0};
  for (const char* name : {"ann", "bob"}) peers.emplace_back(world.network(), name, place);
  world.Run(60);
  protocol::OfferTrade offer;
  offer.entity_id = peers[1].entity();
  offer.give_item_ids = {peers[0].First(kSword).item_id};
  offer.want_gold = 5;
  peers[0].Act(1, offer);
  world.Run(10);
  ASSERT_NE(peers[1].offered().trade_id, 0u);
  RawPeer& again = peers.emplace_back(world.network(), "bob", std::nullopt);
  world.Run(10);
  EXPECT_EQ(again.offered(), peers[1].offered());
  again.Act(2, protocol::AcceptTrade{again.offered().trade_id});
  world.Run(15);
  ASSERT_EQ(again.ResultsOf(2).size(), 1u);
  EXPECT_EQ(again.ResultsOf(2)[0].outcome, ActionOutcome::kOk);
  EXPECT_EQ(CheckConserved(world.store()), "");
}

std::vector<std::byte> IdentityBytes(const std::string& name) {
  std::vector<std::byte> bytes(net::kMaxIdentityBytes);
  bytes.resize(net::WriteIdentity({.account_id = 7, .name = name}, bytes));
  return bytes;
}

/// Logs in with `token` over a connection that belongs to `identity` (empty: to nobody).
DisconnectReason LogIn(SimWorld& world, const std::string& identity, const std::string& token,
                       std::string& stored_as) {
  const std::vector<std::byte> bytes =
      identity.empty() ? std::vector<std::byte>() : IdentityBytes(identity);
  world.network().IdentifyNext(bytes);
  SimPlayer& player = world.Join(token);
  world.Run(30);
  const bool in = player.core().state() == ClientState::kPlaying;
  for (const char* name : {"ann", "eve"})
    if (in && world.store().LoadPlayer(name).ok()) stored_as = name;
  return player.core().end_reason();
}

TEST(Identity, ThePlayerIsWhomTheConnectTokenNames) {
  for (const std::string token : {"", "ann"}) {
    SimWorldOptions options = Options(15);
    options.zone.session.identity_required = true;
    SimWorld world(options);
    std::string stored_as;
    EXPECT_EQ(LogIn(world, "ann", token, stored_as), DisconnectReason::kNone) << token;
    EXPECT_EQ(stored_as, "ann");
  }
}

TEST(Identity, NobodyElseAndNobodyWithoutIdentityGetsIn) {
  struct Case {
    const char* identity;
    const char* token;
  };
  for (const Case& c : {Case{"eve", "ann"}, Case{"", "ann"}, Case{"", ""}, Case{"a\nb", ""}}) {
    SimWorldOptions options = Options(16);
    options.zone.session.identity_required = true;
    SimWorld world(options);
    std::string stored_as;
    EXPECT_EQ(LogIn(world, c.identity, c.token, stored_as), DisconnectReason::kBadToken)
        << c.identity << " " << c.token;
    EXPECT_EQ(stored_as, "");
  }
}

TEST(Reconnection, EveryWorkerCountReachesTheSameWorld) {
  std::vector<uint64_t> hashes[2];
  for (int run = 0; run < 2; ++run) {
    SimWorldOptions options = Options(17, /*linger_s=*/3);
    options.workers = run == 0 ? 1 : 3;
    options.faults = {
        .loss = 0.1, .duplicate = 0.02, .latency_ns = 20'000'000, .jitter_ns = 40'000'000};
    SimWorld world(options);
    core::Random random(17);
    for (int i = 0; i < 900; ++i) {
      if (random.Chance(0.05)) world.Join("p" + std::to_string(random.Below(6)));
      if (!world.players().empty() && random.Chance(0.03))
        world.network().Vanish(world.players()[random.Below(world.players().size())]->link());
      world.Step();
      hashes[run].push_back(world.zone().Hash());
    }
    EXPECT_GT(world.zone().session_stats().resumed.Get(), 3u);
  }
  EXPECT_EQ(hashes[0], hashes[1]);
}

}  // namespace
}  // namespace bluemarble::support
