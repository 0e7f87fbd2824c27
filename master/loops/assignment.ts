import { sql } from 'kysely'
import type { AllocationSpec, Storage } from '../../protocol/wire/spec.ts'
import type { ExperimentConfig } from '../../protocol/words/experiment-config.ts'
import { storageOf } from '../reconcile/storage-of.ts'
import type { Tx } from '../store/leader.ts'
import { refreshTrialSummary } from '../store/trial-summary.ts'

/** Everything of an allocation that its spec is made of. */
export interface Assignment {
  pool: string
  taskId: string
  allocation: { id: string; taskId: string; epoch: number }
  experiment: { id: number; slug: string; config: ExperimentConfig; contextDigest: string | null }
  trial: { id: number; hparams: Record<string, unknown>; seed: number }
  ownerId: number
  owner: { uid: number; user: string; gid: number; group: string } | null
  storage: (master: Storage) => Storage
}

/** Locks the allocation; null when it waits no longer or its experiment is not active any more. */
export async function loadAssignment(tx: Tx, id: string): Promise<Assignment | null> {
  const row = await tx.selectFrom('allocations as a')
    .innerJoin('tasks as t', 't.id', 'a.task_id').innerJoin('trials as tr', 'tr.task_id', 't.id')
    .innerJoin('experiments as e', 'e.id', 'tr.experiment_id').innerJoin('users as u', 'u.id', 'e.owner_id')
    .select(['a.pool', 'a.epoch', 'a.task_id', 'e.id as experimentId', 'e.slug', 'e.config', 'e.context_digest', 'e.owner_id', 'tr.id as trialId', 'tr.hparams', 'tr.seed', 'u.agent_user'])
    .where('a.id', '=', id).where('a.state', '=', 'PENDING').where('e.state', '=', 'ACTIVE').where('tr.state', '=', 'ACTIVE')
    .forUpdate('a').executeTakeFirst()
  if (!row) return null
  return {
    pool: row.pool,
    taskId: row.task_id,
    allocation: { id, taskId: row.task_id, epoch: row.epoch },
    experiment: { id: row.experimentId, slug: row.slug, config: row.config, contextDigest: row.context_digest },
    trial: { id: row.trialId, hparams: row.hparams, seed: row.seed },
    ownerId: row.owner_id,
    owner: row.agent_user,
    storage: (master) => {
      const choice = storageOf(row.config.checkpoint_storage, master)
      if (!choice.ok) throw new Error(choice.error)
      return choice.storage
    },
  }
}

/** I5: the newest committed checkpoint, highest steps first, then the later attempt and ordinal. */
export async function newestCheckpoint(tx: Tx, taskId: string): Promise<NonNullable<AllocationSpec['restore']> | null> {
  const row = await tx.selectFrom('checkpoints').select(['uuid', 'prefix', 'steps', 'ordinal', 'manifest_digest'])
    .where('task_id', '=', taskId).where('state', '=', 'COMPLETED').where('manifest_digest', 'is not', null)
    .orderBy('steps', 'desc').orderBy('epoch', 'desc').orderBy('ordinal', 'desc').limit(1).executeTakeFirst()
  if (!row?.manifest_digest) return null
  return { uuid: row.uuid, prefix: row.prefix, steps: row.steps, ordinal: row.ordinal, manifest: row.manifest_digest }
}

/** What earlier attempts reported above the point of resumption will be reported anew. */
export async function replaceMetricsAfter(tx: Tx, assignment: Assignment, steps: number): Promise<void> {
  const result = await sql`UPDATE metrics SET replaced = true
    WHERE trial_id = ${assignment.trial.id} AND steps > ${steps} AND epoch < ${assignment.allocation.epoch} AND NOT replaced`.execute(tx)
  if ((result.numAffectedRows ?? 0n) === 0n) return
  await refreshTrialSummary(tx, assignment.trial.id, assignment.experiment.config.searcher, steps)
}
