/** Instances, gangs and loss. Applied migrations are never edited. */
export const up = `
-- A call of RunInstances: the intent before the effect. The id is EC2's ClientToken.
CREATE TABLE launches (
  id text PRIMARY KEY,
  pool text NOT NULL,
  type text NOT NULL,
  zone text NOT NULL,
  subnet text,
  market text NOT NULL,
  gang boolean NOT NULL,
  count int NOT NULL,
  -- slots one of its instances will have, as its type tells
  slots int NOT NULL,
  -- dollars an hour when it was decided; null = not known
  per_hour double precision,
  -- allocations it was decided for
  allocations jsonb NOT NULL DEFAULT '[]',
  reason text NOT NULL DEFAULT '',
  -- LAUNCHING: outcome not known. DONE: EC2 answered with instances. FAILED: EC2 refused.
  state text NOT NULL,
  error_kind text,
  error_code text NOT NULL DEFAULT '',
  error_text text NOT NULL DEFAULT '',
  decided_at timestamptz NOT NULL DEFAULT now(),
  called_at timestamptz,
  settled_at timestamptz
);
CREATE INDEX launches_open ON launches (state) WHERE state = 'LAUNCHING';
CREATE INDEX launches_pool ON launches (pool, decided_at);

-- An instance that EC2 has made; its agent has the same id.
CREATE TABLE instances (
  id text PRIMARY KEY,
  launch_id text NOT NULL REFERENCES launches (id),
  pool text NOT NULL,
  type text NOT NULL,
  zone text NOT NULL,
  market text NOT NULL,
  slots int NOT NULL,
  per_hour double precision,
  -- STARTING READY RETIRING TERMINATING GONE
  state text NOT NULL,
  state_reason text NOT NULL DEFAULT '',
  private_ip text,
  launched_at timestamptz NOT NULL,
  registered_at timestamptz,
  retiring_at timestamptz,
  terminating_at timestamptz,
  -- EC2 says shutting-down or terminated, or does not know it any more: nothing is paid from here on
  gone_at timestamptz,
  -- spot or rebalance
  notice text,
  notice_at timestamptz,
  -- when EC2 will take it, as it said
  notice_until timestamptz,
  -- lists of EC2 in a row that did not name it, and since when
  missed int NOT NULL DEFAULT 0,
  missed_since timestamptz,
  -- newest console output of a boot that never registered
  console text NOT NULL DEFAULT ''
);
CREATE INDEX instances_open ON instances (pool) WHERE state <> 'GONE';

-- (type, zone, market) that EC2 refused, '' = every zone; forgotten after until.
CREATE TABLE dry_marks (
  pool text NOT NULL,
  type text NOT NULL,
  zone text NOT NULL DEFAULT '',
  market text NOT NULL,
  until timestamptz NOT NULL,
  kind text NOT NULL,
  code text NOT NULL,
  text text NOT NULL,
  PRIMARY KEY (pool, type, zone, market)
);

CREATE TABLE pools (
  name text PRIMARY KEY,
  -- the one sentence people read; '' = nothing waits for EC2
  note text NOT NULL DEFAULT '',
  last_call_at timestamptz,
  strikes int NOT NULL DEFAULT 0,
  paused text,
  paused_at timestamptz
);

-- Instances with our tag and no row: seen twice, then ended.
CREATE TABLE orphans (
  id text PRIMARY KEY,
  region text NOT NULL,
  first_seen timestamptz NOT NULL DEFAULT now(),
  passes int NOT NULL DEFAULT 1,
  ended_at timestamptz
);

-- What a person must know until it is over.
CREATE TABLE alarms (
  key text PRIMARY KEY,
  text text NOT NULL,
  since timestamptz NOT NULL DEFAULT now()
);

-- A launch has a join token of its own: for its instances only, each once.
ALTER TABLE join_tokens ADD COLUMN launch_id text REFERENCES launches (id);

ALTER TABLE agents
  -- why its instance goes; null = it stays. Taken under the row lock that the scheduler takes.
  ADD COLUMN retiring text,
  ADD COLUMN drained boolean NOT NULL DEFAULT false,
  -- spot or rebalance: no new work
  ADD COLUMN notice text,
  ADD COLUMN lost_at timestamptz;

ALTER TABLE allocation_members
  -- of a gang: where the others reach it
  ADD COLUMN address text,
  ADD COLUMN port int,
  -- its agent was lost: nothing more is awaited of it
  ADD COLUMN lost boolean NOT NULL DEFAULT false;

CREATE INDEX allocation_members_live ON allocation_members (agent_id) WHERE state NOT IN ('DRAINING', 'SEALED');

-- The bucket of an attempt with a lost member was looked through for manifests that were never reported.
ALTER TABLE allocations ADD COLUMN adopted boolean NOT NULL DEFAULT false;

ALTER TABLE events ADD COLUMN instance_id text, ADD COLUMN pool text;
CREATE INDEX events_instance ON events (instance_id, id) WHERE instance_id IS NOT NULL;
CREATE INDEX events_pool ON events (pool, id) WHERE pool IS NOT NULL;
`
