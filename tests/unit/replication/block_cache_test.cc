#include "replication/block_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "core/hash.h"
#include "core/worker_pool.h"
#include "protocol/snapshot.h"

namespace bluemarble::replication {
namespace {

constexpr size_t kArena = 1u << 20;
constexpr uint32_t kParts = 40;

BlockKey KeyOf(uint32_t part, int age) {
  return {part, ReplicationClass::kVisual, static_cast<uint8_t>(age), 3};
}

// As long as its key says, and as much of it as the key says for each kind and field.
BlockCache::Content ContentOf(const BlockKey& key, std::span<std::byte> out) {
  core::Random random(key.part_id * 100 + key.base_age);
  BlockCache::Content made;
  made.bytes = 1 + random.Below(200);
  made.members = static_cast<uint8_t>(1 + key.base_age % 32);
  std::fill_n(out.begin(), made.bytes, static_cast<std::byte>(key.part_id ^ key.base_age));
  for (size_t kind = 0; kind < protocol::kSpendingKinds; ++kind) {
    if (random.Below(2) == 0) continue;
    made.spending.kinds |= 1u << kind;
    for (uint16_t& field : made.spending.eighths[kind])
      field = static_cast<uint16_t>(random.Below(2000));
  }
  return made;
}

void Count(SpentEighths& wanted, const protocol::PartSpending& part) {
  for (size_t kind = 0; kind < protocol::kSpendingKinds; ++kind) {
    for (size_t field = 0; field < protocol::kPartFields; ++field)
      wanted[kind][field] += part.eighths[kind][field];
  }
}

EncodedBlock Ask(BlockCache& cache, const BlockKey& key, int worker) {
  return cache.Get(key, worker, [&](std::span<std::byte> out) { return ContentOf(key, out); });
}

TEST(BlockCache, EveryCountedCopyIsSpentOnceWhoeverEncodedIt) {
  constexpr int kWorkers = 3, kViewers = 600, kLooks = 30;
  BlockCache cache(kParts, kWorkers, kArena);
  core::WorkerPool pool(kWorkers);
  for (core::Tick tick = 1; tick <= 3; ++tick) {
    SCOPED_TRACE(tick);
    cache.BeginTick(tick);
    std::vector<SpentEighths> wanted(kViewers);
    std::vector<int> wrong(kViewers);
    pool.Run(kViewers, [&](int viewer, int worker) {
      const auto at = static_cast<size_t>(viewer);
      core::Random random(tick * 1000 + at);
      for (int look = 0; look < kLooks; ++look) {
        const BlockKey key = KeyOf(static_cast<uint32_t>(random.Below(kParts)),
                                   1 + static_cast<int>(random.Below(4)));
        const EncodedBlock block = Ask(cache, key, worker);
        std::array<std::byte, protocol::kMaxPartBytes> space;
        const BlockCache::Content made = ContentOf(key, space);
        const auto bytes = std::span(space).first(made.bytes);
        wrong[at] += !std::ranges::equal(block.bytes, bytes) || block.members != made.members;
        if (random.Below(3) == 0) continue;  // no room for it: not sent
        cache.CountCopy(block, worker);
        Count(wanted[at], made.spending);
      }
    });
    SpentEighths sum{};
    for (const SpentEighths& one : wanted) {
      for (size_t kind = 0; kind < sum.size(); ++kind) {
        for (size_t field = 0; field < sum[kind].size(); ++field)
          sum[kind][field] += one[kind][field];
      }
    }
    EXPECT_EQ(cache.Spent(), sum);
    EXPECT_GT(sum[1][1], 0u);
    EXPECT_EQ(std::count(wrong.begin(), wrong.end(), 0), kViewers);
  }
}

TEST(BlockCache, CopiesOfBlocksBeyondAPartsListAreCountedToo) {
  BlockCache cache(kParts, 1, kArena);
  cache.BeginTick(7);
  SpentEighths wanted{};
  int encoded = 0;
  for (int round = 0; round < 2; ++round) {
    for (int age = 1; age < 60; ++age) {  // twice as many as a list has
      const BlockKey key = {3, ReplicationClass::kVisual, static_cast<uint8_t>(age % 30),
                            static_cast<uint8_t>(age / 30)};
      const EncodedBlock block = Ask(cache, key, 0);
      encoded += block.first ? 1 : 0;
      cache.CountCopy(block, 0);
      std::array<std::byte, protocol::kMaxPartBytes> space;
      Count(wanted, ContentOf(key, space).spending);
    }
  }
  EXPECT_GT(encoded, 59);  // else all of them found a place
  EXPECT_EQ(cache.Spent(), wanted);
}

TEST(BlockCache, AFullArenaGivesNoBytesAndWhatWasCountedStands) {
  BlockCache cache(kParts, 1, 4096);
  cache.BeginTick(1);
  SpentEighths wanted{};
  int without = 0;
  for (uint32_t part = 0; part < kParts; ++part) {
    const EncodedBlock block = Ask(cache, KeyOf(part, 1), 0);
    if (block.bytes.empty()) {
      ++without;
      continue;
    }
    cache.CountCopy(block, 0);
    std::array<std::byte, protocol::kMaxPartBytes> space;
    Count(wanted, ContentOf(KeyOf(part, 1), space).spending);
  }
  EXPECT_GT(without, 0);
  EXPECT_LT(without, static_cast<int>(kParts));
  EXPECT_EQ(cache.Spent(), wanted);
}

TEST(BlockCache, ATickBeginsWithNothingCounted) {
  BlockCache cache(kParts, 1, kArena);
  for (core::Tick tick = 1; tick <= 2; ++tick) {
    cache.BeginTick(tick);
    EXPECT_EQ(cache.Spent(), SpentEighths{});
    const EncodedBlock block = Ask(cache, KeyOf(5, 2), 0);
    EXPECT_TRUE(block.first);
    EXPECT_EQ(cache.Spent(), SpentEighths{});
    cache.CountCopy(block, 0);
    EXPECT_NE(cache.Spent(), SpentEighths{});
  }
}

}  // namespace
}  // namespace bluemarble::replication
