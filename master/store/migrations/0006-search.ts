/** Searches: their state, so that whoever holds the row decides as the one before. Applied migrations are never edited. */
export const up = `
-- One row a search (any searcher but single). State = snapshot and the events after it. token names the state of this
-- moment: a copy in memory with the same token is that state, any other is not.
CREATE TABLE searches (
  experiment_id int PRIMARY KEY REFERENCES experiments (id) ON DELETE CASCADE,
  token uuid NOT NULL,
  seq bigint NOT NULL DEFAULT 0,
  snapshot json NOT NULL,
  snapshot_seq bigint NOT NULL DEFAULT 0,
  -- trials it is going to have
  trials int NOT NULL
);
CREATE TABLE search_events (
  experiment_id int NOT NULL REFERENCES searches (experiment_id) ON DELETE CASCADE,
  seq bigint NOT NULL,
  event jsonb NOT NULL,
  PRIMARY KEY (experiment_id, seq)
);
-- number: the search's own, from 0. stop: by whom it is told to end (search, kill). early_exit: INVALID_HP, by its script
ALTER TABLE trials ADD COLUMN number int NOT NULL DEFAULT 0, ADD COLUMN stop text CHECK (stop IN ('search', 'kill')), ADD COLUMN stop_reason text NOT NULL DEFAULT '', ADD COLUMN early_exit text;
-- max_slots: of all its trials together; null = no limit. source_checkpoint: what its trials start from
ALTER TABLE experiments ADD COLUMN max_slots int, ADD COLUMN source_checkpoint uuid;
`
