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
  ownerName: string
  owner: { uid: number; user: string; gid: number; group: string } | null
  storage: (master: Storage) => Storage
  /** I5: the newest committed checkpoint, highest steps first, then the later attempt and ordinal */
  restore: AllocationSpec['restore']
  /** newer than that, or alone: one that lies in the user's own storage and was never verified */
  latest: { uuid: string; steps: number } | null
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
  ownerName: string
  trialId: number
  hparams: Record<string, unknown>
  seed: number
  agentUser: Assignment['owner']
  restore: AllocationSpec['restore']
  latest: Assignment['latest']
}

/** Locks the allocations; one that waits no longer, or whose experiment is not active any more, is absent. */
export async function loadAssignments(tx: Tx, ids: readonly string[]): Promise<Map<string, Assignment>> {
  const { rows } = await sql<Row>`
    SELECT a.id, a.pool, a.epoch, a.task_id AS "taskId", e.id AS "experimentId", e.slug, e.config, e.context_digest AS "contextDigest", e.owner_id AS "ownerId", u.username AS "ownerName",
      tr.id AS "trialId", tr.hparams, tr.seed, u.agent_user AS "agentUser", CASE WHEN c.kind = 'cluster' THEN c.found END AS restore, CASE WHEN c.kind = 'own' THEN c.found END AS latest
    FROM allocations a JOIN tasks t ON t.id = a.task_id JOIN trials tr ON tr.task_id = t.id JOIN experiments e ON e.id = tr.experiment_id JOIN users u ON u.id = e.owner_id
    LEFT JOIN LATERAL (
      SELECT c.kind, CASE WHEN c.kind = 'own' THEN jsonb_build_object('uuid', c.uuid, 'steps', c.steps)
        ELSE jsonb_build_object('uuid', c.uuid, 'prefix', c.prefix, 'steps', c.steps, 'ordinal', c.ordinal, 'manifest', c.manifest_digest) END AS found
      FROM checkpoints c WHERE a.epoch > 1 AND c.trial_id = tr.id AND c.state = 'COMPLETED' AND (c.kind = 'own' OR c.manifest_digest IS NOT NULL)
      ORDER BY c.steps DESC, c.epoch DESC, c.ordinal DESC LIMIT 1
    ) c ON true
    WHERE a.id = ANY(${[...ids]}::text[]) AND a.state = 'PENDING' AND e.state = 'ACTIVE' AND tr.state = 'ACTIVE' ORDER BY a.id FOR UPDATE OF a`.execute(tx)
  return new Map(rows.map((row) => [row.id, toAssignment(row)]))
}

function toAssignment(row: Row): Assignment {
  return {
    pool: row.pool,
    taskId: row.taskId,
    allocation: { id: row.id, taskId: row.taskId, epoch: row.epoch },
    experiment: { id: row.experimentId, slug: row.slug, config: row.config, contextDigest: row.contextDigest },
    trial: { id: row.trialId, hparams: row.hparams, seed: row.seed },
    ownerId: row.ownerId,
    ownerName: row.ownerName,
    owner: row.agentUser,
    storage: (master) => {
      const choice = storageOf(row.config.checkpoint_storage, master)
      if (!choice.ok) throw new Error(choice.error)
      return choice.storage
    },
    restore: row.restore,
    latest: row.latest,
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
