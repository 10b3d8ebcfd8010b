#include "session/dispatch.h"

#include <gtest/gtest.h>

#include <string>

namespace bluemarble::session {
namespace {

using net::Channel;

std::vector<std::byte> Login() {
  protocol::Login login;
  login.token = "ann";
  return protocol::Encode(protocol::ClientControl(login));
}
std::vector<std::byte> Goodbye() {
  return protocol::Encode(protocol::ClientControl(protocol::ClientGoodbye{}));
}
std::vector<std::byte> Action() {
  protocol::Action action;
  action.key[0] = std::byte{1};
  action.what = protocol::Drop{5};
  return protocol::Encode(protocol::ClientControl(action));
}
std::vector<std::byte> Decline() {
  return protocol::Encode(protocol::ClientControl(protocol::DeclineTrade{3, {}}));
}
std::vector<std::byte> Chat(const std::string& text = "hello") {
  return protocol::Encode(protocol::ClientControl(protocol::ChatSay{ChatScope::kZone, text, 1}));
}
std::vector<std::byte> Input() {
  protocol::InputMessage input;
  input.count = kMinInputCommands;
  std::vector<std::byte> bytes(protocol::kMaxInputBytes);
  bytes.resize(*protocol::EncodeInput(input, bytes));
  return bytes;
}
std::vector<std::byte> Garbage(std::initializer_list<int> values, size_t size) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  bytes.resize(size);
  return bytes;
}

std::vector<std::byte> Joined(std::vector<std::byte> a, const std::vector<std::byte>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

const Rates kRates = RatesOf({}, 30);

DisconnectReason JudgeOnce(SessionState state, Channel channel, std::span<const std::byte> bytes) {
  Session session;
  session.state = state;
  Message message;
  net::Inbound inbound;
  inbound.channel = channel;
  inbound.bytes = bytes;
  return Judge(inbound, session, nullptr, kRates, 1000, message).refusal;
}

TEST(Dispatch, EachMessageIsLegalOnlyInItsStatesOnItsChannelAndWithinItsSize) {
  const struct {
    const char* name;
    SessionState state;
    Channel channel;
    std::vector<std::byte> bytes;
    DisconnectReason reason;
  } cases[] = {
      {"login", SessionState::kConnected, Channel::kReliable, Login(), DisconnectReason::kNone},
      {"login twice", SessionState::kLoading, Channel::kReliable, Login(),
       DisconnectReason::kOutOfState},
      {"login in play", SessionState::kPlaying, Channel::kReliable, Login(),
       DisconnectReason::kOutOfState},
      {"goodbye at once", SessionState::kConnected, Channel::kReliable, Goodbye(),
       DisconnectReason::kNone},
      {"goodbye in play", SessionState::kPlaying, Channel::kReliable, Goodbye(),
       DisconnectReason::kNone},
      {"input in play", SessionState::kPlaying, Channel::kUnreliable, Input(),
       DisconnectReason::kNone},
      {"input too early", SessionState::kLoading, Channel::kUnreliable, Input(),
       DisconnectReason::kOutOfState},
      {"input reliable", SessionState::kPlaying, Channel::kReliable, Input(),
       DisconnectReason::kWrongChannel},
      {"login unreliable", SessionState::kConnected, Channel::kUnreliable, Login(),
       DisconnectReason::kWrongChannel},
      {"action in play", SessionState::kPlaying, Channel::kReliable, Action(),
       DisconnectReason::kNone},
      {"action too early", SessionState::kConnected, Channel::kReliable, Action(),
       DisconnectReason::kOutOfState},
      {"action while loading", SessionState::kLoading, Channel::kReliable, Action(),
       DisconnectReason::kOutOfState},
      {"action unreliable", SessionState::kPlaying, Channel::kUnreliable, Action(),
       DisconnectReason::kWrongChannel},
      {"broken action", SessionState::kPlaying, Channel::kReliable, Garbage({26, 120, 1}, 3),
       DisconnectReason::kMalformed},
      {"an action that turns into a goodbye", SessionState::kPlaying, Channel::kReliable,
       Joined(Action(), Goodbye()), DisconnectReason::kMalformed},
      {"a goodbye that turns into an action", SessionState::kPlaying, Channel::kReliable,
       Joined(Goodbye(), Action()), DisconnectReason::kMalformed},
      {"decline in play", SessionState::kPlaying, Channel::kReliable, Decline(),
       DisconnectReason::kNone},
      {"decline too early", SessionState::kEntering, Channel::kReliable, Decline(),
       DisconnectReason::kOutOfState},
      {"decline unreliable", SessionState::kPlaying, Channel::kUnreliable, Decline(),
       DisconnectReason::kWrongChannel},
      {"chat in play", SessionState::kPlaying, Channel::kReliable, Chat(), DisconnectReason::kNone},
      {"chat of any bytes", SessionState::kPlaying, Channel::kReliable, Chat("\xff\n"),
       DisconnectReason::kNone},
      {"chat too early", SessionState::kConnected, Channel::kReliable, Chat(),
       DisconnectReason::kOutOfState},
      {"chat while loading", SessionState::kLoading, Channel::kReliable, Chat(),
       DisconnectReason::kOutOfState},
      {"chat when leaving", SessionState::kLeaving, Channel::kReliable, Chat(),
       DisconnectReason::kOutOfState},
      {"chat unreliable", SessionState::kPlaying, Channel::kUnreliable, Chat(),
       DisconnectReason::kWrongChannel},
      {"a long chat", SessionState::kPlaying, Channel::kReliable, Chat(std::string(256, 'x')),
       DisconnectReason::kNone},
      {"a chat that is too long", SessionState::kPlaying, Channel::kReliable,
       Chat(std::string(257, 'x')), DisconnectReason::kMalformed},
      {"a big chat", SessionState::kPlaying, Channel::kReliable, Chat(std::string(300, 'x')),
       DisconnectReason::kOversized},
      {"broken chat", SessionState::kPlaying, Channel::kReliable, Garbage({42, 120, 1}, 3),
       DisconnectReason::kMalformed},
      {"a chat that turns into a login", SessionState::kPlaying, Channel::kReliable,
       Joined(Chat(), Login()), DisconnectReason::kMalformed},
      {"empty control",
       SessionState::kConnected,
       Channel::kReliable,
       {},
       DisconnectReason::kMalformed},
      {"empty datagram",
       SessionState::kPlaying,
       Channel::kUnreliable,
       {},
       DisconnectReason::kMalformed},
      {"big control", SessionState::kConnected, Channel::kReliable, Garbage({10}, 1025),
       DisconnectReason::kOversized},
      {"big input", SessionState::kPlaying, Channel::kUnreliable, Garbage({1}, 113),
       DisconnectReason::kOversized},
      {"short input", SessionState::kPlaying, Channel::kUnreliable, Garbage({1}, 9),
       DisconnectReason::kMalformed},
      {"unknown datagram", SessionState::kPlaying, Channel::kUnreliable, Garbage({9}, 9),
       DisconnectReason::kUnknownMessage},
      {"a snapshot", SessionState::kPlaying, Channel::kUnreliable, Garbage({2}, 30),
       DisconnectReason::kUnknownMessage},
      {"unknown control", SessionState::kConnected, Channel::kReliable, Garbage({0x7a, 0}, 2),
       DisconnectReason::kUnknownMessage},
      {"broken login", SessionState::kConnected, Channel::kReliable, Garbage({10, 120, 1}, 3),
       DisconnectReason::kMalformed},
  };
  for (const auto& test : cases)
    EXPECT_EQ(JudgeOnce(test.state, test.channel, test.bytes), test.reason) << test.name;
}

TEST(Dispatch, AFloodOfChatEndsTheSessionAndItsOwnBucketAlone) {
  Session session;
  session.state = SessionState::kPlaying;
  Message message;
  const auto bytes = Chat();
  net::Inbound inbound;
  inbound.channel = Channel::kReliable;
  inbound.bytes = bytes;
  const auto judge = [&](core::Tick tick) {
    return Judge(inbound, session, nullptr, kRates, tick, message).refusal;
  };
  int accepted = 0;
  while (judge(1000) == DisconnectReason::kNone) ++accepted;
  EXPECT_EQ(accepted, 20) << "four times session.chat_burst";
  EXPECT_EQ(judge(1000), DisconnectReason::kRateLimited);
  EXPECT_EQ(judge(1000 + 7), DisconnectReason::kRateLimited);
  EXPECT_EQ(judge(1000 + 8), DisconnectReason::kNone) << "four a second in the long run";
  const auto action = Action();
  inbound.bytes = action;
  EXPECT_EQ(judge(1000 + 8), DisconnectReason::kNone);
}

TEST(Dispatch, AFloodOfInputsIsRateLimitedAndAnHonestRateNever) {
  Session session;
  session.state = SessionState::kPlaying;
  Message message;
  const auto bytes = Input();
  net::Inbound inbound;
  inbound.channel = Channel::kUnreliable;
  inbound.bytes = bytes;
  for (core::Tick tick = 1; tick <= 3000; ++tick) {
    for (int i = 0; i < 2; ++i) {
      ASSERT_EQ(Judge(inbound, session, nullptr, kRates, tick, message).refusal,
                DisconnectReason::kNone)
          << tick;
    }
  }
  int accepted = 0;
  while (Judge(inbound, session, nullptr, kRates, 3001, message).refusal == DisconnectReason::kNone)
    ++accepted;
  EXPECT_LE(accepted, 310);
  EXPECT_EQ(Judge(inbound, session, nullptr, kRates, 3001, message).refusal,
            DisconnectReason::kRateLimited);
}

TEST(Dispatch, TheSettingsDecideHowManyMessagesAreTaken) {
  SessionSettings settings;
  settings.inputs_per_tick = 1;
  settings.input_burst_s = 2;
  settings.controls_per_s = 3;
  settings.control_burst = 5;
  settings.actions_per_s = 4;
  settings.action_burst = 7;
  constexpr int kHz = 10;
  const Rates rates = RatesOf(settings, kHz);
  Session session;
  session.state = SessionState::kPlaying;
  Message message;
  const auto taken = [&](Channel channel, const std::vector<std::byte>& bytes, core::Tick tick) {
    net::Inbound inbound;
    inbound.channel = channel;
    inbound.bytes = bytes;
    int count = 0;
    while (Judge(inbound, session, nullptr, rates, tick, message).refusal ==
           DisconnectReason::kNone)
      ++count;
    return count;
  };
  EXPECT_EQ(taken(Channel::kUnreliable, Input(), 100), 2 * kHz);
  EXPECT_EQ(taken(Channel::kUnreliable, Input(), 101), 1);
  EXPECT_EQ(taken(Channel::kUnreliable, Input(), 106), 5);
  EXPECT_EQ(taken(Channel::kReliable, Goodbye(), 100), 5);
  EXPECT_EQ(taken(Channel::kReliable, Goodbye(), 100 + kHz), 3);
  // Actions have a bucket of their own, which declined offers share.
  EXPECT_EQ(taken(Channel::kReliable, Action(), 100 + kHz), 7);
  EXPECT_EQ(taken(Channel::kReliable, Decline(), 100 + kHz), 0);
  EXPECT_EQ(taken(Channel::kReliable, Decline(), 100 + 2 * kHz), 4);
}

TEST(Dispatch, AnAddressMayNotSayMoreThanItsShareThroughManySessions) {
  SessionSettings settings;
  settings.address_players = 2;
  settings.inputs_per_tick = 1;
  settings.input_burst_s = 1;
  settings.controls_per_s = 1;
  settings.control_burst = 3;
  constexpr int kHz = 10;
  const Rates rates = RatesOf(settings, kHz);
  RateBuckets address;
  Message message;
  net::Inbound inbound;
  inbound.channel = Channel::kUnreliable;
  const auto input = Input();
  int taken = 0, ignored = 0;
  for (int i = 0; i < 5; ++i) {  // each within its own rate
    Session session;
    session.state = SessionState::kPlaying;
    inbound.bytes = input;
    for (int sent = 0; sent < kHz; ++sent) {
      const Verdict verdict = Judge(inbound, session, &address, rates, 100, message);
      EXPECT_EQ(verdict.refusal, DisconnectReason::kNone);
      taken += verdict.row != nullptr ? 1 : 0;
      ignored += verdict.ignored ? 1 : 0;
    }
  }
  EXPECT_EQ(taken, 2 * kHz);
  EXPECT_EQ(ignored, 3 * kHz);
  // What must arrive cannot be left out in silence.
  const auto goodbye = Goodbye();
  inbound.channel = Channel::kReliable;
  inbound.bytes = goodbye;
  int controls = 0;
  DisconnectReason last = DisconnectReason::kNone;
  for (int i = 0; i < 7; ++i) {
    Session session;
    session.state = SessionState::kPlaying;
    last = Judge(inbound, session, &address, rates, 100, message).refusal;
    controls += last == DisconnectReason::kNone ? 1 : 0;
  }
  EXPECT_EQ(controls, 6);
  EXPECT_EQ(last, DisconnectReason::kRateLimited);
}

TEST(Dispatch, ARefusalSaysWhatTheMessageClaimedToBe) {
  const auto action = Action();
  const auto garbage = Garbage({0x7a, 0}, 2);
  Session session;
  session.state = SessionState::kConnected;
  Message message;
  net::Inbound inbound;
  inbound.bytes = action;
  EXPECT_EQ(Judge(inbound, session, nullptr, kRates, 1, message).message, kActionRow);
  inbound.bytes = garbage;
  const Verdict unknown = Judge(inbound, session, nullptr, kRates, 1, message);
  EXPECT_STREQ(MessageName(unknown.message), "unknown");
}

TEST(Dispatch, WhatIsNotWantedIsRefusedBeforeItIsCountedOrDecoded) {
  const auto broken = Garbage({26, 120, 1}, 3);  // an action that cannot be decoded
  Session session;
  session.state = SessionState::kConnected;
  Message message;
  net::Inbound inbound;
  inbound.bytes = broken;
  EXPECT_EQ(Judge(inbound, session, nullptr, kRates, 1, message).refusal,
            DisconnectReason::kOutOfState);
  EXPECT_EQ(session.rates[static_cast<size_t>(RateClass::kAction)].spent, 0u);
}

}  // namespace
}  // namespace bluemarble::session
