// Actions through the whole client without a network: when they go out, and how answers come back.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "client/session_core.h"
#include "core/hash.h"
#include "geo/planet.h"

namespace bluemarble::client {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr uint64_t kKeySeed = 4;

class ControlLink final : public Link {
 public:
  void Send(net::Channel channel, std::span<const std::byte> bytes) override {
    if (channel != net::Channel::kReliable) return;
    sent.push_back(protocol::DecodeClientControl(bytes).value());
  }
  void Close(uint32_t) override {}
  std::vector<protocol::ClientControl> sent;
};

// One connection of a player; a reconnect is another one.
struct Connection {
  explicit Connection(int64_t start_ns, const ClientOptions& options = {},
                      KeySource keys = RandomActionKey)
      : core(options, link, std::move(keys)), now_ns(start_ns) {
    core.Start("ada", now_ns);
    core.OnConnected(now_ns);
  }
  void Welcome() {
    protocol::Welcome welcome;
    welcome.entity_id = 77;
    welcome.tick = 1000;
    welcome.position = geo::ToEcef({13.4, 52.5, 0});
    welcome.max_speed_mps = 7;
    welcome.acceleration_mps2 = 20;
    welcome.class_radius_m = {50, 300, 1000};
    welcome.class_period_ticks = {1, 3, 15};
    Tell(welcome);
    link.sent.clear();
  }
  void Tell(const protocol::ServerControl& message) {
    core.OnMessage(net::Channel::kReliable, protocol::Encode(message), now_ns);
  }
  void Answer(const ActionKey& key, ActionOutcome outcome, bool repeated = false) {
    protocol::ActionResult result;
    std::copy(key.begin(), key.end(), reinterpret_cast<uint8_t*>(result.key.data()));
    result.outcome = outcome;
    result.repeated = repeated;
    Tell(result);
  }
  void PassTo(int64_t ns) {
    now_ns = ns;
    core.Tick(now_ns);
  }

  ControlLink link;
  ClientCore core;
  int64_t now_ns;
};

Action DropOf(int64_t item) { return {.kind = ActionKind::kDrop, .items = {item}}; }

KeySource SeededKeys() {
  return [random = core::Random(kKeySeed)]() mutable {
    ActionKey key;
    for (uint8_t& byte : key) byte = static_cast<uint8_t>(random.Next());
    return key;
  };
}

TEST(SessionActions, AreRefusedWhenNotInPlay) {
  Connection ada(0);
  EXPECT_EQ(ada.core.Act(DropOf(1)), ActionKey{});
  EXPECT_EQ(ada.core.error(), "not in play yet");
  ada.Welcome();
  EXPECT_NE(ada.core.Act(DropOf(1)), ActionKey{});
  ada.Tell(protocol::ServerGoodbye{DisconnectReason::kServerStopping, "stopping"});
  EXPECT_EQ(ada.core.Act(DropOf(2)), ActionKey{});
  EXPECT_EQ(ada.core.error(), "stopping");
  EXPECT_EQ(ada.core.actions().unanswered().size(), 1u);  // for the next connection
}

TEST(SessionActions, GoOutAtOnceUnderTheirKey) {
  Connection ada(0, {}, SeededKeys());
  ada.Welcome();
  Connection twin(0, {}, SeededKeys());
  twin.Welcome();
  const ActionKey key = ada.core.Act(DropOf(42));
  EXPECT_EQ(key, twin.core.Act(DropOf(42)));
  ASSERT_EQ(ada.link.sent.size(), 1u);
  const auto& sent = std::get<protocol::Action>(ada.link.sent[0]);
  EXPECT_TRUE(
      std::equal(key.begin(), key.end(), reinterpret_cast<const uint8_t*>(sent.key.data())));
  EXPECT_EQ(std::get<protocol::Drop>(sent.what), protocol::Drop{42});
}

TEST(SessionActions, AMalformedOneIsToldAndNotSent) {
  Connection ada(0);
  ada.Welcome();
  EXPECT_EQ(ada.core.Act({.kind = ActionKind::kMerge, .items = {1}}), ActionKey{});
  EXPECT_EQ(ada.core.error(), "a merge needs two items");
  EXPECT_TRUE(ada.link.sent.empty());
  EXPECT_EQ(ada.core.state(), ClientState::kPlaying);
}

TEST(SessionActions, TheInventoryHasChangedWhenTheAnswerComes) {
  Connection ada(0);
  ada.Welcome();
  ada.Tell(protocol::InventoryUpdate{true, true, {{5, 1, 1}}, {}, 10});
  const ActionKey key = ada.core.Act(DropOf(5));
  ada.Tell(protocol::InventoryUpdate{false, true, {}, {5}, 10});
  ada.Answer(key, ActionOutcome::kOk);
  ActionAnswer answer;
  ASSERT_TRUE(ada.core.actions().NextAnswer(answer));
  EXPECT_TRUE(ada.core.inventory().known());
  EXPECT_TRUE(ada.core.inventory().items().empty());
  EXPECT_EQ(ada.core.inventory().gold(), 10);
}

TEST(SessionActions, AnUnknownOneIsSentAgainAfterASecondWithItsKey) {
  Connection ada(0);
  ada.Welcome();
  ada.core.Act(DropOf(5));
  const auto first = std::get<protocol::Action>(ada.link.sent.at(0));
  ada.PassTo(100 * kMs);
  ada.Answer(ada.core.actions().unanswered().at(0).key, ActionOutcome::kUnknown);
  ada.link.sent.clear();
  ada.PassTo(1099 * kMs);
  EXPECT_TRUE(ada.link.sent.empty());
  EXPECT_LE(ada.core.NextDueNs(), 1100 * kMs);
  ada.PassTo(1100 * kMs);
  ASSERT_EQ(ada.link.sent.size(), 1u);
  EXPECT_EQ(std::get<protocol::Action>(ada.link.sent[0]), first);
}

TEST(SessionActions, ThePollIsDueWhenAnActionIsEvenIfNoInputIs) {
  ClientOptions options;
  options.resend_unknown_ms = 20;
  Connection ada(0, options);
  ada.Welcome();
  for (int i = 1; i <= 60; ++i) ada.PassTo(i * 10 * kMs);
  const int64_t before = ada.core.NextDueNs();
  ada.Answer(ada.core.Act(DropOf(5)), ActionOutcome::kUnknown);
  EXPECT_GT(before, 620 * kMs);
  EXPECT_EQ(ada.core.NextDueNs(), 620 * kMs);
}

TEST(SessionActions, AnUnansweredOneIsAskedForAgainOverAnotherConnection) {
  std::optional<Connection> first(std::in_place, 0);
  first->Welcome();
  const ActionKey key = first->core.Act(DropOf(5));
  const auto sent = std::get<protocol::Action>(first->link.sent.at(0));
  first->core.OnDisconnected(0, 0);
  const std::vector<Action> left = first->core.actions().unanswered();
  ASSERT_EQ(left.size(), 1u);
  first.reset();

  Connection second(0);
  second.Welcome();
  EXPECT_EQ(second.core.Act(left[0]), key);
  ASSERT_EQ(second.link.sent.size(), 1u);
  EXPECT_EQ(std::get<protocol::Action>(second.link.sent[0]), sent);
  second.Answer(key, ActionOutcome::kOk, /*repeated=*/true);
  ActionAnswer answer;
  ASSERT_TRUE(second.core.actions().NextAnswer(answer));
  EXPECT_TRUE(answer.repeated);
  EXPECT_TRUE(second.core.actions().unanswered().empty());
}

TEST(SessionActions, AMessageOfANewerServerIsSkipped) {
  Connection ada(0);
  ada.Welcome();
  const std::array<std::byte, 2> field_14{std::byte{14 << 3 | 2}, std::byte{0}};
  ada.core.OnMessage(net::Channel::kReliable, field_14, 0);
  EXPECT_EQ(ada.core.state(), ClientState::kPlaying);
}

TEST(SessionActions, AnOfferIsSeenDeclinedAndClosed) {
  Connection ada(0);
  ada.Welcome();
  ada.Tell(protocol::TradeOffered{9, 80, {{1, 2, 3}}, 4, {5}, 6});
  ASSERT_EQ(ada.core.inventory().offers().size(), 1u);
  ada.core.DeclineTrade(9);
  ASSERT_EQ(ada.link.sent.size(), 1u);
  EXPECT_EQ(std::get<protocol::DeclineTrade>(ada.link.sent[0]), (protocol::DeclineTrade{9, {}}));
  EXPECT_EQ(ada.core.inventory().offers().size(), 1u);  // the server says when it is over
  ada.Tell(protocol::TradeClosed{9, ActionReason::kDeclined});
  EXPECT_TRUE(ada.core.inventory().offers().empty());
}

TEST(SessionActions, AnOwnOfferIsTakenBackByItsKey) {
  Connection ada(0);
  ada.Welcome();
  const ActionKey key = ada.core.Act({.kind = ActionKind::kOfferTrade, .entity_id = 80, .gold = 5});
  ada.core.WithdrawOffer(key);
  ada.core.WithdrawOffer({});
  ASSERT_EQ(ada.link.sent.size(), 2u);
  const auto& decline = std::get<protocol::DeclineTrade>(ada.link.sent[1]);
  EXPECT_EQ(decline.trade_id, 0u);
  EXPECT_EQ(decline.key, std::get<protocol::Action>(ada.link.sent[0]).key);
  EXPECT_EQ(ada.core.actions().unanswered().size(), 1u);  // until its answer
}

}  // namespace
}  // namespace bluemarble::client
