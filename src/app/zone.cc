#include "app/zone.h"

#include <utility>

#include "core/hash.h"
#include "game/movement.h"
#include "game/spawner.h"
#include "motion/step.h"
#include "net/address.h"

namespace bluemarble::app {
namespace {

aoi::OctreeLimits OctreeLimitsOf(const ZoneSettings& settings) {
  aoi::OctreeLimits limits;
  limits.max_entities = settings.world.max_entities;
  limits.merge_wait_ticks = 2 * settings.tick.hz;
  return limits;
}

uint32_t SessionPlaces(const ZoneSettings& settings) {
  return settings.session.max_players + settings.session.max_pending;
}

items::ItemSettings ItemSettingsOf(const ZoneSettings& settings) {
  items::ItemSettings items;
  items.game = settings.game;
  items.sessions = SessionPlaces(settings);
  // What players, animals and nodes may need is left to them.
  const uint64_t others =
      uint64_t{settings.session.max_players} + settings.game.animals + settings.game.resource_nodes;
  items.ground_capacity = settings.world.max_entities > others
                              ? settings.world.max_entities - static_cast<uint32_t>(others)
                              : 0;
  items.tick_hz = settings.tick.hz;
  items.action_timeout_ms = settings.session.action_timeout_ms;
  items.seed = settings.seed;
  return items;
}

session::SessionTiming TimingOf(const ZoneSettings& settings) {
  return {settings.tick.hz,
          settings.persistence.position_interval_ms,
          settings.persistence.sample_interval_s,
          {settings.game.player_limits.max_speed_mps, settings.game.player_limits.acceleration_mps2,
           settings.tick.hz}};
}

}  // namespace

const char* PhaseName(Phase phase) {
  switch (phase) {
    case Phase::kReceive: return "receive";
    case Phase::kSimulate: return "simulate";
    case Phase::kIndex: return "index";
    case Phase::kInterest: return "interest";
    case Phase::kReplicate: return "replicate";
    case Phase::kCommit: return "commit";
  }
  return "unknown";
}

Zone::Zone(const ZoneSettings& settings, const TickGrant& grant, const ZoneParts& parts)
    : settings_(settings),
      shards_(settings.shard, settings.shards),
      parts_(parts),
      world_(settings.world),
      commands_(SessionPlaces(settings) + items::GroundItems::kChangesPerTick),
      rules_(settings.game, shards_.own_range(), world_, SessionPlaces(settings), settings.tick.hz,
             settings.seed),
      octree_(OctreeLimitsOf(settings)),
      replicator_(settings.replication, settings.tick.hz, parts.transport.max_unreliable_bytes(),
                  world_, octree_, parts.workers),
      items_(ItemSettingsOf(settings), game::Catalogue(settings.items),
             game::GroundItemPlaces(settings.game, shards_.own_range(), settings.seed),
             {parts.store, world_, commands_}),
      chat_({settings.chat, settings.session, settings.tick.hz}, {parts.store, world_}),
      sessions_(settings.session, TimingOf(settings),
                {parts.transport, parts.store, replicator_, *this, parts.clock, items_, chat_}),
      granted_until_(grant.last),
      grant_asked_(grant.last) {
  items_.SendThrough(sessions_);
  chat_.SendThrough(sessions_, sessions_.table());
  created_.reserve(settings.world.max_entities);
  stats_.tick.Set(grant.first - 1);
}

core::Status Zone::Populate() {
  if (core::Status populated = rules_.Populate(); !populated.ok()) return populated;
  created_.assign(world_.ids().begin(), world_.ids().end());
  return {};
}

void Zone::RunTick(const TickInput& input) noexcept {
  owner_.Check();
  const core::Tick now = input.tick;
  int64_t at_ns = parts_.clock.NowNs();
  const auto measure = [&](Phase phase) {
    const auto i = static_cast<size_t>(phase);
    const int64_t began_ns = std::exchange(at_ns, parts_.clock.NowNs());
    last_phases_us_[i] = static_cast<uint32_t>((at_ns - began_ns) / 1000);
    stats_.phase_us[i].Add(last_phases_us_[i]);
  };
  Receive(input);
  measure(Phase::kReceive);
  Simulate(now);
  measure(Phase::kSimulate);
  Index(now);
  measure(Phase::kIndex);
  Interest(now);
  measure(Phase::kInterest);
  Replicate(now, input.scheduled_ns, input.relief);
  measure(Phase::kReplicate);
  const int64_t late_ns = at_ns - input.scheduled_ns;
  stats_.tick_us.Add(late_ns > 0 ? static_cast<uint64_t>(late_ns / 1000) : 0);
  Commit(now);
  measure(Phase::kCommit);
  // Handoff: the shard's border is still a wall, nothing moves over it.
  stats_.tick.Set(now);
  stats_.ticks.Add();
  stats_.entities.Set(world_.count());
  stats_.leaves.Set(octree_.leaves());
}

void Zone::Receive(const TickInput& input) {
  const core::Tick now = input.tick;
  items_.BeginTick(now);
  chat_.BeginTick(now);
  for (const session::BanOrder& ban : input.bans) sessions_.Obey(ban, now);
  for (const session::OperatorOrder& order : input.orders) {
    if (order.kind == session::OperatorOrder::Kind::kAnnounce) {
      chat_.Announce(order.view());
    } else {
      sessions_.Obey(order, now);
    }
  }
  sessions_.ReceiveMessages(now);
  sessions_.ReceiveCompletions(now, [this](core::Tick reserved) {
    if (reserved > granted_until_) granted_until_ = reserved;
  });
  sessions_.Expire(now);
  if (input.stopping)
    sessions_.EndAll(now, DisconnectReason::kServerStopping, "the server is stopping");
  items_.EndReceive();
  chat_.EndReceive();
  ApplyStructure(now);
}

void Zone::ApplyStructure(core::Tick now) {
  commands_.Apply(
      world_,
      [&](core::EntityId id) {
        rules_.Forget(id);
        if (!octree_.Remove(id, now).ok()) stats_.index_failures.Add();
      },
      [&](const world::Creation& wish, const core::Result<core::EntityId>& entity) {
        if (items::GroundItems::IsItem(wish.order)) {
          if (entity.ok()) created_.push_back(*entity);
          items_.OnItemCreated(wish.order, entity);
          return;
        }
        const session::SessionId session{static_cast<uint32_t>(wish.order >> 32),
                                         static_cast<uint32_t>(wish.order)};
        if (entity.ok()) {
          created_.push_back(*entity);
          if (!rules_.AddPlayer(*entity).ok()) stats_.index_failures.Add();
        }
        sessions_.OnCreated(session, entity, now);
      });
}

void Zone::Simulate(core::Tick now) {
  sessions_.ApplyInputs(now, [this](core::EntityId id, const protocol::Command& command) {
    rules_.SetInput(id, {command.move_east, command.move_north, command.yaw, command.buttons});
  });
  rules_.Simulate(now, parts_.workers);
  sessions_.CompareResults(now, &motion::PositionDigest);
}

void Zone::Index(core::Tick now) {
  for (core::EntityId id : created_) {
    const geo::GridPoint at = geo::ToGrid(world_.bodies()[world_.RowOf(id)].position);
    if (!octree_.Insert(id, at, now).ok()) stats_.index_failures.Add();
  }
  created_.clear();
  const auto ids = world_.ids();
  const auto kinds = world_.kinds();
  const auto bodies = world_.bodies();
  for (uint32_t row = 0; row < world_.count(); ++row) {
    if (kinds[row] != world::Kind::kResource && kinds[row] != world::Kind::kItem)
      octree_.Move(ids[row], geo::ToGrid(bodies[row].position), now);
  }
  octree_.Restructure(now);
}

void Zone::Interest(core::Tick now) {
  replicator_.Interest(now);
  octree_.ClearGone();
}

void Zone::Replicate(core::Tick now, int64_t scheduled_ns, const Relief& relief) {
  replicator_.SetRelief(relief.step, relief.dilation_pct);
  replicator_.Replicate(now);
  sessions_.SendSnapshots();
  parts_.transport.Flush(now, scheduled_ns);
}

void Zone::Commit(core::Tick now) {
  sessions_.Save(now);
  const core::Tick grant = TicksOfGrant(settings_.tick.hz);
  if (granted_until_ >= now + grant / 2 || grant_asked_ > granted_until_) return;
  if (parts_.store.ReserveTicks(now + grant).ok()) grant_asked_ = now + grant;
}

uint64_t Zone::Hash() const {
  const uint64_t world = core::HashCombine(world_.Hash(), rules_.Hash());
  const uint64_t players = core::HashCombine(items_.Hash(), chat_.Hash());
  return core::HashCombine(core::HashCombine(world, octree_.StructureHash()),
                           core::HashCombine(players, sessions_.conduct().Hash()));
}

bool Zone::MayChoosePlace(uint32_t address_v4) const {
  return settings_.dev.allow_spawn_position && net::IsLoopback(address_v4);
}

world::Body Zone::BodyAt(const geo::Geodetic& place) const {
  world::Body body = game::BodyAt(place);
  const geo::LongitudeRange& range = shards_.own_range();
  // Exactly on lon_min belongs to us, though rounding may put the point a hair outside.
  if (range.ContainsLongitude(place.lon_deg)) {
    body.position = range.ClampInside(body.position, motion::kWallDepthM);
  }
  body.position = geo::WithHeight(body.position, place.alt_m);
  return body;
}

world::Body Zone::FirstPlace(std::string_view name) const {
  return game::PlayerSpawn(settings_.game, shards_.own_range(), settings_.seed, name);
}

bool Zone::Owns(geo::Vec3 position, std::string& redirect) const {
  if (shards_.own_range().Contains(position)) return true;
  redirect = shards_.AddressOf(geo::ToGeodetic(position).lon_deg);
  return false;
}

core::Status Zone::RequestEntity(session::SessionId session, const world::Body& body,
                                 uint8_t health) {
  world::Vitals vitals;
  vitals.health = health;
  return commands_.Create(
      {uint64_t{session.index} << 32 | session.generation, world::Kind::kPlayer, body, vitals});
}

void Zone::RemoveEntity(core::EntityId entity) {
  if (!commands_.Destroy(entity).ok()) stats_.index_failures.Add();
}

void Zone::StateOf(core::EntityId entity, world::Body& body, world::Vitals& vitals) const {
  const uint32_t row = world_.RowOf(entity);
  body = world_.bodies()[row];
  vitals = world_.vitals()[row];
}

void Zone::PutBack(core::EntityId entity, const world::Body& body) {
  world_.bodies()[world_.RowOf(entity)] = body;
}

void Zone::DescribeZone(protocol::Welcome& welcome) const {
  welcome.tick_hz = static_cast<uint32_t>(settings_.tick.hz);
  welcome.max_speed_mps = settings_.game.player_limits.max_speed_mps;
  welcome.acceleration_mps2 = settings_.game.player_limits.acceleration_mps2;
  for (size_t i = 0; i < kReplicationClasses; ++i) {
    welcome.class_radius_m[i] = settings_.replication.radius_m[i];
    welcome.class_period_ticks[i] = replicator_.period_ticks(static_cast<ReplicationClass>(i));
  }
  welcome.shard_id = settings_.shard.id;
  welcome.lon_min_deg = shards_.own_range().lon_min_deg();
  welcome.lon_max_deg = shards_.own_range().lon_max_deg();
}

}  // namespace bluemarble::app
