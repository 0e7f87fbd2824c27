import { sql } from 'kysely'
import type { AllocationSpec, Storage } from '../../protocol/wire/spec.ts'
import type { ExperimentConfig } from '../../protocol/words/experiment-config.ts'
import { storageOf } from '../reconcile/storage-of.ts'
import type { PendingAllocation } from '../schedule/world.ts'
import { pendingRows } from './schedule-load.ts'
import type { Db } from '../store/db.ts'
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
  ownerName: string
  owner: { uid: number; user: string; gid: number; group: string } | null
  storage: (master: Storage) => Storage
  /** I5: the newest committed checkpoint, highest steps first, then the later attempt and ordinal */
  restore: AllocationSpec['restore']
  /** the newest that lies in the user's own storage and was never verified */
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

/** What a spec is made of, of an allocation `a`; joins nothing where it waits no longer or its experiment is not active any more. */
const facts = sql`a.id, a.pool, a.epoch, a.task_id AS "taskId", e.id AS "experimentId", e.slug, e.config, e.context_digest AS "contextDigest", e.owner_id AS "ownerId", u.username AS "ownerName",
  tr.id AS "trialId", tr.hparams, tr.seed, u.agent_user AS "agentUser", coalesce(c.restore, w.restore) AS restore, o.latest`
const joins = sql`JOIN trials tr ON tr.task_id = a.task_id AND tr.state = 'ACTIVE' JOIN experiments e ON e.id = tr.experiment_id AND e.state = 'ACTIVE' JOIN users u ON u.id = e.owner_id
  LEFT JOIN LATERAL (
    SELECT jsonb_build_object('uuid', c.uuid, 'prefix', c.prefix, 'steps', c.steps, 'ordinal', c.ordinal, 'manifest', c.manifest_digest) AS restore
    FROM checkpoints c WHERE a.epoch > 1 AND c.trial_id = tr.id AND c.state = 'COMPLETED' AND c.manifest_digest IS NOT NULL
    ORDER BY c.steps DESC, c.epoch DESC, c.ordinal DESC LIMIT 1
  ) c ON true
  LEFT JOIN LATERAL (
    SELECT jsonb_build_object('uuid', c.uuid, 'prefix', c.prefix, 'steps', c.steps, 'ordinal', c.ordinal, 'manifest', c.manifest_digest) AS restore
    FROM checkpoints c WHERE c.uuid = e.source_checkpoint AND c.state = 'COMPLETED' AND c.manifest_digest IS NOT NULL
  ) w ON true
  LEFT JOIN LATERAL (
    SELECT jsonb_build_object('uuid', c.uuid, 'steps', c.steps) AS latest FROM checkpoints c
    WHERE a.epoch > 1 AND c.trial_id = tr.id AND c.state = 'COMPLETED' AND c.kind = 'own' ORDER BY c.steps DESC, c.epoch DESC, c.ordinal DESC LIMIT 1
  ) o ON true`

/** One that waits no longer, or whose experiment is not active any more, is absent. Nothing is locked: the placement looks again. */
export async function loadAssignments(db: Db | Tx, ids: readonly string[]): Promise<Map<string, Assignment>> {
  if (ids.length === 0) return new Map()
  const { rows } = await sql<Row>`SELECT ${facts} FROM allocations a ${joins} WHERE a.id = ANY(${[...ids]}::text[]) AND a.state = 'PENDING'`.execute(db)
  const commands = ids.filter((id) => id.startsWith('command-'))
  const others = commands.length === 0 ? [] : await loadCommandRows(db, commands)
  return new Map([...rows.map((row): [string, Assignment] => [row.id, toAssignment(row)]), ...others.map((row): [string, Assignment] => [row.id, { ...toAssignment(row), kind: 'COMMAND' }])])
}

async function loadCommandRows(db: Db | Tx, ids: readonly string[]): Promise<Row[]> {
  const { rows } = await sql<Row>`
    SELECT a.id, a.pool, a.epoch, a.task_id AS "taskId", 0 AS "experimentId", '' AS slug, c.config, c.context_digest AS "contextDigest", c.owner_id AS "ownerId", u.username AS "ownerName",
      0 AS "trialId", '{}'::jsonb AS hparams, 0 AS seed, u.agent_user AS "agentUser", NULL AS restore, NULL AS latest
    FROM allocations a JOIN commands c ON c.task_id = a.task_id JOIN users u ON u.id = c.owner_id
    WHERE a.id = ANY(${[...ids]}::text[]) AND a.state = 'PENDING' AND c.killed_by = ''`.execute(db)
  return rows
}

/** What waits, in order; of the first `ahead` also what their specs are made of, which are the most likely to be placed. */
export async function loadPendingAhead(db: Db | Tx, ahead: number): Promise<{ pending: PendingAllocation[]; assignments: Map<string, Assignment> }> {
  const { rows } = await sql<Omit<PendingAllocation, 'pool'> & { waits_in: string } & { [column in keyof Row]: Row[column] | null }>`
    SELECT p.allocation, p.slots, p.priority, p."order", p.pool AS waits_in, f.* FROM (
      SELECT w.*, row_number() OVER (ORDER BY w.priority, w."order", w.allocation) AS place FROM (${pendingRows}) w
    ) p LEFT JOIN LATERAL (SELECT ${facts} FROM allocations a ${joins} WHERE p.place <= ${ahead} AND a.id = p.allocation) f ON true
    ORDER BY p.place`.execute(db)
  return {
    pending: rows.map(({ allocation, waits_in: pool, slots, priority, order }) => ({ allocation, pool, slots, priority, order })),
    assignments: new Map(rows.flatMap((row) => (row.id === null ? [] : [[row.id, toAssignment(row as Row)]]))),
  }
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
