/// The console's REST endpoints: who plays, what an entity is, what is of interest to whom,
/// settings in force, health, what operators did, and what they may do to who is in play.
/// proto/CONSOLE.md describes every member. They know nothing of the zone: what they answer comes
/// from the providers.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "api/admin_guard.h"
#include "api/http_server.h"
#include "core/clock.h"
#include "core/result.h"
#include "geo/grid.h"
#include "geo/planet.h"
#include "persistence/account_store.h"

namespace bluemarble::api {

struct ConsolePlayer {
  int64_t player_id = 0, account_id = 0;
  std::string name;
  uint32_t entity = 0;
  bool lingering = false;
  geo::Geodetic place;
  double session_s = 0;
  std::optional<double> ack_age_ms;
  std::optional<double> ping_ms;  ///< Round trip of the transport.
  double bytes_per_s = 0;
  std::string address;
};

struct ConsolePlayers {
  uint64_t tick = 0;
  std::vector<ConsolePlayer> players;
};

struct ConsoleItem {
  int64_t item_id = 0;
  uint32_t definition = 0;
  std::string title;  ///< Empty: the catalogue has it no more.
  uint32_t quantity = 0;
};

struct ConsoleEntity {
  uint64_t tick = 0;
  uint32_t id = 0;
  std::string kind;
  geo::Geodetic place;
  double heading_deg = 0;  ///< Clockwise from north.
  double speed_mps = 0, vertical_speed_mps = 0;
  int health = 0, animation = 0;
  geo::NodeKey leaf;
  uint32_t slot = 0;
  std::optional<ConsolePlayer> player;
  std::optional<ConsoleItem> item;
};

struct ConsoleInterest {
  struct Leaf {
    geo::NodeKey key;
    int cls = 0;  ///< 0 combat, 1 visual, 2 extended.
    uint32_t parts = 0;
  };
  uint64_t tick = 0;
  ConsolePlayer player;
  std::vector<double> radius_m;
  std::vector<Leaf> leaves;
};

struct ConsoleLeaves {
  struct Leaf {
    geo::NodeKey key;
    uint32_t members = 0;
  };
  uint64_t tick = 0;
  bool truncated = false;
  std::vector<Leaf> leaves;
};

struct ConsoleShard {
  std::string id;
  double lon_min = -180, lon_max = 180;
  std::string address;
  bool own = false;
};

struct ConsoleDependency {
  std::string name, state, detail;
};

/// One of them says whom.
struct ConsoleWho {
  int64_t player_id = 0;
  std::string name;
  uint32_t entity = 0;
};

struct ConsoleRectangle {
  double west = 0, south = 0, east = 0, north = 0;

  /// West of `east` may be east of it: over the date line.
  bool Contains(double lat, double lon, double margin_deg = 0) const;
  double width_deg() const { return east >= west ? east - west : east - west + 360; }
  /// False: not finite, out of range, upside down.
  bool valid() const;
};

/// A ball around the rectangle, at the height of the ellipsoid.
struct ConsoleBall {
  geo::GridPoint centre;
  int64_t radius_cm = 0;
};
ConsoleBall BallAround(const ConsoleRectangle& rectangle);
/// What is asked about at close quarters is at most so large across.
inline constexpr double kMaxCloseM = 20'000;

/// What operators do to who is in play.
struct ConsoleAction {
  enum class Kind : uint8_t { kKick, kTeleport, kAnnounce };
  Kind kind = Kind::kKick;
  int64_t player_id = 0;
  geo::Geodetic place;  ///< Of kTeleport; a height that is NaN: the ground's where the player is.
  std::string text;     ///< What is told; may be empty for kKick.
};

/// All are called on threads that may wait (RunsOn::kOwnThreads), several at a time.
struct ConsoleProviders {
  std::function<std::string()> version, shard;
  std::function<double()> uptime_s;
  std::function<std::string()> sample;  ///< A JSON object.
  std::function<std::string()> health;  ///< JSON, as GET /readyz?verbose.
  std::function<std::string()> config;  ///< JSON, an array.
  std::function<std::vector<ConsoleDependency>()> dependencies;
  std::function<std::vector<ConsoleShard>()> shards;
  std::function<bool(double lon_deg)> owns;
  std::function<core::Result<ConsolePlayers>()> players;
  std::function<core::Result<ConsoleEntity>(const ConsoleWho&)> entity;
  std::function<core::Result<ConsoleInterest>(const ConsoleWho&)> interest;
  std::function<core::Result<ConsoleLeaves>(const ConsoleBall&, size_t limit)> leaves;
  /// kFull: try again.
  std::function<core::Status(const ConsoleAction&)> act;
  /// Writes down what is about to be done.
  std::function<core::Status(persistence::LoginEventKind, int64_t account_id,
                             const std::string& name, const std::string& by,
                             const std::string& detail)>
      note;
  std::function<core::Result<std::vector<persistence::LoginEvent>>(size_t limit)> actions;
};

/// Adds them; `guard` and `clock` outlive the router.
void AddConsoleEndpoints(Router& router, ConsoleProviders providers, AdminGuard& guard,
                         const core::Clock& clock);

}  // namespace bluemarble::api
