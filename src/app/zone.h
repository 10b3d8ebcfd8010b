/// The whole zone without threads and clocks of its own: one call is one tick. Given the same
/// settings, start and inputs it reaches the same world hash at every tick, on any worker count
/// (DESIGN §1), so the simulated world, the flight recorder and the daemon all run this very class.
/// Owned by the zone thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aoi/octree.h"
#include "app/relief.h"
#include "app/zone_settings.h"
#include "cluster/shard_map.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/thread_owner.h"
#include "core/worker_pool.h"
#include "game/rules.h"
#include "net/transport.h"
#include "persistence/durable_queue.h"
#include "replication/replicator.h"
#include "services/chat/chat.h"
#include "services/items/actions.h"
#include "session/player_sessions.h"
#include "world/commands.h"
#include "world/world.h"

namespace bluemarble::app {

enum class Phase : uint8_t { kReceive, kSimulate, kIndex, kInterest, kReplicate, kCommit };
inline constexpr int kPhases = 6;
const char* PhaseName(Phase phase);

struct ZoneStats {
  core::Histogram tick_us;  ///< Scheduled start to the last datagram handed over.
  std::array<core::Histogram, kPhases> phase_us;
  core::Counter tick;   ///< The last one that ran.
  core::Counter ticks;  ///< How many ran.
  core::Counter entities;
  core::Counter leaves;
  core::Counter index_failures;  ///< Entities that the octree refused: our own mistake.
};

/// What the zone works with; all of it outlives it.
struct ZoneParts {
  net::Transport& transport;
  persistence::DurableQueue& store;
  core::WorkerPool& workers;
  const core::Clock&
      clock;  ///< For measuring and for rate-limiting the log; never decides anything.
};

/// How many ticks are asked for at a time: a day of them, again when half is left. So the zone
/// outlives a store that is away for twelve hours, and a restart skips at most a day of numbers.
constexpr core::Tick TicksOfGrant(int tick_hz) {
  return core::Tick{24 * 3600} * static_cast<core::Tick>(tick_hz);
}

/// Where a zone's ticks begin: what the store granted at start.
struct TickGrant {
  core::Tick first = 1;
  core::Tick last = 0;  ///< Every tick up to this one may run; more is asked for on the way.
};

/// One tick's outer inputs; recorded with the rest.
struct TickInput {
  core::Tick tick = 0;
  int64_t scheduled_ns = 0;  ///< Measuring only.
  bool stopping = false;     ///< Sends everybody away; state goes out with this and the next ticks.
  std::span<const session::BanOrder> bans = {};         ///< In this order, before all messages.
  std::span<const session::OperatorOrder> orders = {};  ///< Then these.
  Relief relief = {};
};

class Zone final : private session::ZoneAccess {
 public:
  Zone(const ZoneSettings& settings, const TickGrant& grant, const ZoneParts& parts);
  Zone(const Zone&) = delete;
  Zone& operator=(const Zone&) = delete;

  /// Makes the animals and nodes. kFull names the setting. Once, before the first tick.
  core::Status Populate();

  /// Runs one tick. Ticks go up by one each call, from the grant's first. No heap allocation once
  /// warm, but for logins, departures, actions and chat.
  void RunTick(const TickInput& input) noexcept;
  /// Ticks that are not wholly on the wire yet.
  int unsent_ticks() const { return parts_.transport.unsent(); }
  /// False when the store has not confirmed that this tick may be used.
  bool MayRun(core::Tick tick) const { return tick <= granted_until_; }
  /// After a stopping tick: everything that is to be kept has been accepted by the durable queue.
  bool drained() const { return sessions_.empty(); }

  /// O(entities); for the recorder and tests.
  uint64_t Hash() const;

  const ZoneStats& stats() const { return stats_; }
  /// Of the tick that ran last. The zone thread's.
  const std::array<uint32_t, kPhases>& last_phases_us() const { return last_phases_us_; }
  const session::SessionStats& session_stats() const { return sessions_.stats(); }
  const replication::ReplicationStats& replication_stats() const { return replicator_.stats(); }
  const session::ConductBoard& conduct_board() const { return sessions_.conduct().board(); }
  const items::ItemStats& item_stats() const { return items_.stats(); }
  const chat::ChatStats& chat_stats() const { return chat_.stats(); }
  /// Who is in play; any thread may ask.
  const session::Presence& presence() const { return sessions_.presence(); }

  // For tests, between ticks.
  const world::World& world() const { return world_; }
  const aoi::Octree& octree() const { return octree_; }
  const replication::Replicator& replicator() const { return replicator_; }
  session::PlayerSessions& sessions() { return sessions_; }
  const items::ItemActions& items() const { return items_; }
  const geo::LongitudeRange& range() const { return shards_.own_range(); }
  /// The thread that runs the ticks from now on.
  void BindThread() { owner_.Bind(); }

 private:
  void Receive(const TickInput& input);
  void Simulate(core::Tick now);
  void Index(core::Tick now);
  void Interest(core::Tick now);
  void Replicate(core::Tick now, int64_t scheduled_ns, const Relief& relief);
  void Commit(core::Tick now);
  void ApplyStructure(core::Tick now);

  bool MayChoosePlace(uint32_t address_v4) const override;
  world::Body BodyAt(const geo::Geodetic& place) const override;
  world::Body FirstPlace(std::string_view name) const override;
  bool Owns(geo::Vec3 position, std::string& redirect) const override;
  core::Status RequestEntity(session::SessionId session, const world::Body& body,
                             uint8_t health) override;
  void RemoveEntity(core::EntityId entity) override;
  void StateOf(core::EntityId entity, world::Body& body, world::Vitals& vitals) const override;
  void PutBack(core::EntityId entity, const world::Body& body) override;
  void DescribeZone(protocol::Welcome& welcome) const override;

  const ZoneSettings settings_;
  const cluster::ShardMap shards_;
  ZoneParts parts_;
  core::ThreadOwner owner_;
  world::World world_;
  world::Commands commands_;
  game::Rules rules_;
  aoi::Octree octree_;
  replication::Replicator replicator_;
  items::ItemActions items_;
  chat::Chat chat_;
  session::PlayerSessions sessions_;
  std::vector<core::EntityId> created_;  // in this tick, not yet in the octree
  core::Tick granted_until_;
  core::Tick grant_asked_;  // up to which more was asked for
  ZoneStats stats_;
  std::array<uint32_t, kPhases> last_phases_us_{};
};

}  // namespace bluemarble::app
