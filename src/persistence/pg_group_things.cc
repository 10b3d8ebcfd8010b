// What PgGroup writes besides players: items, gold, events, answers.
#include <algorithm>

#include "persistence/pg_group.h"
#include "persistence/pg_wire.h"

namespace bluemarble::persistence {
namespace {

using Type = PgArray::Type;

}  // namespace

void PgGroup::WriteItems(PgPipeline& to, const GroupChanges& changes) {
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
    to.Send("delete_items", PgParameters().Array(gone_ids).Array(gone_before), gone_ids.size(),
            "item to delete");
  }
  if (new_ids.size() != 0) {
    to.Send("insert_items", PgParameters()
                                .Array(new_ids)
                                .Array(new_versions)
                                .Array(new_holders)
                                .Array(new_definitions)
                                .Array(new_quantities));
  }
  if (ids.size() != 0) {
    to.Send("update_items",
            PgParameters()
                .Array(ids)
                .Array(before)
                .Array(versions)
                .Array(holders)
                .Array(definitions)
                .Array(quantities),
            ids.size(), "item");
  }
  WriteGround(to, changes.items);
}

void PgGroup::WriteGround(PgPipeline& to, const std::vector<RowChange<ItemRow>>& changes) {
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
    to.Send("take_off_ground", PgParameters().Array(taken), taken.size(), "place of an item");
  }
  if (ids.size() == 0) return;
  to.Send("put_on_ground",
          PgParameters().Array(ids).Array(x).Array(y).Array(z).Array(ground).Array(lon).Array(lat),
          ids.size(), "thing in the world of an item's number");
}

void PgGroup::WriteAccounts(PgPipeline& to, const GroupChanges& changes) {
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
    to.Send("insert_accounts",
            PgParameters().Array(new_ids).Array(new_versions).Array(new_balances));
  }
  if (ids.size() == 0) return;
  to.Send("update_accounts",
          PgParameters().Array(ids).Array(before).Array(versions).Array(balances), ids.size(),
          "account");
}

void PgGroup::WriteLedger(PgPipeline& to, const std::vector<LedgerInsert>& ledger) {
  if (ledger.empty()) return;
  PgArray accounts(Type::kInt8), versions(Type::kInt8), amounts(Type::kInt8), balances(Type::kInt8),
      at_us(Type::kInt8), players(Type::kInt8), keys(Type::kBytes);
  for (const LedgerInsert& entry : ledger) {
    accounts.Int8(entry.account_id);
    versions.Int8(entry.version);
    amounts.Int8(entry.amount);
    balances.Int8(entry.balance);
    at_us.Int8(entry.at_us);
    players.Int8(entry.cause.player_id);
    keys.Bytes(entry.cause.key);
  }
  to.Send("insert_ledger", PgParameters()
                               .Array(accounts)
                               .Array(versions)
                               .Array(amounts)
                               .Array(balances)
                               .Array(at_us)
                               .Array(players)
                               .Array(keys));
}

void PgGroup::WriteEvents(PgPipeline& to, const std::vector<EventRow>& events) {
  if (events.empty()) return;
  PgArray types(Type::kInt2), ids(Type::kInt8), versions(Type::kInt8), at_us(Type::kInt8),
      seqs(Type::kInt8), ticks(Type::kInt8), kinds(Type::kInt2), payloads(Type::kBytes),
      epochs(Type::kInt8);
  for (const EventRow& event : events) {
    types.Int2(static_cast<int16_t>(event.aggregate_type));
    ids.Int8(event.aggregate_id);
    versions.Int8(event.version);
    at_us.Int8(event.at_us);
    seqs.Int8(event.seq);
    ticks.Int8(static_cast<int64_t>(event.tick));
    kinds.Int2(static_cast<int16_t>(event.kind));
    payloads.Bytes(event.payload);
    epochs.Int8(event.epoch);
  }
  to.Send("insert_events", PgParameters()
                               .Array(types)
                               .Array(ids)
                               .Array(versions)
                               .Array(at_us)
                               .Array(seqs)
                               .Array(ticks)
                               .Array(kinds)
                               .Array(payloads)
                               .Array(epochs));
}

void PgGroup::WriteKeys(PgPipeline& to, const std::vector<KeyInsert>& keys) {
  if (keys.empty()) return;
  PgArray players(Type::kInt8), bytes(Type::kUuid), digests(Type::kInt8), at_us(Type::kInt8),
      results(Type::kBytes);
  for (const KeyInsert& insert : keys) {
    players.Int8(insert.key.player_id);
    bytes.Bytes(insert.key.bytes);
    digests.Int8(static_cast<int64_t>(insert.digest));
    at_us.Int8(insert.at_us);
    results.Bytes(insert.result);
  }
  to.Send("insert_keys",
          PgParameters().Array(players).Array(bytes).Array(digests).Array(at_us).Array(results));
}

void PgGroup::WriteSupply(PgPipeline& to, const std::vector<SupplyChange>& supply) {
  if (supply.empty()) return;
  PgArray definitions(Type::kInt4), created(Type::kInt8), destroyed(Type::kInt8);
  for (const SupplyChange& change : supply) {
    definitions.Int4(static_cast<int32_t>(change.definition));
    created.Int8(change.created);
    destroyed.Int8(change.destroyed);
  }
  to.Send("add_supply", PgParameters().Array(definitions).Array(created).Array(destroyed));
}

}  // namespace bluemarble::persistence
