import { sql } from 'kysely'
import { manifestKey, pointerKey } from '../../protocol/bucket/layout.ts'
import type { Pointer } from '../../protocol/bucket/manifest.ts'
import { rootOf, storageOf } from '../reconcile/storage-of.ts'
import type { Db } from '../store/db.ts'
import { assertLeader } from '../store/leader.ts'
import type { CheckpointRow } from './checkpoints-load.ts'
import { bucketOf, type CheckpointDeps } from './checkpoint-deps.ts'

export interface DeletedRow extends CheckpointRow {
  state: 'DELETED' | 'PARTIALLY_DELETED'
  /** files that stay */
  resources: Record<string, number>
}

/** Marked deleted, wholly or in part, and the bucket does not know yet. */
export async function loadDeleted(db: Db, limit: number): Promise<DeletedRow[]> {
  const { rows } = await sql<DeletedRow>`
    SELECT c.uuid, c.allocation_id AS "allocationId", c.task_id AS "taskId", c.trial_id AS "trialId", c.experiment_id AS "experimentId", e.slug, c.epoch, c.ordinal, c.steps, c.prefix, c.manifest_digest AS manifest, c.state, c.resources,
      nullif(e.config->'checkpoint_storage', 'null'::jsonb) AS "ownStorage"
    FROM checkpoints c JOIN experiments e ON e.id = c.experiment_id
    WHERE c.state IN ('DELETED', 'PARTIALLY_DELETED') AND c.kind = 'cluster' AND NOT c.pointer_written AND c.manifest_digest IS NOT NULL ORDER BY c.declared_at, c.uuid LIMIT ${limit}`.execute(db)
  return rows
}

/** The pointer becomes a tombstone first, the bytes go after it; each pass goes on where the last one ended. */
export async function removeDeleted(deps: CheckpointDeps, epoch: number, row: DeletedRow, signal: AbortSignal): Promise<void> {
  const bucket = bucketOf(deps, row)
  const choice = storageOf(row.ownStorage, deps.storage)
  if (!choice.ok) throw new Error(choice.error)
  const stored = await deps.db.selectFrom('checkpoints').selectAll().where('uuid', '=', row.uuid).executeTakeFirstOrThrow()
  const pointer: Pointer = {
    format: 'drover-checkpoint/1', uuid: row.uuid, state: 'DELETED', clusterId: deps.clusterId, experimentId: row.experimentId, trialId: row.trialId, taskId: row.taskId, allocationId: row.allocationId,
    epoch: row.epoch, ordinal: row.ordinal, steps: row.steps, reportTime: (stored.report_time ?? stored.declared_at).toISOString(), prefix: row.prefix, manifest: row.manifest, bytes: stored.bytes,
    resources: stored.resources, metadata: stored.metadata, metrics: stored.metrics,
  }
  const root = rootOf(choice.storage, deps.clusterId, { id: row.experimentId, slug: row.slug }, row.trialId)
  await bucket.putBytes(pointerKey(root, row.steps, row.uuid), Buffer.from(`${JSON.stringify(pointer, null, 2)}\n`), { signal, create: false, contentType: 'application/json' })
  const kept = new Set(row.state === 'DELETED' ? [] : Object.keys(row.resources).map((name) => `${row.prefix}/${name}`).concat(manifestKey(row.prefix)))
  for await (const { key } of bucket.list(`${row.prefix}/`, { signal })) if (!kept.has(key)) await bucket.remove(key, { signal })
  await deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    await tx.updateTable('checkpoints').set({ pointer_written: true }).where('uuid', '=', row.uuid).where('state', '=', row.state).execute()
  })
}
