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

/// An entity's full-precision (combat) state in the sector's frame. Pure; about 20 ns.
protocol::QuantState Quantise(const geo::SectorFrame& frame, const world::Body& body,
                              const world::Vitals& vitals);

class History {
 public:
  /// Address space for `max_entities` rows a tick; pages are touched only for entities that exist.
  explicit History(uint32_t max_entities);

  protocol::QuantState& Row(core::EntityId entity, core::Tick tick) {
    return rows_[(tick % kBaseTicks) * max_entities_ + entity.index()];
  }
  const protocol::QuantState& Row(core::EntityId entity, core::Tick tick) const {
    return rows_[(tick % kBaseTicks) * max_entities_ + entity.index()];
  }

 private:
  struct Free {
    void operator()(protocol::QuantState* rows) const { std::free(rows); }
  };
  size_t max_entities_;
  std::unique_ptr<protocol::QuantState[], Free> rows_;
};

}  // namespace bluemarble::replication
