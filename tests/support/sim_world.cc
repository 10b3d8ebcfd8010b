#include "support/sim_world.h"

#include <array>
#include <cmath>

namespace bluemarble::support {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

ClientOptions OptionsOf(std::optional<GeoPosition> spawn, uint64_t seed) {
  ClientOptions options;
  options.spawn = spawn;
  options.seed = seed;
  return options;
}

/// Keys that are the same on every run; the players' seeds differ, so nobody's meet.
client::KeySource SeededKeys(uint64_t seed) {
  return [random = core::Random(core::HashCombine(seed, 0x6b657973))]() mutable {
    ActionKey key;
    for (uint8_t& byte : key) byte = static_cast<uint8_t>(random.Next());
    return key;
  };
}

}  // namespace

SimPlayer::SimPlayer(SimNetwork& network, std::string name, std::optional<GeoPosition> spawn,
                     uint64_t seed, int64_t now_ns)
    : name_(std::move(name)),
      random_(seed),
      link_(network.Connect(*this)),
      core_(OptionsOf(spawn, seed), link_, SeededKeys(seed)) {
  core_.Start(name_, now_ns);
}

void SimPlayer::Walk(double east, double north) {
  steered_ = true;
  core_.SetInput({.move_east = east, .move_north = north, .yaw_turns = 0, .buttons = 0});
}

void SimPlayer::Act(int64_t now_ns) {
  if (walks_ && !steered_ && random_.Chance(0.02)) {
    const bool rests = random_.Chance(0.2);
    core_.SetInput({.move_east = rests ? 0 : random_.Range(-1, 1),
                    .move_north = rests ? 0 : random_.Range(-1, 1),
                    .yaw_turns = random_.Unit(),
                    .buttons = 0});
  }
  core_.Tick(now_ns);
}

app::ZoneSettings SmallZone() {
  app::ZoneSettings zone;
  zone.world.max_entities = 2048;
  zone.session.max_players = 64;
  zone.session.max_pending = 64;
  zone.replication.max_viewers = 64;
  zone.game.animals = 40;
  zone.game.resource_nodes = 20;
  zone.game.spawn_centres = {"2.35,48.85"};
  zone.dev.allow_spawn_position = true;
  zone.game.ground_items = 10;
  zone.items = {{1, "bread", "Bread", 20, 5, 1},
                {2, "sword", "Sword", 1, 1, 1},
                {3, "wood", "Wood", 100, 40, 2}};
  return zone;
}

SimWorld::SimWorld(const SimWorldOptions& options)
    : options_(options), network_(options.seed), store_(options.seed), workers_(options.workers) {
  network_.set_faults(options.faults);
  StartZone();
}

void SimWorld::StartZone() {
  zone_.reset();
  queue_ = std::make_unique<SimDurableQueue>(
      store_, clock_,
      SimDurableQueueOptions{.seed = options_.seed, .settings = options_.zone.persistence});
  // The grant of a start, as serve.cc asks for it.
  const core::Tick first = store_.meta().reserved_tick + 1;
  app::TickGrant grant{.first = first, .last = 0};
  (void)queue_->ReserveTicks(first + app::TicksOfGrant(hz()));
  persistence::Completion completion;
  for (core::Tick wait = 0; wait < 1000 && grant.last == 0; ++wait) {
    queue_->Advance(wait);
    if (queue_->NextCompletion(completion)) grant.last = completion.reserved_tick;
  }
  zone_ = std::make_unique<app::Zone>(options_.zone, grant,
                                      app::ZoneParts{network_, *queue_, workers_, clock_});
  (void)zone_->Populate();
  tick_ = first - 1;
}

SimPlayer& SimWorld::Join(const std::string& name, std::optional<GeoPosition> spawn) {
  const uint64_t seed = core::HashCombine(options_.seed, ++joined_);
  players_.push_back(std::make_unique<SimPlayer>(network_, name, spawn, seed, clock_.now_ns));
  return *players_.back();
}

void SimWorld::Step(bool stopping) {
  ++tick_;
  // Clients run a few times a tick, as they would on frames of their own.
  constexpr int kFrames = 2;
  for (int frame = 0; frame < kFrames; ++frame) {
    clock_.now_ns += kSecondNs * relief_.dilation_pct / (100 * hz() * kFrames);
    network_.Advance(clock_.now_ns);
    for (auto& player : players_) player->Act(clock_.now_ns);
  }
  queue_->Advance(tick_);
  zone_->RunTick({.tick = tick_,
                  .scheduled_ns = clock_.now_ns,
                  .stopping = stopping,
                  .bans = bans_,
                  .relief = relief_});
  bans_.clear();
}

void SimWorld::CrashAndRestart() {
  network_.CutAll();
  store_.CrashAndReopen();
  players_.clear();
  StartZone();
}

void SimWorld::StopAndRestart() {
  for (int i = 0; i < hz() && (i == 0 || !zone_->drained()); ++i) Step(/*stopping=*/true);
  for (int i = 0; i < 20; ++i) queue_->Advance(tick_ + static_cast<core::Tick>(i));
  network_.CutAll();
  store_.Reopen();
  players_.clear();
  StartZone();
}

size_t SimWorld::playing() const {
  size_t count = 0;
  for (const auto& player : players_)
    count += player->core().state() == ClientState::kPlaying ? 1 : 0;
  return count;
}

}  // namespace bluemarble::support
