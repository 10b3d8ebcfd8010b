// A zone whose database goes away in mid-conversation: nobody hears what cannot be kept on record.
#include <gtest/gtest.h>
#include <signal.h>

#include <string>
#include <thread>
#include <vector>

#include "postgres_backend.h"
#include "zoned_process.h"

namespace bluemarble::support {
namespace {

std::vector<ChatLine> Take(Player& player) {
  std::vector<ChatLine> lines;
  ChatLine line;
  while (player.client.NextChat(line)) lines.push_back(line);
  return lines;
}

TEST(ChatOutage, WithoutItsDatabaseAZoneRefusesChatWithAReasonAndTalksAgainAfterwards) {
  PgCluster cluster;
  persistence::DatabaseSettings settings = persistence::NewSettings(cluster);
  ASSERT_TRUE(persistence::Migrate(settings).ok());
  ZonedProcess zoned;
  ASSERT_TRUE(zoned.StartReady(
      {"--set", "database.url=" + settings.url, "--set", "database.schema=" + settings.schema}))
      << zoned.output();
  Player ann(zoned, "ann"), bob(zoned, "bob");
  const std::vector<Player*> all = {&ann, &bob};
  ASSERT_TRUE(PollUntil(all, [&] {
    return ann.client.state() == ClientState::kPlaying &&
           bob.client.state() == ClientState::kPlaying;
  }));
  std::vector<ChatLine> to_ann, to_bob;
  const auto hears = [&](size_t by_ann, size_t by_bob) {
    return PollUntil(all, [&] {
      for (ChatLine& line : Take(ann)) to_ann.push_back(std::move(line));
      for (ChatLine& line : Take(bob)) to_bob.push_back(std::move(line));
      return to_ann.size() >= by_ann && to_bob.size() >= by_bob;
    });
  };
  ann.client.Say(ChatScope::kZone, "before");
  ASSERT_TRUE(hears(1, 1));

  cluster.KillTree();
  ASSERT_TRUE(PollUntil(all, [&] { return zoned.Metric("persistence_away_stores") == 1; }));
  const uint32_t number = ann.client.Say(ChatScope::kZone, "off the record");
  ASSERT_TRUE(hears(2, 1));
  EXPECT_EQ(to_ann[1].refused, ChatReason::kUnavailable);
  EXPECT_EQ(to_ann[1].number, number);
  EXPECT_NE(to_ann[1].text.find("record"), std::string::npos) << to_ann[1].text;

  {
    // The start may take longer than a silent player is kept. The players are in the other thread:
    // the kernel ends a cluster together with the thread that started it.
    const std::jthread playing([&](const std::stop_token& started) {
      PollUntil(
          all, [&] { return started.stop_requested(); }, 180'000);
    });
    cluster.Start();
  }
  ASSERT_TRUE(PollUntil(
      all, [&] { return zoned.Metric("persistence_away_stores") == 0; }, 20'000));
  ann.client.Say(ChatScope::kZone, "after");
  ASSERT_TRUE(hears(3, 2));
  EXPECT_EQ(to_bob[1].text, "after");
  zoned.Signal(SIGTERM);
  EXPECT_EQ(zoned.WaitForEnd().exit_code, 0) << zoned.output();
  auto reader = persistence::OpenPgReader(settings);
  ASSERT_TRUE(reader.ok()) << reader.status().ToString();
  const auto notes = (*reader)->ReadNotes({});
  ASSERT_TRUE(notes.ok()) << notes.status().ToString();
  ASSERT_EQ(notes->size(), 2u);
  EXPECT_EQ(notes->at(0).text, "before");
  EXPECT_EQ(notes->at(1).text, "after");
}

}  // namespace
}  // namespace bluemarble::support
