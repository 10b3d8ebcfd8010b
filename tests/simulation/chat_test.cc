// Chat through a whole zone: clients of the library, the gate, the store's notes.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "support/sim_world.h"

namespace bluemarble::support {
namespace {

// At this latitude 0.001 degrees of longitude are 73.3 m.
constexpr double kLon = 2.35, kLat = 48.85, kDegPerM = 0.001 / 73.3;

SimWorldOptions Options(uint64_t seed = 1) {
  SimWorldOptions options{.seed = seed, .zone = SmallZone(), .faults = {}, .workers = 1};
  options.zone.game.animals = options.zone.game.resource_nodes = 0;
  return options;
}

struct Talk {
  explicit Talk(int players, const SimWorldOptions& options = Options(), double apart_m = 0)
      : world(options) {
    for (int i = 0; i < players; ++i) {
      world.Join("p" + std::to_string(i), GeoPosition{kLon + i * apart_m * kDegPerM, kLat, 0})
          .Stand();
    }
    world.Run(90);
    EXPECT_EQ(world.playing(), static_cast<size_t>(players));
  }
  client::ClientCore& operator[](size_t player) { return world.players()[player]->core(); }
  /// What the player was told since the last call.
  std::vector<ChatLine> Take(size_t player) {
    std::vector<ChatLine> lines;
    ChatLine line;
    while ((*this)[player].chat().Next(line)) lines.push_back(line);
    return lines;
  }
  std::vector<std::string> Texts(size_t player) {
    std::vector<std::string> texts;
    for (const ChatLine& line : Take(player)) texts.push_back(line.text);
    return texts;
  }
  SimWorld world;
};

using Strings = std::vector<std::string>;

TEST(ChatInAZone, NeighboursHearBothScopesAndTheDistantTheZoneOnly) {
  Talk talk(3, Options(), 40);  // at 0, 40 and 80 m
  EXPECT_EQ(talk[0].Say(ChatScope::kLocal, "psst"), 1u);
  talk.world.Run(10);
  EXPECT_EQ(talk[0].Say(ChatScope::kZone, "hello all"), 2u);
  talk.world.Run(10);
  EXPECT_EQ(talk.Texts(0), (Strings{"psst", "hello all"}));
  const auto lines = talk.Take(1);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].text, "psst");
  EXPECT_EQ(lines[0].scope, ChatScope::kLocal);
  EXPECT_EQ(lines[0].name, "p0");
  EXPECT_EQ(lines[0].player_id, talk[0].welcome()->player_id);
  EXPECT_EQ(lines[0].entity_id, talk[0].welcome()->entity_id);
  EXPECT_GT(lines[0].tick, 0u);
  EXPECT_EQ(lines[0].refused, ChatReason::kNone);
  EXPECT_EQ(talk.Texts(2), (Strings{"hello all"}));
  Strings stored;
  for (const auto& [key, note] : talk.world.store().notes()) stored.push_back(note.text);
  EXPECT_EQ(stored, (Strings{"psst", "hello all"}));
}

TEST(ChatInAZone, AConversationOverALossyNetworkReachesEverybodyInOneOrder) {
  SimWorldOptions options = Options(7);
  options.faults.loss = 0.1;
  options.faults.latency_ns = 60'000'000;
  options.faults.jitter_ns = 40'000'000;
  options.zone.session.chat_burst = 50;
  constexpr size_t kPlayers = 8;
  Talk talk(kPlayers, options);
  int said = 0;
  for (int round = 0; round < 40; ++round) {
    said += talk[static_cast<size_t>(round) % kPlayers].Say(ChatScope::kZone,
                                                            "line " + std::to_string(round)) != 0;
    talk.world.Run(3);
  }
  talk.world.Run(120);
  const Strings first = talk.Texts(0);
  EXPECT_EQ(first.size(), 40u);
  EXPECT_EQ(said, 40);
  for (size_t i = 1; i < kPlayers; ++i) EXPECT_EQ(talk.Texts(i), first) << i;
  EXPECT_EQ(talk.world.store().notes().size(), 40u);
}

TEST(ChatInAZone, WithTheStoreAwayNobodyHearsAndTheSpeakerIsToldWhy) {
  Talk talk(2);
  talk.world.store().set_away(true);
  talk.world.Run(talk.world.hz() * 2);  // it is noticed by the positions
  const uint32_t number = talk[0].Say(ChatScope::kZone, "off the record");
  talk.world.Run(10);
  auto lines = talk.Take(0);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].refused, ChatReason::kUnavailable);
  EXPECT_EQ(lines[0].number, number);
  EXPECT_NE(lines[0].text, "");
  EXPECT_TRUE(talk.Take(1).empty());
  talk.world.store().set_away(false);
  talk.world.Run(talk.world.hz() * 3);
  talk[0].Say(ChatScope::kZone, "on the record");
  talk.world.Run(10);
  EXPECT_EQ(talk.Texts(1), (Strings{"on the record"}));
  EXPECT_EQ(talk.world.store().notes().size(), 1u);
}

TEST(ChatInAZone, ALostAnswerOfTheStoreWritesEachLineOnce) {
  SimWorldOptions options = Options(3);
  options.zone.session.chat_burst = 200;
  Talk talk(2, options);
  talk.world.store().set_faults(
      {.unavailable = 0, .unknown_applied = 0.3, .unknown_lost = 0.3, .reconnect_fails = 0.2});
  int refused = 0;
  for (int i = 0; i < 60; ++i) {
    talk[0].Say(ChatScope::kZone, "line " + std::to_string(i));
    talk.world.Run(5);
    for (const ChatLine& line : talk.Take(0)) refused += line.refused != ChatReason::kNone;
  }
  talk.world.store().set_faults({});
  talk.world.Run(talk.world.hz() * 3);
  const Strings heard = talk.Texts(1);
  EXPECT_EQ(heard.size() + static_cast<size_t>(refused), 60u);
  EXPECT_GT(heard.size(), 10u);
  Strings stored;
  for (const auto& [key, note] : talk.world.store().notes()) stored.push_back(note.text);
  EXPECT_EQ(stored, heard) << "what was heard is on record, once, in its order";
}

TEST(ChatInAZone, WhoFloodsIsRefusedThenEndedAndTheOthersPlayOn) {
  Talk talk(2);
  for (int i = 0; i < 10; ++i) talk[0].Say(ChatScope::kZone, "x" + std::to_string(i));
  talk.world.Run(10);
  const auto lines = talk.Take(0);
  int too_fast = 0;
  for (const ChatLine& line : lines) too_fast += line.refused == ChatReason::kTooFast;
  EXPECT_EQ(lines.size(), 10u);
  EXPECT_EQ(too_fast, 5);
  EXPECT_EQ(talk[0].state(), ClientState::kPlaying);
  for (int i = 0; i < 1000; ++i) talk[0].Say(ChatScope::kZone, "y");
  talk.world.Run(10);
  EXPECT_EQ(talk[0].state(), ClientState::kEnded);
  EXPECT_EQ(talk[0].end_reason(), DisconnectReason::kRateLimited);
  EXPECT_EQ(talk[1].state(), ClientState::kPlaying);
  EXPECT_EQ(talk.Texts(1).size(), 5u);
  const auto& stats = talk.world.zone().session_stats();
  EXPECT_EQ(stats
                .refused_by_message[session::kChatRow]
                                   [static_cast<size_t>(DisconnectReason::kRateLimited)]
                .Get(),
            1u);
}

TEST(ChatInAZone, EqualSeedsTalkAlikeOnAnyNumberOfWorkers) {
  const auto hashes = [](int workers) {
    SimWorldOptions options = Options(11);
    options.workers = workers;
    options.zone.chat.deliveries_per_tick = 3;
    options.faults.latency_ns = 30'000'000;
    options.faults.jitter_ns = 30'000'000;
    Talk talk(10, options);
    std::vector<uint64_t> all;
    for (int i = 0; i < 120; ++i) {
      if (i % 4 == 0) {
        talk[static_cast<size_t>(i) % 10].Say(i % 8 == 0 ? ChatScope::kZone : ChatScope::kLocal,
                                              "line " + std::to_string(i));
      }
      talk.world.Step();
      all.push_back(talk.world.zone().Hash());
    }
    EXPECT_GT(talk.world.zone().chat_stats().delayed.Get(), 5u);
    return all;
  };
  const auto one = hashes(1);
  EXPECT_EQ(one, hashes(1));
  EXPECT_EQ(one, hashes(3));
}

TEST(ChatInAZone, SayingNeedsPlayingAndALineOfSomeLength) {
  Talk talk(1);
  EXPECT_EQ(talk[0].Say(ChatScope::kZone, ""), 0u);
  EXPECT_EQ(talk[0].Say(ChatScope::kZone, std::string(kMaxChatBytes + 1, 'x')), 0u);
  EXPECT_NE(talk[0].error(), "");
  talk[0].Quit();
  EXPECT_EQ(talk[0].Say(ChatScope::kZone, "x"), 0u);
}

}  // namespace
}  // namespace bluemarble::support
