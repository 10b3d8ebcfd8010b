#include "protocol/input.h"

#include <gtest/gtest.h>

#include "core/hash.h"

namespace bluemarble::protocol {
namespace {

InputMessage RandomInput(core::Random& random) {
  InputMessage message;
  message.ack = static_cast<uint16_t>(random.Next());
  message.ack_bits = random.Next();
  message.newest_tick = static_cast<uint32_t>(random.Next());
  message.digest = static_cast<uint16_t>(random.Next());
  message.count =
      kMinInputCommands + static_cast<int>(random.Below(kMaxInputCommands - kMinInputCommands + 1));
  Command command;
  for (int i = 0; i < message.count; ++i) {
    if (random.Chance(0.5)) {
      command = {static_cast<int8_t>(random.Next()), static_cast<int8_t>(random.Next()),
                 static_cast<uint16_t>(random.Next()), static_cast<uint8_t>(random.Next())};
    }
    message.commands[static_cast<size_t>(i)] = command;
  }
  return message;
}

TEST(Input, RoundTripsAndRefusesEveryTruncationAndTrailingByte) {
  for (uint64_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE(seed);
    core::Random random(seed);
    const InputMessage message = RandomInput(random);
    std::array<std::byte, kMaxInputBytes + 1> buffer{};
    const auto size = EncodeInput(message, {buffer.data(), kMaxInputBytes});
    ASSERT_TRUE(size.ok());
    const auto back = DecodeInput({buffer.data(), *size});
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(back->ack, message.ack);
    EXPECT_EQ(back->ack_bits, message.ack_bits);
    EXPECT_EQ(back->newest_tick, message.newest_tick);
    EXPECT_EQ(back->digest, message.digest);
    ASSERT_EQ(back->count, message.count);
    for (int i = 0; i < message.count; ++i) {
      EXPECT_EQ(back->commands[static_cast<size_t>(i)], message.commands[static_cast<size_t>(i)]);
    }
    for (size_t cut = 0; cut < *size; ++cut)
      EXPECT_FALSE(DecodeInput({buffer.data(), cut}).ok()) << cut;
    EXPECT_FALSE(DecodeInput({buffer.data(), *size + 1}).ok());
  }
}

TEST(Input, LargestMessageFitsItsBound) {
  InputMessage message;
  message.count = kMaxInputCommands;
  for (int i = 0; i < kMaxInputCommands; ++i)
    message.commands[static_cast<size_t>(i)].yaw = static_cast<uint16_t>(i);
  std::array<std::byte, kMaxInputBytes> buffer;
  EXPECT_TRUE(EncodeInput(message, buffer).ok());
}

TEST(Input, RefusesCountsOutOfBounds) {
  std::array<std::byte, kMaxInputBytes> buffer;
  InputMessage message;
  for (int count : {0, kMinInputCommands - 1, kMaxInputCommands + 1}) {
    message.count = count;
    EXPECT_EQ(EncodeInput(message, buffer).status().code(), core::Code::kInvalid) << count;
  }
}

TEST(Input, SequencesSkipZeroAndCountSteps) {
  EXPECT_EQ(NextSequence(65535), 1);
  EXPECT_EQ(NextSequence(0), 1);
  EXPECT_EQ(SequenceSteps(65535, 1), 1);
  EXPECT_EQ(SequenceSteps(65530, 5), 10);
  uint16_t sequence = 65000;
  for (int step = 0; step < 2000; ++step) {
    ASSERT_EQ(SequenceSteps(65000, sequence), step);
    sequence = NextSequence(sequence);
  }
}

}  // namespace
}  // namespace bluemarble::protocol
