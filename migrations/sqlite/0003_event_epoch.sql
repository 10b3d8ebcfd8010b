-- Under which ownership an event was written: the epoch of its player's ownership row, as of the same transaction.
-- 0: written before this migration, or of what is nobody's (a system account, an item that stays on the ground).
ALTER TABLE event ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
