#include "replication/history.h"

#include <new>

namespace bluemarble::replication {
protocol::QuantState Quantise(const geo::SectorFrame& frame, world::Kind kind,
                              const world::Body& body, const world::Vitals& vitals) {
  const geo::SectorPoint point = frame.ToSector(body.position);
  protocol::QuantState state;
  state.position = {point.east, point.north, point.up};
  if (static_cast<uint8_t>(kind) == protocol::kBodyKind) return state;
  state.yaw = static_cast<uint16_t>(((body.yaw + 32u) >> 6) & 1023u);
  state.health = vitals.health;
  state.animation = vitals.animation & 15;
  return state;
}

History::History(uint32_t max_entities)
    : rows_(static_cast<Row*>(std::aligned_alloc(64, max_entities * kTicks * sizeof(Row)))) {
  static_assert(kTicks * sizeof(Row) % 64 == 0);
  if (!rows_) throw std::bad_alloc();
}

}  // namespace bluemarble::replication
