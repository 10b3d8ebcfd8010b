-- Who may log in. Not the shard's state: written by the daemon's account side on a connection of its own, beside the
-- committer (docs/decisions/0012-accounts.md).
CREATE TABLE login_account (
  account_id INTEGER PRIMARY KEY AUTOINCREMENT,  -- a number is never given twice
  name TEXT NOT NULL,
  name_key TEXT NOT NULL UNIQUE,        -- the name with ASCII letters in lower case: "Ann" and "ann" are one
  password_hash TEXT NOT NULL,          -- Argon2id with its parameters and salt
  created_us INTEGER NOT NULL,
  banned_until_us INTEGER NOT NULL DEFAULT 0,
  ban_reason TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX login_account_banned ON login_account (banned_until_us) WHERE banned_until_us > 0;

-- One row per login that can still be refreshed. The refresh token names the row and proves the newest secret; both
-- are kept as hashes.
CREATE TABLE login_session (
  session_hash BLOB PRIMARY KEY,
  account_id INTEGER NOT NULL REFERENCES login_account (account_id),
  secret_hash BLOB NOT NULL,
  generation INTEGER NOT NULL,
  created_us INTEGER NOT NULL,
  used_us INTEGER NOT NULL,
  expires_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX login_session_by_account ON login_session (account_id, created_us);
CREATE INDEX login_session_by_expiry ON login_session (expires_us);

-- What happened, for people. Old rows are deleted (auth.events_keep_days, auth.events_max).
CREATE TABLE login_event (
  event_id INTEGER PRIMARY KEY AUTOINCREMENT,
  at_us INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  account_id INTEGER NOT NULL,          -- 0: no such account
  name TEXT NOT NULL,
  address TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;
CREATE INDEX login_event_by_account ON login_event (account_id, event_id);
CREATE INDEX login_event_by_age ON login_event (at_us);
