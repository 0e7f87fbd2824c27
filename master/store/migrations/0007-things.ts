/** What people put their work into, and runs that are no experiment. Applied migrations are never edited. */
export const up = `
-- owner null: it came with the cluster
CREATE TABLE workspaces (
  id serial PRIMARY KEY,
  name text NOT NULL,
  owner_id int REFERENCES users (id),
  archived boolean NOT NULL DEFAULT false,
  immutable boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX workspaces_name ON workspaces (lower(name));

CREATE TABLE projects (
  id serial PRIMARY KEY,
  workspace_id int NOT NULL REFERENCES workspaces (id),
  name text NOT NULL,
  key text NOT NULL,
  description text NOT NULL DEFAULT '',
  notes jsonb NOT NULL DEFAULT '[]',
  owner_id int REFERENCES users (id),
  archived boolean NOT NULL DEFAULT false,
  immutable boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX projects_name ON projects (workspace_id, lower(name));
CREATE UNIQUE INDEX projects_key ON projects (lower(key));
INSERT INTO workspaces (name, immutable) VALUES ('Uncategorized', true);
INSERT INTO projects (workspace_id, name, key, immutable) SELECT id, 'Uncategorized', 'UNCAT', true FROM workspaces;
-- how many and how large, without a look at the rows themselves
CREATE INDEX checkpoints_sizes ON checkpoints (trial_id) INCLUDE (bytes) WHERE state = 'COMPLETED';
-- disabled, but what runs there goes on to its end
ALTER TABLE agents ADD COLUMN draining_slots jsonb NOT NULL DEFAULT '[]';
CREATE INDEX experiments_project ON experiments (project_id);

CREATE TABLE templates (
  name text PRIMARY KEY,
  workspace_id int NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  owner_id int NOT NULL REFERENCES users (id),
  config jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE models (
  id serial PRIMARY KEY,
  name text NOT NULL,
  description text NOT NULL DEFAULT '',
  metadata jsonb NOT NULL DEFAULT '{}',
  labels jsonb NOT NULL DEFAULT '[]',
  notes text NOT NULL DEFAULT '',
  workspace_id int NOT NULL REFERENCES workspaces (id),
  owner_id int NOT NULL REFERENCES users (id),
  archived boolean NOT NULL DEFAULT false,
  -- number of the newest version, never given twice
  last_version int NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX models_name ON models (lower(name));

-- A registered checkpoint is not deleted: the reference refuses it.
CREATE TABLE model_versions (
  id serial PRIMARY KEY,
  model_id int NOT NULL REFERENCES models (id) ON DELETE CASCADE,
  version int NOT NULL,
  checkpoint_uuid uuid NOT NULL REFERENCES checkpoints (uuid),
  name text NOT NULL DEFAULT '',
  comment text NOT NULL DEFAULT '',
  notes text NOT NULL DEFAULT '',
  labels jsonb NOT NULL DEFAULT '[]',
  metadata jsonb NOT NULL DEFAULT '{}',
  owner_id int NOT NULL REFERENCES users (id),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (model_id, version)
);
CREATE INDEX model_versions_checkpoint ON model_versions (checkpoint_uuid);

-- A run of its own: one task, one allocation, no experiment.
CREATE TABLE commands (
  task_id text PRIMARY KEY REFERENCES tasks (id) ON DELETE CASCADE,
  job_id uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
  owner_id int NOT NULL REFERENCES users (id),
  workspace_id int NOT NULL DEFAULT 1,
  description text NOT NULL,
  config jsonb NOT NULL,
  context_digest text REFERENCES blobs (digest),
  resource_pool text NOT NULL,
  slots int NOT NULL,
  priority int NOT NULL,
  -- newest experiment when it was made: its turn among those of its priority
  after_experiment int NOT NULL,
  -- empty: nobody has asked for its end
  killed_by text NOT NULL DEFAULT '',
  -- how it ended, for people; empty: it has not, or well
  end_reason text NOT NULL DEFAULT ''
);
CREATE INDEX tasks_commands ON tasks (id) WHERE kind = 'COMMAND' AND ended_at IS NULL;
`
