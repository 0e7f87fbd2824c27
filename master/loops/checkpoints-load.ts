import type { CheckpointStorageConfig } from '../../protocol/words/experiment-config.ts'
import { sql } from 'kysely'
import type { Db } from '../store/db.ts'

/** One checkpoint on its way to commit or pointer. */
export interface CheckpointRow {
  uuid: string
  allocationId: string
  taskId: string
  trialId: number
  experimentId: number
  slug: string
  epoch: number
  ordinal: number
  steps: number
  prefix: string
  manifest: string
  ownStorage: CheckpointStorageConfig | null
}

/** Uploaded as the agent says, not yet verified; oldest first. */
export async function loadUploaded(db: Db, limit: number): Promise<CheckpointRow[]> {
  const { rows } = await sql<CheckpointRow>`${columns} WHERE c.state = 'ACTIVE' AND c.uploaded_at IS NOT NULL AND c.manifest_digest IS NOT NULL ORDER BY c.uploaded_at, c.uuid LIMIT ${limit}`.execute(db)
  return rows
}

/** Committed without a pointer yet. */
export async function loadWithoutPointer(db: Db, limit: number): Promise<CheckpointRow[]> {
  const { rows } = await sql<CheckpointRow>`${columns} WHERE c.state = 'COMPLETED' AND NOT c.pointer_written AND c.manifest_digest IS NOT NULL ORDER BY c.report_time, c.uuid LIMIT ${limit}`.execute(db)
  return rows
}

const columns = sql`
  SELECT c.uuid, c.allocation_id AS "allocationId", c.task_id AS "taskId", c.trial_id AS "trialId", c.experiment_id AS "experimentId", e.slug,
    c.epoch, c.ordinal, c.steps, c.prefix, c.manifest_digest AS manifest, nullif(e.config->'checkpoint_storage', 'null'::jsonb) AS "ownStorage"
  FROM checkpoints c JOIN experiments e ON e.id = c.experiment_id`
