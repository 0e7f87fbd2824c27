import { sql } from 'kysely'
import type { Db } from '../store/db.ts'
import type { CheckpointRow } from './checkpoints-load.ts'

/** An attempt whose bucket is to be looked through. */
export type Orphaned = Omit<CheckpointRow, 'uuid' | 'ordinal' | 'steps' | 'prefix' | 'manifest'>

/** EC2 was asked so long ago to end the instance: what its agent would still upload is not waited for. */
const ENDING_SECONDS = 30

/**
 * Attempts in DRAINING with a lost member, not yet looked through, once every lost agent has stopped as far as can be
 * told: its instance is gone, or about to be since 30 s, or it has none.
 */
export async function loadOrphaned(db: Db): Promise<Orphaned[]> {
  const { rows } = await sql<Orphaned>`
    SELECT a.id AS "allocationId", a.task_id AS "taskId", a.epoch, tr.id AS "trialId", e.id AS "experimentId", e.slug, nullif(e.config->'checkpoint_storage', 'null'::jsonb) AS "ownStorage"
    FROM allocations a JOIN trials tr ON tr.task_id = a.task_id JOIN experiments e ON e.id = tr.experiment_id
    WHERE a.state = 'DRAINING' AND NOT a.adopted AND EXISTS (SELECT 1 FROM allocation_members m WHERE m.allocation_id = a.id AND m.lost)
      AND NOT EXISTS (SELECT 1 FROM allocation_members m JOIN instances i ON i.id = m.agent_id WHERE m.allocation_id = a.id AND m.lost
        AND i.state <> 'GONE' AND (i.state <> 'TERMINATING' OR i.terminating_at > clock_timestamp() - make_interval(secs => ${ENDING_SECONDS})))
    ORDER BY a.id`.execute(db)
  return rows
}

export interface KnownCheckpoint {
  uuid: string
  allocationId: string
  steps: number
  ordinal: number
  /** declared, and nobody has said that it is uploaded */
  open: boolean
}

/** What the table knows of these uuids already. */
export async function loadKnown(db: Db, uuids: readonly string[]): Promise<Map<string, KnownCheckpoint>> {
  const { rows } = await sql<KnownCheckpoint>`
    SELECT uuid, allocation_id AS "allocationId", steps, ordinal, state = 'ACTIVE' AND uploaded_at IS NULL AS open FROM checkpoints WHERE uuid = ANY(${[...uuids]}::uuid[])`.execute(db)
  return new Map(rows.map((row) => [row.uuid, row]))
}
