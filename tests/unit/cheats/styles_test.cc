#include "tools/cheats/styles.h"

#include <gtest/gtest.h>

#include <string>

namespace bluemarble::cheats {
namespace {

TEST(Cheats, EveryStyleHasANameThatLeadsBackToIt) {
  for (size_t i = 0; i < kCheatStyles; ++i) {
    const auto style = static_cast<CheatStyle>(i);
    EXPECT_EQ(ParseCheat(CheatName(style)), style);
  }
  EXPECT_FALSE(ParseCheat("honest"));
}

TEST(Cheats, EveryStyleSaysSomethingTheSameForTheSameSeed) {
  for (size_t i = 0; i < kCheatStyles; ++i) {
    const auto all = [&](uint64_t seed) {
      Cheat cheat(static_cast<CheatStyle>(i), seed);
      std::string bytes;
      for (core::Tick tick = 1000; tick < 1400; ++tick) {
        CheatScene scene;
        scene.tick = tick;
        scene.seconds = static_cast<double>(tick - 1000) / 30;
        scene.own_entity = 5;
        for (const RawMessage& message : cheat.Next(scene))
          for (const std::byte byte : message.bytes) bytes.push_back(static_cast<char>(byte));
      }
      return bytes;
    };
    const std::string name = CheatName(static_cast<CheatStyle>(i));
    EXPECT_GT(all(1).size(), 1000u) << name;
    EXPECT_EQ(all(1), all(1)) << name;
    EXPECT_NE(all(1), all(2)) << name;
  }
}

TEST(Cheats, AFastClockRunsAheadOfTheOneItWasGiven) {
  Cheat cheat(CheatStyle::kSpeed, 1);
  CheatScene scene;
  uint32_t newest = 0;
  for (scene.tick = 1; scene.tick <= 100; ++scene.tick) {
    const auto messages = cheat.Next(scene);
    ASSERT_EQ(messages.size(), 1u);
    const auto input = protocol::DecodeInput(messages[0].bytes);
    ASSERT_TRUE(input.ok());
    newest = input->newest_tick;
  }
  EXPECT_EQ(newest, 150u);
}

}  // namespace
}  // namespace bluemarble::cheats
