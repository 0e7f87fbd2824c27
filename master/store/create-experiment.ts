import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { slugOf } from '../../protocol/bucket/layout.ts'
import type { Storage } from '../../protocol/wire/spec.ts'
import { storageOf } from '../reconcile/storage-of.ts'
import type { HyperparameterSpace } from '../../protocol/words/search-config.ts'
import { begin } from '../search/search.ts'
import type { Bracket, SearchState } from '../search/words.ts'
import { putBlobs } from './blobs.ts'
import { toJsonb } from './clean.ts'
import type { MadeExperiment, NewExperiment } from './commands.ts'
import type { Db } from './db.ts'
import { groupCommit } from './group-commit.ts'
import { EVENTS_LOCK } from './events.ts'
import { ExperimentRefused } from './refused.ts'
import type { NewTrial } from './make-trials.ts'
import { sourceCheckpoint } from './source-checkpoint.ts'
import type { Tx } from './leader.ts'

/** Determined's default priority; lower goes first. */
export const PRIORITY_DEFAULT = 42

export interface PoolNames {
  pools: readonly string[]
  compute: string
  aux: string
}

/** A model definition larger than this is stored on its own: nobody waits for another's upload. */
const GROUPED_BYTES_MAX = 1 << 20

/**
 * One transaction: model definition, experiment, tasks, trials, first allocations (PENDING, epoch 1) and the events. Those of one moment share
 * it; without a model definition it is one statement.
 */
export function experimentMaker(db: Db, cluster: { storage: Storage; pools: PoolNames }): (input: NewExperiment) => Promise<MadeExperiment> {
  const make = (all: readonly Checked[]): Promise<MadeExperiment[]> => (all.every(({ input }) => input.context === null) ? createAll(db, all) : db.transaction().execute((tx) => createAll(tx, all)))
  const grouped = groupCommit<Checked, MadeExperiment>(make)
  return async (input) => {
    const checked = check(input, cluster, await sourceCheckpoint(db, input.config.searcher))
    if ((input.context?.byteLength ?? 0) <= GROUPED_BYTES_MAX) return grouped(checked)
    const [made] = await make([checked])
    if (!made) throw new Error('the experiment was not made')
    return made
  }
}

interface Checked {
  input: NewExperiment
  pool: string
  trials: readonly NewTrial[]
  /** null: single, whose one trial needs no state */
  search: SearchState | null
  source: string | null
}

function check(input: NewExperiment, cluster: { storage: Storage; pools: PoolNames }, source: string | null): Checked {
  const storage = storageOf(input.config.checkpoint_storage, cluster.storage)
  if (!storage.ok) throw new ExperimentRefused('checkpoint_storage', storage.error)
  const { slots_per_trial: slots, max_slots: most = null } = input.config.resources
  if (most !== null && slots > most) throw new ExperimentRefused('resources.max_slots', `resources.max_slots is ${most}, and each trial needs ${slots} slots: raise it to ${slots} at least, or lower resources.slots_per_trial`)
  const { state, actions } = begin({ searcher: input.config.searcher, space: input.config.hyperparameters as HyperparameterSpace, seed: input.config.reproducibility.experiment_seed })
  const trials = actions.filter((action) => action.type === 'create')
  if (trials.length === 0) throw new Error('the searcher made no trial')
  return { input, pool: poolOf(input, cluster.pools), trials, search: input.config.searcher.name === 'single' ? null : state, source }
}

async function createAll(db: Db | Tx, all: readonly Checked[]): Promise<MadeExperiment[]> {
  const contexts = await putBlobs(db, all.flatMap(({ input }) => (input.context === null ? [] : [input.context])))
  const digests = contexts.values()
  const rows = await insertAll(db, all, all.map(({ input }) => (input.context === null ? null : (digests.next().value ?? null))))
  return all.map(({ pool }, n) => {
    const own = rows.filter((row) => row.n === n)
    const [first] = own
    if (!first) throw new Error('an experiment was stored without a trial')
    return { experimentId: first.experiment, trialId: first.trial, trialIds: own.map((row) => row.trial), jobId: first.job, startedAt: first.started, pool }
  })
}

function poolOf(input: NewExperiment, names: PoolNames): string {
  const { resource_pool: named, slots_per_trial: slots } = input.config.resources
  if (named === '') return slots === 0 ? names.aux : names.compute
  if (names.pools.includes(named)) return named
  throw new ExperimentRefused('resources.resource_pool', `resources.resource_pool is ${JSON.stringify(named)}, which this cluster does not have: name one of ${names.pools.join(', ')}, or leave it out for ${names.compute}`)
}

function rowOf({ input, pool, trials, search, source }: Checked, n: number, contextDigest: string | null): Record<string, unknown> {
  const { config } = input
  return {
    n, pool, activate: input.activate, name: config.name, slug: slugOf(config.name), description: config.description, labels: config.labels, owner: input.ownerId, project: input.projectId,
    parent: input.parentId, config, original: input.originalConfig, context: contextDigest, slots: config.resources.slots_per_trial, priority: config.resources.priority ?? PRIORITY_DEFAULT,
    restarts: config.max_restarts, searcher: config.searcher, searcher_name: config.searcher.name, max_slots: config.resources.max_slots ?? null, source,
    search, planned: search?.brackets.reduce((sum: number, bracket: Bracket) => sum + bracket.trials, 0), trials: trials.map(({ trial, hparams, seed }) => ({ number: trial, request: randomUUID(), hparams, seed })),
  }
}

interface InsertedRow {
  n: number
  experiment: number
  job: string
  started: Date
  trial: number
}

/** Hundreds may come in a second: each statement more would be a round trip more of everybody's. */
async function insertAll(db: Db | Tx, all: readonly Checked[], contexts: readonly (string | null)[]): Promise<InsertedRow[]> {
  const rows = all.map((checked, n) => rowOf(checked, n, contexts[n] ?? null))
  const result = await sql<InsertedRow>`
    WITH input AS MATERIALIZED (
      SELECT nextval(pg_get_serial_sequence('experiments', 'id'))::int AS id, gen_random_uuid() AS job, r.* FROM jsonb_to_recordset(${toJsonb(rows)}::jsonb) AS r
        (n int, pool text, activate boolean, name text, slug text, description text, labels jsonb, owner int, project int, parent int, config jsonb, original text, context text, slots int, priority int, restarts int,
          searcher jsonb, searcher_name text, trials jsonb, max_slots int, source uuid, search json, planned int)
    ), experiment AS (
      INSERT INTO experiments (id, job_id, name, slug, description, labels, state, owner_id, project_id, parent_id, config, original_config, context_digest, resource_pool, slots_per_trial, priority, max_restarts, searcher, max_slots, source_checkpoint)
      SELECT id, job, name, slug, description, labels, CASE WHEN activate THEN 'ACTIVE' ELSE 'PAUSED' END, owner, project, parent, config, original, context, pool, slots, priority, restarts, searcher, max_slots, source FROM input RETURNING 1
    ), searched AS (
      INSERT INTO searches (experiment_id, token, snapshot, trials) SELECT id, gen_random_uuid(), search, planned FROM input WHERE search IS NOT NULL RETURNING 1
    ), numbered AS MATERIALIZED (
      SELECT nextval(pg_get_serial_sequence('trials', 'id'))::int AS id, i.id AS experiment, i.job, i.n, i.activate, i.owner, i.pool, i.slots, i.searcher_name, t.trial, t.place
      FROM input i CROSS JOIN LATERAL jsonb_array_elements(i.trials) WITH ORDINALITY AS t (trial, place)
    ), tasked AS (
      INSERT INTO tasks (id, kind, experiment_id, epoch) SELECT 'trial-' || id, 'TRIAL', experiment, CASE WHEN activate THEN 1 ELSE 0 END FROM numbered RETURNING 1
    ), made AS (
      INSERT INTO trials (id, experiment_id, number, request_id, task_id, state, hparams, seed)
      SELECT id, experiment, (trial->>'number')::int, trial->>'request', 'trial-' || id, 'ACTIVE', trial->'hparams', (trial->>'seed')::bigint FROM numbered RETURNING 1
    ), allocated AS (
      INSERT INTO allocations (id, task_id, epoch, state, pool, slots) SELECT 'trial-' || id || '.1', 'trial-' || id, 1, 'PENDING', pool, slots FROM numbered WHERE activate RETURNING 1
    ), written AS MATERIALIZED (
      -- the events' lock is the last that is taken: all else is written by then
      SELECT (SELECT count(*) FROM experiment) + (SELECT count(*) FROM searched) + (SELECT count(*) FROM tasked) + (SELECT count(*) FROM made) + (SELECT count(*) FROM allocated) AS rows
    ), locked AS MATERIALIZED (SELECT pg_advisory_xact_lock(${EVENTS_LOCK}) IS NULL AS never FROM written WHERE rows > 0),
    told AS (
      INSERT INTO events (kind, experiment_id, trial_id, allocation_id, text, data)
      SELECT e.kind, e.experiment, e.trial, e.allocation, e.text, e.data FROM locked CROSS JOIN LATERAL (
        SELECT 'experiment-created' AS kind, id AS experiment, NULL::int AS trial, NULL AS allocation, 'experiment ' || id || ' was created' || CASE WHEN activate THEN '' ELSE ', paused' END AS text,
          jsonb_build_object('ownerId', owner) AS data, n, 0 AS place, 0 AS turn FROM input
        UNION ALL SELECT 'trial-created', experiment, id, NULL, 'trial ' || id || ' was created by the searcher ' || searcher_name, '{}', n, place, 0 FROM numbered
        UNION ALL SELECT 'allocation-created', experiment, id, 'trial-' || id || '.1', 'allocation trial-' || id || '.1 waits for the scheduler', '{}', n, place, 1 FROM numbered WHERE activate
      ) e WHERE NOT locked.never ORDER BY e.n, e.place, e.turn
    )
    SELECT n, experiment, job, now() AS started, id AS trial FROM numbered ORDER BY n, place`.execute(db)
  return result.rows
}
