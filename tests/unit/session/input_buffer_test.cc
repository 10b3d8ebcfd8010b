#include "session/input_buffer.h"

#include <gtest/gtest.h>

#include "core/hash.h"

namespace bluemarble::session {
namespace {

protocol::Command East(int value) { return {.move_east = static_cast<int8_t>(value)}; }

/// A message whose command for tick t is East(t % 100).
protocol::InputMessage Message(core::Tick newest, int count = 4, uint16_t digest = 0) {
  protocol::InputMessage message;
  message.newest_tick = static_cast<uint32_t>(newest);
  message.digest = digest;
  message.count = count;
  for (int i = 0; i < count; ++i) {
    message.commands[static_cast<size_t>(i)] =
        East(static_cast<int>((newest - static_cast<core::Tick>(i)) % 100));
  }
  return message;
}

struct Buffer : testing::Test {
  Buffer() { buffer.Reset(100, East(-1)); }
  int Take(core::Tick tick) { return buffer.Take(tick, stats).move_east; }
  InputBuffer buffer;
  InputStats stats;
};

TEST_F(Buffer, HoldsTheFirstCommandUntilOneComes) {
  EXPECT_EQ(Take(101), -1);
  EXPECT_EQ(Take(102), -1);
  EXPECT_EQ(stats.held.Get(), 2u);
}

TEST_F(Buffer, EachCommandServesItsOwnTick) {
  buffer.Push(Message(104), stats);
  for (core::Tick tick = 101; tick <= 104; ++tick)
    EXPECT_EQ(Take(tick), static_cast<int>(tick % 100));
  EXPECT_EQ(Take(105), 4);  // held
}

TEST_F(Buffer, DuplicatesAndReorderedRepetitionsChangeNothing) {
  buffer.Push(Message(104), stats);
  buffer.Push(Message(104), stats);
  buffer.Push(Message(103), stats);
  EXPECT_EQ(stats.accepted.Get(), 4u);
  EXPECT_EQ(Take(101), 1);
  buffer.Push(Message(104), stats);
  EXPECT_EQ(Take(102), 2);
  EXPECT_EQ(stats.late.Get(), 0u);
}

TEST_F(Buffer, AReplayedMessageIsCountedAndChangesNothing) {
  buffer.Push(Message(104), stats);
  buffer.Push(Message(105), stats);
  EXPECT_EQ(stats.repeated.Get(), 0u);
  auto replayed = Message(105, 4, 9);
  replayed.commands[0] = East(-7);
  buffer.Push(replayed, stats);
  buffer.Push(Message(104), stats);
  EXPECT_EQ(stats.repeated.Get(), 2u);
  EXPECT_EQ(stats.accepted.Get(), 5u);
  for (core::Tick tick = 101; tick <= 105; ++tick)
    EXPECT_EQ(Take(tick), static_cast<int>(tick % 100));
  buffer.Push(Message(105), stats);  // after its tick
  EXPECT_EQ(stats.repeated.Get(), 3u);
  EXPECT_EQ(stats.late.Get(), 0u);
}

TEST_F(Buffer, ALateCommandIsDroppedAndCounted) {
  EXPECT_EQ(Take(101), -1);
  EXPECT_EQ(Take(102), -1);
  buffer.Push(Message(102, 4), stats);
  EXPECT_EQ(stats.late.Get(), 4u);
  EXPECT_EQ(Take(103), -1);
  EXPECT_EQ(buffer.depth(), -1);
}

TEST_F(Buffer, ABurstAfterSilenceBuysNoMoreTicksThanElapsed) {
  for (core::Tick tick = 101; tick <= 130; ++tick) Take(tick);
  for (core::Tick newest = 101; newest <= 160; ++newest) buffer.Push(Message(newest), stats);
  EXPECT_EQ(stats.accepted.Get(), static_cast<uint64_t>(InputBuffer::kAhead));
  EXPECT_GT(stats.early.Get(), 0u);
}

TEST_F(Buffer, AHonestSequenceIsNoViolationHoweverLateOrDoubled) {
  for (core::Tick tick = 101; tick <= 400; ++tick) {
    EXPECT_EQ(buffer.Push(Message(tick + 6, 16), stats), 0u);
    if (tick % 3 == 0) {
      EXPECT_EQ(buffer.Push(Message(tick + 2), stats), 0u);
    }
    if (tick % 50 == 0) {
      EXPECT_EQ(buffer.Push(Message(tick - 40), stats), 0u);
    }
    Take(tick);
  }
  // Silence of five seconds, and then all that waited.
  for (core::Tick tick = 401; tick <= 550; ++tick) Take(tick);
  for (core::Tick newest = 407; newest <= 556; ++newest)
    EXPECT_EQ(buffer.Push(Message(newest), stats), 0u);
}

TEST_F(Buffer, AStampFarAheadIsAViolationAndMisleadsTheDepthForAMomentOnly) {
  buffer.Push(Message(103), stats);
  EXPECT_EQ(buffer.Push(Message(100 + InputBuffer::kAhead + InputBuffer::kFarTicks), stats), 0u);
  EXPECT_EQ(buffer.Push(Message(101 + InputBuffer::kAhead + InputBuffer::kFarTicks), stats),
            Bit(Violation::kInputFuture));
  EXPECT_EQ(buffer.Push(Message(100 + 5000), stats), Bit(Violation::kInputFuture));
  for (core::Tick tick = 101; tick <= 100 + InputBuffer::kAhead; ++tick) {
    buffer.Push(Message(tick + 3), stats);
    Take(tick);
  }
  buffer.Push(Message(100 + InputBuffer::kAhead + 4), stats);
  Take(101 + InputBuffer::kAhead);
  EXPECT_EQ(buffer.depth(), 3);
}

TEST_F(Buffer, AClientThatIsTooFarAheadIsStillToldHowFar) {
  for (core::Tick tick = 101; tick <= 200; ++tick) {
    buffer.Push(Message(tick + 20), stats);
    Take(tick);
    EXPECT_EQ(buffer.depth(), 20);
  }
}

TEST_F(Buffer, AnOldStampIsAViolationOnlyWhenTheSameSessionWasFarBeyondIt) {
  for (core::Tick tick = 101; tick <= 300; ++tick) {
    buffer.Push(Message(tick + 2), stats);
    Take(tick);
  }
  EXPECT_EQ(buffer.Push(Message(302 - InputBuffer::kFarTicks), stats), 0u);
  EXPECT_EQ(buffer.Push(Message(301 - InputBuffer::kFarTicks), stats),
            Bit(Violation::kInputBackwards));
}

TEST_F(Buffer, ASecondCommandForATickIsAViolationAndTheFirstOneCounts) {
  for (core::Tick tick = 101; tick <= 130; ++tick) {
    buffer.Push(Message(tick + 1), stats);
    Take(tick);
  }
  buffer.Push(Message(135), stats);
  auto other = Message(135);
  other.commands[0] = East(-9);
  EXPECT_EQ(buffer.Push(other, stats), Bit(Violation::kInputConflict));
  for (core::Tick tick = 131; tick <= 135; ++tick)
    EXPECT_EQ(Take(tick), static_cast<int>(tick % 100));
}

TEST_F(Buffer, ASecondCommandForATickThatIsOverIsAViolationTooButNotOneForATickWithoutAny) {
  for (core::Tick tick = 101; tick <= 130; ++tick) {
    buffer.Push(Message(tick + 1), stats);
    Take(tick);
  }
  Take(131);
  Take(132);  // without a command of its own
  auto late = Message(132);
  late.commands[0] = East(-9);
  EXPECT_EQ(buffer.Push(late, stats), 0u);
  // What a client that fell behind fills up with is no second thought.
  late.commands[2] = East(-9);
  EXPECT_EQ(buffer.Push(late, stats), 0u);
  auto again = Message(130);
  again.commands[0] = East(-9);
  EXPECT_EQ(buffer.Push(again, stats), Bit(Violation::kInputConflict));
}

TEST_F(Buffer, AMoveOutOfRangeIsAViolation) {
  auto message = Message(103);
  message.commands[2].move_north = -127;
  EXPECT_EQ(buffer.Push(message, stats), 0u);
  message = Message(104);
  message.commands[0].move_north = -128;
  EXPECT_EQ(buffer.Push(message, stats) & Bit(Violation::kInputInvalid),
            Bit(Violation::kInputInvalid));
}

TEST_F(Buffer, HoweverManyMessagesComeATickTakesOneCommand) {
  uint64_t taken = 0;
  core::Random random(9);
  for (core::Tick tick = 101; tick <= 1100; ++tick) {
    for (int i = 0; i < 5; ++i) buffer.Push(Message(tick - 30 + random.Below(60), 16), stats);
    Take(tick);
    ++taken;
  }
  EXPECT_LE(stats.accepted.Get(), taken + InputBuffer::kAhead);
}

TEST_F(Buffer, ATickFarFromHereIsIgnored) {
  buffer.Push(Message(100 + 5000), stats);
  buffer.Push(Message(0xfffffff0u), stats);
  EXPECT_FALSE(buffer.heard());
  EXPECT_EQ(stats.accepted.Get(), 0u);
}

TEST_F(Buffer, DepthTellsHowFarAheadTheNewestCommandIs) {
  buffer.Push(Message(103), stats);
  Take(101);
  EXPECT_EQ(buffer.depth(), 2);
  Take(102);
  Take(103);
  EXPECT_EQ(buffer.depth(), 0);
  Take(104);
  EXPECT_EQ(buffer.depth(), -1);
}

TEST_F(Buffer, ARightPredictionConfirmsItsTick) {
  buffer.Push(Message(102, 4, 77), stats);
  Take(101);
  buffer.Simulated(55, stats);
  Take(102);
  buffer.Simulated(77, stats);
  EXPECT_EQ(buffer.confirmed_tick(), 102u);
  EXPECT_FALSE(buffer.TakeMismatch());
}

TEST_F(Buffer, AWrongPredictionIsReportedOnce) {
  buffer.Push(Message(101, 4, 77), stats);
  Take(101);
  buffer.Simulated(78, stats);
  EXPECT_TRUE(buffer.TakeMismatch());
  EXPECT_FALSE(buffer.TakeMismatch());
  EXPECT_EQ(buffer.confirmed_tick(), 0u);
}

TEST_F(Buffer, ALatePredictionIsJudgedAgainstWhatHappened) {
  Take(101);
  buffer.Simulated(55, stats);
  Take(102);
  buffer.Simulated(66, stats);
  buffer.Push(Message(101, 4, 55), stats);
  EXPECT_EQ(buffer.confirmed_tick(), 101u);
  buffer.Push(Message(102, 4, 67), stats);
  EXPECT_TRUE(buffer.TakeMismatch());
}

TEST_F(Buffer, TicksAcrossThe32BitWrapAreTheSame) {
  const core::Tick start = 0xfffffffeull;
  buffer.Reset(start, East(-1));
  buffer.Push(Message(start + 4), stats);
  for (core::Tick tick = start + 1; tick <= start + 4; ++tick)
    EXPECT_EQ(Take(tick), static_cast<int>(tick % 100));
}

}  // namespace
}  // namespace bluemarble::session
