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
  /** absent: a trial's. A command has no experiment and no trial: their ids are 0. */
  kind?: 'COMMAND'
  ownerId: number
  owner: { uid: number; user: string; gid: number; group: string } | null
  storage: (master: Storage) => Storage
  /** I5: the newest committed checkpoint, highest steps first, then the later attempt and ordinal */
  restore: AllocationSpec['restore']
}

interface Row {
  id: string
  pool: string
  epoch: number
  taskId: string
  experimentId: number
  slug: string
  config: ExperimentConfig
  contextDigest: string | null
  ownerId: number
  trialId: number
  hparams: Record<string, unknown>
  seed: number
  agentUser: Assignment['owner']
  restore: AllocationSpec['restore']
}

/** Locks the allocations; one that waits no longer, or whose experiment is not active any more, is absent. */
export async function loadAssignments(tx: Tx, ids: readonly string[]): Promise<Map<string, Assignment>> {
  const { rows } = await sql<Row>`
    SELECT a.id, a.pool, a.epoch, a.task_id AS "taskId", e.id AS "experimentId", e.slug, e.config, e.context_digest AS "contextDigest", e.owner_id AS "ownerId",
      tr.id AS "trialId", tr.hparams, tr.seed, u.agent_user AS "agentUser", c.restore
    FROM allocations a JOIN tasks t ON t.id = a.task_id JOIN trials tr ON tr.task_id = t.id JOIN experiments e ON e.id = tr.experiment_id JOIN users u ON u.id = e.owner_id
    LEFT JOIN LATERAL (
      SELECT jsonb_build_object('uuid', c.uuid, 'prefix', c.prefix, 'steps', c.steps, 'ordinal', c.ordinal, 'manifest', c.manifest_digest) AS restore
      FROM checkpoints c WHERE a.epoch > 1 AND c.trial_id = tr.id AND c.state = 'COMPLETED' AND c.manifest_digest IS NOT NULL
      ORDER BY c.steps DESC, c.epoch DESC, c.ordinal DESC LIMIT 1
    ) c ON true
    WHERE a.id = ANY(${[...ids]}::text[]) AND a.state = 'PENDING' AND e.state = 'ACTIVE' AND tr.state = 'ACTIVE' ORDER BY a.id FOR UPDATE OF a`.execute(tx)
  const { rows: commands } = await sql<Row>`
    SELECT a.id, a.pool, a.epoch, a.task_id AS "taskId", 0 AS "experimentId", '' AS slug, c.config, c.context_digest AS "contextDigest", c.owner_id AS "ownerId",
      0 AS "trialId", '{}'::jsonb AS hparams, 0 AS seed, u.agent_user AS "agentUser", NULL AS restore
    FROM allocations a JOIN commands c ON c.task_id = a.task_id JOIN users u ON u.id = c.owner_id
    WHERE a.id = ANY(${[...ids]}::text[]) AND a.state = 'PENDING' AND c.killed_by = '' ORDER BY a.id FOR UPDATE OF a`.execute(tx)
  return new Map([...rows.map((row): [string, Assignment] => [row.id, toAssignment(row)]), ...commands.map((row): [string, Assignment] => [row.id, { ...toAssignment(row), kind: 'COMMAND' }])])
}

function toAssignment(row: Row): Assignment {
  return {
    pool: row.pool,
    taskId: row.taskId,
    allocation: { id: row.id, taskId: row.taskId, epoch: row.epoch },
    experiment: { id: row.experimentId, slug: row.slug, config: row.config, contextDigest: row.contextDigest },
    trial: { id: row.trialId, hparams: row.hparams, seed: row.seed },
    ownerId: row.ownerId,
    owner: row.agentUser,
    storage: (master) => {
      const choice = storageOf(row.config.checkpoint_storage, master)
      if (!choice.ok) throw new Error(choice.error)
      return choice.storage
    },
    restore: row.restore,
  }
}

/** What earlier attempts reported above the point of resumption will be reported anew. */
export async function replaceMetricsAfter(tx: Tx, assignment: Assignment, steps: number): Promise<void> {
  if (assignment.allocation.epoch === 1) return
  const result = await sql`UPDATE metrics SET replaced = true
    WHERE trial_id = ${assignment.trial.id} AND steps > ${steps} AND epoch < ${assignment.allocation.epoch} AND NOT replaced`.execute(tx)
  if ((result.numAffectedRows ?? 0n) === 0n) return
  await refreshTrialSummary(tx, assignment.trial.id, assignment.experiment.config.searcher, steps)
}
