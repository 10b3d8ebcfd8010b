-- What PostgreSQL shards have from the start: extended players, items, currency, world entities, order of events, outbox, inbox.

ALTER TABLE shard_meta ADD COLUMN next_item INTEGER NOT NULL DEFAULT 1;
ALTER TABLE shard_meta ADD COLUMN next_seq INTEGER NOT NULL DEFAULT 1;
ALTER TABLE shard_meta ADD COLUMN holder TEXT NOT NULL DEFAULT '';

ALTER TABLE player ADD COLUMN lon_centideg INTEGER NOT NULL DEFAULT 0;  -- right with the next save
ALTER TABLE player ADD COLUMN lat_centideg INTEGER NOT NULL DEFAULT 0;
CREATE INDEX player_by_place ON player (lon_centideg, lat_centideg);
CREATE INDEX ownership_by_shard ON ownership (shard_id);

CREATE TABLE player_extended (
  player_id INTEGER PRIMARY KEY REFERENCES player (player_id),
  logins INTEGER NOT NULL DEFAULT 0,
  last_login_us INTEGER NOT NULL DEFAULT 0,
  last_logout_us INTEGER NOT NULL DEFAULT 0,
  profile TEXT NOT NULL DEFAULT '{}'
) STRICT;
INSERT INTO player_extended (player_id) SELECT player_id FROM player;

CREATE TABLE item (
  item_id INTEGER PRIMARY KEY,
  version INTEGER NOT NULL CHECK (version >= 1),
  holder INTEGER NOT NULL CHECK (holder >= -1),
  definition INTEGER NOT NULL CHECK (definition > 0),
  quantity INTEGER NOT NULL CHECK (quantity BETWEEN 1 AND 4294967295)
) STRICT;
CREATE INDEX item_by_holder ON item (holder);

CREATE TABLE world_entity (
  entity_id INTEGER PRIMARY KEY,
  kind INTEGER NOT NULL,
  x_m REAL NOT NULL,
  y_m REAL NOT NULL,
  z_m REAL NOT NULL,
  ground_height_m REAL NOT NULL,
  lon_centideg INTEGER NOT NULL,
  lat_centideg INTEGER NOT NULL
) STRICT;
CREATE INDEX world_entity_by_place ON world_entity (lon_centideg, lat_centideg);

CREATE TABLE item_supply (
  definition INTEGER PRIMARY KEY,
  created INTEGER NOT NULL DEFAULT 0,
  destroyed INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE account (
  account_id INTEGER PRIMARY KEY,
  version INTEGER NOT NULL CHECK (version >= 1),
  balance INTEGER NOT NULL,
  CHECK (account_id < 0 OR balance >= 0)
) STRICT;
CREATE TABLE ledger (
  account_id INTEGER NOT NULL,
  version INTEGER NOT NULL,
  amount INTEGER NOT NULL CHECK (amount <> 0),
  balance INTEGER NOT NULL,
  at_us INTEGER NOT NULL,
  cause_player INTEGER NOT NULL,
  cause_key BLOB NOT NULL,
  PRIMARY KEY (account_id, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX ledger_by_cause ON ledger (cause_player, cause_key);
CREATE TRIGGER ledger_is_never_changed BEFORE UPDATE ON ledger
BEGIN
  SELECT RAISE(ABORT, 'the ledger is append-only');
END;
CREATE TRIGGER ledger_is_never_deleted BEFORE DELETE ON ledger
BEGIN
  SELECT RAISE(ABORT, 'the ledger is append-only');
END;

-- The order of events. Those of before get one now: by time, then by aggregate.
DROP TRIGGER event_is_never_changed;
ALTER TABLE event ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
UPDATE event SET seq = o.seq FROM (
  SELECT aggregate_type AS t, aggregate_id AS i, version AS v,
         row_number() OVER (ORDER BY at_us, aggregate_type, aggregate_id, version) AS seq FROM event) AS o
  WHERE aggregate_type = o.t AND aggregate_id = o.i AND version = o.v;
UPDATE shard_meta SET next_seq = (SELECT coalesce(max(seq), 0) + 1 FROM event);
CREATE UNIQUE INDEX event_by_seq ON event (seq);
CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
BEGIN
  SELECT RAISE(ABORT, 'the event table is append-only');
END;

CREATE TABLE outbox (
  message_id INTEGER PRIMARY KEY,
  target_shard TEXT NOT NULL,
  player_id INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  payload BLOB NOT NULL,
  created_us INTEGER NOT NULL,
  delivered_us INTEGER
) STRICT;
CREATE TABLE inbox (
  source_shard TEXT NOT NULL,
  message_id INTEGER NOT NULL,
  player_id INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  payload BLOB NOT NULL,
  received_us INTEGER NOT NULL,
  PRIMARY KEY (source_shard, message_id),
  UNIQUE (player_id, epoch)
) STRICT, WITHOUT ROWID;
