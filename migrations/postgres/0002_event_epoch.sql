-- Under which ownership an event was written: the epoch of its player's ownership row, as locked by the same transaction.
-- 0: written before this migration, or of what is nobody's (a system account, an item that stays on the ground).
ALTER TABLE event ADD COLUMN epoch bigint NOT NULL DEFAULT 0;

-- Partitions that an archiving run detached and has not dropped yet no longer follow the parent.
DO $$
DECLARE
  detached regclass;
BEGIN
  FOR detached IN
    SELECT c.oid FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND NOT c.relispartition
      AND c.relname ~ '^event_p[0-9]{8}(_[0-9]+)?$'
      AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'aggregate_type')
  LOOP
    EXECUTE format('ALTER TABLE %s ADD COLUMN IF NOT EXISTS epoch bigint NOT NULL DEFAULT 0', detached);
  END LOOP;
END $$;
