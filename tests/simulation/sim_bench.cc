// 10,000 ticks of a 200-player zone at `spread` density (150 players in a disc of 1,000 m) under
// faults, in one process: what a simulated world costs. Prints JSON; exit code 1 above the limit.
#include <fmt/format.h>
#include <time.h>

#include <cmath>
#include <cstdlib>

#include "support/sim_world.h"

namespace {

using namespace bluemarble;

double CpuSeconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr double kLimitS = 20;
  constexpr int kPlayers = 200;
  const int ticks = argc > 1 ? std::atoi(argv[1]) : 10'000;
  support::SimWorldOptions options;
  options.zone = support::SmallZone();
  options.zone.session.max_players = options.zone.replication.max_viewers = 256;
  options.faults = {
      .loss = 0.05, .duplicate = 0.01, .latency_ns = 30'000'000, .jitter_ns = 20'000'000};
  support::SimWorld world(options);
  // 150 per disc of 1,000 m: 200 players need a disc of 1,155 m.
  core::Random random(1);
  for (int i = 0; i < kPlayers; ++i) {
    const double distance = 1155 * std::sqrt(random.Unit());
    const double angle = random.Range(0, 6.283185307179586);
    constexpr double kMetresPerDegree = 111'320;
    constexpr double kCosLatitude = 0.658;
    world.Join(fmt::format("p{}", i),
               GeoPosition{2.35 + distance * std::sin(angle) / kMetresPerDegree / kCosLatitude,
                           48.85 + distance * std::cos(angle) / kMetresPerDegree, 0});
  }
  const double before = CpuSeconds();
  world.Run(ticks);
  const double cpu_s = CpuSeconds() - before;
  const auto& tick_stats = world.zone().stats();
  fmt::print(
      "{{\"ticks\":{},\"players\":{},\"cpu_s\":{:.3f},\"cpu_us_per_tick\":{:.1f},\"bytes_per_"
      "player_s\":{:.0f},"
      "\"entities\":{},\"leaves\":{},\"world_hash\":\"{:016x}\"}}\n",
      ticks, world.playing(), cpu_s, cpu_s / ticks * 1e6,
      static_cast<double>(world.network().to_client_bytes()) / kPlayers / ticks * world.hz(),
      tick_stats.entities.Get(), tick_stats.leaves.Get(), world.zone().Hash());
  return world.playing() == kPlayers && cpu_s <= kLimitS * ticks / 10'000 ? 0 : 1;
}
