// Accounts that are banned while their players are in play, through a whole zone.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "net/identity.h"
#include "support/sim_world.h"

namespace bluemarble::support {
namespace {

constexpr int64_t kAnn = 7, kBob = 8;
constexpr core::Tick kRefusedTicks = 300;

SimWorldOptions Options(uint64_t seed) {
  SimWorldOptions options{.seed = seed, .zone = SmallZone(), .faults = {}, .workers = 1};
  options.zone.session.identity_required = true;
  return options;
}

/// Over a connection whose token names that account.
SimPlayer& Join(SimWorld& world, int64_t account_id, const std::string& name) {
  std::vector<std::byte> bytes(net::kMaxIdentityBytes);
  bytes.resize(net::WriteIdentity({.account_id = account_id, .name = name}, bytes));
  world.network().IdentifyNext(bytes);
  return world.Join(name);
}

uint64_t Ended(SimWorld& world) {
  return world.zone().session_stats().ended[static_cast<size_t>(DisconnectReason::kBanned)].Get();
}

TEST(Bans, EndTheSessionInPlayWithTheirReasonAndNobodyElses) {
  SimWorld world(Options(1));
  SimPlayer& ann = Join(world, kAnn, "ann");
  SimPlayer& bob = Join(world, kBob, "bob");
  world.Run(60);
  ASSERT_EQ(world.playing(), 2u);
  const int64_t ann_id = ann.core().welcome()->player_id;
  world.Order({kAnn, kRefusedTicks});
  world.Run(30);
  EXPECT_EQ(ann.core().end_reason(), DisconnectReason::kBanned);
  EXPECT_EQ(bob.core().state(), ClientState::kPlaying);
  EXPECT_EQ(world.zone().session_stats().players.Get(), 1u);
  EXPECT_EQ(world.zone().session_stats().lingering.Get(), 0u) << "nobody waits for her";
  EXPECT_FALSE(world.zone().presence().Contains(ann_id)) << "her logout is durable";
  EXPECT_EQ(Ended(world), 1u);
}

TEST(Bans, EndWhoLingers) {
  SimWorld world(Options(2));
  SimPlayer& ann = Join(world, kAnn, "ann");
  world.Run(60);
  world.network().Vanish(ann.link());
  world.Run(5 * world.hz() + 5);
  ASSERT_EQ(world.zone().session_stats().lingering.Get(), 1u);
  world.Order({kAnn, kRefusedTicks});
  world.Run(2);
  EXPECT_EQ(world.zone().session_stats().lingering.Get(), 0u);
}

TEST(Bans, RefuseWhoComesWithATokenFromBefore) {
  SimWorld world(Options(3));
  world.Run(5);
  world.Order({kAnn, kRefusedTicks});
  world.Run(5);
  SimPlayer& early = Join(world, kAnn, "ann");
  SimPlayer& other = Join(world, kBob, "bob");
  world.Run(30);
  EXPECT_EQ(early.core().end_reason(), DisconnectReason::kBanned);
  EXPECT_EQ(other.core().state(), ClientState::kPlaying);
  EXPECT_FALSE(world.store().LoadPlayer("ann").ok()) << "the store was not asked";
  world.Run(static_cast<int>(kRefusedTicks));
  SimPlayer& late = Join(world, kAnn, "ann");
  world.Run(30);
  EXPECT_EQ(late.core().state(), ClientState::kPlaying) << late.core().error();
}

TEST(Bans, EndWhoIsOnTheWayIn) {
  SimWorld world(Options(4));
  world.Run(5);
  // Whatever the state that the login has reached by then.
  for (int ticks = 1; ticks < 12; ++ticks) {
    const int64_t account = 100 + ticks;
    SimPlayer& player = Join(world, account, "p" + std::to_string(ticks));
    world.Run(ticks);
    world.Order({account, kRefusedTicks});
    world.Run(30);
    EXPECT_EQ(player.core().end_reason(), DisconnectReason::kBanned) << ticks;
  }
  EXPECT_EQ(world.zone().session_stats().players.Get(), 0u);
  EXPECT_EQ(world.zone().session_stats().pending.Get(), 0u);
}

TEST(Bans, LetInAgainWhenLifted) {
  SimWorld world(Options(5));
  world.Run(5);
  world.Order({kAnn, kRefusedTicks});
  world.Order({kAnn, 0});
  world.Run(5);
  SimPlayer& ann = Join(world, kAnn, "ann");
  world.Run(30);
  EXPECT_EQ(ann.core().state(), ClientState::kPlaying) << ann.core().error();
}

}  // namespace
}  // namespace bluemarble::support
