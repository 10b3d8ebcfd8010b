#include "client/ack_window.h"

#include <gtest/gtest.h>

#include <set>

#include "core/hash.h"

namespace bluemarble::client {
namespace {

TEST(AckWindow, StartsEmpty) {
  const AckWindow acks;
  EXPECT_EQ(acks.newest(), 0);
  EXPECT_EQ(acks.bits(), 0u);
  EXPECT_FALSE(acks.Contains(1));
}

TEST(AckWindow, NotesALateSequenceBehindTheNewest) {
  AckWindow acks;
  acks.Note(10);
  acks.Note(12);
  acks.Note(11);
  EXPECT_EQ(acks.newest(), 12);
  EXPECT_EQ(acks.bits(), 0b11u);
}

TEST(AckWindow, SkipsZeroWhenTheSequenceWraps) {
  AckWindow acks;
  acks.Note(65534);
  acks.Note(65535);
  acks.Note(1);
  EXPECT_EQ(acks.newest(), 1);
  EXPECT_EQ(acks.bits(), 0b11u);
  EXPECT_TRUE(acks.Contains(65535));
}

TEST(AckWindow, KeepsTheOldestOfTheWindowAndForgetsWhatIsBeyond) {
  AckWindow acks;
  acks.Note(100);
  acks.Note(100 + kAckWindow);
  EXPECT_TRUE(acks.Contains(100));
  acks.Note(100 + kAckWindow + 1);
  EXPECT_FALSE(acks.Contains(100));
  EXPECT_TRUE(acks.Contains(100 + kAckWindow));
}

TEST(AckWindow, ForgetsAllAfterAJumpBeyondTheWindow) {
  AckWindow acks;
  acks.Note(100);
  acks.Note(300);
  EXPECT_EQ(acks.newest(), 300);
  EXPECT_EQ(acks.bits(), 0u);
}

TEST(AckWindow, EqualsASetUnderLossReorderingDuplicationAndWrap) {
  constexpr uint64_t kSeed = 7;
  SCOPED_TRACE(kSeed);
  core::Random random(kSeed);
  AckWindow acks;
  std::set<int> noted;  // in steps from the start
  int newest = 0;
  auto sequence_of = [](int step) { return static_cast<uint16_t>(step % 65535 + 1); };
  for (int step = 65300; step < 66000; ++step) {
    const int at = step - static_cast<int>(random.Below(8));
    if (random.Chance(0.3)) continue;
    acks.Note(sequence_of(at));
    noted.insert(at);
    newest = std::max(newest, at);
    for (int back = 0; back <= kAckWindow; ++back)
      ASSERT_EQ(acks.Contains(sequence_of(newest - back)), noted.contains(newest - back))
          << step << " " << back;
  }
}

}  // namespace
}  // namespace bluemarble::client
