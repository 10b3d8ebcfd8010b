#include "persistence/pg_rows.h"

namespace bluemarble::persistence {

StoredPlayer ReadPgPlayer(const PgRows& rows, int row) {
  StoredPlayer player;
  PlayerRow& to = player.row;
  to.player_id = rows.Int(row, 0);
  to.version = rows.Int(row, 1);
  to.epoch = rows.Int(row, 2);
  to.created_us = rows.Int(row, 3);
  to.saved_tick = static_cast<uint64_t>(rows.Int(row, 4));
  to.state.x_m = rows.Float8(row, 5);
  to.state.y_m = rows.Float8(row, 6);
  to.state.z_m = rows.Float8(row, 7);
  to.state.ground_height_m = rows.Float8(row, 8);
  to.state.health = static_cast<int32_t>(rows.Int(row, 9));
  to.state.yaw = static_cast<uint16_t>(rows.Int(row, 10));
  to.name = PlayerName::From(rows.Text(row, 11));
  player.owner = rows.Text(row, 12);
  return player;
}

ItemRow ReadPgItem(const PgRows& rows, int row) {
  ItemRow item;
  item.item_id = rows.Int(row, 0);
  item.version = rows.Int(row, 1);
  item.holder = rows.Int(row, 2);
  item.definition = static_cast<uint32_t>(rows.Int(row, 3));
  item.quantity = static_cast<uint32_t>(rows.Int(row, 4));
  item.place = {rows.Float8(row, 5), rows.Float8(row, 6), rows.Float8(row, 7), rows.Float8(row, 8)};
  return item;
}

AccountRow ReadPgAccount(const PgRows& rows, int row) {
  return {rows.Int(row, 0), rows.Int(row, 1), rows.Int(row, 2)};
}

EventRow ReadPgEvent(const PgRows& rows, int row) {
  EventRow event;
  event.aggregate_type = static_cast<AggregateType>(rows.Int(row, 0));
  event.aggregate_id = rows.Int(row, 1);
  event.version = rows.Int(row, 2);
  event.at_us = rows.Int(row, 3);
  event.tick = static_cast<core::Tick>(rows.Int(row, 4));
  event.seq = rows.Int(row, 5);
  event.kind = static_cast<EventKind>(rows.Int(row, 6));
  const auto payload = rows.Bytes(row, 7);
  event.payload.assign(payload.begin(), payload.end());
  event.epoch = rows.Int(row, 8);
  return event;
}

}  // namespace bluemarble::persistence
