/// What sessions need of the zone around them: the world, the shard's range and the game's places.
/// Implemented by app/ and by tests. Called by the zone thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/ids.h"
#include "core/result.h"
#include "geo/planet.h"
#include "protocol/control.h"
#include "session/session_table.h"
#include "world/components.h"

namespace bluemarble::session {

class ZoneAccess {
 public:
  virtual ~ZoneAccess() = default;

  /// May a peer of this address choose where it appears? (development setting)
  virtual bool MayChoosePlace(uint32_t address_v4) const = 0;
  virtual world::Body BodyAt(const geo::Geodetic& place) const = 0;
  /// Where a player of that name appears for the first time.
  virtual world::Body FirstPlace(std::string_view name) const = 0;
  /// Does this shard own the place? When not, `redirect` becomes the owner's HTTP address, if
  /// known.
  virtual bool Owns(geo::Vec3 position, std::string& redirect) const = 0;

  /// Asks for the player's entity; the answer is PlayerSessions::OnCreated in the same tick.
  virtual core::Status RequestEntity(SessionId session, const world::Body& body,
                                     uint8_t health) = 0;
  virtual void RemoveEntity(core::EntityId entity) = 0;
  /// The state of a living entity.
  virtual void StateOf(core::EntityId entity, world::Body& body, world::Vitals& vitals) const = 0;
  /// Undoes a movement of a living entity that cannot have been.
  virtual void PutBack(core::EntityId entity, const world::Body& body) = 0;
  /// Fills what does not depend on the player: rates, limits, classes, range.
  virtual void DescribeZone(protocol::Welcome& welcome) const = 0;
};

}  // namespace bluemarble::session
