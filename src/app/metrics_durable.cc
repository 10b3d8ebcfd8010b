#include "app/metrics_durable.h"

#include <string>

namespace bluemarble::app {
namespace {

void RegisterCommitter(Registrar& add, const persistence::Committer& committer) {
  const persistence::CommitStats& stats = committer.stats();
  add.Micros("persistence_commit_duration_seconds", "One transaction.", stats.commit_us);
  add.Count("persistence_commits_total", "Durable transactions.", stats.commits);
  add.Count("persistence_writes_ok_total", "Requests done.", stats.writes_ok);
  for (uint8_t i = 1; i < persistence::kRefusals; ++i) {
    const auto refusal = static_cast<persistence::Refusal>(i);
    add.Count("persistence_writes_refused_total", "Requests refused, by reason.", stats.refusals[i],
              {{"reason", std::string(persistence::RefusalName(refusal))}});
  }
  add.Count("persistence_writes_unknown_total", "Requests of unknown outcome.",
            stats.writes_unknown);
  add.Count("persistence_writes_repeated_total", "Requests answered from their key.",
            stats.writes_repeated);
  add.Count("persistence_writes_timed_out_total", "Requests refused after persistence.stall_ms.",
            stats.timed_out);
  add.Count("persistence_groups_rerun_total", "Groups whose rows had changed under them.",
            stats.groups_rerun);
  add.Count("persistence_groups_in_doubt_total", "Groups whose outcome was unknown for a while.",
            stats.in_doubt);
  add.Count("persistence_positions_saved_total", "Positions saved.", stats.positions_saved);
  add.Count("persistence_positions_coalesced_total", "Positions replaced by newer ones.",
            stats.positions_coalesced);
  add.Count("persistence_positions_stale_total", "Positions not newer than the row.",
            stats.positions_stale);
  add.Count("persistence_positions_refused_total", "Positions of players not owned.",
            stats.positions_refused);
  add.Count("persistence_retries_total", "Commits tried again.", stats.retries);
  add.Level("persistence_away_stores", "1 while the store is unavailable.", stats.away);
  add.Level("persistence_lost_shards", "1 when another process took the shard over.",
            stats.lost_ownership);
  add.Level("persistence_positions_waiting_entities", "Positions not yet durable.",
            stats.positions_waiting);
  add.Count("persistence_notes_written_total", "Notes (chat, conduct) that are durable.",
            stats.notes_written);
  add.Level("persistence_notes_waiting_entities", "Notes not yet durable.", stats.notes_waiting);
  add.Read("persistence_queue_used_bytes", "Requests that wait for the committer.",
           [&committer] { return static_cast<double>(committer.queue_used_bytes()); });
  add.CountRead("persistence_queue_refused_total", "Requests that found the queue full.",
                [&committer] { return static_cast<double>(committer.refused_full()); });
  add.CountRead("persistence_unavailable_refused_total",
                "Requests refused at once: the store was away, stalled or stopping.",
                [&committer] { return static_cast<double>(committer.refused_unavailable()); });
}

void RegisterInventories(Registrar& add, const persistence::LiveInventories& inventories) {
  add.Read("live_inventories_entities", "Players whose inventory is read from memory.",
           [&inventories] { return static_cast<double>(inventories.Size()); });
  add.CountRead("live_inventories_misfits_total",
                "Inventories dropped since a change did not fit them.",
                [&inventories] { return static_cast<double>(inventories.misfits()); });
}

void RegisterJournal(Registrar& add, const persistence::Journal& journal) {
  const persistence::JournalStats& stats = journal.stats();
  add.Micros("journal_sync_duration_seconds", "One sync of the journal.", stats.sync_us);
  add.Count("journal_written_bytes_total", "Written to the journal.", stats.bytes);
  add.Count("journal_syncs_total", "Syncs.", stats.syncs);
  add.Count("journal_saves_total", "Positions written.", stats.saves);
  add.Count("journal_failures_total", "Writes and syncs that failed.", stats.failures);
  add.Count("journal_dropped_total", "Records that found the journal's ring full.", stats.dropped);
  add.Level("journal_degraded_files", "1 while the journal cannot be written.", stats.degraded);
  add.Level("journal_waiting_entities", "Players whose newest position is not committed.",
            stats.waiting);
  add.Level("journal_segment_files", "Files of the journal.", stats.segments);
}

void RegisterPool(Registrar& add, const char* pool, const persistence::PoolStats& stats) {
  const ops::MetricLabels label = {{"pool", pool}};
  add.Level("pool_connections", "Connections of a pool.", stats.size, label);
  add.Level("pool_used_connections", "Connections on loan.", stats.in_use, label);
  add.Level("pool_waiting_callers", "Callers in a pool's line.", stats.waiting, label);
  add.Count("pool_made_total", "Connections made.", stats.made, label);
  add.Count("pool_broken_total", "Connections that failed and were dropped.", stats.broken, label);
  add.Count("pool_not_made_total", "Connections that could not be made.", stats.not_made, label);
  add.Count("pool_exhausted_total", "Callers refused.", stats.refused_full,
            {{"pool", pool}, {"reason", "line_full"}});
  add.Count("pool_exhausted_total", "Callers refused.", stats.refused_wait,
            {{"pool", pool}, {"reason", "waited_too_long"}});
  add.Micros("pool_wait_duration_seconds", "Wait of callers who had to stand in line.",
             stats.wait_us, label);
}

void RegisterReads(Registrar& add, const persistence::ReadStats& stats) {
  for (size_t i = 0; i < persistence::kReadKinds; ++i) {
    const auto kind = static_cast<persistence::ReadKind>(i);
    add.Micros("database_read_duration_seconds",
               "One question to the database by a pooled reader, by what it reads.",
               stats.read_us[i], {{"kind", std::string(persistence::ReadKindName(kind))}});
  }
}

void RegisterCache(Registrar& add, const persistence::RedisCache& cache) {
  const persistence::RedisCacheStats& stats = cache.stats();
  for (int i = 0; i < persistence::kCacheKinds; ++i) {
    const auto kind = static_cast<persistence::CacheKind>(i + 1);
    const ops::MetricLabels label = {{"kind", std::string(persistence::CacheKindName(kind))}};
    add.Count("cache_hits_total", "Values found in Redis.", stats.hits[static_cast<size_t>(i)],
              label);
    add.Count("cache_misses_total", "Values not found in Redis.",
              stats.misses[static_cast<size_t>(i)], label);
  }
  add.Count("cache_mismatches_total", "Answers for another key, or damaged.", stats.mismatches);
  add.Count("cache_wrong_type_total", "Keys deleted because they held another type.",
            stats.wrong_type);
  add.Count("cache_too_large_total", "Values over the limit, not cached.", stats.too_large);
  for (size_t i = 1; i < stats.failures.size(); ++i) {
    const auto failure = static_cast<persistence::RedisFailure>(i);
    add.Count("cache_failures_total", "Failed calls, by class.", stats.failures[i],
              {{"reason", std::string(persistence::RedisFailureName(failure))}});
  }
  add.Count("cache_refused_reads_total", "Not asked: the circuit was open.", stats.refused_reads);
  add.Count("cache_refused_puts_total", "Not put: the circuit was open.", stats.refused_puts);
  add.Count("cache_puts_total", "Round trips of write-through.", stats.puts);
  add.Count("cache_put_entries_total", "Values put.", stats.put_entries);
  add.Count("cache_fills_total", "Values put after a miss.", stats.fills);
  add.Count("cache_fills_dropped_total", "Not put after a miss: something newer may have been.",
            stats.fills_dropped);
  add.Count("cache_circuit_opens_total", "Times that the circuit opened.", stats.breaker_opens);
  add.Level("cache_open_circuits", "1 while Redis is not asked.", stats.circuit_open);
  add.Count("cache_generation_raises_total", "Times that all keys changed.",
            stats.generation_raises);
  add.Micros("cache_read_duration_seconds", "One read.", stats.read_us);
  add.Micros("cache_put_duration_seconds", "One round trip of write-through.", stats.put_us);
  RegisterPool(add, "redis", cache.pool_stats());
}

void RegisterLevels(Registrar& add, const persistence::StateService& state) {
  constexpr const char* kLevelNames[] = {"none", "live", "redis", "store"};
  for (int kind = 0; kind < persistence::kCacheKinds - 1; ++kind) {
    for (int level = 1; level < persistence::kLevels; ++level) {
      const auto* count = &state.answered()[static_cast<size_t>(kind)][static_cast<size_t>(level)];
      const auto name = persistence::CacheKindName(static_cast<persistence::CacheKind>(kind + 1));
      add.CountRead("state_answers_total",
                    "Parts of a player's state read, by the level that had them.",
                    [count] { return static_cast<double>(count->load()); },
                    {{"kind", std::string(name)}, {"level", kLevelNames[level]}});
    }
  }
}

void RegisterPostgres(Registrar& add, const persistence::PgStoreStats& stats) {
  add.Count("database_reconnects_total", "Connections of the committer after its first.",
            stats.reconnects);
  add.Count("database_lock_retries_total", "Groups run again after a deadlock.",
            stats.lock_retries);
  add.Count("database_cut_calls_total", "Calls cut after database.call_timeout_ms.",
            stats.cut_calls);
  add.Count("database_rows_refused_total", "Requests that the database itself refused.",
            stats.rows_refused);
}

}  // namespace

void RegisterItems(Registrar& add, const items::ItemStats& stats) {
  constexpr const char* kOutcomes[] = {"ok", "refused", "unknown"};
  for (uint32_t kind = 0; kind < items::kActionKinds; ++kind) {
    for (uint32_t outcome = 0; outcome < items::kActionOutcomes; ++outcome) {
      add.Count("items_answers_total", "Actions answered, by kind and outcome.",
                stats.answers[kind][outcome],
                {{"action", items::ActionKindName(static_cast<items::ActionKind>(kind))},
                 {"outcome", kOutcomes[outcome]}});
    }
  }
  for (uint32_t reason = 1; reason < kActionReasons; ++reason) {
    add.Count("items_refusals_total", "Actions refused, by reason.", stats.refusals[reason],
              {{"reason", ActionReasonName(static_cast<ActionReason>(reason))}});
  }
  add.Count("items_repeated_answers_total", "Answers found by their key.", stats.repeated);
  add.Level("items_in_flight_actions", "Asked of the store and not yet answered.", stats.in_flight);
  add.Count("items_queue_refused_total", "Refused at once: the store was away or its queue full.",
            stats.queue_refused);
  add.Count("items_late_answers_total", "Answers after the player was told unknown.", stats.late);
  add.Count("items_lost_answers_total", "Whoever asked had left.", stats.lost_answers);
  add.Count("items_disagreements_total", "The store refused what memory had found right.",
            stats.disagreements);
  add.Level("items_open_offers", "Trade offers that stand.", stats.offers_open);
  add.Count("items_offers_total", "Trades offered.", stats.offers_made);
  add.Count("items_offers_closed_total", "Trade offers closed, by how.", stats.offers_done,
            {{"how", "done"}});
  add.Count("items_offers_closed_total", "Trade offers closed, by how.", stats.offers_expired,
            {{"how", "expired"}});
  add.Count("items_offers_closed_total", "Trade offers closed, by how.", stats.offers_declined,
            {{"how", "declined"}});
  add.Count("items_offers_closed_total", "Trade offers closed, by how.", stats.offers_dropped,
            {{"how", "dropped"}});
  add.Level("items_inventories", "Players whose things are in memory.", stats.inventories);
  add.Level("items_ground_items", "Items that lie around as entities.", stats.ground_items);
  add.Level("items_ground_waiting_items", "Stored on the ground without room (world.max_entities).",
            stats.ground_waiting);
  add.Count("items_minted_total", "First items of this world made in this run.", stats.minted);
  add.Count("items_unknown_definitions_total", "Items loaded that the catalogue does not know.",
            stats.unknown_definitions);
}

void RegisterDurable(Registrar& add, const DurableSide& durable) {
  RegisterCommitter(add, durable.committer());
  RegisterInventories(add, durable.committer().inventories());
  RegisterJournal(add, durable.journal());
  RegisterPool(add, "database", durable.readers().stats());
  RegisterReads(add, durable.read_stats());
  RegisterLevels(add, durable.state());
  if (durable.cache() != nullptr) RegisterCache(add, *durable.cache());
  if (durable.has_postgres()) RegisterPostgres(add, durable.pg_stats());
}

}  // namespace bluemarble::app
