/// The console as a part of the daemon: what the zone thread does for it after each tick, and what
/// answers its endpoints. Built and closed by the main thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "api/console_endpoints.h"
#include "api/console_live.h"
#include "app/archivist.h"
#include "app/auth_side.h"
#include "app/console_sampler.h"
#include "app/settings.h"
#include "app/zone_loop.h"
#include "app/zone_orders.h"
#include "app/zone_questions.h"
#include "ops/health.h"
#include "ops/metrics.h"
#include "replication/world_feed.h"

namespace bluemarble::app {

/// The zone thread's part: outlives the loop.
class ConsoleWatch final : public ZoneWatcher {
 public:
  ConsoleWatch(const replication::FeedSettings& settings, int tick_hz, const Zone& zone)
      : feed_(settings, tick_hz, zone.world(), zone.octree()) {}

  void AfterTick(Zone& zone, core::Tick now) noexcept override {
    feed_.Write(now);
    questions_.Answer(zone, now);
  }
  replication::WorldFeed& feed() { return feed_; }
  ZoneQuestions& questions() { return questions_; }

 private:
  replication::WorldFeed feed_;
  ZoneQuestions questions_;
};

/// All outlive the side.
struct ConsoleParts {
  const Settings& settings;
  ConsoleWatch& watch;
  ZoneOrders& orders;
  AuthSide& auth;
  api::AdminGuard& guard;
  const ops::Health& health;
  const Archivist* archivist;  ///< Null: nothing is archived.
  Counted counted;
  const core::Clock& clock;
  std::function<std::string()> config;  ///< Any thread: settings in force, as JSON.
  /// Any thread: to a peer and back; 0: not known.
  std::function<uint32_t(core::PeerId)> round_trip_ms;
};

class ConsoleSide {
 public:
  explicit ConsoleSide(const ConsoleParts& parts);
  ~ConsoleSide();

  /// This object outlives the server.
  void AddEndpoints(api::Router& router);
  core::Status RegisterMetrics(ops::MetricsRegistry& registry) const;

 private:
  core::Result<api::ConsolePlayers> Players();
  core::Result<api::ConsoleEntity> Entity(const api::ConsoleWho& who);
  core::Result<api::ConsoleInterest> Interest(const api::ConsoleWho& who);
  core::Result<api::ConsoleLeaves> Leaves(const api::ConsoleBall& ball, size_t limit);
  core::Status Act(const api::ConsoleAction& action);
  std::vector<api::ConsoleDependency> Dependencies() const;
  std::vector<api::ConsoleShard> Shards() const;
  api::ConsolePlayer PlayerOf(const PlayerSeen& seen, core::Tick now) const;
  api::LiveProviders Live();
  std::string Hello() const;
  void AddFolders(api::Router& router);

  ConsoleParts parts_;
  const int hz_;
  const int64_t started_ns_;
  ConsoleSampler sampler_;

  std::mutex players_mutex_;
  api::ConsolePlayers players_;
  int64_t players_ns_ = 0;
  struct Sent {
    uint64_t bytes = 0;
    int64_t at_ns = 0;
  };
  std::unordered_map<int64_t, Sent> sent_;  // by player, at the look before

  std::unique_ptr<api::ConsoleLive> live_;
};

}  // namespace bluemarble::app
