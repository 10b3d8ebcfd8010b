#include "game/rules.h"

#include <bit>

#include "core/hash.h"
#include "game/spawner.h"

namespace bluemarble::game {
namespace {

// Animals start and stop gently: full speed within about half a second.
constexpr double kAnimalAccelerationMps2 = 3.0;

uint64_t HashOf(const motion::MotionInput& input) {
  return uint64_t{static_cast<uint8_t>(input.move_east)} |
         uint64_t{static_cast<uint8_t>(input.move_north)} << 8 | uint64_t{input.yaw} << 16 |
         uint64_t{input.buttons} << 32;
}

uint64_t HashOf(const Animal& animal) {
  uint64_t hash = core::HashCombine(HashOf(animal.input), animal.decide_at);
  hash = core::HashCombine(hash, std::bit_cast<uint64_t>(animal.home.x));
  hash = core::HashCombine(hash, std::bit_cast<uint64_t>(animal.home.y));
  return core::HashCombine(hash, std::bit_cast<uint64_t>(animal.home.z));
}

}  // namespace

Rules::Rules(const GameSettings& settings, const geo::LongitudeRange& range, world::World& world,
             uint32_t max_players, int tick_hz, uint64_t seed)
    : settings_(settings),
      range_(range),
      world_(world),
      seed_(seed),
      players_(max_players, world.capacity()),
      animals_(settings.animals, world.capacity()),
      player_motion_{world, players_, range, settings.player_limits, 1.0 / tick_hz},
      animal_wandering_{.world = world,
                        .animals = animals_,
                        .range = range,
                        .limits = {settings.animal_speed_mps, kAnimalAccelerationMps2},
                        .wander_radius_m = settings.wander_radius_m,
                        .dt_s = 1.0 / tick_hz,
                        .tick_hz = static_cast<uint32_t>(tick_hz),
                        .seed = seed} {
  schedule_.Add(
      {.name = "player_motion",
       .reads = kPlayerColumn,
       .writes = world::kBodyColumn | world::kVitalsColumn,
       .context = &player_motion_,
       .rows = [](const void* c) { return static_cast<const PlayerMotion*>(c)->players.size(); },
       .run = [](void* c, world::RowRange rows) { static_cast<PlayerMotion*>(c)->Run(rows); }});
  schedule_.Add(
      {.name = "animal_wandering",
       .reads = kAnimalColumn,
       .writes = kAnimalColumn | world::kBodyColumn | world::kVitalsColumn,
       .context = &animal_wandering_,
       .rows = [](const void* c) { return static_cast<const AnimalWandering*>(c)->animals.size(); },
       .run = [](void* c, world::RowRange rows) { static_cast<AnimalWandering*>(c)->Run(rows); }});
}

core::Status Rules::Populate() {
  for (const Spawn& spawn : game::Populate(settings_, range_, seed_)) {
    const auto id = world_.Create(spawn.kind, spawn.body, {});
    if (!id.ok()) return id.status();
    if (spawn.kind != world::Kind::kAnimal) continue;
    if (core::Status added = animals_.Add(*id, {.home = spawn.body.position, .input = {}});
        !added.ok())
      return added;
  }
  return {};
}

core::Status Rules::AddPlayer(core::EntityId id) {
  PlayerControl control;
  control.input.yaw =
      world_.bodies()[world_.RowOf(id)].yaw;  // a body that was given no command yet stays as it is
  return players_.Add(id, control);
}

void Rules::Forget(core::EntityId id) {
  players_.Remove(id);
  animals_.Remove(id);
}

void Rules::SetInput(core::EntityId id, const motion::MotionInput& input) {
  if (PlayerControl* control = players_.Find(id)) control->input = input;
}

void Rules::Simulate(core::Tick now, core::WorkerPool& workers) {
  animal_wandering_.tick = now;
  schedule_.Run(workers);
}

uint64_t Rules::Hash() const {
  const uint64_t players =
      players_.Hash([](const PlayerControl& control) { return HashOf(control.input); });
  return core::HashCombine(players,
                           animals_.Hash([](const Animal& animal) { return HashOf(animal); }));
}

}  // namespace bluemarble::game
