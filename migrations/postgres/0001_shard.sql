-- One shard: players, items, currency, world entities, events, keys, ownership. Never edit a merged migration: add the next.
-- Everything lives in the schema that the connection's search_path names first.

-- One row: what the shard is and where its counters stand. Every writing transaction locks it first and finds its own
-- run in it; a process whose run is no longer there has lost the shard and writes nothing more.
CREATE TABLE shard_meta (
  only_row smallint PRIMARY KEY CHECK (only_row = 1),
  shard_id text NOT NULL,
  world_seed bigint NOT NULL,
  reserved_tick bigint NOT NULL,        -- the zone never ran a tick after this one
  next_player bigint NOT NULL,
  next_item bigint NOT NULL,
  next_seq bigint NOT NULL,             -- of the event table
  run bigint NOT NULL,                  -- openings for writing; part of the zone's own idempotency keys
  holder text NOT NULL DEFAULT '',      -- who opened it last (host and pid), for people
  cache_generation bigint NOT NULL
);

-- Core state, hot. Position, ground height, health and yaw are progressive: they follow saved_tick, not version.
CREATE TABLE player (
  player_id bigint PRIMARY KEY,
  name text NOT NULL UNIQUE,
  version bigint NOT NULL CHECK (version >= 1),
  created_us bigint NOT NULL,
  saved_tick bigint NOT NULL,
  x_m double precision NOT NULL,
  y_m double precision NOT NULL,
  z_m double precision NOT NULL,
  ground_height_m double precision NOT NULL,
  health integer NOT NULL,
  yaw integer NOT NULL,
  lon_centideg integer NOT NULL,        -- hundredths of a degree, about a kilometre: most saves leave the index alone
  lat_centideg integer NOT NULL
) WITH (fillfactor = 60);
CREATE INDEX player_by_place ON player (lon_centideg, lat_centideg);

-- Extended state, cold.
CREATE TABLE player_extended (
  player_id bigint PRIMARY KEY REFERENCES player,
  logins bigint NOT NULL DEFAULT 0,
  last_login_us bigint NOT NULL DEFAULT 0,
  last_logout_us bigint NOT NULL DEFAULT 0,
  profile jsonb NOT NULL DEFAULT '{}'
);

-- The one place that says which shard may write a player.
CREATE TABLE ownership (
  player_id bigint PRIMARY KEY REFERENCES player,
  shard_id text NOT NULL,
  epoch bigint NOT NULL CHECK (epoch >= 1)
);
CREATE INDEX ownership_by_shard ON ownership (shard_id);

-- Items are rows that move. holder: a player's id, 0 the ground (its place is in world_entity), -1 an operator's escrow.
CREATE TABLE item (
  item_id bigint PRIMARY KEY,
  version bigint NOT NULL CHECK (version >= 1),
  holder bigint NOT NULL CHECK (holder >= -1),
  definition integer NOT NULL CHECK (definition > 0),
  quantity bigint NOT NULL CHECK (quantity BETWEEN 1 AND 4294967295)
) WITH (fillfactor = 80);
CREATE INDEX item_by_holder ON item (holder);

-- What stands in the world and is not a player. kind 4: the item of the same number, lying on the ground.
CREATE TABLE world_entity (
  entity_id bigint PRIMARY KEY,
  kind smallint NOT NULL,
  x_m double precision NOT NULL,
  y_m double precision NOT NULL,
  z_m double precision NOT NULL,
  ground_height_m double precision NOT NULL,
  lon_centideg integer NOT NULL,
  lat_centideg integer NOT NULL
);
CREATE INDEX world_entity_by_place ON world_entity (lon_centideg, lat_centideg);

-- How much of each definition was ever made and used up: what the item rows must add up to.
CREATE TABLE item_supply (
  definition integer PRIMARY KEY,
  created bigint NOT NULL DEFAULT 0,
  destroyed bigint NOT NULL DEFAULT 0
);

-- Double entry: the rows of one cause sum to zero; an account's balance is the sum of its rows.
CREATE TABLE account (
  account_id bigint PRIMARY KEY,        -- a player's id; -1 mint, -2 sink, -3 adjustments
  version bigint NOT NULL CHECK (version >= 1),
  balance bigint NOT NULL,
  CHECK (account_id < 0 OR balance >= 0)
) WITH (fillfactor = 80);
CREATE TABLE ledger (
  account_id bigint NOT NULL,
  version bigint NOT NULL,
  amount bigint NOT NULL CHECK (amount <> 0),
  balance bigint NOT NULL,
  at_us bigint NOT NULL,
  cause_player bigint NOT NULL,
  cause_key bytea NOT NULL,
  PRIMARY KEY (account_id, version)
);
CREATE INDEX ledger_by_cause ON ledger (cause_player, cause_key);

-- Append-only. seq is the shard's total order, without gaps. (type, id, version) is unique because the state row of
-- the same transaction went from version - 1 to version. at_us is in the key since the partitions are by time.
CREATE TABLE event (
  aggregate_type smallint NOT NULL,
  aggregate_id bigint NOT NULL,
  version bigint NOT NULL,
  at_us bigint NOT NULL,
  seq bigint NOT NULL,
  tick bigint NOT NULL,
  kind smallint NOT NULL,
  payload bytea NOT NULL,
  PRIMARY KEY (aggregate_type, aggregate_id, version, at_us)
) PARTITION BY RANGE (at_us);
CREATE INDEX event_by_seq ON event USING brin (seq) WITH (pages_per_range = 32, autosummarize = on);
-- Partitions are made ahead by the daemon; this one catches a clock that has jumped. The audit says when it is not empty.
CREATE TABLE event_default PARTITION OF event DEFAULT;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the table % is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER event_is_append_only BEFORE UPDATE OR DELETE ON event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_is_append_only BEFORE UPDATE OR DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Answers by key: what makes a request happen once.
CREATE TABLE idempotency (
  player_id bigint NOT NULL,
  key uuid NOT NULL,                    -- 16 bytes of the client's choice; compares faster than bytea
  request_digest bigint NOT NULL,
  at_us bigint NOT NULL,
  result bytea NOT NULL,
  PRIMARY KEY (player_id, key)
);
-- Rows come in the order of their time and go the same way: blocks know their ages well enough.
CREATE INDEX idempotency_by_age ON idempotency USING brin (at_us) WITH (pages_per_range = 32, autosummarize = on);

-- Effects that cross shards (handoff; no traffic yet). The outbox row commits with what it tells of.
CREATE TABLE outbox (
  message_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  target_shard text NOT NULL,
  player_id bigint NOT NULL,
  epoch bigint NOT NULL,
  kind smallint NOT NULL,
  payload bytea NOT NULL,
  created_us bigint NOT NULL,
  delivered_us bigint
);
CREATE INDEX outbox_waiting ON outbox (message_id) WHERE delivered_us IS NULL;
CREATE TABLE inbox (
  source_shard text NOT NULL,
  message_id bigint NOT NULL,
  player_id bigint NOT NULL,
  epoch bigint NOT NULL,
  kind smallint NOT NULL,
  payload bytea NOT NULL,
  received_us bigint NOT NULL,
  PRIMARY KEY (source_shard, message_id),
  UNIQUE (player_id, epoch)             -- a player is taken over once per epoch
);
