/// What goes to the cache, and when.
#include <gtest/gtest.h>

#include "pipeline_fixture.h"

namespace bluemarble::persistence {
namespace {

using CommitCacheTest = PipelineTest;

TEST_F(CommitCacheTest, ALoginPutsPlayerInventoryAndSessionBeforeItsAnswer) {
  AcceptLogin(1, "Ada", 50);
  pipeline_.Commit();
  const PlayerRow row = *store_.LoadPlayer("Ada");
  const auto seq = static_cast<uint64_t>(store_.events().back().seq);
  ASSERT_EQ(cache_.puts, 1) << "before the completions are taken";
  const CacheEntry* player = cache_.Find(CacheKind::kPlayer, row.player_id);
  ASSERT_NE(player, nullptr);
  EXPECT_EQ(ValueAt<PlayerRow>(*player), row);
  EXPECT_EQ(player->version, seq);
  const CacheEntry* items = cache_.Find(CacheKind::kInventory, row.player_id);
  ASSERT_NE(items, nullptr);
  EXPECT_EQ(items->version, seq);
  EXPECT_EQ(ValueAt<int64_t>(*items), 50);
  ASSERT_EQ(items->value.size(), 8 + 2 * sizeof(ItemRow));
  EXPECT_EQ(ValueAt<ItemRow>(*items, 8).definition, 7u);
  const CacheEntry* session = cache_.Find(CacheKind::kSession, row.player_id);
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(ValueAt<int64_t>(*session), row.epoch);
  EXPECT_EQ(ValueAt<int64_t>(*session, 8), clock_.WallUs());
  Completions();
  EXPECT_EQ(cache_.puts, 1);
}

TEST_F(CommitCacheTest, AChangedInventoryIsPutWholeOrTakenOutWhenThePlayerIsNotInPlay) {
  const PlayerRow ada = LoggedIn("Ada", 50);
  const PlayerRow bob = LoggedIn("Bob", 50);
  AcceptEvent(1, bob, EventKind::kLogout, 30);
  Commit();
  cache_.all.clear();
  ActionRequest pay = ActionOf(1, ada, 1);
  pay.other_id = bob.player_id;
  pay.other_epoch = bob.epoch;
  pay.gold = 5;
  AcceptAction(pay);
  ASSERT_EQ(Commit().at(0).outcome, Outcome::kOk);
  const auto seq = static_cast<uint64_t>(store_.events().back().seq);
  const CacheEntry* of_ada = cache_.Find(CacheKind::kInventory, ada.player_id);
  ASSERT_NE(of_ada, nullptr);
  EXPECT_EQ(of_ada->version, seq);
  EXPECT_EQ(ValueAt<int64_t>(*of_ada), 45);
  EXPECT_EQ(of_ada->value.size(), 8 + 2 * sizeof(ItemRow));
  const CacheEntry* of_bob = cache_.Find(CacheKind::kInventory, bob.player_id);
  ASSERT_NE(of_bob, nullptr);
  EXPECT_TRUE(of_bob->gone);
  EXPECT_EQ(of_bob->version, seq);
  EXPECT_EQ(cache_.all.size(), 2u) << "system accounts have no inventory";
  cache_.all.clear();
  AcceptAction(pay);
  ASSERT_EQ(Commit().at(0).repeated, 1);
  EXPECT_TRUE(cache_.all.empty()) << "a repeat changed nothing";
}

TEST_F(CommitCacheTest, ALogoutEndsTheSessionAndRefreshesThePlayer) {
  const PlayerRow row = LoggedIn();
  AcceptEvent(1, row, EventKind::kLogout, 30);
  ASSERT_EQ(Commit().at(0).outcome, Outcome::kOk);
  const CacheEntry* session = cache_.Find(CacheKind::kSession, row.player_id);
  ASSERT_NE(session, nullptr);
  EXPECT_TRUE(session->gone);
  EXPECT_EQ(ValueAt<PlayerRow>(*cache_.Find(CacheKind::kPlayer, row.player_id)).version,
            row.version + 1);
}

TEST_F(CommitCacheTest, PositionsArePutAfterTheAnswers) {
  const PlayerRow row = LoggedIn();
  cache_.all.clear();
  AcceptSave(row.player_id, 44, 3);
  pipeline_.Commit();
  EXPECT_TRUE(cache_.all.empty());
  Completions();
  const CacheEntry* position = cache_.Find(CacheKind::kPosition, row.player_id);
  ASSERT_NE(position, nullptr);
  EXPECT_EQ(position->version, 44u);
  EXPECT_EQ(ValueAt<PositionSave>(*position).state, StateAt(3));
}

TEST_F(CommitCacheTest, APositionThatTheStoreRefusedIsTakenOutWithTheOneBeforeIt) {
  const PlayerRow ada = LoggedIn("Ada");
  const PlayerRow bob = LoggedIn("Bob");
  store_.SetOwner(ada.player_id, "elsewhere", 2);
  cache_.all.clear();
  AcceptSave(ada.player_id, 44, 3);
  AcceptSave(bob.player_id, 44, 3);
  Commit();
  const CacheEntry* refused = cache_.Find(CacheKind::kPosition, ada.player_id);
  ASSERT_NE(refused, nullptr);
  EXPECT_TRUE(refused->gone);
  EXPECT_EQ(refused->version, 44u);
  EXPECT_TRUE(refused->value.empty());
  EXPECT_FALSE(cache_.Find(CacheKind::kPosition, bob.player_id)->gone);
}

TEST_F(CommitCacheTest, MoreRefusedPositionsThanAreListedTakeOutTheWholeGroup) {
  const PlayerRow row = LoggedIn("Ada");
  cache_.all.clear();
  constexpr auto kStrangers = static_cast<int64_t>(CommitReport::kMaxRefusedPlayers) + 1;
  for (int64_t stranger = 1; stranger <= kStrangers; ++stranger) AcceptSave(stranger, 44, 3);
  AcceptSave(row.player_id, 44, 3);
  Commit();
  EXPECT_EQ(stats_.positions_refused.Get(), static_cast<uint64_t>(kStrangers));
  ASSERT_EQ(cache_.all.size(), static_cast<size_t>(kStrangers) + 1);
  for (const CacheEntry& entry : cache_.all) EXPECT_TRUE(entry.gone) << entry.id;
}

TEST_F(CommitCacheTest, NothingIsPutBeforeADoubtIsResolvedAndThenTheFirstAnswersAre) {
  LoseAnswers();
  AcceptLogin(1, "Ada", 50);
  Commit();
  EXPECT_EQ(cache_.puts, 0);
  Mend();
  Commit();
  const PlayerRow row = *store_.LoadPlayer("Ada");
  const CacheEntry* items = cache_.Find(CacheKind::kInventory, row.player_id);
  ASSERT_NE(items, nullptr);
  EXPECT_EQ(items->value.size(), 8 + 2 * sizeof(ItemRow));
  EXPECT_EQ(items->version, static_cast<uint64_t>(store_.events().back().seq));
}

}  // namespace
}  // namespace bluemarble::persistence
