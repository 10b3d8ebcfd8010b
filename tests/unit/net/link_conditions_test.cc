#include "net/link_conditions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace bluemarble::net {
namespace {

constexpr int64_t kMs = 1'000'000;

std::vector<int> Through(const LinkConditions& conditions, int datagrams) {
  LinkQueue link(conditions, 1);
  std::vector<int> arrived;
  for (int i = 0; i < datagrams; ++i) {
    const std::array bytes{static_cast<std::byte>(i >> 8), static_cast<std::byte>(i)};
    link.Offer(i * kMs, bytes);
  }
  for (auto got = link.Take(INT64_MAX); got.data() != nullptr; got = link.Take(INT64_MAX)) {
    arrived.push_back(std::to_integer<int>(got[0]) << 8 | std::to_integer<int>(got[1]));
  }
  return arrived;
}

TEST(LinkQueue, DelaysByTheLatency) {
  LinkQueue link({.latency_ms = 30}, 1);
  const std::array bytes{std::byte{1}};
  link.Offer(0, bytes);
  EXPECT_EQ(link.next_due_ns(), 30 * kMs);
  EXPECT_EQ(link.Take(30 * kMs - 1).data(), nullptr);
  EXPECT_EQ(link.Take(30 * kMs).size(), 1u);
  EXPECT_EQ(link.next_due_ns(), INT64_MAX);
}

TEST(LinkQueue, KeepsOrderWithoutJitter) {
  const auto arrived = Through({.latency_ms = 5}, 500);
  ASSERT_EQ(arrived.size(), 500u);
  EXPECT_TRUE(std::is_sorted(arrived.begin(), arrived.end()));
}

TEST(LinkQueue, ReordersWithJitter) {
  const auto arrived = Through({.jitter_ms = 50, .seed = 3}, 500);
  ASSERT_EQ(arrived.size(), 500u);
  EXPECT_FALSE(std::is_sorted(arrived.begin(), arrived.end()));
}

TEST(LinkQueue, LosesAboutItsShare) {
  const auto arrived = Through({.loss = 0.3, .seed = 3}, 10'000);
  EXPECT_NEAR(static_cast<double>(arrived.size()), 7000, 300);
}

TEST(LinkQueue, DuplicatesAboutItsShare) {
  const auto arrived = Through({.duplicate = 0.2, .seed = 3}, 10'000);
  EXPECT_NEAR(static_cast<double>(arrived.size()), 12'000, 300);
}

TEST(LinkQueue, RepeatsItselfForOneSeed) {
  const LinkConditions conditions{
      .loss = 0.1, .duplicate = 0.1, .latency_ms = 5, .jitter_ms = 9, .seed = 11};
  EXPECT_EQ(Through(conditions, 1000), Through(conditions, 1000));
}

}  // namespace
}  // namespace bluemarble::net
