/// Settings of the durable side. Immutable after start-up.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bluemarble::persistence {

/// The PostgreSQL shard. Without a url the embedded SQLite store serves, with the same promises.
struct DatabaseSettings {
  /// libpq URI or key=value list; empty: embedded. Secret. DATABASE_URL.
  std::string url;
  /// Schema that holds the tables (one per shard when shards share a database).
  std::string schema = "public";
  /// A call without an answer for longer is cut, and its outcome read back. Too low: a busy disk
  /// makes outages; too high: players wait for "unknown". 100 to 60000.
  int call_timeout_ms = 2000;
  int connect_timeout_ms = 2000;
  /// How long a start waits for a database that is away. 0 to 600000.
  int start_patience_ms = 10'000;
  /// Connections for reading (state, history), at most. 1 to 100.
  int readers = 4;
  /// Who finds no free connection waits in line; the line is this long. 0 to 10000.
  int max_waiting = 100;
  int wait_ms = 5000;
};

struct RedisSettings {
  /// redis://[user:password@]host:port[/database]; empty: no cache. Secret. REDIS_URL.
  std::string url;
  /// For connecting and for each call. Too low: hiccups open the circuit; too high: a dead Redis
  /// holds answers up that long. 1 to 5000.
  int timeout_ms = 50;
  int ttl_s = 1800;
  int connections = 4;
  int max_waiting = 100;
  int wait_ms = 1000;
  /// Failures in a row that open the circuit; CIRCUIT_BREAKER_THRESHOLD. 1 to 1000.
  int breaker_threshold = 3;
  /// How long an open circuit asks nothing. 10 to 600000.
  int breaker_open_ms = 1000;
  std::string prefix = "bm";
};

struct JournalSettings {
  bool enabled = true;
  /// Positions are synced to the journal this often, milliseconds. 10 to 1000.
  int sync_interval_ms = 250;
  /// Bytes of one file. 4096 to 1 GiB.
  uint64_t segment_bytes = 8u << 20;
};

struct RetentionSettings {
  int partition_days = 7;
  int partitions_ahead = 2;
  /// Event partitions older than this are exported and dropped; 0: kept for ever.
  int keep_days = 0;
  /// Notes (chat, conduct) older than this are deleted, in both kinds of database; 0: kept for
  /// ever. 0 to 36500.
  int notes_days = 90;
  /// Where `<partition>.jsonl.zst` goes; empty: <data_dir>/archive.
  std::string archive_dir;
};

struct PersistenceSettings {
  /// Folder of the embedded database and its lock; made when missing. One running zoned per folder.
  std::string data_dir = "data";

  /// Bytes of the queue to the committer, and of the one back. Too low: a slow disk refuses logins
  /// (`kFull`) and delays position saves; too high: only memory. 64 KiB to 1 GiB.
  uint64_t queue_bytes = 4u << 20;

  /// Time between two saves of a player's position, in milliseconds. It bounds what a crash loses.
  /// Too low: disk load; above 1000 the promise of docs/durability.md is broken. 50 to 1000.
  int position_interval_ms = 1000;

  /// With a journal, which keeps the promise meanwhile, positions wait so long for one transaction
  /// of all of them. Too low: each page of the table is written once for each of its players; too
  /// high: readers see old positions. 0 to 5000.
  int position_group_ms = 3000;

  /// Time between two sample events of a player, in seconds. Too low: the event table grows (5,000
  /// players at 60 s: 7 million rows a day); too high: coarse history. 10 to 3600.
  int sample_interval_s = 60;

  /// Most requests in one transaction. Too low: one fsync per few requests; too high: one commit
  /// takes long, and all its players wait. 1 to 10000.
  int max_group = 1000;

  /// How long an idempotency key is remembered, in seconds; a repeat after that is a new request.
  /// Too low: a clock that is set by an hour
  /// forgets requests; too high: disk. 7200 to 2592000.
  int key_retention_s = 259200;

  /// A database file up to this many MiB is checked page by page at start (about 1 s per GiB when
  /// cached); a larger one only where it is read. Too high: slow start. 0 to 1048576.
  int check_limit_mib = 64;

  /// How long shutdown waits for the queue to drain, in milliseconds. Too low: what waits is
  /// reported as lost; too high: a supervisor kills us first. 100 to 60000.
  int stop_deadline_ms = 3000;

  /// A committer that has been in one call for longer takes no new transactional request: it is
  /// refused at once as unavailable. 50 to 60000.
  int stall_ms = 500;

  DatabaseSettings database;
  RedisSettings redis;
  JournalSettings journal;
  RetentionSettings retention;

  /// Appends one line per wrong field, naming it as in the file ("persistence.queue_bytes ...").
  void Validate(std::vector<std::string>& problems) const;
};

}  // namespace bluemarble::persistence
