/// The server-wide history of quantised states: one row per (entity, tick), the last kBaseTicks
/// ticks. A row is what a block of that tick carried, hence what a base of that tick holds (DESIGN
/// §4). Rows are written at most once a tick, by the worker that claims the leaf; afterwards
/// everybody reads.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>

#include "bluemarble/wire.h"
#include "core/ids.h"
#include "geo/grid.h"
#include "protocol/part_codec.h"
#include "world/components.h"

namespace bluemarble::replication {

/// An entity's full-precision (combat) state in the sector's frame: what the wire carries of its
/// kind, the rest 0, as whoever decodes it has it. Pure; about 20 ns.
protocol::QuantState Quantise(const geo::SectorFrame& frame, world::Kind kind,
                              const world::Body& body, const world::Vitals& vitals);

class History {
 public:
  struct alignas(32) Row {
    protocol::QuantState state;
    uint8_t kind = 0;
  };

  /// Address space for kBaseTicks rows an entity; pages are touched only for entities that exist.
  explicit History(uint32_t max_entities);

  Row& At(core::EntityId entity, core::Tick tick) {
    return rows_[entity.index() * kTicks + tick % kTicks];
  }
  const Row& At(core::EntityId entity, core::Tick tick) const {
    return rows_[entity.index() * kTicks + tick % kTicks];
  }

 private:
  static constexpr size_t kTicks = kBaseTicks;
  struct Free {
    void operator()(Row* rows) const { std::free(rows); }
  };
  // An entity's rows together: who is coded against a base reads two or three of them.
  std::unique_ptr<Row[], Free> rows_;
};

}  // namespace bluemarble::replication
