#include "services/chat/chat.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <variant>
#include <vector>

namespace bluemarble::chat {
namespace {

using protocol::ChatHeard;
using protocol::ChatRefused;

/// Takes notes and nothing else.
class NoteTaker final : public persistence::DurableQueue {
 public:
  core::Status RequestLogin(const persistence::LoginRequest&) override { return {}; }
  core::Status AppendEvent(const persistence::PlayerEventRequest&) override { return {}; }
  core::Status RequestAction(const persistence::ActionRequest&) override { return {}; }
  core::Status RequestWorldItems(uint64_t) override { return {}; }
  core::Status ReserveTicks(core::Tick) override { return {}; }
  core::Status SavePositions(std::span<const persistence::PositionSave>) override { return {}; }
  core::Status AppendNote(const persistence::NoteRequest& note) override {
    if (answer.ok()) notes.push_back(note);
    return answer;
  }
  bool NextCompletion(persistence::Completion&) override { return false; }
  bool ready() const override { return true; }

  core::Status answer;
  std::vector<persistence::NoteRequest> notes;
};

/// Players without a network: what each is told, by place of the session.
struct ChatTest : testing::Test, session::ControlSender {
  ChatTest() { rules.session.max_players = 64; }

  void SendTo(session::SessionId session, const protocol::ServerControl& message) override {
    if (const auto* told = std::get_if<ChatRefused>(&message))
      refused[session.index].push_back(*told);
  }
  bool SendEncoded(session::SessionId session, std::span<const std::byte> message) override {
    if (deaf.contains(session.index)) return false;
    const auto decoded = protocol::DecodeServerControl(message);
    EXPECT_TRUE(decoded.ok()) << decoded.status().ToString();
    if (decoded.ok()) heard[session.index].push_back(std::get<ChatHeard>(*decoded));
    return true;
  }
  void OnDisagreement(session::SessionId, int64_t) override {}

  /// A player in play, `x_m` east of the first.
  session::Session& Enter(double x_m, core::Tick entered = 0) {
    world::Body body;
    body.position = {6'378'137 + 0.0, x_m, 0};
    session::Session& session =
        *sessions.Open(core::PeerId{static_cast<uint32_t>(sessions.size() + 1)}, entered);
    session.state = session::SessionState::kPlaying;
    session.entered = entered;
    session.player_id = 1000 + session.id.index;
    session.name = persistence::PlayerName::From("p" + std::to_string(session.id.index));
    session.entity = *world.Create(world::Kind::kPlayer, body, {});
    return session;
  }
  void Begin(core::Tick tick) {
    if (!chat) {
      chat.emplace(rules, ChatParts{store, world});
      chat->SendThrough(*this, sessions);
    }
    chat->BeginTick(tick);
  }
  void Say(const session::Session& session, ChatScope scope, const std::string& text,
           uint32_t number = 1) {
    chat->OnSay(session, {scope, text, number});
  }
  size_t Heard(const session::Session& session) { return heard[session.id.index].size(); }
  uint64_t Refused(ChatReason reason) {
    return chat->stats().refused[static_cast<size_t>(reason)].Get();
  }
  /// Of the newest refusal that the player was told.
  ChatReason LastReason(const session::Session& session) {
    const auto& told = refused[session.id.index];
    return told.empty() ? ChatReason::kNone : told.back().reason;
  }

  ChatRules rules;
  NoteTaker store;
  world::World world{{.max_entities = 6000}};
  session::SessionTable sessions{6000};
  std::map<uint32_t, std::vector<ChatHeard>> heard;
  std::map<uint32_t, std::vector<ChatRefused>> refused;
  std::map<uint32_t, bool> deaf;
  std::optional<Chat> chat;
};

TEST_F(ChatTest, EverybodyInPlayHearsTheZoneAndTheSpeakerToo) {
  auto& ann = Enter(0);
  auto& bob = Enter(100'000);
  auto& gone = Enter(1);
  gone.state = session::SessionState::kLeaving;
  Begin(5);
  Say(ann, ChatScope::kZone, "hello");
  chat->EndReceive();
  ASSERT_EQ(Heard(ann), 1u);
  ASSERT_EQ(Heard(bob), 1u);
  EXPECT_EQ(Heard(gone), 0u);
  const ChatHeard& line = heard[bob.id.index][0];
  EXPECT_EQ(line, (ChatHeard{ChatScope::kZone, ann.entity.bits, ann.player_id, "p0", "hello", 5}));
  EXPECT_EQ(chat->stats().said[0].Get(), 1u);
  EXPECT_EQ(chat->stats().heard.Get(), 2u);
  EXPECT_EQ(chat->stats().delayed.Get(), 0u);
}

TEST_F(ChatTest, LocalChatIsHeardUpToTheRadiusAndNotAHairFarther) {
  auto& ann = Enter(0);
  const std::vector<std::pair<double, bool>> places = {
      {0, true},   {49.999, true},   {50, true},  {50.001, false},
      {-50, true}, {-50.001, false}, {51, false}, {1e6, false}};
  std::vector<session::Session*> others;
  for (const auto& [x_m, near] : places) others.push_back(&Enter(x_m));
  Begin(5);
  Say(ann, ChatScope::kLocal, "psst");
  chat->EndReceive();
  EXPECT_EQ(Heard(ann), 1u);
  for (size_t i = 0; i < places.size(); ++i)
    EXPECT_EQ(Heard(*others[i]), places[i].second ? 1u : 0u) << places[i].first;
  EXPECT_EQ(chat->stats().said[1].Get(), 1u);
}

TEST_F(ChatTest, EveryLineIsANoteBeforeAnybodyHearsIt) {
  auto& ann = Enter(0);
  Begin(5);
  Say(ann, ChatScope::kLocal, "on record");
  ASSERT_EQ(store.notes.size(), 1u);
  EXPECT_EQ(Heard(ann), 0u);
  const persistence::NoteRequest& note = store.notes[0];
  EXPECT_EQ(note.player_id, ann.player_id);
  EXPECT_EQ(note.tick, 5u);
  EXPECT_EQ(note.kind, persistence::NoteKind::kChat);
  EXPECT_EQ(note.code, 2);
  EXPECT_EQ(note.view(), "on record");
}

TEST_F(ChatTest, WhatCannotBeKeptOnRecordIsRefusedAndNotHeard) {
  auto& ann = Enter(0);
  for (const core::Code code : {core::Code::kFull, core::Code::kUnavailable, core::Code::kDenied}) {
    store.answer = {code, "no"};
    Begin(5);
    Say(ann, ChatScope::kZone, "off record", 9);
    chat->EndReceive();
  }
  EXPECT_EQ(Heard(ann), 0u);
  EXPECT_EQ(Refused(ChatReason::kUnavailable), 3u);
  ASSERT_EQ(refused[ann.id.index].size(), 3u);
  EXPECT_EQ(refused[ann.id.index][0].number, 9u);
  EXPECT_NE(refused[ann.id.index][0].text, "");
}

TEST_F(ChatTest, ALineToThousandsIsSpreadOverTicksAndEverybodyHearsAllInOrder) {
  constexpr int kPlayers = 5000;
  rules.chat.deliveries_per_tick = 1000;
  rules.session.max_players = kPlayers;
  for (int i = 0; i < kPlayers; ++i) Enter(i * 1000.0);
  Begin(5);
  for (uint32_t i = 0; i < 3; ++i)
    Say(*sessions.AtIndex(i), ChatScope::kZone, "line " + std::to_string(i));
  core::Tick tick = 5;
  uint64_t before = 0;
  for (; tick < 5 + 15; ++tick) {
    Begin(tick);
    chat->EndReceive();
    EXPECT_EQ(chat->stats().heard.Get() - before, 1000u);
    before = chat->stats().heard.Get();
  }
  EXPECT_EQ(chat->stats().waiting.Get(), 0u);
  EXPECT_EQ(before, 3u * kPlayers);
  EXPECT_EQ(chat->stats().delayed.Get(), 3u);
  for (const auto& [place, lines] : heard) {
    ASSERT_EQ(lines.size(), 3u) << place;
    for (size_t i = 0; i < 3; ++i) EXPECT_EQ(lines[i].text, "line " + std::to_string(i));
  }
  EXPECT_EQ(heard.size(), size_t{kPlayers});
}

TEST_F(ChatTest, AWaitingZoneLineDoesNotHoldUpWhatIsSaidNearby) {
  rules.chat.deliveries_per_tick = 8;
  for (int i = 0; i < 60; ++i) Enter(1000.0 * i);
  session::Session& far = *sessions.AtIndex(59);
  Begin(5);
  Say(*sessions.AtIndex(0), ChatScope::kZone, "to all");
  chat->EndReceive();
  EXPECT_EQ(Heard(far), 0u);
  Begin(6);
  Say(far, ChatScope::kLocal, "psst");
  chat->EndReceive();
  ASSERT_EQ(Heard(far), 1u);
  EXPECT_EQ(heard[far.id.index][0].text, "psst");
  EXPECT_EQ(chat->stats().heard.Get(), 8u + 8u);
}

TEST_F(ChatTest, ACrowdThatTalksToItselfLeavesTheZoneAQuarter) {
  rules.chat.deliveries_per_tick = 8;
  for (int i = 0; i < 30; ++i) Enter(1.0 * i);
  Begin(5);
  for (uint32_t i = 0; i < 4; ++i) Say(*sessions.AtIndex(i), ChatScope::kLocal, "chatter");
  Say(*sessions.AtIndex(4), ChatScope::kZone, "news");
  chat->EndReceive();
  int news = 0;
  for (const auto& [place, lines] : heard)
    for (const ChatHeard& line : lines) news += line.text == "news";
  EXPECT_EQ(news, 2);
  EXPECT_EQ(chat->stats().heard.Get(), 8u);
}

TEST_F(ChatTest, AFullQueueRefusesAsBusyAndRecordsNothing) {
  rules.chat.queue = 2;
  rules.chat.deliveries_per_tick = 1;
  auto& ann = Enter(0);
  Enter(1);
  Begin(5);
  for (uint32_t i = 1; i <= 4; ++i) Say(ann, ChatScope::kZone, "x", i);
  EXPECT_EQ(Refused(ChatReason::kBusy), 2u);
  EXPECT_EQ(store.notes.size(), 2u);
  ASSERT_EQ(refused[ann.id.index].size(), 2u);
  EXPECT_EQ(refused[ann.id.index][0].number, 3u);
  Say(ann, ChatScope::kLocal, "x", 5);
  EXPECT_EQ(Refused(ChatReason::kBusy), 2u) << "each scope has a queue of its own";
}

TEST_F(ChatTest, WhoTypesTooFastIsToldHowLongToWait) {
  auto& ann = Enter(0);
  auto& bob = Enter(0);
  Begin(5);
  for (int i = 0; i < 6; ++i) Say(ann, ChatScope::kZone, "x");
  EXPECT_EQ(Refused(ChatReason::kTooFast), 1u);
  ASSERT_EQ(refused[ann.id.index].size(), 1u);
  EXPECT_EQ(refused[ann.id.index][0].retry_ms, 1000u);
  Say(bob, ChatScope::kZone, "x");
  EXPECT_EQ(LastReason(bob), ChatReason::kNone);
  Begin(5 + 29);
  Say(ann, ChatScope::kZone, "x");
  EXPECT_EQ(Refused(ChatReason::kTooFast), 2u);
  EXPECT_EQ(refused[ann.id.index][1].retry_ms, 34u) << "a tick, rounded up";
  Begin(5 + 30);
  Say(ann, ChatScope::kZone, "x");
  EXPECT_EQ(Refused(ChatReason::kTooFast), 2u);
  EXPECT_EQ(store.notes.size(), 5u + 1 + 1);
}

TEST_F(ChatTest, BadTextScopesAndMutedPlayersAreRefusedWithTheirReasons) {
  rules.session.chat_burst = 1000;
  rules.session.chat_max_bytes = 10;
  rules.chat.muted = {"1001"};
  auto& ann = Enter(0);
  auto& muted = Enter(1);
  ASSERT_EQ(muted.player_id, 1001);
  Begin(5);
  const std::pair<std::string, ChatReason> cases[] = {
      {"", ChatReason::kBadText},
      {" ", ChatReason::kBadText},
      {"a\nb", ChatReason::kBadText},
      {std::string("a\0b", 3), ChatReason::kBadText},
      {"\xff", ChatReason::kBadText},
      {"a\xe2\x80\xae", ChatReason::kBadText},
      {"a\xe2\x80\x8b", ChatReason::kBadText},
      {"12345678901", ChatReason::kTooLong},
      {"1234567890", ChatReason::kNone}};
  for (const auto& [text, reason] : cases) {
    refused.clear();
    Say(ann, ChatScope::kZone, text);
    EXPECT_EQ(LastReason(ann), reason) << text;
  }
  refused.clear();
  Say(ann, static_cast<ChatScope>(3), "x");
  EXPECT_EQ(LastReason(ann), ChatReason::kBadScope);
  Say(ann, static_cast<ChatScope>(0), "x");
  EXPECT_EQ(Refused(ChatReason::kBadScope), 2u);
  Say(muted, ChatScope::kZone, "x");
  EXPECT_EQ(LastReason(muted), ChatReason::kMuted);
  chat->EndReceive();
  EXPECT_EQ(store.notes.size(), 1u);
  EXPECT_EQ(Heard(ann), 1u);
  EXPECT_EQ(Heard(muted), 1u) << "who may not speak may listen";
}

TEST_F(ChatTest, WhoComesLaterDoesNotHearWhatWasSaidBeforeAndAFullQueueCostsOnlyItsOwner) {
  rules.chat.deliveries_per_tick = 1;
  auto& ann = Enter(0);
  auto& bob = Enter(1);
  deaf[bob.id.index] = true;
  Begin(5);
  Say(ann, ChatScope::kZone, "early");
  chat->EndReceive();
  auto& late = Enter(2, 6);
  for (core::Tick tick = 6; tick < 9; ++tick) {
    Begin(tick);
    chat->EndReceive();
  }
  EXPECT_EQ(Heard(ann), 1u);
  EXPECT_EQ(Heard(late), 0u);
  EXPECT_EQ(chat->stats().missed.Get(), 1u);
  EXPECT_EQ(chat->stats().waiting.Get(), 0u);
}

TEST_F(ChatTest, TheHashTellsWhatWaits) {
  rules.chat.deliveries_per_tick = 1;
  auto& ann = Enter(0);
  Enter(1);
  Enter(2);
  Begin(5);
  const uint64_t empty = chat->Hash();
  Say(ann, ChatScope::kZone, "x");
  chat->EndReceive();
  const uint64_t first = chat->Hash();
  EXPECT_NE(first, empty);
  Begin(6);
  chat->EndReceive();
  EXPECT_NE(chat->Hash(), first);
  Begin(7);
  chat->EndReceive();
  EXPECT_EQ(chat->Hash(), empty);
}

TEST(ChatSettingsCheck, MutedPlayersAreNumbers) {
  ChatSettings settings;
  settings.muted = {"17", "1649267441665"};
  std::vector<std::string> problems;
  settings.Validate(problems);
  EXPECT_TRUE(problems.empty());
  settings.muted = {"", "ann", "-1", "0", "17x", "99999999999999999999"};
  settings.Validate(problems);
  ASSERT_EQ(problems.size(), 6u);
  EXPECT_NE(problems[1].find("chat.muted"), std::string::npos);
}

}  // namespace
}  // namespace bluemarble::chat
