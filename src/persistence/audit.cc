#include "persistence/audit.h"

namespace bluemarble::persistence {
namespace {

// The newest event's version per aggregate must be its row's. An aggregate may have lost all its
// events to retention, but only when the first event of all is gone as well.
#define BM_VERSION_AUDIT(table, id, type)                              \
  "SELECT count(*) FROM " table                                        \
  " s WHERE s.version <> coalesce("                                    \
  "(SELECT max(e.version) FROM event e WHERE e.aggregate_type = " type \
  " AND e.aggregate_id = "                                             \
  "s." id "), CASE WHEN coalesce((SELECT min(seq) FROM event), 1) = 1 THEN 0 ELSE s.version END)"

constexpr AuditQuery kQueries[] = {
    {"gold_sum", "sum of all balances, the system's accounts included",
     "SELECT CAST(coalesce(sum(balance), 0) AS bigint) FROM account", true},
    {"gold_accounts_off_ledger", "accounts whose balance is not the sum of their ledger rows",
     "SELECT count(*) FROM (SELECT account_id FROM "
     "(SELECT account_id, balance AS amount FROM account UNION ALL "
     "SELECT account_id, -amount FROM ledger) AS sides "
     "GROUP BY account_id HAVING sum(amount) <> 0) AS wrong",
     true},
    {"gold_ledger_ends_wrong", "accounts whose last ledger row says another balance or is missing",
     "SELECT count(*) FROM account a LEFT JOIN ledger l "
     "ON l.account_id = a.account_id AND l.version = a.version "
     "WHERE l.balance IS NULL OR l.balance <> a.balance",
     true},
    {"gold_causes_unbalanced", "requests whose ledger rows do not sum to zero",
     "SELECT count(*) FROM (SELECT cause_player, cause_key FROM ledger "
     "GROUP BY cause_player, cause_key HAVING sum(amount) <> 0) AS wrong",
     true},
    {"gold_negative", "players with less than nothing",
     "SELECT count(*) FROM account WHERE account_id > 0 AND balance < 0", true},
    {"items_off_supply", "definitions whose items do not add up to what was made and used up",
     "SELECT count(*) FROM (SELECT definition FROM "
     "(SELECT definition, quantity FROM item UNION ALL "
     "SELECT definition, destroyed - created FROM item_supply) AS sides "
     "GROUP BY definition HAVING sum(quantity) <> 0) AS wrong",
     true},
    {"items_without_holder", "items held by a player who does not exist",
     "SELECT count(*) FROM item i WHERE i.holder > 0 AND NOT EXISTS "
     "(SELECT 1 FROM player p WHERE p.player_id = i.holder)",
     true},
    {"items_without_place", "items that lie on the ground nowhere",
     "SELECT count(*) FROM item i WHERE i.holder = 0 AND NOT EXISTS "
     "(SELECT 1 FROM world_entity w WHERE w.entity_id = i.item_id AND w.kind = 4)",
     true},
    {"places_without_item", "places on the ground whose item is gone or held by somebody",
     "SELECT count(*) FROM world_entity w WHERE w.kind = 4 AND NOT EXISTS "
     "(SELECT 1 FROM item i WHERE i.item_id = w.entity_id AND i.holder = 0)",
     true},
    {"players_without_one_owner", "players with no ownership row, or several",
     "SELECT count(*) FROM player p WHERE "
     "(SELECT count(*) FROM ownership o WHERE o.player_id = p.player_id) <> 1",
     true},
    {"players_of_another_shard", "players whose ownership row names another shard",
     "SELECT count(*) FROM ownership o WHERE o.shard_id <> (SELECT m.shard_id FROM shard_meta m)",
     true},
    {"ownership_epochs_wrong", "ownership rows with an epoch below 1 or of nobody",
     "SELECT count(*) FROM ownership o WHERE o.epoch < 1 OR NOT EXISTS "
     "(SELECT 1 FROM player p WHERE p.player_id = o.player_id)",
     true},
    // Of a player and his account: nobody wrote under an epoch that was over, or not yet there.
    {"event_epochs_wrong",
     "events of an older epoch than one before them, or of a newer one than the owner's",
     "SELECT count(*) FROM (SELECT aggregate_id, epoch, max(epoch) OVER ("
     "PARTITION BY aggregate_type, aggregate_id ORDER BY version "
     "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached "
     "FROM event WHERE aggregate_type IN (1, 3) AND aggregate_id > 0) AS e "
     "LEFT JOIN ownership o ON o.player_id = e.aggregate_id "
     "WHERE e.epoch < e.reached OR e.epoch > o.epoch",
     true},
    {"player_versions_off_events", "players whose version is not their newest event's",
     BM_VERSION_AUDIT("player", "player_id", "1"), true},
    {"item_versions_off_events", "items whose version is not their newest event's",
     BM_VERSION_AUDIT("item", "item_id", "2"), true},
    {"account_versions_off_events", "accounts whose version is not their newest event's",
     BM_VERSION_AUDIT("account", "account_id", "3"), true},
    {"event_version_gaps", "aggregates whose kept events are not one per version",
     "SELECT count(*) FROM (SELECT aggregate_type, aggregate_id FROM event "
     "GROUP BY aggregate_type, aggregate_id "
     "HAVING count(*) <> max(version) - min(version) + 1 OR count(DISTINCT version) <> count(*)) "
     "AS wrong",
     true},
    {"event_seq_gaps", "numbers missing in the order of the kept events",
     "SELECT coalesce(max(seq) - min(seq) + 1, 0) - count(DISTINCT seq) FROM event", true},
    {"event_seq_duplicates", "events that share their place in the order with another",
     "SELECT count(*) - count(DISTINCT seq) FROM event", true},
    {"event_seq_off_counter", "1 when the next event would not follow the newest",
     "SELECT count(*) FROM shard_meta m WHERE m.next_seq <> "
     "coalesce((SELECT max(seq) + 1 FROM event), m.next_seq)",
     true},
    {"keys_without_result", "idempotency keys that say nothing of the outcome",
     "SELECT count(*) FROM idempotency WHERE length(result) < 4", true},
    {"players", "players", "SELECT count(*) FROM player", false},
    {"items", "items, stacks counted once", "SELECT count(*) FROM item", false},
    {"items_on_ground", "items that lie in the world", "SELECT count(*) FROM item WHERE holder = 0",
     false},
    {"gold_in_circulation", "sum of the players' balances",
     "SELECT CAST(coalesce(sum(balance), 0) AS bigint) FROM account WHERE account_id > 0", false},
    {"events", "kept events", "SELECT count(*) FROM event", false},
    {"keys", "remembered idempotency keys", "SELECT count(*) FROM idempotency", false},
};
#undef BM_VERSION_AUDIT

constexpr const char* kPrepared = "prepared_transactions";
constexpr const char* kPreparedWhat = "prepared transactions that are neither committed nor undone";

constexpr AuditQuery kPostgresQueries[] = {
    {"events_outside_partitions", "events whose time no partition was made for",
     "SELECT count(*) FROM event_default", true},
    {kPrepared, kPreparedWhat,
     "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()", true},
};
constexpr AuditQuery kSqliteQueries[] = {{kPrepared, kPreparedWhat, "SELECT 0", true}};

}  // namespace

std::span<const AuditQuery> AuditQueries() { return kQueries; }

std::span<const AuditQuery> PostgresAuditQueries() { return kPostgresQueries; }

std::span<const AuditQuery> SqliteAuditQueries() { return kSqliteQueries; }

AuditLine ToLine(const AuditQuery& query, int64_t value) {
  return {query.name, value, query.must_be_zero, query.what, query.sql};
}

}  // namespace bluemarble::persistence
