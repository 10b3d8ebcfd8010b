/// What durability costs the zone thread: one zone over a private PostgreSQL (journal, and Redis
/// where it is installed) and one over a queue that keeps nothing, in rounds that take turns, each
/// with its own 1,000 walking players at 30 Hz of real time. Only Zone::RunTick is measured, by the
/// thread's CPU clock. Prints one JSON object; exit 1 when a limit is missed.
///
///   zone_persistence_bench [--rounds n] [--seconds n] [--players n] [--actions n] [--workers n]
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "app/catalogue_file.h"
#include "app/durable_side.h"
#include "app/zone.h"
#include "bench/forgetful_queue.h"
#include "bench/walking_player.h"
#include "core/clock.h"
#include "core/hash.h"
#include "core/worker_pool.h"
#include "persistence/pg_migrate.h"
#include "support/pg_cluster.h"
#include "support/redis_server.h"
#include "support/sim_store.h"
#include "support/sim_world.h"

namespace bluemarble {
namespace {

constexpr double kCpuRatioLimit = 1.10;
constexpr double kCommitP99LimitMs = 50;
constexpr int kHz = 30;
constexpr int kSavesPerSecond = 5;       // of each player
constexpr double kLeastRateShare = .95;  // of the updates that the figure is about
constexpr int64_t kTickNs = 1'000'000'000 / kHz;
constexpr int kPlayersPerCity = 25;
constexpr double kCityRadiusM = 200;
constexpr int kJoinsPerTick = 15;
constexpr int kLoginSeconds = 60;
constexpr int kWarmSeconds = 5;

struct Sizes {
  int rounds = 5;
  int seconds = 10;
  int players = 1000;
  int actions = 100;  // per second, of all players together
  int workers = 1;
};

void Check(const core::Status& status) {
  if (!status.ok()) throw std::runtime_error(status.ToString());
}

double ThreadCpuUs() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) * 1e6 + static_cast<double>(used.tv_nsec) / 1e3;
}

/// Processor time that the hypervisor gave to others, and all of it, in clock ticks.
struct MachineTime {
  double stolen = 0, all = 0;
  static MachineTime Now() {
    std::ifstream file("/proc/stat");
    std::string name;
    file >> name;
    MachineTime time;
    double field = 0;
    for (int i = 0; i < 8 && file >> field; ++i) {
      time.all += field;
      if (i == 7) time.stolen = field;
    }
    return time;
  }
};

double At(std::vector<double> values, double quantile) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<size_t>(quantile * static_cast<double>(values.size()));
  return values[std::min(rank, values.size() - 1)];
}

/// A histogram's values since an earlier moment.
class Since {
 public:
  explicit Since(const core::Histogram& histogram) : histogram_(histogram) {
    for (int i = 0; i < core::Histogram::kBuckets; ++i) before_.push_back(histogram.bucket(i));
  }
  double Quantile(double q) const {
    uint64_t total = 0;
    for (int i = 0; i < core::Histogram::kBuckets; ++i) total += Count(i);
    uint64_t seen = 0;
    for (int i = 0; i < core::Histogram::kBuckets; ++i) {
      seen += Count(i);
      if (static_cast<double>(seen) > q * static_cast<double>(total))
        return static_cast<double>(core::Histogram::UpperBound(i));
    }
    return 0;
  }

 private:
  uint64_t Count(int i) const { return histogram_.bucket(i) - before_[static_cast<size_t>(i)]; }
  const core::Histogram& histogram_;
  std::vector<uint64_t> before_;
};

GeoPosition PlaceOf(int player) {
  const int city = player / kPlayersPerCity;
  core::Random random(static_cast<uint64_t>(player) + 17);
  const double distance = kCityRadiusM * std::sqrt(random.Unit());
  const double angle = random.Range(0, 6.283185307179586);
  constexpr double kMetresPerDegree = 111'320;
  const double lat = -52.0 + 13.0 * (city % 9);
  const double metres_per_degree_east = kMetresPerDegree * std::cos(lat * 0.017453292519943295);
  return {-170.0 + 7.5 * (city / 9) + distance * std::sin(angle) / metres_per_degree_east,
          lat + distance * std::cos(angle) / kMetresPerDegree, 0};
}

/// One zone with its players, on a clock of its own that stands still while the other one runs.
class World {
 public:
  World(const app::ZoneSettings& settings, const Sizes& sizes, persistence::DurableQueue& queue,
        bench::ForgetfulQueue* in_memory, core::WorkerPool& workers)
      : sizes_(sizes), in_memory_(in_memory) {
    const app::TickGrant grant = bench::GrantOfHours(queue, kHz, [&](core::Tick i) {
      if (in_memory_ != nullptr) in_memory_->Advance(i);
    });
    tick_ = grant.first - 1;
    zone_ = std::make_unique<app::Zone>(settings, grant,
                                        app::ZoneParts{transport_, queue, workers, real_clock_});
    Check(zone_->Populate());
  }

  void LogEverybodyIn() {
    for (int i = 0; i < kLoginSeconds && playing() < static_cast<size_t>(sizes_.players); ++i)
      Run(1);
    if (playing() < static_cast<size_t>(sizes_.players))
      throw std::runtime_error(fmt::format("only {} players got in", playing()));
    acting_ = true;
    Run(kWarmSeconds);
  }

  /// In real time; a tick that would begin late begins at once, and pushes the later ones back.
  void Run(int seconds) {
    auto due = std::chrono::steady_clock::now();
    for (int i = 0; i < seconds * kHz; ++i) {
      std::this_thread::sleep_until(due);
      Step();
      if (transport_.end_reason != 0) {
        throw std::runtime_error(
            fmt::format("the zone ended a player, reason {}", transport_.end_reason));
      }
      due = std::max(due + std::chrono::nanoseconds(kTickNs), std::chrono::steady_clock::now());
    }
  }

  void Measure() {
    cpu_us_.clear();
    const auto start = std::chrono::steady_clock::now();
    Run(sizes_.seconds);
    measured_s += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    double sum = 0;
    for (double us : cpu_us_) sum += us;
    mean.push_back(sum / static_cast<double>(cpu_us_.size()));
    p50.push_back(At(cpu_us_, 0.5));
    p99.push_back(At(cpu_us_, 0.99));
  }

  uint64_t actions_done() const {
    uint64_t done = 0;
    for (const items::ActionKind kind : {items::ActionKind::kSplit, items::ActionKind::kMerge})
      done += zone_->item_stats().answers[static_cast<size_t>(kind)][0].Get();
    return done;
  }
  const core::Histogram& phase_us(app::Phase phase) const {
    return zone_->stats().phase_us[static_cast<size_t>(phase)];
  }
  size_t playing() const {
    size_t count = 0;
    for (const bench::WalkingPlayer& player : players_)
      count += player.core().state() == ClientState::kPlaying ? 1 : 0;
    return count;
  }

  std::vector<double> mean, p50, p99;  // CPU us of a tick, per round
  double measured_s = 0;               // what the rounds took

 private:
  void Step() {
    ++tick_;
    clock_.now_ns += kTickNs;
    for (const bench::FlatTransport::Message& message : transport_.down.messages) {
      players_[message.player].Hear(message.channel, transport_.down.BodyOf(message),
                                    clock_.now_ns);
    }
    transport_.down.Clear();
    for (int i = 0; i < kJoinsPerTick && players_.size() < static_cast<size_t>(sizes_.players);
         ++i) {
      const auto index = static_cast<uint32_t>(players_.size());
      players_.emplace_back(transport_, index, PlaceOf(static_cast<int>(index)), clock_.now_ns);
    }
    for (bench::WalkingPlayer& player : players_) player.Step(clock_.now_ns);
    if (acting_) {
      for (actions_due_ += double(sizes_.actions) / kHz; actions_due_ >= 1; --actions_due_)
        players_[next_actor_++ % players_.size()].Act();
    }
    if (in_memory_ != nullptr) in_memory_->Advance(tick_);

    const double before_us = ThreadCpuUs();
    zone_->RunTick({.tick = tick_, .scheduled_ns = real_clock_.NowNs()});
    cpu_us_.push_back(ThreadCpuUs() - before_us);
    transport_.ForgetTaken();
  }

  const Sizes sizes_;
  bench::ForgetfulQueue* const in_memory_;
  const core::SystemClock real_clock_;
  support::SimClock clock_;  // the players'
  bench::FlatTransport transport_;
  std::unique_ptr<app::Zone> zone_;
  std::deque<bench::WalkingPlayer> players_;
  core::Tick tick_ = 0;
  std::vector<double> cpu_us_;
  bool acting_ = false;
  double actions_due_ = 0;
  size_t next_actor_ = 0;
};

app::ZoneSettings SettingsOf(const Sizes& sizes) {
  app::ZoneSettings zone;
  zone.tick.hz = kHz;
  zone.world.max_entities = 10'000;
  zone.session.max_players = static_cast<uint32_t>(sizes.players);
  zone.replication.max_viewers = zone.session.max_players;
  zone.session.max_pending = zone.session.max_players;
  zone.dev.allow_spawn_position = true;
  // The zone saves after three quarters of it.
  zone.persistence.position_interval_ms = (1000 / kSavesPerSecond * 4 + 2) / 3;
  const std::vector<std::string> problems = app::LoadCatalogue("", zone.items);
  if (!problems.empty()) throw std::runtime_error(problems.front());
  return zone;
}

std::string CpuJson(const World& world) {
  return fmt::format("{{\"mean\":{:.1f},\"p50\":{:.1f},\"p99\":{:.1f}}}", At(world.mean, 0.5),
                     At(world.p50, 0.5), At(world.p99, 0.5));
}

struct Folder {
  std::string path = "/tmp/zone_persistence_bench_XXXXXX";
  Folder() {
    if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("no folder in /tmp");
  }
  ~Folder() { std::filesystem::remove_all(path); }
};

int Run(const Sizes& sizes) {
  support::PgCluster cluster;
  std::optional<support::RedisServer> redis;
  if (support::RedisServer::Installed()) {
    redis.emplace();
    if (!redis->Start())
      throw std::runtime_error("redis-server does not start: " + redis->output());
  }
  const Folder folder;
  const core::SystemClock clock;
  app::ZoneSettings settings = SettingsOf(sizes);
  settings.persistence.data_dir = folder.path;
  settings.persistence.database.url = cluster.url();
  if (redis) settings.persistence.redis.url = redis->url();
  {
    auto migration = persistence::OpenPgForMigration(settings.persistence.database);
    Check(migration.status());
    Check(persistence::PgMigrateUp(**migration, false, 1).status());
  }
  auto durable = app::DurableSide::Open({.settings = settings.persistence,
                                         .shard_id = settings.shard.id,
                                         .world_seed = settings.seed},
                                        clock);
  Check(durable.status());
  (*durable)->Start();
  persistence::Committer& committer = (*durable)->committer();

  support::SimStore forgetful_store;
  bench::ForgetfulQueue forgetful(
      forgetful_store, clock,
      {.min_delay_ticks = 0, .max_delay_ticks = 0, .settings = settings.persistence});
  core::WorkerPool workers(sizes.workers);
  World without(settings, sizes, forgetful, &forgetful, workers);
  World with(settings, sizes, committer, nullptr, workers);
  without.LogEverybodyIn();
  with.LogEverybodyIn();

  const auto& stats = committer.stats();
  const auto updates = [&] {
    return static_cast<double>(stats.positions_saved.Get() + stats.positions_coalesced.Get());
  };
  const Since commit_us(stats.commit_us);
  const Since phase_with(with.phase_us(app::Phase::kCommit));
  const Since phase_without(without.phase_us(app::Phase::kCommit));
  const double updates_before = updates();
  const uint64_t commits_before = stats.commits.Get();
  const uint64_t actions_before = with.actions_done();
  const MachineTime before = MachineTime::Now();
  for (int round = 0; round < sizes.rounds; ++round) {
    // Who comes first changes, so that a load that grows or fades falls on both alike.
    World& first = round % 2 == 0 ? without : with;
    first.Measure();
    (&first == &with ? without : with).Measure();
  }
  const MachineTime after = MachineTime::Now();

  const double updates_per_s = (updates() - updates_before) / with.measured_s;
  const double ratio_mean = At(with.mean, 0.5) / At(without.mean, 0.5);
  const double ratio_p99 = At(with.p99, 0.5) / At(without.p99, 0.5);
  const double commit_p99_ms = commit_us.Quantile(0.99) / 1000;
  const double least_rate = kLeastRateShare * kSavesPerSecond * sizes.players;
  const bool pass = ratio_mean <= kCpuRatioLimit && commit_p99_ms < kCommitP99LimitMs &&
                    updates_per_s >= least_rate;
  fmt::print(
      "{{\"id\":\"zone_persistence_bench\",\"sizes\":{{\"players\":{},\"tick_hz\":{},\"rounds\":{},"
      "\"seconds\":{},\"workers\":{},\"redis\":{}}},\n"
      " \"measured\":{{\"cpu_ratio_mean\":{:.3f},\"cpu_ratio_p99\":{:.3f},\n"
      "  \"cpu_us_without\":{},\"cpu_us_with\":{},\n"
      "  \"commit_phase_us_p50\":{{\"without\":{:.0f},\"with\":{:.0f}}},\n"
      "  \"commit_ms_p50\":{:.2f},\"commit_ms_p99\":{:.2f},\"updates_per_s\":{:.0f},"
      "\"commits_per_s\":{:.1f},\"actions_per_s\":{:.1f},\"steal_pct\":{:.1f}}},\n"
      " \"limits\":{{\"cpu_ratio_mean\":{},\"commit_ms_p99\":{},\"updates_per_s\":{:.0f}}},"
      "\"pass\":{}}}\n",
      sizes.players, kHz, sizes.rounds, sizes.seconds, sizes.workers, redis.has_value(), ratio_mean,
      ratio_p99, CpuJson(without), CpuJson(with), phase_without.Quantile(0.5),
      phase_with.Quantile(0.5), commit_us.Quantile(0.5) / 1000, commit_p99_ms, updates_per_s,
      static_cast<double>(stats.commits.Get() - commits_before) / with.measured_s,
      static_cast<double>(with.actions_done() - actions_before) / with.measured_s,
      100 * (after.stolen - before.stolen) / std::max(1.0, after.all - before.all), kCpuRatioLimit,
      kCommitP99LimitMs, least_rate, pass);
  (*durable)->Stop(settings.persistence.stop_deadline_ms);
  cluster.Stop();  // in order, so that what its processes used counts as ours
  return pass ? 0 : 1;
}

}  // namespace
}  // namespace bluemarble

int main(int argc, char** argv) {
  bluemarble::Sizes sizes;
  const std::pair<std::string, int*> options[] = {{"--rounds", &sizes.rounds},
                                                  {"--seconds", &sizes.seconds},
                                                  {"--players", &sizes.players},
                                                  {"--actions", &sizes.actions},
                                                  {"--workers", &sizes.workers}};
  for (int i = 1; i < argc; i += 2) {
    const auto* option = std::find_if(std::begin(options), std::end(options),
                                      [&](const auto& o) { return o.first == argv[i]; });
    const int value = i + 1 < argc ? std::atoi(argv[i + 1]) : 0;
    if (option == std::end(options) || value < 1) {
      std::fprintf(stderr, "zone_persistence_bench: not understood: %s\n", argv[i]);
      return 2;
    }
    *option->second = value;
  }
  try {
    return bluemarble::Run(sizes);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "zone_persistence_bench: %s\n", error.what());
    return 2;
  }
}
