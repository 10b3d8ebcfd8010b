/// What operators ask about the zone as it is now. A question is an object of the asker's with room
/// for its answer; the zone thread fills it after a tick, a bounded part of it each time, without
/// allocating or waiting. One question at a time: askers stand in line.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "app/zone.h"
#include "core/ids.h"
#include "core/result.h"
#include "geo/grid.h"
#include "persistence/rows.h"

namespace bluemarble::app {

/// A player in play.
struct PlayerSeen {
  int64_t player_id = 0, account_id = 0;
  persistence::PlayerName name;
  core::EntityId entity;
  geo::Vec3 position;
  core::Tick entered = 0;
  core::PeerId peer;
  std::optional<core::Tick> ack_age;
  uint64_t snapshot_bytes = 0;
  uint32_t address_v4 = 0;
  bool lingering = false;
};

struct EntitySeen {
  core::EntityId id;
  world::Kind kind = world::Kind::kNone;
  world::Body body;
  world::Vitals vitals;
  geo::NodeKey leaf;
  uint16_t slot = 0;
  std::optional<PlayerSeen> player;
  persistence::ItemRow item;  ///< What lies there; item_id 0: no item.
};

struct LeafSeen {
  geo::NodeKey key;
  uint32_t members = 0;
};

struct PartSeen {
  geo::NodeKey key;
  uint8_t number = 0;
  ReplicationClass cls = ReplicationClass::kCombat;
};

/// Exactly one of the three names whom. A name is found without ASCII case, the exact one first.
struct WhoIsMeant {
  int64_t player_id = 0;
  std::string name;
  core::EntityId entity;
};

class ZoneQuestion {
 public:
  virtual ~ZoneQuestion() = default;
  /// Zone thread. False: more after the next tick.
  virtual bool Answer(Zone& zone, core::Tick now) = 0;
  core::Tick tick = 0;  ///< When it was answered.
};

/// All players in play; those of some hundred places a tick.
class PlayersQuestion final : public ZoneQuestion {
 public:
  explicit PlayersQuestion(uint32_t sessions) { players.reserve(sessions); }
  bool Answer(Zone& zone, core::Tick now) override;
  std::vector<PlayerSeen> players;

 private:
  size_t next_ = 0;
};

class EntityQuestion final : public ZoneQuestion {
 public:
  explicit EntityQuestion(WhoIsMeant who) : who_(std::move(who)) {}
  bool Answer(Zone& zone, core::Tick now) override;
  std::optional<EntitySeen> entity;

 private:
  const WhoIsMeant who_;
};

/// What is of interest to a player.
class InterestQuestion final : public ZoneQuestion {
 public:
  static constexpr size_t kMaxParts = 8192;
  explicit InterestQuestion(WhoIsMeant who) : who_(std::move(who)) { parts.reserve(kMaxParts); }
  bool Answer(Zone& zone, core::Tick now) override;
  std::optional<PlayerSeen> player;
  std::vector<PartSeen> parts;

 private:
  const WhoIsMeant who_;
};

/// Leaves that come near a place.
class LeavesQuestion final : public ZoneQuestion {
 public:
  LeavesQuestion(geo::GridPoint centre, int64_t radius_cm, size_t limit)
      : centre_(centre), radius_cm_(radius_cm) {
    ids_.reserve(limit);
    leaves.reserve(limit);
  }
  bool Answer(Zone& zone, core::Tick now) override;
  std::vector<LeafSeen> leaves;
  bool truncated = false;

 private:
  const geo::GridPoint centre_;
  const int64_t radius_cm_;
  std::vector<aoi::LeafId> ids_;
};

class ZoneQuestions {
 public:
  /// A thread that may wait. kUnavailable: the zone did not answer within a second.
  core::Status Ask(ZoneQuestion& question);
  /// Zone thread, after each tick.
  void Answer(Zone& zone, core::Tick now) noexcept;

 private:
  enum State : int { kIdle, kAsked, kAnswering, kDone };
  std::timed_mutex line_;
  std::atomic<int> state_{kIdle};
  ZoneQuestion* question_ = nullptr;  // of who holds the line
};

}  // namespace bluemarble::app
