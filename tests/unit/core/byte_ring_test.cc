#include "core/byte_ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "core/hash.h"

namespace bluemarble::core {
namespace {

std::vector<std::byte> Record(uint64_t n, size_t length) {
  std::vector<std::byte> bytes(length);
  for (size_t i = 0; i < length; ++i) bytes[i] = static_cast<std::byte>(Mix64(n + i));
  return bytes;
}

TEST(ByteRing, DeliversEveryRecordInOrderAcrossThreads) {
  constexpr uint64_t kRecords = 100'000;
  ByteRing ring(16 * 1024);
  std::thread producer([&] {
    Random random(7);
    for (uint64_t n = 0; n < kRecords; ++n) {
      const auto bytes = Record(n, random.Below(1300));
      const size_t cut = bytes.size() / 3;
      while (!ring.Push({bytes.data(), cut}, {bytes.data() + cut, bytes.size() - cut}))
        std::this_thread::yield();
    }
  });
  Random random(7);
  for (uint64_t n = 0; n < kRecords; ++n) {
    const auto expected = Record(n, random.Below(1300));
    auto front = ring.Front();
    while (front.data() == nullptr) {
      std::this_thread::yield();
      front = ring.Front();
    }
    ASSERT_EQ(front.size(), expected.size()) << n;
    ASSERT_TRUE(std::equal(front.begin(), front.end(), expected.begin())) << n;
    ring.Pop();
  }
  producer.join();
  EXPECT_EQ(ring.used_bytes(), 0u);
}

TEST(ByteRing, AThirdThreadNeverSeesMoreUsedThanTheCapacity) {
  constexpr int kRecords = 5'000'000;
  ByteRing ring(4096);
  std::atomic<bool> done{false};
  std::thread owners([&] {  // both sides in one thread: the positions move as fast as they can
    const auto bytes = Record(1, 4);
    for (int n = 0; n < kRecords; ++n) {
      ring.Push(bytes);
      if (ring.Front().data() != nullptr) ring.Pop();
    }
    done = true;
  });
  size_t most = 0;
  while (!done) most = std::max(most, ring.used_bytes());
  owners.join();
  EXPECT_LE(most, ring.capacity_bytes());
}

TEST(ByteRing, RefusesAndCountsWhenFullAndRecoversAfterPop) {
  ByteRing ring(4096);
  const auto bytes = Record(1, 500);
  int pushed = 0;
  while (ring.Push(bytes)) ++pushed;
  EXPECT_GE(pushed, 7);
  EXPECT_EQ(ring.refused(), 1u);
  ASSERT_NE(ring.Front().data(), nullptr);
  ring.Pop();
  ASSERT_NE(ring.Front().data(), nullptr);
  ring.Pop();
  EXPECT_TRUE(ring.Push(bytes));
}

TEST(ByteRing, RefusesARecordLargerThanAQuarter) {
  ByteRing ring(4096);
  EXPECT_FALSE(ring.Push(Record(1, 2000)));
  EXPECT_EQ(ring.refused(), 1u);
}

TEST(ByteRing, LooksAheadAtEachRecordOnceAndNoFurtherThanAsked) {
  ByteRing ring(4096);
  const auto number = [](std::span<const std::byte> record) {
    return record.data() == nullptr ? -1 : static_cast<int>(record.size());
  };
  EXPECT_EQ(number(ring.Ahead(8)), -1);
  for (size_t n = 1; n <= 6; ++n) ASSERT_TRUE(ring.Push(Record(n, n)));
  EXPECT_EQ(number(ring.Ahead(8)), -1) << "nothing is behind a Front that was not asked for";
  ASSERT_EQ(number(ring.Front()), 1);
  EXPECT_EQ(number(ring.Ahead(2)), 2);
  EXPECT_EQ(number(ring.Ahead(2)), 3);
  EXPECT_EQ(number(ring.Ahead(2)), -1);
  ring.Pop();
  ASSERT_EQ(number(ring.Front()), 2);
  EXPECT_EQ(number(ring.Ahead(2)), 4);
  EXPECT_EQ(number(ring.Ahead(2)), -1);
  for (int n = 3; n <= 6; ++n) {
    ring.Pop();
    ASSERT_EQ(number(ring.Front()), n);
  }
  EXPECT_EQ(number(ring.Ahead(2)), -1) << "4 was given, 5 and 6 were passed by Front";
}

TEST(ByteRing, LooksAheadAcrossTheEdge) {
  ByteRing ring(4096);
  size_t next_in = 0, next_ahead = 0;
  for (size_t n = 0; n < 1000; ++n) {
    while (ring.Push(Record(next_in, 100 + next_in % 300))) ++next_in;
    const auto front = ring.Front();
    const auto expected = Record(n, 100 + n % 300);
    ASSERT_TRUE(std::ranges::equal(front, expected)) << n;
    next_ahead = std::max(next_ahead, n + 1);
    for (auto ahead = ring.Ahead(4); ahead.data() != nullptr; ahead = ring.Ahead(4)) {
      const auto coming = Record(next_ahead, 100 + next_ahead % 300);
      ASSERT_TRUE(std::ranges::equal(ahead, coming)) << next_ahead;
      ASSERT_LE(++next_ahead, n + 5);
    }
    ring.Pop();
  }
}

}  // namespace
}  // namespace bluemarble::core
