import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { slugOf } from '../../protocol/bucket/layout.ts'
import { trialTaskId } from '../../protocol/words/ids.ts'
import type { Storage } from '../../protocol/wire/spec.ts'
import { storageOf } from '../reconcile/storage-of.ts'
import { firstTrials, type TrialSpec } from '../search/single.ts'
import { createAllocation } from './allocations.ts'
import { putBlob } from './blobs.ts'
import { cleanText, toJsonb } from './clean.ts'
import type { NewExperiment } from './commands.ts'
import type { Db } from './db.ts'
import { addEvents, type NewEvent } from './events.ts'
import type { Tx } from './leader.ts'

/** Determined's default priority; lower goes first. */
const PRIORITY_DEFAULT = 42

/** The experiment cannot run on this cluster as configured; `path` is the key, the message names the cure. */
export class ExperimentRefused extends Error {
  override readonly name = 'ExperimentRefused'
  readonly path: string
  constructor(path: string, message: string) {
    super(message)
    this.path = path
  }
}

export interface PoolNames {
  pools: readonly string[]
  compute: string
  aux: string
}

/** One transaction: model definition, experiment, tasks, trials, first allocations (PENDING, epoch 1) and the event. */
export async function createExperiment(db: Db, input: NewExperiment, cluster: { storage: Storage; pools: PoolNames }): Promise<{ experimentId: number; trialId: number }> {
  const pool = poolOf(input, cluster.pools)
  const storage = storageOf(input.config.checkpoint_storage, cluster.storage)
  if (!storage.ok) throw new ExperimentRefused('checkpoint_storage', storage.error)
  return db.transaction().execute(async (tx) => {
    const contextDigest = input.context === null ? null : await putBlob(tx, input.context)
    const experimentId = await insertExperiment(tx, input, pool, contextDigest)
    const events: NewEvent[] = [{ kind: 'experiment-created', experimentId, text: `experiment ${experimentId} was created${input.activate ? '' : ', paused'}`, data: { ownerId: input.ownerId } }]
    const trialIds: number[] = []
    for (const trial of firstTrials(input.config)) {
      const trialId = await insertTrial(tx, experimentId, trial)
      trialIds.push(trialId)
      events.push({ kind: 'trial-created', experimentId, trialId, text: `trial ${trialId} was created by the searcher ${input.config.searcher.name}` })
      if (!input.activate) continue
      const { id } = await createAllocation(tx, { taskId: trialTaskId(trialId), pool, slots: input.config.resources.slots_per_trial })
      events.push({ kind: 'allocation-created', experimentId, trialId, allocationId: id, text: `allocation ${id} waits for the scheduler` })
    }
    await addEvents(tx, events)
    const [trialId] = trialIds
    if (trialId === undefined) throw new Error('the searcher made no trial')
    return { experimentId, trialId }
  })
}

function poolOf(input: NewExperiment, names: PoolNames): string {
  const { resource_pool: named, slots_per_trial: slots } = input.config.resources
  if (named === '') return slots === 0 ? names.aux : names.compute
  if (names.pools.includes(named)) return named
  throw new ExperimentRefused('resources.resource_pool', `resources.resource_pool is ${JSON.stringify(named)}, which this cluster does not have: name one of ${names.pools.join(', ')}, or leave it out for ${names.compute}`)
}

async function insertExperiment(tx: Tx, input: NewExperiment, pool: string, contextDigest: string | null): Promise<number> {
  const { config } = input
  const row = await tx.insertInto('experiments').values({
    name: cleanText(config.name),
    slug: slugOf(config.name),
    description: cleanText(config.description),
    labels: toJsonb(config.labels),
    state: input.activate ? 'ACTIVE' : 'PAUSED',
    owner_id: input.ownerId,
    project_id: input.projectId,
    parent_id: input.parentId,
    config: toJsonb(config),
    original_config: cleanText(input.originalConfig),
    context_digest: contextDigest,
    resource_pool: pool,
    slots_per_trial: config.resources.slots_per_trial,
    priority: config.resources.priority ?? PRIORITY_DEFAULT,
    max_restarts: config.max_restarts,
    searcher: toJsonb(config.searcher),
  }).returning('id').executeTakeFirstOrThrow()
  return row.id
}

async function insertTrial(tx: Tx, experimentId: number, trial: TrialSpec): Promise<number> {
  const { rows } = await sql<{ id: number }>`SELECT nextval(pg_get_serial_sequence('trials', 'id'))::int AS id`.execute(tx)
  const id = rows[0]?.id
  if (id === undefined) throw new Error('the trial sequence gave no id')
  const taskId = trialTaskId(id)
  await tx.insertInto('tasks').values({ id: taskId, kind: 'TRIAL', experiment_id: experimentId }).execute()
  await tx.insertInto('trials').values({ id, experiment_id: experimentId, request_id: randomUUID(), task_id: taskId, state: 'ACTIVE', hparams: toJsonb(trial.hparams), seed: trial.seed }).execute()
  return id
}
