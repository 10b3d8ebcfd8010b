-- Players, ownership, events and idempotency keys of one shard. Never edit a merged migration: add the next.

-- One row: what the shard is and where its counters stand.
CREATE TABLE shard_meta (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  shard_id TEXT NOT NULL,
  world_seed INTEGER NOT NULL,
  reserved_tick INTEGER NOT NULL,      -- the zone never ran a tick after this one
  next_player INTEGER NOT NULL,
  run INTEGER NOT NULL,                -- openings for writing; part of the zone's own idempotency keys
  cache_generation INTEGER NOT NULL
) STRICT;

-- Current state. x, y, z, ground height, health and yaw are progressive: they follow saved_tick, not version.
CREATE TABLE player (
  player_id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  version INTEGER NOT NULL CHECK (version >= 1),
  created_us INTEGER NOT NULL,
  saved_tick INTEGER NOT NULL,
  x_m REAL NOT NULL,
  y_m REAL NOT NULL,
  z_m REAL NOT NULL,
  ground_height_m REAL NOT NULL,
  health INTEGER NOT NULL,
  yaw INTEGER NOT NULL
) STRICT;

-- The one place that says which shard may write a player.
CREATE TABLE ownership (
  player_id INTEGER PRIMARY KEY REFERENCES player (player_id),
  shard_id TEXT NOT NULL,
  epoch INTEGER NOT NULL CHECK (epoch >= 1)
) STRICT;

CREATE TABLE event (
  aggregate_type INTEGER NOT NULL,
  aggregate_id INTEGER NOT NULL,
  version INTEGER NOT NULL,
  at_us INTEGER NOT NULL,
  tick INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  payload BLOB NOT NULL,
  PRIMARY KEY (aggregate_type, aggregate_id, version)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
BEGIN
  SELECT RAISE(ABORT, 'the event table is append-only');
END;

CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event
BEGIN
  SELECT RAISE(ABORT, 'the event table is append-only');
END;

CREATE TABLE idempotency (
  player_id INTEGER NOT NULL,
  key BLOB NOT NULL,
  request_digest INTEGER NOT NULL,
  at_us INTEGER NOT NULL,
  result BLOB NOT NULL,
  PRIMARY KEY (player_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_by_age ON idempotency (at_us);
