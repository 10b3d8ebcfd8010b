#include "app/settings_persistence.h"

namespace bluemarble::app {
namespace {

using ops::ConfigSchema;
using ops::ConfigSection;

void BindDatabase(ConfigSchema& schema, persistence::DatabaseSettings& database) {
  ConfigSection& s = schema.Section(
      "database",
      "A PostgreSQL shard instead of the embedded store. `zoned migrate up` prepares it.");
  s.Add("url", &database.url,
        {.help = "postgresql://user:password@host:port/database, or libpq's key=value list. Empty: "
                 "SQLite in persistence.data_dir.",
         .secret = true,
         .env_alias = "DATABASE_URL"});
  s.Add("schema", &database.schema,
        {.min = 1,
         .max = 63,
         .help = "Holds the tables; one per shard where shards share a database."});
  s.Add("call_timeout_ms", &database.call_timeout_ms,
        {.min = 100,
         .max = 60000,
         .unit = "ms",
         .help = "A call without an answer for longer is cut, and its outcome read back. Too low: "
                 "a busy disk makes outages; too high: a frozen server holds answers up."});
  s.Add("connect_timeout_ms", &database.connect_timeout_ms,
        {.min = 100,
         .max = 60000,
         .unit = "ms",
         .help = "For making a connection. Too low: a distant server is never reached; too high: a "
                 "dead one is noticed late."});
  s.Add("start_patience_ms", &database.start_patience_ms,
        {.min = 0,
         .max = 600000,
         .unit = "ms",
         .help = "How long a start waits for a database that is away. Too low: both started "
                 "together fail; too high: a wrong address is reported late."});
  s.Add("readers", &database.readers,
        {.min = 1,
         .max = 100,
         .help = "Connections for reading, at most, made when needed. Too low: history and state "
                 "wait; too high: the server's max_connections."});
  s.Add("max_waiting", &database.max_waiting,
        {.min = 0,
         .max = 10000,
         .help = "Callers that may wait for a connection; one more is refused. Too low: bursts are "
                 "refused; too high: they wait in vain."});
  s.Add("wait_ms", &database.wait_ms,
        {.min = 1,
         .max = 60000,
         .unit = "ms",
         .help = "How long each may wait. Too low: bursts are refused; too high: callers hang."});
}

void BindRedis(ConfigSchema& schema, persistence::RedisSettings& redis) {
  ConfigSection& s = schema.Section(
      "redis", "A cache in front of the database. It is never the truth: without it all works.");
  s.Add("url", &redis.url,
        {.help = "redis://user:password@host:port/database. Empty: no cache.",
         .secret = true,
         .env_alias = "REDIS_URL"});
  s.Add("timeout_ms", &redis.timeout_ms,
        {.min = 1,
         .max = 5000,
         .unit = "ms",
         .help = "For connecting and for each call. Too low: hiccups open the circuit; too high: a "
                 "frozen Redis holds answers up that long."});
  s.Add("ttl_s", &redis.ttl_s,
        {.min = 1,
         .max = 86400,
         .unit = "s",
         .help = "How long a value is kept unread. Too low: misses; too high: memory."});
  s.Add("connections", &redis.connections,
        {.min = 1,
         .max = 1000,
         .help = "For reading, at most. Too low: readers wait; too high: descriptors."});
  s.Add("max_waiting", &redis.max_waiting,
        {.min = 0,
         .max = 10000,
         .help = "Callers that may wait for a connection. Too low: bursts go to the database; too "
                 "high: they wait in vain."});
  s.Add(
      "wait_ms", &redis.wait_ms,
      {.min = 1,
       .max = 60000,
       .unit = "ms",
       .help =
           "How long each may wait. Too low: bursts go to the database; too high: callers hang."});
  s.Add("breaker_threshold", &redis.breaker_threshold,
        {.min = 1,
         .max = 1000,
         .help = "Failures in a row that open the circuit. Too low: a hiccup empties the cache; "
                 "too high: a dead Redis costs that many timeouts.",
         .env_alias = "CIRCUIT_BREAKER_THRESHOLD"});
  s.Add("breaker_open_ms", &redis.breaker_open_ms,
        {.min = 10,
         .max = 600000,
         .unit = "ms",
         .help = "How long an open circuit asks nothing. Too low: a dead Redis is asked often; too "
                 "high: a healed one is used late."});
  s.Add("prefix", &redis.prefix,
        {.min = 1, .max = 64, .help = "Of all keys, where several systems share a Redis."});
}

void BindJournal(ConfigSchema& schema, persistence::JournalSettings& journal) {
  ConfigSection& s = schema.Section(
      "journal", "Positions on the local disk until the database has them: <data_dir>/journal.");
  s.Add("enabled", &journal.enabled,
        {.help = "Off: a crash while the database is away loses the players' way since then."});
  s.Add("sync_interval_ms", &journal.sync_interval_ms,
        {.min = 10,
         .max = 1000,
         .unit = "ms",
         .help = "Too low: syncs of the disk in proportion; too high: a crash loses that much more "
                 "of a way."});
  s.Add("segment_bytes", &journal.segment_bytes,
        {.min = 4096,
         .max = 1 << 30,
         .unit = "bytes",
         .help = "Of one file. Too low: many files, rewritten often; too high: disk."});
}

void BindRetention(ConfigSchema& schema, persistence::RetentionSettings& retention) {
  ConfigSection& s = schema.Section(
      "retention", "Of the event table of a PostgreSQL shard; and how long notes are kept.");
  s.Add("partition_days", &retention.partition_days,
        {.min = 1,
         .max = 366,
         .unit = "days",
         .help = "Of one partition. Too low: many tables; too high: coarse retention."});
  s.Add("partitions_ahead", &retention.partitions_ahead,
        {.min = 1,
         .max = 100,
         .help = "Made before they are needed. Too low: a long outage of maintenance fills "
                 "event_default; too high: empty tables."});
  s.Add("keep_days", &retention.keep_days,
        {.min = 0,
         .max = 36500,
         .unit = "days",
         .help = "Event partitions that ended earlier are exported and dropped, looked for every "
                 "hour; 0: all are kept. Too low: history is in files only; too high: disk."});
  s.Add("notes_days", &retention.notes_days,
        {.min = 0,
         .max = 36500,
         .unit = "days",
         .help = "Notes (what was said, who broke which rule) older than this are deleted, in "
                 "either database; 0: never. Too low: gone before anybody complains; too high: "
                 "disk, and what people wrote is kept longer than it is needed."});
  s.Add("archive_dir", &retention.archive_dir,
        {.help = "Where <partition>.jsonl.zst goes. Empty: <data_dir>/archive."});
}

}  // namespace

void BindPersistence(ConfigSchema& schema, persistence::PersistenceSettings& persistence) {
  ConfigSection& s = schema.Section("persistence", "What is kept of the world.");
  s.Add("data_dir", &persistence.data_dir,
        {.help = "Folder of the embedded database, of the journal and of the admin secret; one "
                 "running zoned per folder."});
  s.Add("queue_bytes", &persistence.queue_bytes,
        {.unit = "bytes",
         .help = "Of the queue to the committer. Too low: logins are refused while a commit takes "
                 "long; too high: only memory."});
  s.Add("position_interval_ms", &persistence.position_interval_ms,
        {.min = 50,
         .max = 1000,
         .unit = "ms",
         .help = "What a crash may lose of a player's way. Too low: writes to the disk in "
                 "proportion; too high: players are set back."});
  s.Add("position_group_ms", &persistence.position_group_ms,
        {.min = 0,
         .max = 5000,
         .unit = "ms",
         .help = "Positions that are in the journal wait so long for one transaction of all of "
                 "them. Too low: the disk writes each page for each player on it; too high: "
                 "readers see old positions."});
  s.Add("sample_interval_s", &persistence.sample_interval_s,
        {.min = 10,
         .max = 3600,
         .unit = "s",
         .help = "Between two sample events of a player. Too low: the event table grows in "
                 "proportion; too high: the past is known coarsely."});
  s.Add("max_group", &persistence.max_group,
        {.min = 1,
         .max = 10000,
         .help = "Requests in one transaction. Too low: a flush to disk for few of them; too high: "
                 "one commit takes long, and all of its players wait."});
  s.Add("key_retention_s", &persistence.key_retention_s,
        {.min = 7200,
         .max = 2592000,
         .unit = "s",
         .help = "How long a request is recognised as a repetition. Too low: a late repetition "
                 "counts twice; too high: the table of keys grows."});
  s.Add("check_limit_mib", &persistence.check_limit_mib,
        {.min = 0,
         .max = 1048576,
         .unit = "MiB",
         .help = "A database up to this size is checked wholly at start. Too low: damage is found "
                 "in service only; too high: a start takes long."});
  s.Add("stop_deadline_ms", &persistence.stop_deadline_ms,
        {.min = 100,
         .max = 60000,
         .unit = "ms",
         .help = "How long a stop waits for the last writes. Too low: they are lost and reported; "
                 "too high: a dead disk holds up the stop."});
  s.Add("stall_ms", &persistence.stall_ms,
        {.min = 50,
         .max = 60000,
         .unit = "ms",
         .help = "A store that is silent for longer gets no new requests: they are refused at "
                 "once. Too low: a slow commit refuses players; too high: they wait."});
  BindDatabase(schema, persistence.database);
  BindRedis(schema, persistence.redis);
  BindJournal(schema, persistence.journal);
  BindRetention(schema, persistence.retention);
}

}  // namespace bluemarble::app
