/// What a client holds of the world: parts by (leaf, part number) with their bases, and entities by
/// id, following the ordering rules of proto/WIRE.md "Applying a snapshot". One thread; no network,
/// no clock.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "core/ids.h"
#include "core/result.h"
#include "geo/grid.h"
#include "protocol/part_codec.h"
#include "protocol/snapshot.h"

namespace bluemarble::client {

/// One entity as last received.
struct HeldEntity {
  core::EntityId id;
  uint8_t kind = 0;
  core::Tick tick = 0;  ///< Of the state below.
  ReplicationClass cls = ReplicationClass::kExtended;
  geo::NodeKey leaf;
  protocol::QuantState state;  ///< In the class's units, in the frame of the leaf's sector.
  geo::Vec3 position;          ///< ECEF metres, from `state`.
};

struct ReplicaStats {
  uint64_t parts = 0, entity_updates = 0, part_bytes = 0;
  uint64_t missing_base =
      0;  ///< Parts whose base is not held: a bug of either side; the snapshot is not acked.
  uint64_t malformed = 0;
  uint64_t stale_parts = 0;  ///< Older than what is held: kept as a base only.
};

class Replica {
 public:
  /// Called for each entity when a newer state arrives (held) or when it leaves the view (removed).
  struct Listener {
    virtual ~Listener() = default;
    virtual void OnUpdate(const HeldEntity& entity) = 0;
    virtual void OnRemove(core::EntityId id, core::Tick tick) = 0;
  };

  explicit Replica(int tick_hz, Listener* listener = nullptr);
  ~Replica();
  Replica(Replica&&) noexcept;
  Replica& operator=(Replica&&) noexcept;

  /// Applies the parts and drops of a snapshot whose private block has been read (`reader.Begin`
  /// done). `tick` is the snapshot's full tick. An error means: do not ack this snapshot.
  core::Status Apply(protocol::SnapshotReader& reader, core::Tick tick);

  /// Null when not held.
  const HeldEntity* Find(core::EntityId id) const;
  void ForEach(const std::function<void(const HeldEntity&)>& visit) const;
  size_t entities() const;
  /// Newest state of a part and its tick, for tests; null when not held.
  const protocol::PartState* FindPart(geo::NodeKey leaf, uint8_t part, core::Tick& tick,
                                      ReplicationClass& cls) const;
  const ReplicaStats& stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bluemarble::client
