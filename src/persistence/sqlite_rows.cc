#include "persistence/sqlite_rows.h"

namespace bluemarble::persistence {

StoredPlayer ReadPlayer(const SqliteStatement& from) {
  StoredPlayer player;
  PlayerRow& row = player.row;
  row.player_id = from.Int(0);
  row.version = from.Int(1);
  row.epoch = from.Int(2);
  row.created_us = from.Int(3);
  row.saved_tick = static_cast<uint64_t>(from.Int(4));
  row.state.x_m = from.Real(5);
  row.state.y_m = from.Real(6);
  row.state.z_m = from.Real(7);
  row.state.ground_height_m = from.Real(8);
  row.state.health = static_cast<int32_t>(from.Int(9));
  row.state.yaw = static_cast<uint16_t>(from.Int(10));
  row.name = PlayerName::From(from.Text(11));
  player.owner = from.Text(12);
  return player;
}

ItemRow ReadItem(const SqliteStatement& from) {
  ItemRow item;
  item.item_id = from.Int(0);
  item.version = from.Int(1);
  item.holder = from.Int(2);
  item.definition = static_cast<uint32_t>(from.Int(3));
  item.quantity = static_cast<uint32_t>(from.Int(4));
  item.place = {from.Real(5), from.Real(6), from.Real(7), from.Real(8)};
  return item;
}

AccountRow ReadAccount(const SqliteStatement& from) {
  return {from.Int(0), from.Int(1), from.Int(2)};
}

EventRow ReadEvent(const SqliteStatement& from) {
  EventRow event;
  event.aggregate_type = static_cast<AggregateType>(from.Int(0));
  event.aggregate_id = from.Int(1);
  event.version = from.Int(2);
  event.at_us = from.Int(3);
  event.tick = static_cast<core::Tick>(from.Int(4));
  event.seq = from.Int(5);
  event.kind = static_cast<EventKind>(from.Int(6));
  const auto payload = from.Blob(7);
  event.payload.assign(payload.begin(), payload.end());
  event.epoch = from.Int(8);
  return event;
}

}  // namespace bluemarble::persistence
