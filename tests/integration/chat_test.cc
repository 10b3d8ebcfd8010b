// Players talk on a real zoned: who hears what, what is on record, and what a recording says of it.
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <string>
#include <vector>

#include "persistence/sqlite_reader.h"
#include "zoned_process.h"

namespace bluemarble::support {
namespace {

constexpr GeoPosition kHere{2.35, 48.85, 0};
// 40 m and 80 m to the east, at this latitude.
constexpr GeoPosition kNear{2.35 + 0.001 * 40 / 73.3, 48.85, 0};
constexpr GeoPosition kFar{2.35 + 0.001 * 80 / 73.3, 48.85, 0};

bool Playing(const Player& player) { return player.client.state() == ClientState::kPlaying; }

std::vector<ChatLine> Take(Player& player) {
  std::vector<ChatLine> lines;
  ChatLine line;
  while (player.client.NextChat(line)) lines.push_back(line);
  return lines;
}

TEST(ZonedChat, NeighboursHearBothScopesTheDistantTheZoneOnlyAndAllIsOnRecord) {
  ZonedProcess zoned;
  const std::string recording = zoned.folder() + "/recording";
  ASSERT_TRUE(zoned.StartReady({"--record", recording})) << zoned.output();
  Player ann(zoned, "ann", kHere), bob(zoned, "bob", kNear), far(zoned, "far", kFar);
  const std::vector<Player*> all = {&ann, &bob, &far};
  ASSERT_TRUE(PollUntil(all, [&] { return Playing(ann) && Playing(bob) && Playing(far); }));
  ann.client.Say(ChatScope::kLocal, "psst");
  std::vector<ChatLine> by_ann, by_bob, by_far;
  const auto listen = [&] {
    for (auto [player, lines] : {std::pair(&ann, &by_ann), {&bob, &by_bob}, {&far, &by_far}})
      for (ChatLine& line : Take(*player)) lines->push_back(std::move(line));
  };
  // Reliable and ordered: who has heard the second line would have heard the first one before.
  ASSERT_TRUE(PollUntil(all, [&] {
    listen();
    return by_ann.size() == 1;
  }));
  bob.client.Say(ChatScope::kZone, "hello \xf0\x9f\x91\x8b");
  ASSERT_TRUE(PollUntil(all, [&] {
    listen();
    return by_ann.size() == 2 && by_bob.size() == 2 && by_far.size() == 1;
  }));
  EXPECT_EQ(by_bob[0].text, "psst");
  EXPECT_EQ(by_bob[0].name, "ann");
  EXPECT_EQ(by_bob[0].scope, ChatScope::kLocal);
  EXPECT_EQ(by_bob[0].player_id, ann.client.player_id());
  EXPECT_EQ(by_far[0].text, "hello \xf0\x9f\x91\x8b");
  EXPECT_EQ(by_far[0].name, "bob");
  EXPECT_EQ(zoned.Metric("chat_said_lines_total{scope=\"zone\"}"), 1);
  EXPECT_EQ(zoned.Metric("chat_said_lines_total{scope=\"local\"}"), 1);
  EXPECT_EQ(zoned.Metric("chat_heard_lines_total"), 5);

  ann.client.Say(ChatScope::kZone, "two\nlines");
  ASSERT_TRUE(PollUntil(all, [&] {
    listen();
    return by_ann.size() == 3;
  }));
  EXPECT_EQ(by_ann[2].refused, ChatReason::kBadText);

  zoned.Signal(SIGTERM);
  ASSERT_EQ(zoned.WaitForEnd().exit_code, 0);
  auto reader = persistence::OpenSqliteReader(zoned.data_dir());
  ASSERT_TRUE(reader.ok()) << reader.status().ToString();
  const auto notes = (*reader)->ReadNotes({.kind = persistence::NoteKind::kChat});
  ASSERT_TRUE(notes.ok()) << notes.status().ToString();
  ASSERT_EQ(notes->size(), 2u);
  EXPECT_EQ(notes->at(0).text, "psst");
  EXPECT_EQ(notes->at(0).player_id, by_bob[0].player_id);
  EXPECT_EQ(notes->at(0).code, 2);
  EXPECT_EQ(notes->at(1).text, "hello \xf0\x9f\x91\x8b");
  EXPECT_EQ(notes->at(1).code, 1);
  for (const char* workers : {"1", "4"}) {
    const Ended replay =
        RunZoned({"replay", recording, "--set", std::string("tick.workers=") + workers});
    EXPECT_EQ(replay.exit_code, 0) << replay.output;
    EXPECT_NE(replay.output.find("every world hash as recorded"), std::string::npos)
        << replay.output;
  }
}

}  // namespace
}  // namespace bluemarble::support
