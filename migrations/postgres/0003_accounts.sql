-- Who may log in. Not the shard's state: written by the daemon's account side on a connection of its own, beside the
-- committer (docs/decisions/0012-accounts.md). All integers are bigint: one set of statements serves both databases.
CREATE TABLE login_account (
  account_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  name_key text NOT NULL UNIQUE,        -- the name with ASCII letters in lower case: "Ann" and "ann" are one
  password_hash text NOT NULL,          -- Argon2id with its parameters and salt
  created_us bigint NOT NULL,
  banned_until_us bigint NOT NULL DEFAULT 0,
  ban_reason text NOT NULL DEFAULT ''
);
CREATE INDEX login_account_banned ON login_account (banned_until_us) WHERE banned_until_us > 0;

-- One row per login that can still be refreshed. The refresh token names the row and proves the newest secret; both
-- are kept as hashes.
CREATE TABLE login_session (
  session_hash bytea PRIMARY KEY,
  account_id bigint NOT NULL REFERENCES login_account,
  secret_hash bytea NOT NULL,
  generation bigint NOT NULL,
  created_us bigint NOT NULL,
  used_us bigint NOT NULL,
  expires_us bigint NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX login_session_by_account ON login_session (account_id, created_us);
CREATE INDEX login_session_by_expiry ON login_session (expires_us);

-- What happened, for people. Old rows are deleted (auth.events_keep_days, auth.events_max).
CREATE TABLE login_event (
  event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at_us bigint NOT NULL,
  kind bigint NOT NULL,
  account_id bigint NOT NULL,           -- 0: no such account
  name text NOT NULL,
  address text NOT NULL,
  detail text NOT NULL
);
CREATE INDEX login_event_by_account ON login_event (account_id, event_id);
CREATE INDEX login_event_by_age ON login_event (at_us);
