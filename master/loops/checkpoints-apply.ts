import { sql } from 'kysely'
import type { Manifest } from '../../protocol/bucket/manifest.ts'
import { toJsonb } from '../store/clean.ts'
import { addEvents } from '../store/events.ts'
import { assertLeader, type Tx } from '../store/leader.ts'
import type { CheckpointRow } from './checkpoints-load.ts'
import type { LoopDeps } from './deps.ts'

export interface Verified {
  manifest: Manifest
  resources: Record<string, number>
  bytes: number
}

/** Says what of the manifest contradicts the row; '' when nothing does. */
export function contradiction(row: CheckpointRow, manifest: Manifest): string {
  const pairs: [string, unknown, unknown][] = [
    ['uuid', row.uuid, manifest.uuid], ['alloc', row.allocationId, manifest.alloc], ['epoch', row.epoch, manifest.epoch],
    ['ordinal', row.ordinal, manifest.ordinal], ['steps', row.steps, manifest.steps],
  ]
  return pairs.filter(([, declared, found]) => declared !== found).map(([name, declared, found]) => `the manifest's ${name} is ${String(found)}, declared was ${String(declared)}`).join('; ')
}

/** COMPLETED, if its epoch is still the current one (I3). False = the allocation was sealed, nothing commits any more. */
export function commitCheckpoint(deps: LoopDeps, epoch: number, row: CheckpointRow, verified: Verified): Promise<boolean> {
  return deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    if (!(await lockCurrent(tx, row))) return false
    const metrics = await metricsAt(tx, row)
    const result = await tx.updateTable('checkpoints').set({
      state: 'COMPLETED', resources: toJsonb(verified.resources), bytes: verified.bytes, metadata: sql<string>`CASE WHEN metadata = '{}' THEN ${toJsonb(verified.manifest.metadata)}::jsonb ELSE metadata END`, metrics: toJsonb(metrics), report_time: sql<Date>`now()`,
    }).where('uuid', '=', row.uuid).where('state', '=', 'ACTIVE').executeTakeFirst()
    if (result.numUpdatedRows === 0n) return false
    await addEvents(tx, [{
      ...about(row), kind: 'checkpoint-completed', text: `checkpoint ${row.uuid} at step ${row.steps} was verified and committed`,
      data: { uuid: row.uuid, steps: row.steps, bytes: verified.bytes, files: verified.manifest.files.length },
    }])
    return true
  })
}

export function failCheckpoint(deps: LoopDeps, epoch: number, row: CheckpointRow, error: string): Promise<boolean> {
  return deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    const result = await tx.updateTable('checkpoints').set({ state: 'ERROR', error }).where('uuid', '=', row.uuid).where('state', '=', 'ACTIVE').executeTakeFirst()
    if (result.numUpdatedRows === 0n) return false
    await addEvents(tx, [{ ...about(row), kind: 'checkpoint-error', text: `checkpoint ${row.uuid} at step ${row.steps} was refused: ${error}`, data: { uuid: row.uuid, steps: row.steps } }])
    return true
  })
}

/** Keeps its allocation from being sealed until the commit; false = it is sealed, or its epoch is over (I3). */
export async function lockCurrent(tx: Tx, row: Pick<CheckpointRow, 'allocationId' | 'epoch'>): Promise<boolean> {
  const { rows } = await sql`SELECT 1 FROM allocations a JOIN tasks t ON t.id = a.task_id
    WHERE a.id = ${row.allocationId} AND a.epoch = ${row.epoch} AND t.epoch = a.epoch AND a.state <> 'SEALED' FOR SHARE OF a`.execute(tx)
  return rows.length > 0
}

/** Group name -> values reported for the same step, the latest of each group. */
async function metricsAt(tx: Tx, row: CheckpointRow): Promise<Record<string, unknown>> {
  const { rows } = await sql<{ group: string; values: Record<string, unknown> }>`
    SELECT DISTINCT ON ("group") "group", values FROM metrics
    WHERE trial_id = ${row.trialId} AND steps = ${row.steps} AND NOT replaced ORDER BY "group", id DESC`.execute(tx)
  return Object.fromEntries(rows.map((found) => [found.group, found.values]))
}

function about(row: CheckpointRow): { experimentId: number; trialId: number; allocationId: string } {
  return { experimentId: row.experimentId, trialId: row.trialId, allocationId: row.allocationId }
}
