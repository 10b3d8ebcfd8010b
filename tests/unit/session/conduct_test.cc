#include "session/conduct.h"

#include <gtest/gtest.h>

#include <thread>

namespace bluemarble::session {
namespace {

constexpr int kHz = 10;

ConductSettings Plain() {
  ConductSettings settings;
  settings.players = 16;
  settings.half_life_s = 10;
  settings.counter_life_h = 1;
  settings.flag_score = 10;
  settings.kick_score = 20;
  settings.weight.fill(1);
  return settings;
}
const persistence::PlayerName kAnn = persistence::PlayerName::From("ann");

TEST(Conduct, TheScoreHalvesEveryHalfLife) {
  ConductLedger ledger(Plain(), kHz);
  for (int i = 0; i < 8; ++i) ledger.Add(1, kAnn, Violation::kFlood, 1000);
  EXPECT_DOUBLE_EQ(ledger.ScoreOf(1, 1000), 8);
  EXPECT_DOUBLE_EQ(ledger.ScoreOf(1, 1000 + 10 * kHz), 4);
  EXPECT_DOUBLE_EQ(ledger.ScoreOf(1, 1000 + 30 * kHz), 1);
  EXPECT_NEAR(ledger.ScoreOf(1, 1000 + 5 * kHz), 8 / 1.41421356, 0.05);
  EXPECT_EQ(ledger.ScoreOf(1, 1'000'000'000), 0);
  EXPECT_EQ(ledger.ScoreOf(2, 1000), 0) << "nobody knows player 2";
}

TEST(Conduct, DecaysBetweenViolationsHoweverOftenTheyCome) {
  ConductLedger often(Plain(), kHz), once(Plain(), kHz);
  often.Add(1, kAnn, Violation::kFlood, 1);
  once.Add(1, kAnn, Violation::kFlood, 1);
  ConductSettings counting = Plain();
  counting.weight[static_cast<size_t>(Violation::kProtocol)] = 0;
  ConductLedger counted(counting, kHz);
  counted.Add(1, kAnn, Violation::kFlood, 1);
  for (core::Tick tick = 2; tick <= 201; ++tick) counted.Add(1, kAnn, Violation::kProtocol, tick);
  EXPECT_NEAR(counted.ScoreOf(1, 201), once.ScoreOf(1, 201), 1e-9);
  EXPECT_LT(counted.ScoreOf(1, 201), 0.26);
}

TEST(Conduct, FlagsOnceAndAgainOnlyAfterTheScoreHasHalved) {
  ConductSettings settings = Plain();
  settings.kick_score = 0;
  ConductLedger ledger(settings, kHz);
  int flags = 0;
  const auto add = [&](core::Tick tick) {
    flags += ledger.Add(1, kAnn, Violation::kFlood, tick) == ConductResponse::kFlag ? 1 : 0;
  };
  for (int i = 0; i < 9; ++i) add(100);
  EXPECT_EQ(flags, 0);
  for (int i = 0; i < 30; ++i) add(100);
  EXPECT_EQ(flags, 1);
  for (int i = 0; i < 30; ++i) add(100 + 100 * kHz);
  EXPECT_EQ(flags, 2);
}

TEST(Conduct, KicksFromItsThresholdOnAndThresholdsCanBeTurnedOff) {
  ConductLedger ledger(Plain(), kHz);
  int first_kick = 0;
  for (int i = 1; i <= 25; ++i) {
    const bool kick = ledger.Add(1, kAnn, Violation::kFlood, 50) == ConductResponse::kKick;
    EXPECT_EQ(kick, i >= 20) << i;
    if (kick && first_kick == 0) first_kick = i;
  }
  EXPECT_EQ(first_kick, 20);
  ConductSettings never = Plain();
  never.flag_score = never.kick_score = 0;
  ConductLedger corrects(never, kHz);
  for (int i = 0; i < 1000; ++i)
    ASSERT_EQ(corrects.Add(1, kAnn, Violation::kFlood, 50), ConductResponse::kNone);
  EXPECT_DOUBLE_EQ(corrects.ScoreOf(1, 50), 1000);
}

TEST(Conduct, WhatOnlyCountsHasNoConsequence) {
  ConductSettings settings = Plain();
  settings.weight[static_cast<size_t>(Violation::kChatRate)] = 0;
  ConductLedger ledger(settings, kHz);
  for (int i = 0; i < 25; ++i) ledger.Add(1, kAnn, Violation::kFlood, 50);
  EXPECT_EQ(ledger.Add(1, kAnn, Violation::kChatRate, 50), ConductResponse::kNone);
}

TEST(Conduct, CountersLiveAsLongAsTheSettingsSayAndOutliveSessions) {
  ConductLedger ledger(Plain(), kHz);
  const auto count = [&](core::Tick now) {
    ledger.Publish(now);
    const auto views = ledger.board().Read();
    return views.at(0).counts[static_cast<size_t>(Violation::kFlood)];
  };
  constexpr core::Tick kHour = 3600 * kHz;
  ledger.Add(1, kAnn, Violation::kFlood, 10);
  ledger.Add(1, kAnn, Violation::kFlood, 9 + kHour);
  EXPECT_EQ(count(10 + kHour), 2u);
  ledger.Add(1, kAnn, Violation::kFlood, 10 + kHour);
  EXPECT_EQ(count(10 + kHour), 1u);
}

TEST(Conduct, RemembersABoundedNumberOfPlayersTheNewestOnes) {
  ConductLedger ledger(Plain(), kHz);
  for (int64_t player = 1; player <= 40; ++player)
    ledger.Add(player, kAnn, Violation::kFlood, static_cast<core::Tick>(player));
  EXPECT_EQ(ledger.players(), 16u);
  EXPECT_EQ(ledger.ScoreOf(24, 40), 0);
  EXPECT_GT(ledger.ScoreOf(25, 40), 0);
}

TEST(Conduct, TheSameViolationsGiveTheSameHashAndOthersAnother) {
  const auto hash = [](int extra) {
    ConductLedger ledger(ConductSettings{}, 30);
    core::Random random(3);
    for (core::Tick tick = 1; tick < 5000; tick += 1 + random.Below(50)) {
      ledger.Add(1 + static_cast<int64_t>(random.Below(50)), kAnn,
                 static_cast<Violation>(random.Below(kViolations)), tick);
    }
    for (int i = 0; i < extra; ++i) ledger.Add(7, kAnn, Violation::kChatRate, 5000);
    return ledger.Hash();
  };
  EXPECT_EQ(hash(0), hash(0));
  EXPECT_NE(hash(0), hash(1));
}

TEST(Conduct, TheBoardIsReadWholeWhileItIsWritten) {
  ConductBoard board;
  std::vector<ConductView> views(8);
  const auto fill = [&](uint32_t n) {
    for (ConductView& view : views) {
      view.player_id = n;
      view.counts.fill(n);
      view.last = n;
    }
  };
  fill(1);
  board.Write(views);
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  std::thread reader([&] {
    while (!stop) {
      for (const ConductView& view : board.Read()) {
        if (view.counts[kViolations - 1] != view.last || view.counts[0] != view.last) ++torn;
      }
    }
  });
  for (uint32_t n = 2; n < 20'000; ++n) {
    fill(n);
    board.Write(views);
  }
  stop = true;
  reader.join();
  EXPECT_EQ(torn, 0);
  EXPECT_EQ(board.Read().size(), 8u);
}

}  // namespace
}  // namespace bluemarble::session
