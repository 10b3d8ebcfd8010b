/// What the tests on a real Redis share. The test's main thread.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "persistence/redis_cache.h"
#include "support/redis_server.h"

namespace bluemarble::persistence {

inline std::vector<std::byte> ToBytes(std::string_view text) {
  std::vector<std::byte> out(text.size());
  if (!text.empty()) std::memcpy(out.data(), text.data(), text.size());
  return out;
}

inline CacheEntry Entry(int64_t id, uint64_t version, std::string_view value,
                        CacheKind kind = CacheKind::kPlayer) {
  return {kind, id, version, false, ToBytes(value)};
}

/// Polls until it holds; false after ten seconds.
inline bool Eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 10'000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

class RedisTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!support::RedisServer::Installed()) GTEST_SKIP() << "no redis-server here";
  }

  void StartServer(support::RedisServerOptions options = {}) {
    server_ = std::make_unique<support::RedisServer>(std::move(options));
    ASSERT_TRUE(server_->Start()) << server_->output();
  }

  /// Slow machines get a second for a call, unless the test is about that.
  RedisSettings Settings() const {
    RedisSettings settings;
    settings.url = server_->url();
    settings.timeout_ms = 1000;
    settings.breaker_open_ms = 50;
    settings.prefix = "test";
    return settings;
  }

  std::unique_ptr<RedisCache> MakeCache(const RedisSettings& settings, int64_t generation = 1) {
    auto cache = RedisCache::Create(settings, "shard", generation);
    EXPECT_TRUE(cache.ok()) << cache.status().ToString();
    return cache.ok() ? std::move(*cache) : nullptr;
  }

  /// "version:value", "-" for a miss, "!" when Redis was not asked or did not answer.
  static std::string Read(RedisCache& cache, int64_t id, CacheKind kind = CacheKind::kPlayer) {
    const auto lookup = cache.Get({kind, id});
    if (!lookup.ok()) return "!";
    if (!lookup->found) return "-";
    const auto& bytes = lookup->found->bytes;
    return std::to_string(lookup->found->version) + ":" +
           std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }

  std::unique_ptr<support::RedisServer> server_;
};

}  // namespace bluemarble::persistence
