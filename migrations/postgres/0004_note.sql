-- Notes: chat and conduct, for people who must judge them later. Nothing in the world rests on them.
-- (run, number) makes a note that is written again, after an outcome that was unknown, the same one.
CREATE TABLE note (
  run bigint NOT NULL,
  number bigint NOT NULL,
  at_us bigint NOT NULL,
  player_id bigint NOT NULL,
  tick bigint NOT NULL,
  kind smallint NOT NULL,               -- 1 chat, 2 conduct
  code integer NOT NULL,
  text text NOT NULL,
  PRIMARY KEY (run, number)
);
CREATE INDEX note_by_player ON note (player_id, at_us);
CREATE INDEX note_by_age ON note USING brin (at_us) WITH (pages_per_range = 32, autosummarize = on);

-- Append-only, and yet not for ever: only what this row has declared too old may go.
CREATE TABLE note_retention (
  only_row smallint PRIMARY KEY CHECK (only_row = 1),
  kept_from_us bigint NOT NULL
);
INSERT INTO note_retention VALUES (1, 0);

CREATE FUNCTION refuse_note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND OLD.at_us < (SELECT kept_from_us FROM note_retention) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'the table % is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER note_is_append_only BEFORE UPDATE OR DELETE ON note FOR EACH ROW EXECUTE FUNCTION refuse_note_change();
