/** What the `determined` package in a container reports and asks for beyond metrics and progress. */
export const up = `
-- cluster: bytes below prefix, verified. own: they lie in storage that the user named, nobody has verified them.
ALTER TABLE checkpoints ADD COLUMN kind text NOT NULL DEFAULT 'cluster' CHECK (kind IN ('cluster', 'own'));
-- of a gang: members whose lists are awaited; null = no list is, the reporting member sends everything
ALTER TABLE checkpoints ADD COLUMN parts int;
-- The list of one member, in the bucket; which one, by its SHA-256.
CREATE TABLE checkpoint_parts (
  uuid uuid NOT NULL REFERENCES checkpoints (uuid) ON DELETE CASCADE,
  rank int NOT NULL,
  list text NOT NULL,
  PRIMARY KEY (uuid, rank)
);

-- What a script noted of its run, an object; null = nothing
ALTER TABLE trials ADD COLUMN metadata jsonb;
ALTER TABLE metrics ADD COLUMN batches jsonb;

-- A report too large for one entry of an outbox, until its last part is there.
CREATE TABLE metrics_parts (
  allocation_id text NOT NULL REFERENCES allocations (id) ON DELETE CASCADE,
  report uuid NOT NULL,
  part int NOT NULL,
  text text NOT NULL,
  PRIMARY KEY (allocation_id, report, part)
);

-- What the members of an allocation tell each other, a round at a time.
CREATE TABLE all_gathers (
  allocation_id text NOT NULL REFERENCES allocations (id) ON DELETE CASCADE,
  round int NOT NULL,
  request text NOT NULL,
  peers int NOT NULL,
  data jsonb NOT NULL,
  PRIMARY KEY (allocation_id, request)
);
`
