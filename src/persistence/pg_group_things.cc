// What PgGroup writes besides players: items, gold, events, answers.
#include <algorithm>

#include "persistence/pg_group.h"
#include "persistence/pg_wire.h"

namespace bluemarble::persistence {
namespace {

using Type = PgArray::Type;

void Expect(int64_t affected, int64_t expected, const char* what) {
  if (affected != expected) throw PgMismatch(what);
}

}  // namespace

void PgGroup::WriteItems(const GroupChanges& changes) {
  PgArray new_ids(Type::kInt8), new_versions(Type::kInt8), new_holders(Type::kInt8),
      new_definitions(Type::kInt4), new_quantities(Type::kInt8);
  PgArray ids(Type::kInt8), before(Type::kInt8), versions(Type::kInt8), holders(Type::kInt8),
      definitions(Type::kInt4), quantities(Type::kInt8);
  PgArray gone_ids(Type::kInt8), gone_before(Type::kInt8);
  for (const RowChange<ItemRow>& change : changes.items) {
    const ItemRow& item = change.row;
    if (change.gone) {
      gone_ids.Int8(item.item_id);
      gone_before.Int8(change.version_before);
    } else if (change.version_before == 0) {
      new_ids.Int8(item.item_id);
      new_versions.Int8(item.version);
      new_holders.Int8(item.holder);
      new_definitions.Int4(static_cast<int32_t>(item.definition));
      new_quantities.Int8(item.quantity);
    } else {
      ids.Int8(item.item_id);
      before.Int8(change.version_before);
      versions.Int8(item.version);
      holders.Int8(item.holder);
      definitions.Int4(static_cast<int32_t>(item.definition));
      quantities.Int8(item.quantity);
    }
  }
  if (gone_ids.size() != 0) {
    const PgRows done = PgExecPrepared(connection_, "delete_items",
                                       PgParameters().Array(gone_ids).Array(gone_before));
    Expect(done.affected(), gone_ids.size(), "an item to delete was not as it had been read");
  }
  if (new_ids.size() != 0) {
    PgExecPrepared(connection_, "insert_items",
                   PgParameters()
                       .Array(new_ids)
                       .Array(new_versions)
                       .Array(new_holders)
                       .Array(new_definitions)
                       .Array(new_quantities));
  }
  if (ids.size() != 0) {
    const PgRows done = PgExecPrepared(connection_, "update_items",
                                       PgParameters()
                                           .Array(ids)
                                           .Array(before)
                                           .Array(versions)
                                           .Array(holders)
                                           .Array(definitions)
                                           .Array(quantities));
    Expect(done.affected(), ids.size(), "an item was not as it had been read");
  }
  WriteGround(changes.items);
}

void PgGroup::WriteGround(const std::vector<RowChange<ItemRow>>& changes) {
  PgArray ids(Type::kInt8), x(Type::kFloat8), y(Type::kFloat8), z(Type::kFloat8),
      ground(Type::kFloat8), lon(Type::kInt4), lat(Type::kInt4), taken(Type::kInt8);
  for (const RowChange<ItemRow>& change : changes) {
    const ItemRow& item = change.row;
    if (!change.gone && item.holder == kHeldByWorld) {
      const CentiDegrees place = CentiDegreesAt(item.place.x_m, item.place.y_m, item.place.z_m);
      ids.Int8(item.item_id);
      x.Float8(item.place.x_m);
      y.Float8(item.place.y_m);
      z.Float8(item.place.z_m);
      ground.Float8(item.place.ground_height_m);
      lon.Int4(place.lon);
      lat.Int4(place.lat);
    } else if (on_ground_.contains(item.item_id)) {
      taken.Int8(item.item_id);
    }
  }
  if (taken.size() != 0) {
    const PgRows done = PgExecPrepared(connection_, "take_off_ground", PgParameters().Array(taken));
    Expect(done.affected(), taken.size(), "an item on the ground had no place");
  }
  if (ids.size() == 0) return;
  const PgRows done = PgExecPrepared(
      connection_, "put_on_ground",
      PgParameters().Array(ids).Array(x).Array(y).Array(z).Array(ground).Array(lon).Array(lat));
  Expect(done.affected(), ids.size(), "an item's number is another thing's in the world");
}

void PgGroup::WriteAccounts(const GroupChanges& changes) {
  PgArray new_ids(Type::kInt8), new_versions(Type::kInt8), new_balances(Type::kInt8);
  PgArray ids(Type::kInt8), before(Type::kInt8), versions(Type::kInt8), balances(Type::kInt8);
  for (const RowChange<AccountRow>& change : changes.accounts) {
    const bool made = change.version_before == 0;
    (made ? new_ids : ids).Int8(change.row.account_id);
    (made ? new_versions : versions).Int8(change.row.version);
    (made ? new_balances : balances).Int8(change.row.balance);
    if (!made) before.Int8(change.version_before);
  }
  if (new_ids.size() != 0) {
    PgExecPrepared(connection_, "insert_accounts",
                   PgParameters().Array(new_ids).Array(new_versions).Array(new_balances));
  }
  if (ids.size() == 0) return;
  const PgRows done =
      PgExecPrepared(connection_, "update_accounts",
                     PgParameters().Array(ids).Array(before).Array(versions).Array(balances));
  Expect(done.affected(), ids.size(), "an account was not as it had been read");
}

void PgGroup::WriteLedger(const std::vector<LedgerInsert>& ledger) {
  if (ledger.empty()) return;
  PgCopy copy(connection_,
              "COPY ledger (account_id, version, amount, balance, at_us, cause_player, cause_key)"
              " FROM STDIN (FORMAT binary)",
              7);
  for (const LedgerInsert& entry : ledger) {
    copy.Row();
    copy.Int8(entry.account_id);
    copy.Int8(entry.version);
    copy.Int8(entry.amount);
    copy.Int8(entry.balance);
    copy.Int8(entry.at_us);
    copy.Int8(entry.cause.player_id);
    copy.Bytes(entry.cause.key);
  }
  copy.Finish();
}

void PgGroup::WriteEvents(const std::vector<EventRow>& events) {
  if (events.empty()) return;
  PgCopy copy(connection_,
              "COPY event (aggregate_type, aggregate_id, version, at_us, seq, tick, kind, payload)"
              " FROM STDIN (FORMAT binary)",
              8);
  for (const EventRow& event : events) {
    copy.Row();
    copy.Int2(static_cast<int16_t>(event.aggregate_type));
    copy.Int8(event.aggregate_id);
    copy.Int8(event.version);
    copy.Int8(event.at_us);
    copy.Int8(event.seq);
    copy.Int8(static_cast<int64_t>(event.tick));
    copy.Int2(static_cast<int16_t>(event.kind));
    copy.Bytes(event.payload);
  }
  copy.Finish();
}

void PgGroup::WriteKeys(const std::vector<KeyInsert>& keys) {
  if (keys.empty()) return;
  PgCopy copy(connection_,
              "COPY idempotency (player_id, key, request_digest, at_us, result)"
              " FROM STDIN (FORMAT binary)",
              5);
  for (const KeyInsert& insert : keys) {
    copy.Row();
    copy.Int8(insert.key.player_id);
    copy.Bytes(insert.key.bytes);
    copy.Int8(static_cast<int64_t>(insert.digest));
    copy.Int8(insert.at_us);
    copy.Bytes(insert.result);
  }
  copy.Finish();
}

void PgGroup::WriteSupply(const std::vector<SupplyChange>& supply) {
  if (supply.empty()) return;
  PgArray definitions(Type::kInt4), created(Type::kInt8), destroyed(Type::kInt8);
  for (const SupplyChange& change : supply) {
    definitions.Int4(static_cast<int32_t>(change.definition));
    created.Int8(change.created);
    destroyed.Int8(change.destroyed);
  }
  PgExecPrepared(connection_, "add_supply",
                 PgParameters().Array(definitions).Array(created).Array(destroyed));
}

}  // namespace bluemarble::persistence
