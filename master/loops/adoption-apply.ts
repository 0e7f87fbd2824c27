import { sql } from 'kysely'
import { addEvents, type NewEvent } from '../store/events.ts'
import { assertLeader } from '../store/leader.ts'
import type { Orphaned } from './adoption-load.ts'
import { lockCurrent } from './checkpoints-apply.ts'
import type { CheckpointRow } from './checkpoints-load.ts'
import type { LoopDeps } from './deps.ts'

/** A manifest that is no checkpoint. */
export interface Broken {
  prefix: string
  error: string
}

/** The row as its agent would have declared and reported it; the commit follows. False = the attempt was sealed meanwhile (I3), or the row went on. */
export function reportFound(deps: LoopDeps, epoch: number, row: CheckpointRow): Promise<boolean> {
  return deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    if (!(await lockCurrent(tx, row))) return false
    const { numAffectedRows } = await sql`
      INSERT INTO checkpoints AS c (uuid, task_id, trial_id, experiment_id, allocation_id, epoch, ordinal, steps, state, prefix, manifest_digest, uploaded_at)
      VALUES (${row.uuid}, ${row.taskId}, ${row.trialId}, ${row.experimentId}, ${row.allocationId}, ${row.epoch}, ${row.ordinal}, ${row.steps}, 'ACTIVE', ${row.prefix}, ${row.manifest}, now())
      ON CONFLICT (uuid) DO UPDATE SET uploaded_at = now(), manifest_digest = excluded.manifest_digest
      WHERE c.allocation_id = excluded.allocation_id AND c.state = 'ACTIVE' AND c.uploaded_at IS NULL`.execute(tx)
    return numAffectedRows === 1n
  })
}

/** The bucket was looked through: the seal no longer waits for it. */
export function closeAdoption(deps: LoopDeps, epoch: number, orphaned: Orphaned, broken: readonly Broken[]): Promise<boolean> {
  return deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    const result = await tx.updateTable('allocations').set({ adopted: true, wait_reason: '' })
      .where('id', '=', orphaned.allocationId).where('state', '=', 'DRAINING').where('adopted', '=', false).executeTakeFirst()
    if (result.numUpdatedRows === 0n) return false
    const newest = await tx.selectFrom('checkpoints').select(['uuid', 'steps']).where('allocation_id', '=', orphaned.allocationId).where('state', '=', 'COMPLETED')
      .orderBy('steps', 'desc').orderBy('ordinal', 'desc').limit(1).executeTakeFirst()
    const about = { experimentId: orphaned.experimentId, trialId: orphaned.trialId, allocationId: orphaned.allocationId }
    await addEvents(tx, [
      ...broken.map((one): NewEvent => ({ ...about, kind: 'checkpoint-ignored', text: `what lies below ${one.prefix} is no whole checkpoint and is left alone: ${one.error}`, data: { prefix: one.prefix } })),
      { ...about, kind: 'allocation-adopted', text: `what allocation ${orphaned.allocationId} left in the bucket was looked through: ${newest ? `its newest checkpoint is ${newest.uuid} at step ${newest.steps}` : 'it has no whole checkpoint'}`, data: { newest: newest?.uuid ?? null, broken: broken.length } },
    ])
    return true
  })
}

/** Says once why it waits; the next attempt of the pass may say otherwise, people need the first word only. */
export function noteWaiting(deps: LoopDeps, epoch: number, orphaned: Orphaned, error: string): Promise<void> {
  return deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    await tx.updateTable('allocations').set({ wait_reason: `waits until its bucket can be looked through for checkpoints of its lost agent: ${error}` })
      .where('id', '=', orphaned.allocationId).where('state', '=', 'DRAINING').where('wait_reason', '=', '').execute()
  })
}
