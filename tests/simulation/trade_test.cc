// Trades between two players through a whole zone: offers, their ends, and who hears what.
#include <gtest/gtest.h>

#include <deque>
#include <string>

#include "durable_checker.h"
#include "raw_peer.h"
#include "support/sim_world.h"

namespace bluemarble::support {
namespace {

using protocol::AcceptTrade;
using protocol::DeclineTrade;
using protocol::Give;
using protocol::OfferTrade;

constexpr uint32_t kBread = 1, kSword = 2;

class Trade : public testing::Test {
 protected:
  static SimWorldOptions Options() {
    SimWorldOptions options{.seed = 2, .zone = SmallZone(), .faults = {}, .workers = 1};
    options.zone.game.ground_items = 0;
    options.zone.game.trade_offer_s = 3;
    options.zone.session.action_burst = 500;
    options.zone.session.timeout_ms = 600'000;  // raw peers send no inputs
    return options;
  }
  Trade() : world_(Options()) {
    for (const char* name : {"ann", "bob", "cid"})
      peers_.emplace_back(world_.network(), name, geo::Geodetic{2.35, 48.85, 0});
    world_.Run(20);
  }
  RawPeer& ann() { return peers_[0]; }
  RawPeer& bob() { return peers_[1]; }
  RawPeer& cid() { return peers_[2]; }
  /// Ann offers her sword and 20 gold for Bob's bread and 5 gold.
  void Offer(uint64_t number) {
    ann().Act(
        number,
        OfferTrade{
            bob().entity(), {ann().First(kSword).item_id}, 20, {bob().First(kBread).item_id}, 5});
    world_.Run(15);
  }
  ActionReason Reason(RawPeer& peer, uint64_t number) {
    const auto results = peer.ResultsOf(number);
    EXPECT_EQ(results.size(), 1u);
    return results.empty() ? ActionReason::kNone : results.back().reason;
  }
  void ExpectSound() {
    EXPECT_EQ(CheckConserved(world_.store()), "");
    EXPECT_EQ(CheckMemory(world_.zone(), world_.store()), "");
  }

  SimWorld world_;
  std::deque<RawPeer> peers_;
};

TEST_F(Trade, AnAcceptedTradeMovesEverythingAtOnceAndBothAreTold) {
  Offer(1);
  EXPECT_TRUE(ann().ResultsOf(1).empty());  // it stands
  ASSERT_NE(bob().offered().trade_id, 0u);
  EXPECT_EQ(bob().offered().entity_id, ann().entity());
  EXPECT_EQ(bob().offered().get_gold, 20);
  ASSERT_EQ(bob().offered().get.size(), 1u);
  EXPECT_EQ(bob().offered().get[0].definition, kSword);
  const int64_t sword = ann().First(kSword).item_id, bread = bob().First(kBread).item_id;
  bob().Act(2, AcceptTrade{bob().offered().trade_id});
  world_.Run(15);
  ASSERT_EQ(bob().ResultsOf(2).size(), 1u);
  EXPECT_EQ(bob().ResultsOf(2)[0].outcome, ActionOutcome::kOk);
  ASSERT_EQ(ann().ResultsOf(1).size(), 1u);
  EXPECT_EQ(ann().ResultsOf(1)[0].outcome, ActionOutcome::kOk);
  ASSERT_EQ(bob().closed().size(), 1u);
  EXPECT_EQ(bob().closed()[0].reason, ActionReason::kNone);
  EXPECT_EQ(ann().gold(), 85);
  EXPECT_EQ(bob().gold(), 115);
  EXPECT_EQ(world_.store().items().find(sword)->second.holder, bob().player_id());
  EXPECT_EQ(world_.store().items().find(bread)->second.holder, ann().player_id());
  ExpectSound();
  // Both keys have the same answer.
  ann().Act(1, OfferTrade{bob().entity(), {sword}, 20, {bread}, 5});
  bob().Act(2, AcceptTrade{12345});
  world_.Run(15);
  ASSERT_EQ(ann().ResultsOf(1).size(), 2u);
  EXPECT_EQ(ann().ResultsOf(1)[1].outcome, ActionOutcome::kOk);
  EXPECT_TRUE(ann().ResultsOf(1)[1].repeated);
  EXPECT_EQ(bob().ResultsOf(2)[1].outcome, ActionOutcome::kOk);
  EXPECT_EQ(ann().gold(), 85);
}

TEST_F(Trade, ARepeatedOfferIsOneOfferAndEachMessageIsAnsweredAtItsEnd) {
  Offer(1);
  const uint64_t trade_id = bob().offered().trade_id;
  Offer(1);
  Offer(1);
  EXPECT_EQ(bob().offered().trade_id, trade_id);
  EXPECT_TRUE(ann().ResultsOf(1).empty());
  bob().Send(DeclineTrade{trade_id, {}});
  world_.Run(15);
  ASSERT_EQ(ann().ResultsOf(1).size(), 3u);
  for (const auto& result : ann().ResultsOf(1)) EXPECT_EQ(result.reason, ActionReason::kDeclined);
  // A refusal is stored as well.
  Offer(1);
  ASSERT_EQ(ann().ResultsOf(1).size(), 4u);
  EXPECT_TRUE(ann().ResultsOf(1)[3].repeated);
  EXPECT_EQ(world_.zone().item_stats().offers_made.Get(), 1u);
  ExpectSound();
}

TEST_F(Trade, AnOfferExpiresAndCannotBeAcceptedAnyMore) {
  Offer(1);
  world_.Run(3 * world_.hz() + 15);
  EXPECT_EQ(Reason(ann(), 1), ActionReason::kDeclined);
  ASSERT_EQ(bob().closed().size(), 1u);
  EXPECT_EQ(bob().closed()[0].reason, ActionReason::kDeclined);
  bob().Act(2, AcceptTrade{bob().offered().trade_id});
  world_.Run(15);
  EXPECT_EQ(Reason(bob(), 2), ActionReason::kNoSuchItem);
  ExpectSound();
}

TEST_F(Trade, AnOfferIsTakenBackByItsKey) {
  Offer(1);
  ann().Send(DeclineTrade{0, RawPeer::Key(1)});
  world_.Run(15);
  EXPECT_EQ(Reason(ann(), 1), ActionReason::kDeclined);
  ASSERT_EQ(bob().closed().size(), 1u);
}

TEST_F(Trade, AnOfferToSomebodyWhoLeavesIsRefusedAsOffline) {
  Offer(1);
  bob().Send(protocol::ClientGoodbye{});
  world_.Run(15);
  EXPECT_EQ(Reason(ann(), 1), ActionReason::kOffline);
}

TEST_F(Trade, AnOfferOfSomebodyWhoLeavesIsClosed) {
  Offer(1);
  ann().Send(protocol::ClientGoodbye{});
  world_.Run(15);
  ASSERT_EQ(bob().closed().size(), 1u);
  EXPECT_EQ(bob().closed()[0].reason, ActionReason::kOffline);
  bob().Act(2, AcceptTrade{bob().offered().trade_id});
  world_.Run(15);
  EXPECT_EQ(Reason(bob(), 2), ActionReason::kNoSuchItem);
}

TEST_F(Trade, NobodyElseMayAcceptOrDeclineAnOffer) {
  Offer(1);
  cid().Act(3, AcceptTrade{bob().offered().trade_id});
  cid().Send(DeclineTrade{bob().offered().trade_id, {}});
  cid().Send(DeclineTrade{0, RawPeer::Key(1)});
  world_.Run(15);
  EXPECT_EQ(Reason(cid(), 3), ActionReason::kNoSuchItem);
  EXPECT_TRUE(ann().ResultsOf(1).empty());
}

TEST_F(Trade, AnOfferReservesNothingAndFailsWhenTheOffererHasGivenTheItemAway) {
  Offer(1);
  ann().Act(2, Give{cid().entity(), {ann().First(kSword).item_id}, 0});
  world_.Run(15);
  EXPECT_EQ(ann().ResultsOf(2)[0].outcome, ActionOutcome::kOk);
  bob().Act(3, AcceptTrade{bob().offered().trade_id});
  world_.Run(15);
  EXPECT_EQ(Reason(bob(), 3), ActionReason::kDeclined);
  EXPECT_EQ(Reason(ann(), 1), ActionReason::kNotHolder);
  ExpectSound();
}

TEST_F(Trade, AnAcceptorWhoCannotPayMayTryAgainWhileTheOfferStands) {
  bob().Act(9, Give{cid().entity(), {}, 98});
  world_.Run(15);
  Offer(1);
  bob().Act(2, AcceptTrade{bob().offered().trade_id});
  world_.Run(10);
  EXPECT_EQ(Reason(bob(), 2), ActionReason::kInsufficient);
  cid().Act(3, Give{bob().entity(), {}, 50});
  world_.Run(10);
  bob().Act(4, AcceptTrade{bob().offered().trade_id});
  world_.Run(10);
  EXPECT_EQ(bob().ResultsOf(4)[0].outcome, ActionOutcome::kOk);
  EXPECT_EQ(ann().ResultsOf(1)[0].outcome, ActionOutcome::kOk);
  ExpectSound();
}

TEST_F(Trade, OneOfferToTheSamePlayerStandsAtATime) {
  Offer(1);
  Offer(2);
  EXPECT_EQ(Reason(ann(), 2), ActionReason::kBusy);
  EXPECT_TRUE(ann().ResultsOf(1).empty());
}

TEST_F(Trade, AnAcceptanceWhoseAnswerIsLostIsDoneOnceAndFoundByBothKeys) {
  Offer(1);
  world_.store().set_faults({.unknown_applied = 1, .reconnect_fails = 1});
  bob().Act(2, AcceptTrade{bob().offered().trade_id});
  world_.Run(40);
  EXPECT_EQ(bob().ResultsOf(2)[0].outcome, ActionOutcome::kUnknown);
  world_.store().set_faults({});
  world_.Run(90);
  ASSERT_EQ(ann().ResultsOf(1).size(), 1u);
  EXPECT_EQ(ann().ResultsOf(1)[0].outcome, ActionOutcome::kOk);
  EXPECT_EQ(ann().gold(), 85);
  bob().Act(2, AcceptTrade{1});
  world_.Run(15);
  EXPECT_EQ(bob().ResultsOf(2).back().outcome, ActionOutcome::kOk);
  EXPECT_EQ(bob().gold(), 115);
  ExpectSound();
}

}  // namespace
}  // namespace bluemarble::support
