/// How fast players are read through Redis and PostgreSQL (both private, both started here), and
/// how often Redis has the answer for active players while their shard's committer commits. Prints
/// one JSON object; exit 1 when a limit is missed. Level 1, the living, is left out of the reads:
/// what it would answer counts for Redis.
///
///   read_bench [players] [active players] [seconds]
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "core/hash.h"
#include "persistence/committer.h"
#include "persistence/pg_migrate.h"
#include "persistence/pg_reader.h"
#include "persistence/pg_store.h"
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
      "INSERT INTO player_extended SELECT i FROM generate_series(1, {1}) i;"
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
  double put_p99_ms = 0, commit_p99_ms = 0;
};

/// The zone's side of a shard whose players trade: logs them in, saves their positions and lets
/// them give each other items for gold, through the committer. One thread.
class TradingZone {
 public:
  TradingZone(Committer& committer, int players) : committer_(committer), players_(players) {}

  void LogIn() {
    for (size_t i = 0; i < players_.size(); ++i) {
      LoginRequest request;
      request.request_id = i + 1;
      request.tick = ++tick_;
      request.name = PlayerName::From(fmt::format("player{}", i + 1));
      while (committer_.RequestLogin(request).code() == core::Code::kFull) TakeCompletions();
      in_flight_.emplace(request.request_id, Gift{.to = i});
    }
    Drain();
  }

  /// One tick: `saves` positions, `gifts` actions.
  void Tick(size_t saves, int gifts) {
    TakeCompletions();
    ++tick_;
    positions_.clear();
    for (; saves > 0; --saves, next_ = (next_ + 1) % players_.size()) {
      const Player& player = players_[next_];
      positions_.push_back({player.id, player.epoch, tick_, {.x_m = 6378137.0 + double(tick_)}});
    }
    Check(committer_.SavePositions(positions_));
    for (; gifts > 0; --gifts) Give();
  }

  /// Until everything is answered.
  void Drain() {
    while (!in_flight_.empty()) {
      TakeCompletions();
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  }

  uint64_t gifts_done() const { return gifts_done_; }

 private:
  struct Player {
    int64_t id = 0, epoch = 0, gold = 0;
    std::vector<ItemRow> items;  // without those on their way
  };
  struct Gift {
    size_t from = 0, to = 0;
    int64_t gold = 0;
    ItemRow item;
  };

  void Give() {
    Gift gift{.from = random_.Below(players_.size()), .to = random_.Below(players_.size())};
    Player &from = players_[gift.from], &to = players_[gift.to];
    if (gift.from == gift.to || from.items.empty()) return;
    const size_t at = random_.Below(from.items.size());
    gift.item = from.items[at];
    from.items[at] = from.items.back();
    from.items.pop_back();
    gift.gold = to.gold > 0 ? 1 : 0;
    to.gold -= gift.gold;

    ActionRequest request;
    request.request_id = ++requests_;
    request.player_id = from.id;
    request.epoch = from.epoch;
    request.other_id = to.id;
    request.other_epoch = to.epoch;
    std::memcpy(request.key.data(), &requests_, sizeof(requests_));
    request.tick = tick_;
    request.gold = -gift.gold;
    request.changes = 1;
    request.items[0].item_id = gift.item.item_id;
    request.items[0].expected_version = gift.item.version;
    request.items[0].from_holder = from.id;
    request.items[0].to_holder = to.id;
    Check(committer_.RequestAction(request));
    in_flight_.emplace(request.request_id, gift);
  }

  void TakeCompletions() {
    Completion completion;
    while (committer_.NextCompletion(completion)) {
      const auto found = in_flight_.find(completion.request_id);
      if (found == in_flight_.end()) continue;
      const Gift gift = found->second;
      Player& to = players_[gift.to];
      if (completion.kind == CompletionKind::kItem) {
        to.items.push_back(completion.item);
        continue;
      }
      in_flight_.erase(found);
      if (completion.outcome != Outcome::kOk) {
        throw std::runtime_error(fmt::format("a request was {}: {}",
                                             OutcomeName(completion.outcome),
                                             RefusalName(completion.refusal)));
      }
      if (completion.kind == CompletionKind::kLogin) {
        to.id = completion.row.player_id;
        to.epoch = completion.row.epoch;
        to.gold = completion.gold;
        tick_ = std::max(tick_, completion.row.saved_tick);
        continue;
      }
      ++gifts_done_;
      players_[gift.from].gold += gift.gold;
      to.items.push_back(gift.item);
      ++to.items.back().version;
    }
  }

  Committer& committer_;
  std::vector<Player> players_;
  std::unordered_map<uint64_t, Gift> in_flight_;
  std::vector<PositionSave> positions_;
  core::Random random_{1};
  core::Tick tick_ = 1;
  size_t next_ = 0;
  uint64_t gifts_done_ = 0;
  // Goes on from one zone to the next: the keys are of the same players.
  static inline uint64_t requests_ = 1'000'000;
};

/// Active players are each read every two seconds, while their zone saves positions and
/// `actions_per_s` of their gifts change two inventories each. What ends by its TTL of half an hour
/// is deleted at the rate at which it would end.
Rates Play(const PersistenceSettings& settings, const support::RedisServer& server,
           StateService::ReaderPool& readers, int active, int seconds, int actions_per_s,
           int64_t generation) {
  static const core::SystemClock clock;
  auto cache = RedisCache::Create(settings.redis, "bench", generation);
  Check(cache.status());
  auto store = OpenPgStore({.database = settings.database, .shard_id = "bench"}, clock);
  Check(store.status());
  Committer committer(settings, std::move(*store), clock, nullptr, cache->get());
  committer.Start();
  TradingZone zone(committer, active);
  zone.LogIn();
  StateService service({}, cache->get(), readers);
  for (int64_t id = 1; id <= active; ++id) Check(service.Prefetch(id));

  std::atomic<bool> stopping{false};
  const uint64_t entries_before = (*cache)->stats().put_entries.Get();
  std::string error;
  std::thread zone_thread([&] {
    core::Random random(1);
    const auto start = std::chrono::steady_clock::now();
    double actions_due = 0, expiries_due = 0;
    try {
      for (uint64_t tick = 1; !stopping; ++tick) {
        std::this_thread::sleep_until(start +
                                      std::chrono::microseconds(tick * 1'000'000 / kTickHz));
        actions_due += double(actions_per_s) / kTickHz;
        const int actions = static_cast<int>(actions_due);
        actions_due -= actions;
        zone.Tick(kUpdatesPerSecond / kTickHz, actions);
        for (expiries_due += 2.0 * active / settings.redis.ttl_s / kTickHz; expiries_due >= 1;
             --expiries_due) {
          const CacheKey key{random.Chance(0.5) ? CacheKind::kPlayer : CacheKind::kInventory,
                             1 + static_cast<int64_t>(random.Below(static_cast<uint64_t>(active)))};
          server.Command({"DEL", (*cache)->KeyText(key, (*cache)->generation())});
        }
      }
      zone.Drain();
    } catch (const std::exception& thrown) {
      error = thrown.what();
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
  zone_thread.join();
  if (!error.empty()) throw std::runtime_error(error);
  if (static_cast<double>(zone.gifts_done()) < 0.9 * actions_per_s * seconds)
    throw std::runtime_error(fmt::format("only {} actions were done", zone.gifts_done()));
  committer.Stop(settings.stop_deadline_ms);

  const auto& answered = service.answered();
  const auto rate = [&](CacheKind kind) {
    const auto& levels = answered[static_cast<size_t>(kind) - 1];
    const double redis = static_cast<double>(levels[static_cast<size_t>(Level::kRedis)]);
    return redis / (redis + static_cast<double>(levels[static_cast<size_t>(Level::kStore)]));
  };
  Rates rates{rate(CacheKind::kPlayer), rate(CacheKind::kInventory), rate(CacheKind::kPosition)};
  rates.all = (rates.player + rates.inventory + rates.position) / 3;
  rates.updates_per_s =
      static_cast<double>((*cache)->stats().put_entries.Get() - entries_before) / took_s;
  rates.put_p99_ms = static_cast<double>((*cache)->stats().put_us.Quantile(0.99)) / 1000;
  rates.commit_p99_ms = static_cast<double>(committer.stats().commit_us.Quantile(0.99)) / 1000;
  return rates;
}

std::string ToJson(const Rates& rates) {
  return fmt::format(
      "{{\"all\":{:.4f},\"player\":{:.4f},\"inventory\":{:.4f},\"position\":{:.4f},"
      "\"updates_per_s\":{:.0f},\"put_p99_ms\":{:.2f},\"commit_p99_ms\":{:.2f}}}",
      rates.all, rates.player, rates.inventory, rates.position, rates.updates_per_s,
      rates.put_p99_ms, rates.commit_p99_ms);
}

int Run(int players, int active, int seconds) {
  auto& cluster = support::PgCluster::Shared();
  PersistenceSettings settings;
  DatabaseSettings& database = settings.database;
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
  settings.redis.url = redis.url();
  auto cache = RedisCache::Create(settings.redis, "bench", 1);
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

  const Rates calm = Play(settings, redis, readers, active, seconds, 10, 2);
  const Rates trading = Play(settings, redis, readers, active, seconds, 300, 3);

  const double hot_p99 = hot.At(0.99), cold_p99 = cold.At(0.99);
  const bool pass = hot_p99 < kHotLimitMs && cold_p99 < kColdLimitMs && not_hot == 0 &&
                    calm.all > kHitLimit && trading.all > kHitLimit;
  fmt::print(
      "{{\"id\":\"read_bench\",\"seed\":3,\"sizes\":{{\"players\":{},\"items_each\":{},"
      "\"active\":{},\"seconds\":{},\"threads\":{}}},\n \"measured\":{{\"hot_p50_ms\":{:.3f},"
      "\"hot_p99_ms\":{:.3f},\"hot_reads_not_from_redis\":{},\"cold_p50_ms\":{:.3f},"
      "\"cold_p99_ms\":{:.3f},\n  \"hit_rate_10_actions_per_s\":{},\n"
      "  \"hit_rate_300_actions_per_s\":{}}},\n"
      " \"limits\":{{\"hot_p99_ms\":{},\"cold_p99_ms\":{},\"hit_rate_10_actions_per_s.all\":{},"
      "\"hit_rate_300_actions_per_s.all\":{}}},\"pass\":{}}}\n",
      players, kItemsEach, active, seconds, kThreads, hot.At(0.5), hot_p99, not_hot, cold.At(0.5),
      cold_p99, ToJson(calm), ToJson(trading), kHotLimitMs, kColdLimitMs, kHitLimit, kHitLimit,
      pass);
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
