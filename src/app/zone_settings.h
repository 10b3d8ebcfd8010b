/// Everything that decides what a zone does: with these, the seed and the recorded inputs every
/// tick can be computed again. One plain struct per folder; immutable after start-up.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/relief.h"
#include "app/slow_ticks.h"
#include "cluster/shard_map.h"
#include "game/catalogue.h"
#include "game/game_settings.h"
#include "persistence/settings.h"
#include "replication/settings.h"
#include "services/chat/settings.h"
#include "session/settings.h"
#include "world/world.h"

namespace bluemarble::app {

struct TickSettings {
  int hz = 30;  ///< 10..60. Too low: sluggish; too high: CPU and bytes in proportion.
  int workers =
      0;  ///< Threads of the tick, the zone's own included; 0: one less than cores, at most 4.
  /// Nice value of the threads that players wait for, where the system allows it. -20..0.
  int nice = -10;
  /// The tick's threads go before every ordinary thread of the machine, where that is allowed and
  /// there is a core more than `workers`.
  bool realtime = true;
  ReliefSettings relief;
  SlowSettings slow;
};

struct DevSettings {
  bool allow_spawn_position = false;  ///< Loopback peers may choose where they appear.
};

struct ZoneSettings {
  cluster::ShardSettings shard;
  std::vector<cluster::ShardEntry> shards;
  TickSettings tick;
  world::WorldSettings world;
  game::GameSettings game;
  std::vector<game::ItemDefinition> items;  ///< Of the catalogue file; see app/catalogue_file.h.
  session::SessionSettings session;
  chat::ChatSettings chat;
  replication::ReplicationSettings replication;
  persistence::PersistenceSettings persistence;
  DevSettings dev;
  uint64_t seed = 1;  ///< Of a new world; an existing data folder keeps its own.
};

}  // namespace bluemarble::app
