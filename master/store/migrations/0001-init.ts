/** First tables. Applied migrations are never edited. */
export const up = `
CREATE TABLE cluster (
  id int PRIMARY KEY DEFAULT 1 CHECK (id = 1),
  cluster_id text NOT NULL,
  term int NOT NULL DEFAULT 1,
  incarnation uuid NOT NULL DEFAULT gen_random_uuid(),
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE leader (
  id int PRIMARY KEY DEFAULT 1 CHECK (id = 1),
  epoch bigint NOT NULL,
  holder text NOT NULL,
  until timestamptz NOT NULL
);

CREATE TABLE users (
  id serial PRIMARY KEY,
  username text NOT NULL,
  display_name text,
  admin boolean NOT NULL DEFAULT false,
  active boolean NOT NULL DEFAULT true,
  password_hash text NOT NULL,
  agent_user jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  modified_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_username ON users (lower(username));

-- Every bearer token: only its SHA-256 is kept.
CREATE TABLE tokens (
  hash bytea PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('session', 'allocation', 'agent')),
  user_id int REFERENCES users (id) ON DELETE CASCADE,
  allocation_id text,
  agent_id text,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz
);
CREATE INDEX tokens_allocation ON tokens (allocation_id) WHERE allocation_id IS NOT NULL;
CREATE INDEX tokens_agent ON tokens (agent_id) WHERE agent_id IS NOT NULL;

CREATE TABLE join_tokens (
  hash bytea PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz
);

-- Specs and model definitions, by SHA-256 of the bytes.
CREATE TABLE blobs (
  digest text PRIMARY KEY,
  bytes bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE blobs ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE experiments (
  id serial PRIMARY KEY,
  job_id uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
  name text NOT NULL,
  slug text NOT NULL,
  description text NOT NULL DEFAULT '',
  notes text NOT NULL DEFAULT '',
  labels jsonb NOT NULL DEFAULT '[]',
  state text NOT NULL,
  state_reason text NOT NULL DEFAULT '',
  archived boolean NOT NULL DEFAULT false,
  owner_id int NOT NULL REFERENCES users (id),
  project_id int NOT NULL DEFAULT 1,
  parent_id int,
  config jsonb NOT NULL,
  original_config text NOT NULL,
  context_digest text REFERENCES blobs (digest),
  resource_pool text NOT NULL,
  slots_per_trial int NOT NULL,
  priority int NOT NULL,
  max_restarts int NOT NULL,
  searcher jsonb NOT NULL DEFAULT '{}',
  progress double precision NOT NULL DEFAULT 0,
  started_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz
);
CREATE INDEX experiments_state ON experiments (state);

CREATE TABLE tasks (
  id text PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('TRIAL', 'COMMAND', 'NOTEBOOK', 'SHELL', 'TENSORBOARD')),
  experiment_id int REFERENCES experiments (id) ON DELETE CASCADE,
  -- fencing token: grows in the transaction that makes an allocation (I2, I3)
  epoch int NOT NULL DEFAULT 0,
  -- line number of the newest log line, raised in the transaction that stores the chunk
  log_lines bigint NOT NULL DEFAULT 0,
  started_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz
);

CREATE TABLE trials (
  id serial PRIMARY KEY,
  experiment_id int NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
  request_id text NOT NULL,
  task_id text NOT NULL UNIQUE REFERENCES tasks (id) DEFERRABLE INITIALLY DEFERRED,
  state text NOT NULL,
  state_reason text NOT NULL DEFAULT '',
  hparams jsonb NOT NULL,
  seed bigint NOT NULL,
  restarts int NOT NULL DEFAULT 0,
  runner_state text NOT NULL DEFAULT '',
  progress double precision NOT NULL DEFAULT 0,
  steps_completed int NOT NULL DEFAULT 0,
  searcher_metric double precision,
  best_validation jsonb,
  latest_validation jsonb,
  latest_training jsonb,
  started_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  UNIQUE (experiment_id, request_id)
);

CREATE TABLE allocations (
  id text PRIMARY KEY,
  task_id text NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
  epoch int NOT NULL,
  state text NOT NULL,
  pool text NOT NULL,
  slots int NOT NULL,
  -- what the master wants of it: run, preempt, stop, kill
  want text NOT NULL DEFAULT 'run',
  want_reason text NOT NULL DEFAULT '',
  want_at timestamptz,
  -- why it still waits, in words, by the scheduler
  wait_reason text NOT NULL DEFAULT '',
  drained boolean NOT NULL DEFAULT false,
  exit_kind text,
  exit_code int,
  exit_text text NOT NULL DEFAULT '',
  oom_killed boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  assigned_at timestamptz,
  running_at timestamptz,
  ended_at timestamptz,
  sealed_at timestamptz,
  UNIQUE (task_id, epoch)
);
-- I2: at most one allocation of a task that is not sealed
CREATE UNIQUE INDEX allocations_live ON allocations (task_id) WHERE state <> 'SEALED';
CREATE INDEX allocations_open ON allocations (state) WHERE state <> 'SEALED';

-- One row a member (rank) of the allocation.
CREATE TABLE allocation_members (
  allocation_id text NOT NULL REFERENCES allocations (id) ON DELETE CASCADE,
  rank int NOT NULL,
  agent_id text NOT NULL,
  slot_ids jsonb NOT NULL,
  spec_digest text NOT NULL,
  state text NOT NULL,
  container_id text,
  drained boolean NOT NULL DEFAULT false,
  -- byte offset in the container's json-file up to which lines are committed (I11)
  log_container text NOT NULL DEFAULT '',
  log_cursor bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (allocation_id, rank)
);
CREATE INDEX allocation_members_agent ON allocation_members (agent_id);

CREATE TABLE agents (
  id text PRIMARY KEY,
  pool text NOT NULL,
  hostname text NOT NULL,
  public_key text NOT NULL,
  version text NOT NULL,
  -- raised in each deciding transaction that touches this agent
  generation bigint NOT NULL DEFAULT 1,
  inc int NOT NULL DEFAULT 0,
  inventory jsonb,
  inventory_hash text NOT NULL DEFAULT '',
  enabled boolean NOT NULL DEFAULT true,
  draining boolean NOT NULL DEFAULT false,
  disabled_slots jsonb NOT NULL DEFAULT '[]',
  outbox int NOT NULL DEFAULT 0,
  enrolled_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz,
  retired_at timestamptz
);

CREATE TABLE cursors (
  agent_id text NOT NULL,
  inc int NOT NULL,
  stream text NOT NULL,
  seq bigint NOT NULL,
  failures int NOT NULL DEFAULT 0,
  PRIMARY KEY (agent_id, inc, stream)
);

CREATE TABLE dead_events (
  id bigserial PRIMARY KEY,
  agent_id text NOT NULL,
  inc int NOT NULL,
  stream text NOT NULL,
  seq bigint NOT NULL,
  raw text NOT NULL,
  error text NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE metrics (
  id bigserial PRIMARY KEY,
  trial_id int NOT NULL REFERENCES trials (id) ON DELETE CASCADE,
  epoch int NOT NULL,
  "group" text NOT NULL,
  steps int NOT NULL,
  values jsonb NOT NULL,
  reported_at timestamptz NOT NULL,
  -- a newer attempt that resumed below these steps replaced them
  replaced boolean NOT NULL DEFAULT false
);
CREATE INDEX metrics_trial ON metrics (trial_id, "group", steps);

CREATE TABLE checkpoints (
  uuid uuid PRIMARY KEY,
  task_id text NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
  trial_id int REFERENCES trials (id) ON DELETE CASCADE,
  experiment_id int REFERENCES experiments (id) ON DELETE CASCADE,
  allocation_id text NOT NULL,
  epoch int NOT NULL,
  ordinal int NOT NULL,
  steps int NOT NULL,
  -- ACTIVE: declared. uploaded_at set: the manifest is there, the master has yet to verify.
  state text NOT NULL,
  error text NOT NULL DEFAULT '',
  prefix text NOT NULL,
  manifest_digest text,
  resources jsonb NOT NULL DEFAULT '{}',
  bytes bigint NOT NULL DEFAULT 0,
  metadata jsonb NOT NULL DEFAULT '{}',
  metrics jsonb NOT NULL DEFAULT '{}',
  declared_at timestamptz NOT NULL DEFAULT now(),
  uploaded_at timestamptz,
  report_time timestamptz,
  pointer_written boolean NOT NULL DEFAULT false
);
CREATE INDEX checkpoints_trial ON checkpoints (trial_id, state, steps);
CREATE INDEX checkpoints_open ON checkpoints (state) WHERE state = 'ACTIVE' OR NOT pointer_written;

-- A chunk of consecutive lines of one task. Lines are numbered from 1 within the task.
CREATE TABLE log_chunks (
  task_id text NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
  first_line bigint NOT NULL,
  line_count int NOT NULL,
  allocation_id text NOT NULL,
  rank int NOT NULL,
  agent_id text NOT NULL,
  container_id text NOT NULL,
  source text NOT NULL,
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  -- JSON array of [unix ms, 'stdout' | 'stderr', level, text]
  lines jsonb NOT NULL,
  PRIMARY KEY (task_id, first_line)
);

-- What happened, with its cause; also the cursor of the live feed. Ids grow in order of commit.
CREATE TABLE events (
  id bigserial PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now(),
  kind text NOT NULL,
  experiment_id int,
  trial_id int,
  allocation_id text,
  agent_id text,
  text text NOT NULL,
  data jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX events_experiment ON events (experiment_id, id) WHERE experiment_id IS NOT NULL;
CREATE INDEX events_agent ON events (agent_id, id) WHERE agent_id IS NOT NULL;
`
