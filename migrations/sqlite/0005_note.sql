-- Notes: chat and conduct, for people who must judge them later. Nothing in the world rests on them.
-- (run, number) makes a note that is written again, after an outcome that was unknown, the same one.
CREATE TABLE note (
  run INTEGER NOT NULL,
  number INTEGER NOT NULL,
  at_us INTEGER NOT NULL,
  player_id INTEGER NOT NULL,
  tick INTEGER NOT NULL,
  kind INTEGER NOT NULL,               -- 1 chat, 2 conduct
  code INTEGER NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (run, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX note_by_player ON note (player_id, at_us);
CREATE INDEX note_by_age ON note (at_us);

-- Append-only, and yet not for ever: only what this row has declared too old may go.
CREATE TABLE note_retention (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  kept_from_us INTEGER NOT NULL
) STRICT;
INSERT INTO note_retention VALUES (1, 0);

CREATE TRIGGER note_is_never_changed BEFORE UPDATE ON note
BEGIN
  SELECT RAISE(ABORT, 'the note table is append-only');
END;
CREATE TRIGGER note_is_kept BEFORE DELETE ON note WHEN OLD.at_us >= (SELECT kept_from_us FROM note_retention)
BEGIN
  SELECT RAISE(ABORT, 'the note table is append-only');
END;
