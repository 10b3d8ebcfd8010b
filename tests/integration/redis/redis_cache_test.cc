#include "persistence/redis_cache.h"

#include <gtest/gtest.h>

#include "core/clock.h"
#include "core/log.h"
#include "redis_fixture.h"

namespace bluemarble::persistence {
namespace {

using RedisCacheTest = RedisTest;

TEST_F(RedisCacheTest, GivesBackWhatWasPut) {
  StartServer();
  const auto cache = MakeCache(Settings());
  EXPECT_EQ(Read(*cache, 1), "-");
  const CacheEntry entries[] = {Entry(1, 10, "ada"), Entry(2, 10, std::string("\0\xff", 2)),
                                Entry(1, 11, "items", CacheKind::kInventory)};
  cache->Put(entries);
  EXPECT_EQ(Read(*cache, 1), "10:ada");
  EXPECT_EQ(Read(*cache, 2), std::string("10:\0\xff", 5));
  EXPECT_EQ(Read(*cache, 1, CacheKind::kInventory), "11:items");
  EXPECT_EQ(Read(*cache, 2, CacheKind::kInventory), "-");
  EXPECT_EQ(cache->stats().hits[0].Get(), 2u);
  EXPECT_EQ(cache->stats().misses[0].Get(), 1u);
}

TEST_F(RedisCacheTest, OnlyANewerVersionReplaces) {
  StartServer();
  const auto cache = MakeCache(Settings());
  cache->Put({{Entry(1, 99, "a")}});
  cache->Put({{Entry(1, 100, "b")}});
  cache->Put({{Entry(1, 99, "old")}});
  cache->Put({{Entry(1, 100, "same")}});
  EXPECT_EQ(Read(*cache, 1), "100:b");
  // Beyond what the server's own numbers can tell apart.
  constexpr uint64_t kHuge = (1ull << 63) + 1;
  cache->Put({{Entry(1, kHuge, "huge")}});
  cache->Put({{Entry(1, kHuge - 1, "old")}});
  EXPECT_EQ(Read(*cache, 1), std::to_string(kHuge) + ":huge");
}

TEST_F(RedisCacheTest, WhatIsGoneCannotBePutBackByASlowReader) {
  StartServer();
  const auto cache = MakeCache(Settings());
  const auto other = MakeCache(Settings());  // as another process would: no stamps in common
  cache->Put({{Entry(1, 5, "a")}});
  const CacheEntry gone{CacheKind::kPlayer, 1, 6, true, {}};
  cache->Put({{gone}});
  EXPECT_EQ(Read(*cache, 1), "-");
  const auto lookup = other->Get({CacheKind::kPlayer, 1});
  ASSERT_TRUE(lookup.ok());
  other->Fill({CacheKind::kPlayer, 1}, 5, ToBytes("a"), lookup->permit);
  EXPECT_EQ(Read(*cache, 1), "-");
  EXPECT_GE(cache->stats().tombstones.Get(), 2u);
}

TEST_F(RedisCacheTest, WhatWasLoadedAfterItWasGoneTakesItsPlaceOnAQuietShard) {
  StartServer();
  const auto cache = MakeCache(Settings());
  const CacheEntry gone{CacheKind::kInventory, 1, 6, true, {}};
  cache->Put({{gone}});
  const auto lookup = cache->Get({CacheKind::kInventory, 1});
  ASSERT_TRUE(lookup.ok());
  EXPECT_FALSE(lookup->found);
  cache->Fill({CacheKind::kInventory, 1}, 6, ToBytes("newest"), lookup->permit);
  EXPECT_EQ(Read(*cache, 1, CacheKind::kInventory), "6:newest");
  cache->Put({{gone}});
  EXPECT_EQ(Read(*cache, 1, CacheKind::kInventory), "6:newest");
}

TEST_F(RedisCacheTest, AReaderFillsWhatItLoaded) {
  StartServer();
  const auto cache = MakeCache(Settings());
  const auto lookup = cache->Get({CacheKind::kPlayer, 7});
  ASSERT_TRUE(lookup.ok());
  cache->Fill({CacheKind::kPlayer, 7}, 3, ToBytes("loaded"), lookup->permit);
  EXPECT_EQ(Read(*cache, 7), "3:loaded");
  EXPECT_EQ(cache->stats().fills.Get(), 1u);
}

TEST_F(RedisCacheTest, ALostNewerValueIsNotReplacedByWhatASlowReaderLoadedBefore) {
  StartServer();
  const auto cache = MakeCache(Settings());
  const auto lookup = cache->Get({CacheKind::kPlayer, 7});
  ASSERT_TRUE(lookup.ok());
  cache->Put({{Entry(7, 4, "newer")}});
  ASSERT_EQ(server_->Command({"FLUSHALL"}), "OK");
  cache->Fill({CacheKind::kPlayer, 7}, 3, ToBytes("older"), lookup->permit);
  EXPECT_EQ(Read(*cache, 7), "-");
  EXPECT_EQ(cache->stats().fills_dropped.Get(), 1u);
}

TEST_F(RedisCacheTest, AFailedPutMakesTheOlderValueUnreadableAtOnce) {
  StartServer();
  RedisSettings settings = Settings();
  settings.timeout_ms = 100;
  const auto cache = MakeCache(settings);
  cache->Put({{Entry(1, 1, "old")}});
  ASSERT_EQ(Read(*cache, 1), "1:old");
  cache->Put({{Entry(2, 1, "not concerned")}});
  const auto early = cache->Get({CacheKind::kPlayer, 1});
  ASSERT_TRUE(early.ok());
  server_->Pause();
  cache->Put({{Entry(1, 2, "new")}});
  server_->Resume();
  ASSERT_EQ(cache->stats().put_failures.Get(), 1u);
  EXPECT_TRUE(cache->available()) << "one failure of three";
  EXPECT_EQ(Read(*cache, 1), "-");
  cache->Fill({CacheKind::kPlayer, 1}, 1, ToBytes("before the failure"), early->permit);
  EXPECT_EQ(Read(*cache, 1), "-");
  EXPECT_EQ(Read(*cache, 2), "1:not concerned");
  cache->Put({{Entry(1, 3, "newer")}});
  EXPECT_EQ(Read(*cache, 1), "3:newer");
}

TEST_F(RedisCacheTest, AnotherServerProcessIsReadUnderANewGeneration) {
  StartServer();
  const auto cache = MakeCache(Settings());
  cache->Put({{Entry(1, 1, "old")}});
  ASSERT_EQ(Read(*cache, 1), "1:old");
  ASSERT_TRUE(server_->Save());
  cache->Put({{Entry(1, 2, "new")}});
  server_->Kill();
  ASSERT_TRUE(server_->Start());  // with the dump; nobody noticed that it was away
  EXPECT_EQ(server_->Command({"DBSIZE"}), "1");
  EXPECT_EQ(Read(*cache, 1), "-");
  EXPECT_EQ(cache->stats().breaker_opens.Get(), 0u);
  EXPECT_EQ(cache->stats().generation_raises.Get(), 1u);
}

TEST_F(RedisCacheTest, AServerThatDoesNotSayWhoItIsCountsAsNewAtEachConnection) {
  StartServer();
  ASSERT_EQ(server_->Command({"ACL", "SETUSER", "quiet", "on", ">pw", "~*", "+@all", "-info"}),
            "OK");
  RedisSettings settings = Settings();
  settings.url = "redis://quiet:pw@127.0.0.1:" + std::to_string(server_->port());
  const auto cache = MakeCache(settings);
  EXPECT_EQ(Read(*cache, 1), "-");
  cache->Put({{Entry(1, 1, "a")}});
  EXPECT_EQ(Read(*cache, 1), "1:a");
  const uint64_t before = cache->generation();
  server_->Command({"CLIENT", "KILL", "TYPE", "normal"});
  EXPECT_EQ(Read(*cache, 1), "-");
  EXPECT_GT(cache->generation(), before);
}

TEST_F(RedisCacheTest, ARunReadsNothingOfAnEarlierRun) {
  StartServer();
  MakeCache(Settings(), 1)->Put({{Entry(1, 1, "a")}});
  const auto next = MakeCache(Settings(), 2);
  EXPECT_EQ(Read(*next, 1), "-");
}

TEST_F(RedisCacheTest, AWrongTypeInAKeyIsDeletedAndCounted) {
  StartServer();
  const auto cache = MakeCache(Settings());
  const std::string read = cache->KeyText({CacheKind::kPlayer, 1}, cache->generation());
  const std::string put = cache->KeyText({CacheKind::kPlayer, 2}, cache->generation());
  ASSERT_EQ(server_->Command({"LPUSH", read, "x"}), "1");
  ASSERT_EQ(server_->Command({"LPUSH", put, "x"}), "1");
  EXPECT_EQ(Read(*cache, 1), "-");
  EXPECT_EQ(server_->Command({"EXISTS", read}), "0");
  const CacheEntry entries[] = {Entry(2, 1, "b"), Entry(3, 1, "c")};
  cache->Put(entries);
  EXPECT_EQ(Read(*cache, 2), "1:b");
  EXPECT_EQ(Read(*cache, 3), "1:c");
  EXPECT_EQ(cache->stats().wrong_type.Get(), 2u);
  EXPECT_EQ(cache->stats().put_failures.Get(), 0u);
  EXPECT_TRUE(cache->available());
}

TEST_F(RedisCacheTest, AValueOfAnotherKeyOrADamagedOneIsAMiss) {
  StartServer();
  const auto cache = MakeCache(Settings());
  cache->Put({{Entry(1, 1, "of one")}});
  const auto key = [&](int64_t id) {
    return cache->KeyText({CacheKind::kPlayer, id}, cache->generation());
  };
  const std::string stored = server_->Command({"GET", key(1)});
  std::string damaged = stored, longer = stored;
  damaged.back() ^= 1;
  longer += "x";
  uint64_t expected = 0;
  for (const std::string& value :
       {stored, damaged, longer, stored.substr(0, stored.size() - 1), stored.substr(0, 39),
        std::string("00000000000000000001"), std::string("x")}) {
    ASSERT_EQ(server_->Command({"SET", key(2), value}), "OK");
    EXPECT_EQ(Read(*cache, 2), "-") << value;
    EXPECT_EQ(cache->stats().mismatches.Get(), ++expected);
    EXPECT_EQ(server_->Command({"EXISTS", key(2)}), "0");
  }
  // A version that is none does not keep new values out.
  ASSERT_EQ(server_->Command({"SET", key(2), "zzzzzzzzzzzzzzzzzzzzzzzzzzzz"}), "OK");
  cache->Put({{Entry(2, 1, "b")}});
  EXPECT_EQ(Read(*cache, 2), "1:b");
}

TEST_F(RedisCacheTest, AValueOverTheLimitIsNotCachedButHidesTheOlderOne) {
  StartServer();
  const auto cache = MakeCache(Settings());
  cache->Put({{Entry(1, 1, "small")}});
  cache->Put({{Entry(1, 2, std::string(RedisCache::kMaxCachedBytes, 'x'))}});
  EXPECT_EQ(Read(*cache, 1).size(), 2 + RedisCache::kMaxCachedBytes);
  cache->Put({{Entry(1, 3, std::string(RedisCache::kMaxCachedBytes + 1, 'x'))}});
  EXPECT_EQ(Read(*cache, 1), "-");
  EXPECT_EQ(cache->stats().too_large.Get(), 1u);
}

TEST_F(RedisCacheTest, ValuesLiveNoLongerThanTheirTime) {
  StartServer();
  RedisSettings settings = Settings();
  settings.ttl_s = 77;
  const auto cache = MakeCache(settings);
  cache->Put({{Entry(1, 1, "a")}});
  const int ttl = std::atoi(
      server_->Command({"TTL", cache->KeyText({CacheKind::kPlayer, 1}, cache->generation())})
          .c_str());
  EXPECT_GT(ttl, 70);
  EXPECT_LE(ttl, 77);
}

TEST_F(RedisCacheTest, ThousandsOfEntriesGoInOneCallAndTheScriptGoesOnce) {
  StartServer();
  const auto cache = MakeCache(Settings());
  std::vector<CacheEntry> entries;
  for (int i = 0; i < 5'000; ++i) entries.push_back(Entry(i, 1, std::to_string(i)));
  cache->Put({entries.data(), 1});
  ASSERT_EQ(cache->stats().scripts_sent.Get(), 1u);
  cache->Put(entries);
  EXPECT_EQ(cache->stats().put_failures.Get(), 0u) << cache->last_error();
  for (const int i : {0, 1, 63, 64, 65, 2'500, 4'999}) {
    EXPECT_EQ(Read(*cache, i), "1:" + std::to_string(i));
  }
  EXPECT_EQ(cache->stats().scripts_sent.Get(), 1u) << "kScriptSha1 is not the script's";
  ASSERT_EQ(server_->Command({"SCRIPT", "FLUSH"}), "OK");
  cache->Put({{Entry(1, 2, "b")}});
  EXPECT_EQ(Read(*cache, 1), "2:b");
  EXPECT_EQ(cache->stats().scripts_sent.Get(), 2u);
}

TEST_F(RedisCacheTest, AFullServerOpensTheCircuitAtOnceAndClosesItWhenItHasRoom) {
  StartServer();
  RedisSettings settings = Settings();
  settings.breaker_threshold = 100;
  const auto cache = MakeCache(settings);
  cache->Put({{Entry(1, 1, "old")}});
  ASSERT_EQ(server_->Command({"CONFIG", "SET", "maxmemory", "1"}), "OK");
  cache->Put({{Entry(1, 2, "new")}});
  EXPECT_FALSE(cache->available());
  EXPECT_EQ(cache->stats().failures[static_cast<size_t>(RedisFailure::kDown)].Get(), 1u)
      << cache->last_error();
  EXPECT_EQ(Read(*cache, 1), "!");
  // Reads would be answered: the probe has to be a write.
  const uint64_t down = cache->stats().failures[static_cast<size_t>(RedisFailure::kDown)].Get();
  EXPECT_TRUE(Eventually([&] {
    EXPECT_EQ(Read(*cache, 1), "!");
    return cache->stats().failures[static_cast<size_t>(RedisFailure::kDown)].Get() > down + 1;
  }));
  ASSERT_EQ(server_->Command({"CONFIG", "SET", "maxmemory", "0"}), "OK");
  EXPECT_TRUE(Eventually([&] { return Read(*cache, 1) == "-"; }));
  cache->Put({{Entry(1, 3, "newest")}});
  EXPECT_EQ(Read(*cache, 1), "3:newest");
}

TEST_F(RedisCacheTest, WhileTheCircuitIsOpenNothingIsAsked) {
  StartServer();
  RedisSettings settings = Settings();
  settings.breaker_open_ms = 600'000;
  const auto cache = MakeCache(settings);
  cache->Put({{Entry(1, 1, "a")}});
  server_->Kill();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Read(*cache, 1), "!");
  ASSERT_FALSE(cache->available());
  ASSERT_TRUE(server_->Start());
  const int64_t before = server_->Info("stats", "total_connections_received");
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(Read(*cache, 1), "!");
    cache->Put({{Entry(1, 2, "b")}});
  }
  EXPECT_EQ(server_->Info("stats", "total_connections_received"), before + 1);
  EXPECT_EQ(cache->stats().refused_reads.Get(), 100u);
  EXPECT_EQ(cache->stats().refused_puts.Get(), 100u);
}

TEST_F(RedisCacheTest, WhatWasNotPutWhileTheCircuitWasOpenMakesOlderValuesUnreadable) {
  StartServer();
  RedisSettings settings = Settings();
  settings.timeout_ms = 100;
  settings.breaker_open_ms = 2000;
  const auto cache = MakeCache(settings);
  cache->Put({{Entry(1, 1, "old")}});
  ASSERT_EQ(Read(*cache, 1), "1:old");
  server_->Pause();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Read(*cache, 1), "!");
  server_->Resume();
  cache->Put({{Entry(1, 2, "new")}});
  ASSERT_EQ(cache->stats().refused_puts.Get(), 1u);
  ASSERT_EQ(cache->stats().put_failures.Get(), 0u);
  std::string read = "!";
  EXPECT_TRUE(Eventually([&] { return (read = Read(*cache, 1)) != "!"; }));
  EXPECT_EQ(read, "-");
}

std::vector<std::string>* log_lines = nullptr;

TEST_F(RedisCacheTest, ThePasswordIsInNoTextAndNoLog) {
  StartServer({.password = "hunter2", .arguments = {}});
  std::vector<std::string> lines;
  log_lines = &lines;
  core::SetLogSink([](core::LogLevel, std::string_view event, std::string_view fields) {
    log_lines->push_back(std::string(event) + " " + std::string(fields));
  });
  RedisSettings settings = Settings();
  {
    const auto cache = MakeCache(settings);
    EXPECT_TRUE(cache->Check().ok());
    cache->Put({{Entry(1, 1, "a")}});
    EXPECT_EQ(Read(*cache, 1), "1:a");
    server_->Command({"CONFIG", "SET", "maxmemory", "1"});
    cache->Put({{Entry(1, 2, "b")}});
    server_->Command({"CONFIG", "SET", "maxmemory", "0"});
    EXPECT_TRUE(Eventually([&] { return Read(*cache, 1) == "-"; }));
  }
  settings.url = "redis://eve:hunter3@127.0.0.1:" + std::to_string(server_->port());
  const auto denied = MakeCache(settings);
  const auto status = denied->Check();
  EXPECT_EQ(status.code(), core::Code::kDenied);
  EXPECT_NE(status.ToString().find("redis.url"), std::string::npos);
  EXPECT_EQ(Read(*denied, 1), "!");
  EXPECT_FALSE(denied->available()) << "asking again soon would not help";
  lines.push_back(status.ToString());
  lines.push_back(denied->last_error());
  core::SetLogSink(nullptr);
  EXPECT_GE(lines.size(), 5u);
  for (const std::string& line : lines) EXPECT_EQ(line.find("hunter"), std::string::npos) << line;
}

TEST_F(RedisCacheTest, ALineThatIsFullIsToldByItsSetting) {
  StartServer();
  RedisSettings settings = Settings();
  settings.connections = 1;
  settings.max_waiting = 0;
  settings.timeout_ms = 2000;
  const auto cache = MakeCache(settings);
  ASSERT_EQ(Read(*cache, 1), "-");
  server_->Pause();
  std::thread slow([&] { EXPECT_EQ(Read(*cache, 1), "-"); });
  ASSERT_TRUE(Eventually([&] { return cache->pool_stats().in_use.Get() == 1; }));
  const auto refused = cache->Get({CacheKind::kPlayer, 1});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), core::Code::kFull);
  EXPECT_NE(refused.status().ToString().find("redis.max_waiting"), std::string::npos);
  server_->Resume();
  slow.join();
  EXPECT_TRUE(cache->available()) << "our own line is no fault of the server";
}

}  // namespace
}  // namespace bluemarble::persistence
