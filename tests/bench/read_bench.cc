/// How fast players are read through Redis and PostgreSQL (both private, both started here), and
/// how often Redis has the answer for active players while their shard commits. Prints one JSON
/// object; exit 1 when a limit is missed. Level 1, the living, is left out: what it would answer
/// counts for Redis.
///
///   read_bench [players] [active players] [seconds]
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/clock.h"
#include "core/hash.h"
#include "persistence/pg_migrate.h"
#include "persistence/pg_reader.h"
#include "persistence/redis_cache.h"
#include "persistence/state_service.h"
#include "support/pg_cluster.h"
#include "support/redis_server.h"

namespace bluemarble {
namespace {

using namespace persistence;

constexpr double kHotLimitMs = 2, kColdLimitMs = 25, kHitLimit = 0.95;
constexpr int kThreads = 2;
constexpr int kItemsEach = 20;
constexpr int kHotReads = 20'000;
constexpr int kTickHz = 30;
constexpr int kUpdatesPerSecond = 5'000;
constexpr int kReadEverySeconds = 2;

void Check(const core::Status& status) {
  if (!status.ok()) throw std::runtime_error(status.ToString());
}

std::string SettlersSql(const std::string& schema, int players) {
  return fmt::format(
      "SET search_path TO {0};"
      "INSERT INTO shard_meta VALUES (1, 'bench', 1, 0, {1} + 1, {1} * {2} + 1, 1, 1, '', 1);"
      "INSERT INTO player SELECT i, 'player' || i, 1, 1, 1, 6378137, 0, 0, 0, 100, 0, 0, 0 "
      "  FROM generate_series(1, {1}) i;"
      "INSERT INTO ownership SELECT i, 'bench', 1 FROM generate_series(1, {1}) i;"
      "INSERT INTO account SELECT i, 1, 100 FROM generate_series(1, {1}) i;"
      "INSERT INTO item SELECT i, 1, 1 + i % {1}, 1, 1 FROM generate_series(1, {1} * {2}) i;"
      "ANALYZE;",
      schema, players, kItemsEach);
}

struct Latency {
  std::vector<double> ms;
  double At(double quantile) {
    std::sort(ms.begin(), ms.end());
    return ms[std::min(ms.size() - 1,
                       static_cast<size_t>(quantile * static_cast<double>(ms.size())))];
  }
};

/// Reads `players[i]` for all i, spread over the threads.
Latency ReadAll(StateService& service, const std::vector<int64_t>& players) {
  std::vector<Latency> parts(kThreads);
  std::atomic<size_t> failed{0};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const core::SystemClock clock;
      for (size_t i = t; i < players.size(); i += kThreads) {
        const int64_t start_ns = clock.NowNs();
        if (!service.Read(players[i]).ok()) ++failed;
        parts[t].ms.push_back(static_cast<double>(clock.NowNs() - start_ns) / 1e6);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  if (failed != 0) throw std::runtime_error(fmt::format("{} reads failed", failed.load()));
  for (size_t t = 1; t < kThreads; ++t) {
    parts[0].ms.insert(parts[0].ms.end(), parts[t].ms.begin(), parts[t].ms.end());
  }
  return std::move(parts[0]);
}

struct Rates {
  double player = 0, inventory = 0, position = 0, all = 0;
  double updates_per_s = 0;
  double put_p99_ms = 0;
};

/// Active players are each read every two seconds, while every tick's positions are put and
/// `actions_per_s` trades change two inventories each, which the committer puts as gone. What ends
/// by its TTL of half an hour is deleted at the rate at which it would end.
Rates Play(const RedisSettings& settings, const support::RedisServer& server,
           const std::function<void(uint64_t)>& commit_seq, StateService::ReaderPool& readers,
           int active, int seconds, int actions_per_s, int64_t generation) {
  static uint64_t seq = 0;  // goes on from one call to the next
  auto cache = RedisCache::Create(settings, "bench", generation);
  Check(cache.status());
  StateService service({}, cache->get(), readers);
  for (int64_t id = 1; id <= active; ++id) Check(service.Prefetch(id));

  std::atomic<bool> stopping{false};
  uint64_t updates = 0;
  std::thread committer([&] {
    core::Random random(1);
    std::vector<CacheEntry> entries;
    const auto start = std::chrono::steady_clock::now();
    double actions_due = 0, expiries_due = 0;
    int64_t next = 1;
    for (uint64_t tick = 2; !stopping; ++tick) {
      std::this_thread::sleep_until(start + std::chrono::microseconds(tick * 1'000'000 / kTickHz));
      entries.clear();
      for (int i = 0; i < kUpdatesPerSecond / kTickHz; ++i, next = next % active + 1) {
        PositionSave save{next, 1, tick, {}};
        entries.push_back({CacheKind::kPosition, next, tick, false, EncodeCachedPosition(save)});
      }
      const uint64_t seq_before = seq;
      for (actions_due += double(actions_per_s) / kTickHz; actions_due >= 1; --actions_due) {
        ++seq;
        for (int side = 0; side < 2; ++side) {
          const uint64_t id = 1 + random.Below(static_cast<uint64_t>(active));
          entries.push_back({CacheKind::kInventory, static_cast<int64_t>(id), seq, true, {}});
        }
      }
      if (seq != seq_before) commit_seq(seq);
      (*cache)->Put(entries);
      updates += entries.size();
      for (expiries_due += 2.0 * active / settings.ttl_s / kTickHz; expiries_due >= 1;
           --expiries_due) {
        const CacheKey key{random.Chance(0.5) ? CacheKind::kPlayer : CacheKind::kInventory,
                           1 + static_cast<int64_t>(random.Below(static_cast<uint64_t>(active)))};
        server.Command({"DEL", (*cache)->KeyText(key, (*cache)->generation())});
      }
    }
  });
  core::Random random(2);
  const auto start = std::chrono::steady_clock::now();
  const int reads = active / kReadEverySeconds * seconds;
  for (int i = 0; i < reads; ++i) {
    std::this_thread::sleep_until(
        start + std::chrono::microseconds(int64_t{i} * 1'000'000 * kReadEverySeconds / active));
    Check(service.Read(1 + static_cast<int64_t>(random.Below(static_cast<uint64_t>(active))))
              .status());
  }
  const double took_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  stopping = true;
  committer.join();

  const auto& answered = service.answered();
  const auto rate = [&](CacheKind kind) {
    const auto& levels = answered[static_cast<size_t>(kind) - 1];
    const double redis = static_cast<double>(levels[static_cast<size_t>(Level::kRedis)]);
    return redis / (redis + static_cast<double>(levels[static_cast<size_t>(Level::kStore)]));
  };
  Rates rates{rate(CacheKind::kPlayer), rate(CacheKind::kInventory), rate(CacheKind::kPosition)};
  rates.all = (rates.player + rates.inventory + rates.position) / 3;
  rates.updates_per_s = static_cast<double>(updates) / took_s;
  rates.put_p99_ms = static_cast<double>((*cache)->stats().put_us.Quantile(0.99)) / 1000;
  return rates;
}

std::string ToJson(const Rates& rates) {
  return fmt::format(
      "{{\"all\":{:.4f},\"player\":{:.4f},\"inventory\":{:.4f},\"position\":{:.4f},"
      "\"updates_per_s\":{:.0f},\"put_p99_ms\":{:.2f}}}",
      rates.all, rates.player, rates.inventory, rates.position, rates.updates_per_s,
      rates.put_p99_ms);
}

int Run(int players, int active, int seconds) {
  auto& cluster = support::PgCluster::Shared();
  DatabaseSettings database;
  database.url = cluster.url();
  database.schema = cluster.NewSchema();
  {
    auto migration = OpenPgForMigration(database);
    Check(migration.status());
    Check(PgMigrateUp(**migration, false, 1).status());
  }
  cluster.Sql("postgres", SettlersSql(database.schema, players));
  support::RedisServer redis;
  if (!redis.Start()) throw std::runtime_error("redis-server does not start: " + redis.output());

  StateService::ReaderPool readers({.connections = database.readers},
                                   [&database] { return OpenPgReader(database); });
  RedisSettings settings;
  settings.url = redis.url();
  auto cache = RedisCache::Create(settings, "bench", 1);
  Check(cache.status());
  StateService service({}, cache->get(), readers);

  // Connections are made at the first reads, which are those of a start and not of a cold player.
  for (int i = 0; i < 50; ++i) {
    ReadAll(service, {1, 2, 3, 4});
    redis.Command({"FLUSHALL"});
  }
  std::vector<int64_t> all;
  for (int i = 1; i <= players; ++i) all.push_back(i);
  Latency cold = ReadAll(service, all);
  const auto& by_level = service.answered()[static_cast<size_t>(CacheKind::kPlayer) - 1];
  const uint64_t from_store = by_level[static_cast<size_t>(Level::kStore)];

  core::Random random(3);
  std::vector<int64_t> some;
  for (int i = 0; i < kHotReads; ++i) {
    some.push_back(1 + static_cast<int64_t>(random.Below(static_cast<uint64_t>(players))));
  }
  Latency hot = ReadAll(service, some);
  const uint64_t not_hot = by_level[static_cast<size_t>(Level::kStore)] - from_store;

  const auto commit_seq = [&](uint64_t seq) {
    cluster.Sql("postgres",
                fmt::format("UPDATE {}.shard_meta SET next_seq = {} + 1", database.schema, seq));
  };
  const Rates calm = Play(settings, redis, commit_seq, readers, active, seconds, 10, 2);
  const Rates trading = Play(settings, redis, commit_seq, readers, active, seconds, 300, 3);

  const double hot_p99 = hot.At(0.99), cold_p99 = cold.At(0.99);
  const bool pass =
      hot_p99 < kHotLimitMs && cold_p99 < kColdLimitMs && not_hot == 0 && calm.all > kHitLimit;
  fmt::print(
      "{{\"id\":\"read_bench\",\"seed\":3,\"sizes\":{{\"players\":{},\"items_each\":{},"
      "\"active\":{},\"seconds\":{},\"threads\":{}}},\n \"measured\":{{\"hot_p50_ms\":{:.3f},"
      "\"hot_p99_ms\":{:.3f},\"hot_reads_not_from_redis\":{},\"cold_p50_ms\":{:.3f},"
      "\"cold_p99_ms\":{:.3f},\n  \"hit_rate_10_actions_per_s\":{},\n"
      "  \"hit_rate_300_actions_per_s\":{}}},\n"
      " \"limits\":{{\"hot_p99_ms\":{},\"cold_p99_ms\":{},\"hit_rate_10_actions_per_s.all\":{}}},"
      "\"pass\":{}}}\n",
      players, kItemsEach, active, seconds, kThreads, hot.At(0.5), hot_p99, not_hot, cold.At(0.5),
      cold_p99, ToJson(calm), ToJson(trading), kHotLimitMs, kColdLimitMs, kHitLimit, pass);
  cluster.Stop();  // in order, so that what its processes used counts as ours
  return pass ? 0 : 1;
}

}  // namespace
}  // namespace bluemarble

int main(int argc, char** argv) {
  const auto number = [&](int at, int otherwise) {
    return argc > at ? std::max(1, std::atoi(argv[at])) : otherwise;
  };
  try {
    return bluemarble::Run(number(1, 5000), number(2, 1000), number(3, 20));
  } catch (const std::exception& error) {
    fmt::print(stderr, "read_bench: {}\n", error.what());
    return 2;
  }
}
