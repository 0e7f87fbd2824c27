/**
 * The public model: views that stay when tables change. GraphQL reads these and nothing else; a column that is not here cannot be asked for.
 * Comments are the documentation that people read; `@` words tell PostGraphile keys and relations, which views do not have themselves.
 */
export const up = `
CREATE SCHEMA drover_public;

CREATE VIEW drover_public.experiments AS
SELECT e.id, e.name, e.description, e.labels, e.state, e.state_reason, e.archived, u.username AS owner, e.parent_id, e.config, e.resource_pool, e.slots_per_trial, e.priority,
  e.max_restarts, e.searcher->>'name' AS searcher, e.searcher->>'metric' AS metric, e.progress, e.started_at, e.ended_at
FROM public.experiments e JOIN public.users u ON u.id = e.owner_id;
COMMENT ON VIEW drover_public.experiments IS E'@primaryKey id\\n@foreignKey (parent_id) references drover_public.experiments (id)|@fieldName parent|@foreignFieldName children\\nWhat somebody submitted: a configuration, and the trials that its searcher made.';
COMMENT ON COLUMN drover_public.experiments.state IS 'ACTIVE, PAUSED, STOPPING_*, COMPLETED, CANCELED, ERROR, DELETING, DELETE_FAILED or DELETED';
COMMENT ON COLUMN drover_public.experiments.state_reason IS 'who or what brought it there, in words';
COMMENT ON COLUMN drover_public.experiments.config IS 'the whole configuration, defaults included';
COMMENT ON COLUMN drover_public.experiments.metric IS 'the validation metric that the searcher goes by';
COMMENT ON COLUMN drover_public.experiments.progress IS '0 to 1';

CREATE VIEW drover_public.trials AS
SELECT t.id, t.experiment_id, t.state, t.state_reason, t.hparams, t.seed, t.restarts, t.progress, t.steps_completed, t.searcher_metric, t.best_validation, t.latest_validation, t.latest_training,
  t.started_at, t.ended_at
FROM public.trials t;
COMMENT ON VIEW drover_public.trials IS E'@primaryKey id\\n@foreignKey (experiment_id) references drover_public.experiments (id)|@foreignFieldName trials\\nOne run of the training with one set of hyperparameters, over all its attempts.';
COMMENT ON COLUMN drover_public.trials.restarts IS 'attempts that failed and were charged to max_restarts';
COMMENT ON COLUMN drover_public.trials.searcher_metric IS 'best value so far of the experiment''s metric';
COMMENT ON COLUMN drover_public.trials.best_validation IS '{steps, time, values}';

CREATE VIEW drover_public.attempts AS
SELECT a.id, t.id AS trial_id, a.epoch, a.state, a.pool, a.slots, a.wait_reason, a.exit_kind, a.exit_code, a.exit_text, a.oom_killed, a.created_at, a.assigned_at, a.running_at, a.ended_at, a.sealed_at
FROM public.allocations a JOIN public.trials t ON t.task_id = a.task_id;
COMMENT ON VIEW drover_public.attempts IS E'@primaryKey id\\n@foreignKey (trial_id) references drover_public.trials (id)|@foreignFieldName attempts\\nOne attempt of a trial on one or several agents (an allocation).';
COMMENT ON COLUMN drover_public.attempts.epoch IS 'counts the attempts of a trial from 1';

CREATE VIEW drover_public.metrics AS
SELECT m.id, m.trial_id, m.epoch AS attempt, m."group", m.steps, m.values, m.reported_at FROM public.metrics m WHERE NOT m.replaced;
COMMENT ON VIEW drover_public.metrics IS E'@primaryKey id\\n@foreignKey (trial_id) references drover_public.trials (id)|@foreignFieldName metrics\\nWhat a trial reported, without what a later attempt did anew.';
COMMENT ON COLUMN drover_public.metrics."group" IS 'training, validation or any other';
COMMENT ON COLUMN drover_public.metrics.steps IS 'batches done when it was reported';

CREATE VIEW drover_public.checkpoints AS
SELECT c.uuid, c.trial_id, c.experiment_id, c.epoch AS attempt, c.steps, c.state, c.error, c.prefix, c.bytes, c.resources, c.metadata, c.metrics, c.declared_at, c.report_time AS committed_at FROM public.checkpoints c;
COMMENT ON VIEW drover_public.checkpoints IS E'@primaryKey uuid\\n@foreignKey (trial_id) references drover_public.trials (id)|@foreignFieldName checkpoints\\n@foreignKey (experiment_id) references drover_public.experiments (id)|@foreignFieldName checkpoints\\nWhat a trial saved. COMPLETED: verified and committed.';
COMMENT ON COLUMN drover_public.checkpoints.prefix IS 'where its files lie in the bucket';
COMMENT ON COLUMN drover_public.checkpoints.resources IS 'file name -> bytes';

CREATE VIEW drover_public.agents AS
SELECT a.id, a.pool, a.hostname, a.version, a.enabled, a.draining, a.enrolled_at, a.seen_at, a.retired_at, a.lost_at, a.retiring AS retiring_because,
  jsonb_array_length(coalesce(a.inventory->'slots', '[]')) AS slots, a.inventory->'slots' AS devices, a.inventory->>'driver' AS driver, a.inventory->>'zone' AS zone
FROM public.agents a;
COMMENT ON VIEW drover_public.agents IS E'@primaryKey id\\nA machine that runs work, while it lives and after.';
COMMENT ON COLUMN drover_public.agents.seen_at IS 'last heartbeat';

CREATE VIEW drover_public.attempt_agents AS
SELECT m.allocation_id AS attempt_id, m.rank, m.agent_id, m.slot_ids AS slots, m.state, m.lost FROM public.allocation_members m;
COMMENT ON VIEW drover_public.attempt_agents IS E'@primaryKey attempt_id,rank\\n@foreignKey (attempt_id) references drover_public.attempts (id)|@fieldName attempt|@foreignFieldName agents\\n@foreignKey (agent_id) references drover_public.agents (id)|@fieldName agent|@foreignFieldName attempts\\nWhich agent took which part of an attempt.';

CREATE VIEW drover_public.instances AS
SELECT i.id, i.pool, i.type, i.zone, i.market, i.slots, i.per_hour, i.state, i.state_reason, i.launched_at, i.registered_at, i.retiring_at, i.gone_at, i.notice, l.reason AS launched_because
FROM public.instances i JOIN public.launches l ON l.id = i.launch_id;
COMMENT ON VIEW drover_public.instances IS E'@primaryKey id\\n@foreignKey (id) references drover_public.agents (id)|@fieldName agent|@foreignFieldName instance\\nAn EC2 instance that Drover made.';
COMMENT ON COLUMN drover_public.instances.per_hour IS 'dollars an hour; null where the price is not known';

CREATE VIEW drover_public.events AS
SELECT e.id, e.at, e.kind, e.experiment_id, e.trial_id, e.allocation_id AS attempt_id, e.agent_id, e.instance_id, e.pool, e.text, e.data FROM public.events e;
COMMENT ON VIEW drover_public.events IS E'@primaryKey id\\n@foreignKey (experiment_id) references drover_public.experiments (id)|@foreignFieldName events\\n@foreignKey (trial_id) references drover_public.trials (id)|@foreignFieldName events\\n@foreignKey (instance_id) references drover_public.instances (id)|@foreignFieldName events\\nWhat happened, and why. Ids grow in order of commit.';
`
