/// What a tick costs the zone's threads: the real Zone in one process with players of the client
/// library, which walk as zonebot's do, on flat queues instead of a network and on a clock that
/// goes from tick to tick at once. Only Zone::RunTick is measured, by the process's CPU clock,
/// while nobody else runs. Prints one JSON object; exit 1 when a limit is missed.
///
///   tick_bench [--scene spread|crowd] [--players N] [--ticks N] [--workers N] [--entities N]
///              [--density N] [--radius M] [--late N] [--seed K] [--against N]
///              [--recorder 1]
///
/// --late: a third of the players (of 3) hear what the zone sends at once, the next a tick later,
/// and so on, so that their bases differ as on a network.
/// --entities: others than players, animals that wander and nodes that stand, half each, within
/// 10 km of seven places, of which one is the players'. Memory is the process's, with the players'
/// own in it.
/// --against: instead, a zone with --workers and one with so many run by turns, timed by the wall
/// clock: what more workers make of a tick.
/// --recorder 1: instead, ticks with the slow-tick recorder and without, by turns in one zone.
#include <fmt/format.h>
#include <malloc.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "app/catalogue_file.h"
#include "app/slow_ticks.h"
#include "app/tick_probe.h"
#include "app/zone.h"
#include "bench/assembly_replay.h"
#include "bench/flat_transport.h"
#include "bench/forgetful_queue.h"
#include "client/session_core.h"
#include "core/worker_pool.h"
#include "support/sim_store.h"
#include "support/sim_world.h"
#include "tools/zonebot/placing.h"
#include "tools/zonebot/steering.h"

namespace bluemarble::bench {
namespace {

constexpr int kHz = 30;
constexpr int64_t kTickNs = 1'000'000'000 / kHz;
constexpr int kJoinsPerTick = 15;
constexpr int kLoginTicks = 60 * kHz;
constexpr int kWarmTicks = 5 * kHz;
constexpr int kFarTicks = 15;  // of the class whose turn comes least often
constexpr double kRecorderLimitPct = 2;
constexpr int kTurns = 6;     // of the zones that are compared
constexpr int kReplays = 30;  // ticks at least whose datagrams are assembled again
constexpr double kAssemblyLimitNs = 1000;
constexpr double kSessionLimitKb = 50;
constexpr double kMemoryLimitMb = 1000;  // of 5,000 players and 50,000 others
constexpr GeoPosition kPlayersPlace{13.405, 52.52, 0};

struct Sizes {
  std::string scene = "spread";
  int players = 3000, ticks = 900, workers = 1, entities = 600, density = 150, radius = 25,
      late = 3, seed = 1, against = 0, recorder = 0;
};

class ProcessCpuClock final : public core::Clock {
 public:
  int64_t NowNs() const override {
    timespec used{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec * 1'000'000'000 + used.tv_nsec;
  }
  int64_t WallUs() const override { return real_.WallUs(); }

 private:
  const core::SystemClock real_;
};

double ResidentKb() {
  std::ifstream file("/proc/self/statm");
  double all = 0, resident = 0;
  file >> all >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1000;
}

double HeapKb() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd) / 1000;
}

double At(std::vector<double> values, double quantile) {
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<size_t>(quantile * static_cast<double>(values.size()));
  return values[std::min(rank, values.size() - 1)];
}

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

/// The client library's player, steered as zonebot steers, acknowledging without decoding.
class SteeredPlayer final : public client::Link {
 public:
  SteeredPlayer(FlatTransport& transport, uint32_t index, const zonebot::BotPlan& plan,
                uint64_t seed, int64_t now_ns)
      : transport_(transport),
        index_(index),
        steering_(plan, NoTrace(), seed + index),
        core_(OptionsOf(plan, seed + index), *this) {
    core_.Start(fmt::format("player{}", index), now_ns);
    transport_.up.Push(net::InboundKind::kConnected, net::Channel::kReliable, index, {});
    core_.OnConnected(now_ns);
  }

  void Send(net::Channel channel, std::span<const std::byte> bytes) override {
    transport_.up.Push(net::InboundKind::kMessage, channel, index_, bytes);
  }
  void Close(uint32_t) override {}

  void Step(int64_t now_ns) {
    if (now_ns >= decide_ns_ && playing()) {
      const Vector3 at = core_.own().predicted;
      core_.SetInput(steering_.Decide({at.x, at.y, at.z}, core_.welcome()->max_speed_mps,
                                      static_cast<double>(now_ns) / 1e9));
      decide_ns_ = now_ns + static_cast<int64_t>(steering_.interval_s() * 1e9);
    }
    core_.Tick(now_ns);
  }
  void Hear(net::Channel channel, std::span<const std::byte> bytes, int64_t now_ns) {
    core_.OnMessage(channel, bytes, now_ns);
  }
  bool playing() const { return core_.state() == ClientState::kPlaying; }

 private:
  static const zonebot::Trace& NoTrace() {
    static const zonebot::Trace trace;
    return trace;
  }
  static ClientOptions OptionsOf(const zonebot::BotPlan& plan, uint64_t seed) {
    const geo::Geodetic place = geo::ToGeodetic(plan.spawn);
    ClientOptions options;
    options.spawn = GeoPosition{place.lon_deg, place.lat_deg, 0};
    options.decode = false;
    options.seed = seed;
    return options;
  }

  FlatTransport& transport_;
  const uint32_t index_;
  zonebot::Steering steering_;
  client::ClientCore core_;
  int64_t decide_ns_ = 0;
};

/// What the replicator has counted so far.
struct Counts {
  uint64_t datagrams = 0, bytes = 0, parts = 0, encoded = 0, updates = 0, ups = 0;
};

class TickBench {
 public:
  enum class Timed { kCpu, kWall };
  explicit TickBench(const Sizes& sizes, Timed timed = Timed::kCpu)
      : sizes_(sizes),
        plans_(PlansOf(sizes)),
        phase_clock_(timed == Timed::kCpu ? static_cast<const core::Clock&>(cpu_clock_)
                                          : real_clock_),
        workers_(sizes.workers),
        queue_(store_, clock_, {.min_delay_ticks = 0, .max_delay_ticks = 0}),
        zone_(SettingsOf(sizes),
              GrantOfHours(queue_, kHz, [&](core::Tick i) { queue_.Advance(i); }),
              app::ZoneParts{transport_, queue_, workers_, phase_clock_}),
        sent_(static_cast<size_t>(sizes.late)),
        assembly_(transport_.max_unreliable_bytes()) {
    if (core::Status populated = zone_.Populate(); !populated.ok())
      throw std::runtime_error(populated.ToString());
    for (int i = 0; i < kWarmTicks; ++i) Step();
    empty_kb_ = ResidentKb();
  }

  void LogEverybodyIn() {
    const double heap_kb = HeapKb();
    for (int i = 0; i < kLoginTicks && playing() < plans_.size(); ++i) {
      for (int j = 0; j < kJoinsPerTick && players_.size() < plans_.size(); ++j) {
        const auto index = static_cast<uint32_t>(players_.size());
        players_.emplace_back(transport_, index, plans_[index], static_cast<uint64_t>(sizes_.seed),
                              clock_.now_ns);
      }
      Step();
    }
    if (playing() < plans_.size())
      throw std::runtime_error(fmt::format("only {} players got in", playing()));
    for (int i = 0; i < kWarmTicks; ++i) Step();
    full_kb_ = ResidentKb();
    heap_kb_ = HeapKb() - heap_kb;
  }

  void Measure() {
    cpu_ns_.clear();
    wall_ns_.clear();
    phases_us_.fill(0);
    const Counts before = CountsNow();
    // Turns come every 3 and every 15 ticks: each kind of tick is replayed equally often.
    int every = std::max(1, sizes_.ticks / kReplays);
    while (every % 3 == 0 || every % 5 == 0) --every;
    for (int i = 0; i < sizes_.ticks; ++i) {
      Step();
      for (size_t phase = 0; phase < phases_us_.size(); ++phase)
        phases_us_[phase] += zone_.last_phases_us()[phase];
      if (i % every == every - 1) assembly_.Replay(tick_, transport_.down);
    }
    const Counts after = CountsNow();
    counts_ = {after.datagrams - before.datagrams, after.bytes - before.bytes,
               after.parts - before.parts,         after.encoded - before.encoded,
               after.updates - before.updates,     after.ups - before.ups};
    if (transport_.end_reason != 0 || playing() < plans_.size())
      throw std::runtime_error(
          fmt::format("the zone ended a player, reason {}", transport_.end_reason));
  }

  /// Of so many more ticks, milliseconds each by the clock that times the phases.
  void MeasureReplicate(int ticks, std::vector<double>& out) {
    for (int i = 0; i < ticks; ++i) {
      Step();
      const auto phase = static_cast<size_t>(app::Phase::kReplicate);
      out.push_back(static_cast<double>(zone_.last_phases_us()[phase]) / 1000);
    }
  }

  /// Microseconds of the process's CPU per tick without the slow-tick recorder and with it, by
  /// turns of as many ticks as a turn of the farthest class has.
  std::array<std::vector<double>, 2> CompareRecorder() {
    app::SlowTicks slow({}, kHz, real_clock_);
    // As many levels as zoned reads.
    std::array<core::Counter, 6> levels;
    app::TickProbe probe(zone_, slow, real_clock_, [&levels] {
      return app::QueueLevels{.inbound_bytes = levels[0].Get() + levels[1].Get(),
                              .outbound_bytes = levels[2].Get() + levels[3].Get(),
                              .commit_bytes = levels[4].Get(),
                              .positions_waiting = levels[5].Get()};
    });
    std::array<std::vector<double>, 2> us;
    for (int turn = 0; turn < 2 * (sizes_.ticks / (2 * kFarTicks)); ++turn) {
      const size_t with = static_cast<size_t>(turn) % 2;
      cpu_ns_.clear();
      for (int i = 0; i < kFarTicks; ++i) Step(with != 0 ? &probe : nullptr);
      us[with].push_back(Mean(cpu_ns_) / 1000);
    }
    return us;
  }

  bool Print() const {
    const auto players = static_cast<double>(plans_.size());
    const auto ticks = static_cast<double>(sizes_.ticks);
    const double seconds = ticks / kHz;
    const double session_kb = (full_kb_ - empty_kb_) / players;
    const double assembly_ns = assembly_.NsPerDatagram();
    const bool memory_counts = sizes_.players >= 1000;  // else fixed costs are shared by too few
    const bool pass = assembly_ns <= kAssemblyLimitNs && assembly_.differing() == 0 &&
                      (!memory_counts || session_kb <= kSessionLimitKb) &&
                      full_kb_ / 1000 <= kMemoryLimitMb;
    const auto per_datagram = [&](uint64_t amount) {
      return static_cast<double>(amount) / static_cast<double>(counts_.datagrams);
    };
    const auto phase_ns = [&](app::Phase phase) {
      return static_cast<double>(phases_us_[static_cast<size_t>(phase)]) * 1000;
    };
    std::string phases;
    for (int i = 0; i < app::kPhases; ++i) {
      const auto phase = static_cast<app::Phase>(i);
      phases +=
          fmt::format(",\"{}\":{:.1f}", app::PhaseName(phase), phase_ns(phase) / players / ticks);
    }
    fmt::print(
        "{{\"id\":\"tick_bench\",\"sizes\":{{\"scene\":\"{}\",\"players\":{},\"ticks\":{},\"hz\":"
        "{},\"workers\":{},\"entities\":{},\"density\":{},\"radius_m\":{},\"late\":{},\"seed\":{}}}"
        ",\n"
        " \"measured\":{{\"cpu_ns_per_player_tick\":{{\"all\":{:.1f}{}}},\n"
        "  \"tick_cpu_ms\":{{\"mean\":{:.3f},\"p50\":{:.3f},\"p99\":{:.3f}}},"
        "\"tick_wall_ms\":{{\"p50\":{:.3f},\"p99\":{:.3f}}},\n"
        "  \"snapshot_bytes_per_player_s\":{:.0f},\"datagrams_per_player_s\":{:.2f},"
        "\"inputs_per_player_s\":{:.2f},\"bytes_per_datagram\":{:.1f},\"parts_per_datagram\":{:.2f}"
        ","
        "\"updates_per_datagram\":{:.2f},\"blocks_encoded_per_part\":{:.4f},"
        "\"replicate_ns_per_datagram\":{:.1f},\n",
        sizes_.scene, sizes_.players, sizes_.ticks, kHz, sizes_.workers, sizes_.entities,
        sizes_.density, sizes_.radius, sizes_.late, sizes_.seed, Mean(cpu_ns_) / players, phases,
        Mean(cpu_ns_) / 1e6, At(cpu_ns_, 0.5) / 1e6, At(cpu_ns_, 0.99) / 1e6,
        At(wall_ns_, 0.5) / 1e6, At(wall_ns_, 0.99) / 1e6,
        static_cast<double>(counts_.bytes) / players / seconds,
        static_cast<double>(counts_.datagrams) / players / seconds,
        static_cast<double>(counts_.ups) / players / seconds, per_datagram(counts_.bytes),
        per_datagram(counts_.parts), per_datagram(counts_.updates),
        static_cast<double>(counts_.encoded) / static_cast<double>(counts_.parts),
        phase_ns(app::Phase::kReplicate) / static_cast<double>(counts_.datagrams));
    fmt::print(
        "  "
        "\"assembly\":{{\"ns_per_datagram\":{:.1f},\"datagrams\":{},\"parts_per_datagram\":{:.2f},"
        "\"bytes_per_datagram\":{:.1f},\"uncached_blocks\":{},\"differing\":{}}},\n"
        "  \"memory\":{{\"rss_mb\":{:.1f},\"rss_mb_without_players\":{:.1f},\"rss_kb_per_session\":"
        "{:.1f},\"heap_kb_per_session\":{:.1f},\"heap_kb_of_its_player\":{:.1f}}}}},\n"
        " \"limits\":{{\"assembly_ns_per_datagram\":{},\"rss_kb_per_session\":{},\"rss_mb\":{}}},"
        "\"pass\":{}}}\n",
        assembly_ns, assembly_.datagrams(),
        static_cast<double>(assembly_.parts()) / static_cast<double>(assembly_.datagrams()),
        static_cast<double>(assembly_.bytes()) / static_cast<double>(assembly_.datagrams()),
        assembly_.uncached(), assembly_.differing(), full_kb_ / 1000, empty_kb_ / 1000, session_kb,
        heap_kb_ / players, players_heap_kb_ / players, kAssemblyLimitNs, kSessionLimitKb,
        kMemoryLimitMb, pass);
    return pass;
  }

 private:
  static std::vector<zonebot::BotPlan> PlansOf(const Sizes& sizes) {
    zonebot::Options options;
    options.scenario =
        sizes.scene == "crowd" ? zonebot::Scenario::kCrowd : zonebot::Scenario::kSpread;
    options.players = sizes.players;
    options.density = sizes.density;
    options.radius_m = sizes.radius;
    options.seed = static_cast<uint64_t>(sizes.seed);
    options.anchor = kPlayersPlace;
    auto plans = zonebot::PlanBots(options, {}, {});
    if (!plans.ok()) throw std::runtime_error(plans.status().ToString());
    return std::move(*plans);
  }

  static app::ZoneSettings SettingsOf(const Sizes& sizes) {
    app::ZoneSettings zone;
    zone.tick.hz = kHz;
    zone.session.max_players = static_cast<uint32_t>(sizes.players);
    zone.session.max_pending = zone.session.max_players;
    zone.replication.max_viewers = std::max(zone.replication.max_viewers, zone.session.max_players);
    zone.dev.allow_spawn_position = true;
    zone.game.animals = static_cast<uint32_t>(sizes.entities / 2);
    zone.game.resource_nodes = static_cast<uint32_t>(sizes.entities) - zone.game.animals;
    zone.game.scatter_radius_m = 10'000;
    zone.game.spawn_centres.push_back(
        fmt::format("{},{}", kPlayersPlace.lon_deg, kPlayersPlace.lat_deg));
    const std::vector<std::string> problems = app::LoadCatalogue("", zone.items);
    if (!problems.empty()) throw std::runtime_error(problems.front());
    return zone;
  }

  size_t playing() const {
    return static_cast<size_t>(
        std::ranges::count_if(players_, [](const SteeredPlayer& p) { return p.playing(); }));
  }

  Counts CountsNow() const {
    const auto& stats = zone_.replication_stats();
    return {stats.datagrams.Get(),      stats.bytes.Get(),          stats.parts_sent.Get(),
            stats.blocks_encoded.Get(), stats.entity_updates.Get(), ups_};
  }

  // What was sent in each of the last ticks, to those who hear it now.
  void Deliver() {
    std::swap(sent_[tick_ % sent_.size()], transport_.down);
    transport_.down.Clear();
    for (size_t late = 0; late < sent_.size(); ++late) {
      const FlatTransport::Lane& lane = sent_[(tick_ + sent_.size() - late) % sent_.size()];
      for (const FlatTransport::Message& message : lane.messages) {
        if (message.player % sent_.size() == late)
          players_[message.player].Hear(message.channel, lane.BodyOf(message), clock_.now_ns);
      }
    }
  }

  void Step(app::TickProbe* probe = nullptr) {
    ++tick_;
    clock_.now_ns += kTickNs;
    const double heap_kb = HeapKb();
    for (const FlatTransport::Message& message : transport_.down.messages)
      players_[message.player].Hear(message.channel, transport_.down.BodyOf(message),
                                    clock_.now_ns);
    transport_.down.Clear();
    for (SteeredPlayer& player : players_) player.Step(clock_.now_ns);
    players_heap_kb_ += HeapKb() - heap_kb;
    ups_ += transport_.up.messages.size();
    queue_.Advance(tick_);

    const int64_t wall_ns = real_clock_.NowNs();
    const int64_t cpu_ns = cpu_clock_.NowNs();
    if (probe != nullptr) probe->BeforeTick();
    zone_.RunTick({.tick = tick_, .scheduled_ns = phase_clock_.NowNs()});
    if (probe != nullptr) {
      probe->AfterTick(
          {.tick = tick_, .due_ns = wall_ns, .began_ns = wall_ns, .period_ns = kTickNs});
    }
    cpu_ns_.push_back(static_cast<double>(cpu_clock_.NowNs() - cpu_ns));
    wall_ns_.push_back(static_cast<double>(real_clock_.NowNs() - wall_ns));
    transport_.ForgetTaken();
  }

  const Sizes sizes_;
  const std::vector<zonebot::BotPlan> plans_;
  const core::SystemClock real_clock_;
  const ProcessCpuClock cpu_clock_;
  const core::Clock& phase_clock_;
  support::SimClock clock_;  // the players' and the store's
  support::SimStore store_;
  FlatTransport transport_;
  core::WorkerPool workers_;
  ForgetfulQueue queue_;
  app::Zone zone_;
  std::deque<SteeredPlayer> players_;
  std::vector<FlatTransport::Lane> sent_;  // of the last ticks
  AssemblyReplay assembly_;
  core::Tick tick_ = 0;
  uint64_t ups_ = 0;
  std::vector<double> cpu_ns_, wall_ns_;  // of the ticks
  std::array<uint64_t, app::kPhases> phases_us_{};
  Counts counts_;
  double empty_kb_ = 0, full_kb_ = 0, heap_kb_ = 0, players_heap_kb_ = 0;
};

bool Parse(int argc, char** argv, Sizes& sizes) {
  const std::pair<std::string_view, int*> numbers[] = {
      {"--players", &sizes.players},   {"--ticks", &sizes.ticks},     {"--workers", &sizes.workers},
      {"--entities", &sizes.entities}, {"--density", &sizes.density}, {"--radius", &sizes.radius},
      {"--late", &sizes.late},         {"--seed", &sizes.seed},       {"--against", &sizes.against},
      {"--recorder", &sizes.recorder}};
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (i + 1 >= argc) return false;
    if (name == "--scene") {
      sizes.scene = argv[i + 1];
      continue;
    }
    const auto* number =
        std::ranges::find(numbers, name, &std::pair<std::string_view, int*>::first);
    if (number == std::end(numbers)) return false;
    *number->second = std::atoi(argv[i + 1]);
    if (*number->second < (name == "--entities" ? 0 : 1)) return false;
  }
  return sizes.scene == "spread" || sizes.scene == "crowd";
}

void CompareWorkers(const Sizes& sizes) {
  std::array<Sizes, 2> of{sizes, sizes};
  of[0].workers = sizes.against;
  std::deque<TickBench> zones;
  for (const Sizes& each : of) zones.emplace_back(each, TickBench::Timed::kWall).LogEverybodyIn();
  std::array<std::vector<double>, 2> ms;
  for (int turn = 0; turn < kTurns; ++turn) {
    for (size_t i = 0; i < zones.size(); ++i)
      zones[i].MeasureReplicate(std::max(1, sizes.ticks / kTurns), ms[i]);
  }
  std::string rows;
  for (size_t i = 0; i < zones.size(); ++i) {
    rows +=
        fmt::format("{}\"{}\":{{\"mean\":{:.3f},\"p50\":{:.3f},\"p99\":{:.3f}}}", i == 0 ? "" : ",",
                    of[i].workers, Mean(ms[i]), At(ms[i], 0.5), At(ms[i], 0.99));
  }
  fmt::print(
      "{{\"id\":\"tick_bench\",\"sizes\":{{\"scene\":\"{}\",\"players\":{},\"ticks\":{},"
      "\"workers\":{},\"against\":{},\"seed\":{}}},\n"
      " \"measured\":{{\"replicate_wall_ms\":{{{}}},\"replicate_wall_ratio\":{:.3f}}},"
      "\"pass\":true}}\n",
      sizes.scene, sizes.players, sizes.ticks, sizes.workers, sizes.against, sizes.seed, rows,
      At(ms[1], 0.5) / At(ms[0], 0.5));
}

bool CompareRecorder(const Sizes& sizes) {
  TickBench bench(sizes);
  bench.LogEverybodyIn();
  const auto us = bench.CompareRecorder();
  std::vector<double> above_pct;
  for (size_t i = 0; i < us[0].size(); ++i) above_pct.push_back(100 * (us[1][i] / us[0][i] - 1));
  const double pct = At(above_pct, 0.5);
  fmt::print(
      "{{\"id\":\"tick_bench\",\"sizes\":{{\"scene\":\"{}\",\"players\":{},\"ticks\":{},"
      "\"workers\":{},\"seed\":{}}},\n"
      " \"measured\":{{\"cpu_us_per_tick\":{{\"without\":{:.1f},\"with\":{:.1f}}},"
      "\"above_pct\":{:.3f},\"above_pct_quartiles\":[{:.3f},{:.3f}]}},"
      "\"limits\":{{\"above_pct\":{}}},\"pass\":{}}}\n",
      sizes.scene, sizes.players, sizes.ticks, sizes.workers, sizes.seed, At(us[0], 0.5),
      At(us[1], 0.5), pct, At(above_pct, 0.25), At(above_pct, 0.75), kRecorderLimitPct,
      pct < kRecorderLimitPct);
  return pct < kRecorderLimitPct;
}

int MeasureTicks(int argc, char** argv) {
  Sizes sizes;
  if (!Parse(argc, argv, sizes)) {
    fmt::print(stderr,
               "usage: tick_bench [--scene spread|crowd] [--players N] [--ticks N] [--workers N] "
               "[--entities N] [--density N] [--radius M] [--late N] [--seed K] [--against N] "
               "[--recorder 1]\n");
    return 64;
  }
  try {
    if (sizes.recorder > 0) return CompareRecorder(sizes) ? 0 : 1;
    if (sizes.against > 0) {
      CompareWorkers(sizes);
      return 0;
    }
    TickBench bench(sizes);
    bench.LogEverybodyIn();
    bench.Measure();
    return bench.Print() ? 0 : 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "tick_bench: {}\n", error.what());
    return 2;
  }
}

}  // namespace
}  // namespace bluemarble::bench

int main(int argc, char** argv) { return bluemarble::bench::MeasureTicks(argc, argv); }
