// Items, gold and trades through a whole zone: what players are told, and what is stored.
#include <gtest/gtest.h>

#include <deque>
#include <limits>
#include <set>
#include <string>

#include "durable_checker.h"
#include "raw_peer.h"
#include "support/sim_world.h"

namespace bluemarble::support {
namespace {

using protocol::AcceptTrade;
using protocol::Drop;
using protocol::Give;
using protocol::Merge;
using protocol::OfferTrade;
using protocol::PickUp;
using protocol::Split;

constexpr uint32_t kBread = 1, kSword = 2, kWood = 3;

struct Scene {
  explicit Scene(int players, SimWorldOptions options = Options(), double apart_deg = 0)
      : world(std::move(options)) {
    for (int i = 0; i < players; ++i) Join(2.35 + i * apart_deg);
    Run(20);
  }
  static SimWorldOptions Options() {
    SimWorldOptions options{.seed = 1, .zone = SmallZone(), .faults = {}, .workers = 1};
    options.zone.game.animals = options.zone.game.resource_nodes = 0;
    options.zone.game.ground_items = 0;
    options.zone.session.action_burst = 500;
    options.zone.session.timeout_ms = 600'000;  // raw peers send no inputs
    return options;
  }
  RawPeer& Join(double lon_deg = 2.35) {
    return peers.emplace_back(world.network(), "p" + std::to_string(peers.size()),
                              geo::Geodetic{lon_deg, 48.85, 0});
  }
  void Run(int ticks) { world.Run(ticks); }
  /// The only answer to action `number`, after a while.
  protocol::ActionResult Answer(RawPeer& peer, uint64_t number) {
    Run(15);
    const auto results = peer.ResultsOf(number);
    EXPECT_EQ(results.size(), 1u) << "action " << number;
    return results.empty() ? protocol::ActionResult{} : results.front();
  }
  void ExpectSound() {
    EXPECT_EQ(CheckConserved(world.store()), "");
    EXPECT_EQ(CheckMemory(world.zone(), world.store()), "");
    // The store is the last line; memory found out by itself what could not be.
    EXPECT_EQ(world.zone().item_stats().disagreements.Get(), 0u);
  }
  int64_t StoredGold(const RawPeer& peer) {
    return world.store().accounts().find(peer.player_id())->second.balance;
  }

  SimWorld world;
  std::deque<RawPeer> peers;
};

TEST(Items, ANewPlayerGetsTheStartersAndTheStartingGold) {
  Scene scene(1);
  const RawPeer& peer = scene.peers[0];
  ASSERT_TRUE(peer.playing());
  EXPECT_EQ(peer.gold(), 100);
  EXPECT_EQ(peer.First(kBread).quantity, 5u);
  EXPECT_EQ(peer.First(kSword).quantity, 1u);
  EXPECT_EQ(peer.First(kWood).quantity, 40u);
  scene.ExpectSound();
}

TEST(Items, ADroppedItemLiesThereAndAnotherPlayerPicksItUp) {
  Scene scene(2);
  RawPeer& giver = scene.peers[0];
  RawPeer& taker = scene.peers[1];
  const int64_t sword = giver.First(kSword).item_id;
  giver.Act(1, Drop{sword});
  EXPECT_EQ(scene.Answer(giver, 1).outcome, ActionOutcome::kOk);
  EXPECT_EQ(giver.First(kSword).item_id, 0);
  ASSERT_EQ(scene.world.zone().items().ground().items().size(), 1u);
  const core::EntityId entity = scene.world.zone().items().ground().items().ids()[0];
  const uint32_t row = scene.world.zone().world().RowOf(entity);
  EXPECT_EQ(scene.world.zone().world().kinds()[row], world::Kind::kItem);
  scene.ExpectSound();
  taker.Act(2, PickUp{entity.bits});
  EXPECT_EQ(scene.Answer(taker, 2).outcome, ActionOutcome::kOk);
  EXPECT_FALSE(scene.world.zone().world().Alive(entity));
  EXPECT_EQ(scene.world.store().items().find(sword)->second.holder, taker.player_id());
  scene.ExpectSound();
}

TEST(Items, WhatAnOperatorTookFromTheGroundVanishesWhenSomebodyReachesForIt) {
  Scene scene(2);
  const int64_t sword = scene.peers[0].First(kSword).item_id;
  scene.peers[0].Act(1, Drop{sword});
  EXPECT_EQ(scene.Answer(scene.peers[0], 1).outcome, ActionOutcome::kOk);
  const core::EntityId entity = scene.world.zone().items().ground().items().ids()[0];

  persistence::DurableWrite taken;
  taken.key = {0, {std::byte{0xee}}};
  persistence::ItemChange change;
  change.item_id = sword;
  change.expected_version = scene.world.store().items().find(sword)->second.version;
  change.from_holder = persistence::kHeldByWorld;
  change.to_holder = persistence::kHeldByEscrow;
  taken.items.push_back(change);
  persistence::WriteResult result;
  persistence::CommitReport report;
  ASSERT_TRUE(scene.world.store().Commit({{&taken, 1}, {}, 0}, {&result, 1}, report).ok());
  ASSERT_EQ(result.outcome, persistence::Outcome::kOk);

  scene.peers[1].Act(2, PickUp{entity.bits});
  const auto answer = scene.Answer(scene.peers[1], 2);
  EXPECT_EQ(answer.outcome, ActionOutcome::kRefused);
  EXPECT_EQ(answer.reason, ActionReason::kNotHolder);
  EXPECT_FALSE(scene.world.zone().world().Alive(entity));
  EXPECT_EQ(scene.world.zone().items().ground().items().size(), 0u);
  EXPECT_EQ(CheckConserved(scene.world.store()), "");
}

TEST(Items, WhatLiesOnTheGroundIsThereAfterACrash) {
  SimWorldOptions options = Scene::Options();
  options.zone.game.ground_items = 7;
  Scene scene(1, options);
  scene.peers[0].Act(1, Drop{scene.peers[0].First(kSword).item_id});
  EXPECT_EQ(scene.Answer(scene.peers[0], 1).outcome, ActionOutcome::kOk);
  EXPECT_EQ(scene.world.zone().items().ground().items().size(), 8u);
  scene.world.CrashAndRestart();
  scene.Run(20);
  // The first items are not made a second time.
  EXPECT_EQ(scene.world.zone().items().ground().items().size(), 8u);
  EXPECT_EQ(scene.world.zone().item_stats().minted.Get(), 0u);
  scene.ExpectSound();
}

TEST(Items, TheFirstItemsAreMadeOnceEvenAfterAllKeysAreForgotten) {
  SimWorldOptions options = Scene::Options();
  options.zone.game.ground_items = 7;
  Scene scene(1, options);
  scene.world.StopAndRestart();
  SimStore& store = scene.world.store();
  const size_t items = store.items().size();
  ASSERT_EQ(items, 7u + 3u);
  const size_t keys = store.keys();
  constexpr int64_t kLongAfterUs = int64_t{1} << 60;
  EXPECT_GT(store.PurgeKeys(kLongAfterUs, keys).value(), 0u);
  scene.world.StopAndRestart();
  scene.Run(20);
  EXPECT_EQ(store.items().size(), items);
  EXPECT_EQ(scene.world.zone().items().ground().items().size(), 7u);
  EXPECT_EQ(scene.world.zone().item_stats().minted.Get(), 0u);
}

TEST(Items, ThingsOnTheGroundBeyondTheWorldsRoomStayStored) {
  SimWorldOptions options = Scene::Options();
  options.zone.game.ground_items = 20;
  options.zone.session.max_players = options.zone.replication.max_viewers = 50;
  options.zone.world.max_entities = 64;
  Scene scene(1, options);
  EXPECT_EQ(scene.world.zone().items().ground().items().size(), 14u);
  EXPECT_EQ(scene.world.zone().item_stats().ground_waiting.Get(), 6u);
  EXPECT_EQ(scene.world.store().items().size(), 20u + 3u);
  RawPeer& peer = scene.peers[0];
  peer.Act(1, Drop{peer.First(kSword).item_id});
  EXPECT_EQ(scene.Answer(peer, 1).reason, ActionReason::kUnavailable);
}

TEST(Items, OfTwoHundredPlayersWhoWantOneItemOneGetsItAndTheOthersHearWhy) {
  SimWorldOptions options = Scene::Options();
  options.zone.session.max_players = options.zone.replication.max_viewers = 256;
  options.zone.session.max_pending = 256;
  Scene scene(200, options);
  scene.Run(20);
  scene.peers[0].Act(1, Drop{scene.peers[0].First(kSword).item_id});
  scene.Run(15);
  const uint32_t entity = scene.world.zone().items().ground().items().ids()[0].bits;
  for (RawPeer& peer : scene.peers) peer.Act(2, PickUp{entity});
  scene.Run(30);
  int ok = 0, refused = 0;
  for (RawPeer& peer : scene.peers) {
    const auto results = peer.ResultsOf(2);
    ASSERT_EQ(results.size(), 1u);
    ok += results[0].outcome == ActionOutcome::kOk ? 1 : 0;
    refused += results[0].outcome == ActionOutcome::kRefused &&
                       results[0].reason != ActionReason::kNone && !results[0].text.empty()
                   ? 1
                   : 0;
  }
  EXPECT_EQ(ok, 1);
  EXPECT_EQ(refused, 199);
  scene.ExpectSound();
}

TEST(Items, TheSameRequestFiftyTimesInOneTickHappensOnceAndIsAnsweredAlike) {
  Scene scene(2);
  RawPeer& peer = scene.peers[0];
  const Give gift{scene.peers[1].entity(), {}, 1};
  const protocol::ActionKey key = RawPeer::Key(9);
  for (int i = 0; i < 50; ++i) peer.Send(protocol::Action{key, gift});
  scene.Run(15);
  const auto results = peer.ResultsOf(9);
  ASSERT_EQ(results.size(), 50u);
  int repeated = 0;
  for (const auto& result : results) {
    EXPECT_EQ(result.outcome, ActionOutcome::kOk);
    repeated += result.repeated ? 1 : 0;
  }
  EXPECT_EQ(repeated, 49);
  EXPECT_EQ(peer.gold(), 99);
  EXPECT_EQ(scene.peers[1].gold(), 101);
  scene.ExpectSound();
}

TEST(Items, ARepeatOverANewConnectionAndAfterARestartGetsTheSameAnswer) {
  Scene scene(2);
  const Give gift{scene.peers[1].entity(), {}, 30};
  scene.peers[0].Act(5, gift);
  EXPECT_EQ(scene.Answer(scene.peers[0], 5).outcome, ActionOutcome::kOk);
  scene.peers[0].Act(6, Give{scene.peers[1].entity(), {}, 500});
  EXPECT_EQ(scene.Answer(scene.peers[0], 6).reason, ActionReason::kInsufficient);
  scene.world.CrashAndRestart();
  scene.peers.clear();
  RawPeer& again = scene.Join();
  RawPeer& other = scene.Join();
  scene.Run(20);
  again.Act(5, Give{other.entity(), {}, 30});
  const auto answer = scene.Answer(again, 5);
  EXPECT_EQ(answer.outcome, ActionOutcome::kOk);
  EXPECT_TRUE(answer.repeated);
  EXPECT_EQ(again.gold(), 70);
  // Though it could be done now: what was refused stays refused.
  again.Act(6, Give{other.entity(), {}, 500});
  EXPECT_EQ(scene.Answer(again, 6).reason, ActionReason::kInsufficient);
  again.Act(5, Give{other.entity(), {}, 31});
  scene.Run(15);
  EXPECT_EQ(again.results().back().reason, ActionReason::kKeyReused);
  scene.ExpectSound();
}

TEST(Items, HostileAmountsAreRefusedByNameAndChangeNothing) {
  Scene scene(3);
  RawPeer& peer = scene.peers[0];
  RawPeer& other = scene.peers[1];
  const int64_t bread = peer.First(kBread).item_id, sword = peer.First(kSword).item_id;
  const int64_t wood = peer.First(kWood).item_id, foreign = other.First(kBread).item_id;
  const uint32_t to = other.entity(), self = peer.entity();
  constexpr int64_t k31 = int64_t{1} << 31, k63 = std::numeric_limits<int64_t>::max();
  const struct {
    decltype(protocol::Action::what) what;
    ActionReason reason;
  } cases[] = {
      {Give{to, {}, 0}, ActionReason::kBadAmount},
      {Give{to, {}, -1}, ActionReason::kBadAmount},
      {Give{to, {}, k31}, ActionReason::kBadAmount},
      {Give{to, {}, k63}, ActionReason::kBadAmount},
      {Give{to, {}, -k63 - 1}, ActionReason::kBadAmount},
      {Give{to, {bread}, -5}, ActionReason::kBadAmount},
      {Give{to, {}, k31 - 1}, ActionReason::kInsufficient},
      {Give{to, {}, 101}, ActionReason::kInsufficient},
      {Give{self, {bread}, 0}, ActionReason::kInvalid},
      {Give{self, {}, 5}, ActionReason::kInvalid},
      {Give{to, {foreign}, 0}, ActionReason::kNotHolder},
      {Give{to, {bread, bread}, 0}, ActionReason::kInvalid},
      {Give{to, {0}, 0}, ActionReason::kNotHolder},
      {Give{to, {-1}, 0}, ActionReason::kNotHolder},
      {Give{to, {k63}, 0}, ActionReason::kNotHolder},
      {Give{0, {bread}, 0}, ActionReason::kOffline},
      {Give{0xffffffff, {bread}, 0}, ActionReason::kOffline},
      {OfferTrade{to, {}, -1, {}, 5}, ActionReason::kBadAmount},
      {OfferTrade{to, {}, 5, {}, -1}, ActionReason::kBadAmount},
      {OfferTrade{to, {}, k63, {}, k63}, ActionReason::kBadAmount},
      {OfferTrade{to, {}, 1, {}, k31}, ActionReason::kBadAmount},
      {OfferTrade{to, {}, 0, {}, 0}, ActionReason::kBadAmount},
      {OfferTrade{to, {}, 7, {}, 7}, ActionReason::kBadAmount},
      {OfferTrade{self, {bread}, 0, {}, 5}, ActionReason::kInvalid},
      {OfferTrade{to, {bread}, 0, {bread}, 0}, ActionReason::kInvalid},
      {OfferTrade{to, {foreign}, 0, {}, 5}, ActionReason::kNotHolder},
      {OfferTrade{to, {bread}, 0, {sword}, 0}, ActionReason::kNotHolder},
      {OfferTrade{to, {}, 101, {foreign}, 0}, ActionReason::kInsufficient},
      {AcceptTrade{0}, ActionReason::kNoSuchItem},
      {AcceptTrade{~uint64_t{0}}, ActionReason::kNoSuchItem},
      {Split{wood, 0}, ActionReason::kBadAmount},
      {Split{wood, 40}, ActionReason::kBadAmount},
      {Split{wood, 0xffffffff}, ActionReason::kBadAmount},
      {Split{wood, 0x80000000}, ActionReason::kBadAmount},
      {Split{sword, 1}, ActionReason::kBadAmount},
      {Split{foreign, 1}, ActionReason::kNotHolder},
      {Merge{wood, wood}, ActionReason::kInvalid},
      {Merge{wood, bread}, ActionReason::kInvalid},
      {Merge{bread, foreign}, ActionReason::kNotHolder},
      {Merge{foreign, bread}, ActionReason::kNotHolder},
      {Drop{foreign}, ActionReason::kNotHolder},
      {Drop{0}, ActionReason::kNotHolder},
      {PickUp{0}, ActionReason::kNoSuchItem},
      {PickUp{to}, ActionReason::kNoSuchItem},
      {PickUp{0xffffffff}, ActionReason::kNoSuchItem},
  };
  const auto items_before = scene.world.store().items();
  const size_t events_before = scene.world.store().events().size();
  const size_t ledger_before = scene.world.store().ledger().size();
  uint64_t number = 100;
  for (const auto& test : cases) {
    peer.Act(++number, test.what);
    const auto answer = scene.Answer(peer, number);
    EXPECT_EQ(answer.outcome, ActionOutcome::kRefused) << number - 100;
    EXPECT_EQ(answer.reason, test.reason)
        << "case " << number - 100 << ": " << ActionReasonName(answer.reason);
  }
  EXPECT_FALSE(peer.gone());
  EXPECT_EQ(scene.world.store().items(), items_before);
  EXPECT_EQ(scene.world.store().events().size(), events_before);
  EXPECT_EQ(scene.world.store().ledger().size(), ledger_before);
  scene.ExpectSound();
}

TEST(Items, WhoIsTooFarAwayGetsNothing) {
  Scene scene(2, Scene::Options(), 0.0005);  // 37 m
  RawPeer& near = scene.peers[0];
  RawPeer& far = scene.peers[1];
  near.Act(1, Give{far.entity(), {}, 5});
  EXPECT_EQ(scene.Answer(near, 1).reason, ActionReason::kTooFar);
  near.Act(2, Drop{near.First(kSword).item_id});
  EXPECT_EQ(scene.Answer(near, 2).outcome, ActionOutcome::kOk);
  far.Act(3, PickUp{scene.world.zone().items().ground().items().ids()[0].bits});
  EXPECT_EQ(scene.Answer(far, 3).reason, ActionReason::kTooFar);
}

TEST(Items, StacksAreSplitAndMergedWithinTheirLimit) {
  Scene scene(2);
  RawPeer& peer = scene.peers[0];
  const int64_t bread = peer.First(kBread).item_id;
  peer.Act(1, Split{bread, 2});
  const auto split = scene.Answer(peer, 1);
  ASSERT_EQ(split.outcome, ActionOutcome::kOk);
  ASSERT_NE(split.item_id, 0);
  EXPECT_EQ(peer.First(kBread).quantity + 2u, 5u);
  peer.Act(2, Merge{split.item_id, bread});
  EXPECT_EQ(scene.Answer(peer, 2).outcome, ActionOutcome::kOk);
  EXPECT_EQ(peer.First(kBread).item_id, split.item_id);
  EXPECT_EQ(peer.First(kBread).quantity, 5u);
  // 40 + 40 + 40 wood is more than a stack of 100.
  RawPeer& other = scene.peers[1];
  peer.Act(3, Give{other.entity(), {peer.First(kWood).item_id}, 0});
  EXPECT_EQ(scene.Answer(peer, 3).outcome, ActionOutcome::kOk);
  RawPeer& third = scene.Join();
  scene.Run(20);
  third.Act(4, Give{other.entity(), {third.First(kWood).item_id}, 0});
  EXPECT_EQ(scene.Answer(third, 4).outcome, ActionOutcome::kOk);
  std::vector<int64_t> wood;
  for (const auto& item : other.items()) {
    if (item.definition == kWood) wood.push_back(item.item_id);
  }
  ASSERT_EQ(wood.size(), 3u);
  other.Act(5, Merge{wood[0], wood[1]});
  EXPECT_EQ(scene.Answer(other, 5).outcome, ActionOutcome::kOk);
  other.Act(6, Merge{wood[0], wood[2]});
  EXPECT_EQ(scene.Answer(other, 6).reason, ActionReason::kBadAmount);
  scene.ExpectSound();
}

TEST(Items, AFullInventoryTakesNothingMore) {
  SimWorldOptions options = Scene::Options();
  options.zone.game.max_items = 4;
  Scene scene(2, options);
  RawPeer& peer = scene.peers[0];
  const uint32_t to = scene.peers[1].entity();
  // Both at once: the place that is kept for the first is not there for the second.
  peer.Act(1, Give{to, {peer.First(kBread).item_id}, 0});
  peer.Act(2, Give{to, {peer.First(kWood).item_id}, 0});
  EXPECT_EQ(scene.Answer(peer, 1).outcome, ActionOutcome::kOk);
  EXPECT_EQ(scene.Answer(peer, 2).reason, ActionReason::kInventoryFull);
  scene.peers[1].Act(3, Split{scene.peers[1].First(kWood).item_id, 1});
  EXPECT_EQ(scene.Answer(scene.peers[1], 3).reason, ActionReason::kInventoryFull);
  scene.ExpectSound();
}

TEST(Items, GoldUnderWayCannotBeSpentTwice) {
  Scene scene(3);
  RawPeer& peer = scene.peers[0];
  peer.Act(1, Give{scene.peers[1].entity(), {}, 80});
  peer.Act(2, Give{scene.peers[2].entity(), {}, 80});
  EXPECT_EQ(scene.Answer(peer, 1).outcome, ActionOutcome::kOk);
  EXPECT_EQ(scene.Answer(peer, 2).reason, ActionReason::kInsufficient);
  EXPECT_EQ(peer.gold(), 20);
  EXPECT_EQ(scene.StoredGold(peer), 20);
  scene.ExpectSound();
}

TEST(Items, WhileTheStoreIsAwayActionsAreRefusedAtOnceAndNothingStaysReserved) {
  Scene scene(2);
  RawPeer& peer = scene.peers[0];
  scene.world.store().set_away(true);
  peer.Act(1, Give{scene.peers[1].entity(), {peer.First(kSword).item_id}, 5});
  EXPECT_EQ(scene.Answer(peer, 1).reason, ActionReason::kUnavailable);
  scene.world.store().set_away(false);
  scene.Run(60);
  scene.ExpectSound();
  peer.Act(1, Give{scene.peers[1].entity(), {peer.First(kSword).item_id}, 5});
  scene.Run(15);
  EXPECT_EQ(peer.results().back().outcome, ActionOutcome::kOk);
}

TEST(Items, AnAnswerThatTakesTooLongIsUnknownAndIsFoundByAskingAgain) {
  Scene scene(2);
  RawPeer& peer = scene.peers[0];
  scene.world.store().set_faults({.unknown_applied = 1, .reconnect_fails = 1});
  peer.Act(1, Give{scene.peers[1].entity(), {}, 25});
  scene.Run(40);
  ASSERT_EQ(peer.ResultsOf(1).size(), 1u);
  EXPECT_EQ(peer.ResultsOf(1)[0].outcome, ActionOutcome::kUnknown);
  EXPECT_EQ(peer.gold(), 100);  // not told what is not known
  scene.world.store().set_faults({});
  scene.Run(90);
  EXPECT_EQ(peer.ResultsOf(1).size(), 1u);
  EXPECT_EQ(peer.gold(), 75);
  EXPECT_EQ(scene.world.zone().item_stats().late.Get(), 1u);
  peer.Act(1, Give{scene.peers[1].entity(), {}, 25});
  scene.Run(15);
  ASSERT_EQ(peer.ResultsOf(1).size(), 2u);
  EXPECT_EQ(peer.ResultsOf(1)[1].outcome, ActionOutcome::kOk);
  EXPECT_TRUE(peer.ResultsOf(1)[1].repeated);
  EXPECT_EQ(peer.gold(), 75);
  scene.ExpectSound();
}

TEST(Items, WhatIsUnderWayWhenAPlayerLeavesIsDoneAllTheSame) {
  Scene scene(2);
  RawPeer& leaver = scene.peers[0];
  const int64_t sword = leaver.First(kSword).item_id;
  leaver.Act(1, Drop{sword});
  leaver.Act(2, Give{scene.peers[1].entity(), {leaver.First(kBread).item_id}, 10});
  leaver.Send(protocol::ClientGoodbye{});
  scene.Run(20);
  EXPECT_TRUE(leaver.gone());
  EXPECT_EQ(scene.world.zone().items().ground().items().size(), 1u);
  EXPECT_EQ(scene.peers[1].gold(), 110);
  scene.ExpectSound();
}

TEST(Items, WhatTheOlderSessionBeginsWhileTheSamePlayerLogsInReachesTheNewerOne) {
  for (int ticks = 0; ticks < 8; ++ticks) {
    Scene scene(2);
    RawPeer& older = scene.peers[0];
    RawPeer newer(scene.world.network(), "p0", geo::Geodetic{2.35, 48.85, 0});
    for (int i = 0; i < ticks; ++i) {
      scene.Run(1);
      if (!older.gone()) {
        older.Act(static_cast<uint64_t>(10 + i),
                  Give{scene.peers[1].entity(), {}, int64_t{1} << i % 6});
      }
    }
    scene.peers[1].Act(1, Give{older.entity(), {}, 1});
    scene.Run(40);
    ASSERT_TRUE(newer.playing());
    EXPECT_EQ(newer.gold(), scene.StoredGold(newer)) << ticks;
    scene.ExpectSound();
  }
}

}  // namespace
}  // namespace bluemarble::support
