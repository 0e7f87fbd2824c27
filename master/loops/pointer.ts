import { sql } from 'kysely'
import type { Bucket } from '../../protocol/bucket/door.ts'
import { pointerKey } from '../../protocol/bucket/layout.ts'
import type { Pointer } from '../../protocol/bucket/manifest.ts'
import { rootOf, storageOf } from '../reconcile/storage-of.ts'
import { toJsonb } from '../store/clean.ts'
import { assertLeader } from '../store/leader.ts'
import type { CheckpointRow } from './checkpoints-load.ts'
import type { LoopDeps } from './deps.ts'

/** Writes what a person browses, after the commit; the same bytes each time it is tried. */
export async function writePointer(deps: LoopDeps, epoch: number, row: CheckpointRow, bucket: Bucket, signal: AbortSignal): Promise<void> {
  const stored = await deps.db.selectFrom('checkpoints').selectAll().where('uuid', '=', row.uuid).executeTakeFirstOrThrow()
  const choice = storageOf(row.ownStorage, deps.storage)
  if (!choice.ok) throw new Error(choice.error)
  const pointer: Pointer = {
    format: 'drover-checkpoint/1', uuid: row.uuid, state: 'COMPLETED', clusterId: deps.clusterId, experimentId: row.experimentId, trialId: row.trialId,
    taskId: row.taskId, allocationId: row.allocationId, epoch: row.epoch, ordinal: row.ordinal, steps: row.steps,
    reportTime: (stored.report_time ?? stored.declared_at).toISOString(), prefix: row.prefix, manifest: row.manifest, bytes: stored.bytes,
    resources: stored.resources, metadata: stored.metadata, metrics: stored.metrics,
  }
  const root = rootOf(choice.storage, deps.clusterId, { id: row.experimentId, slug: row.slug }, row.trialId)
  await bucket.putBytes(pointerKey(root, row.steps, row.uuid), Buffer.from(`${JSON.stringify(pointer, null, 2)}\n`), { signal, create: false, contentType: 'application/json' })
  await deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    // metadata that was changed meanwhile is written by the next pass
    await tx.updateTable('checkpoints').set({ pointer_written: true }).where('uuid', '=', row.uuid).where('state', '=', 'COMPLETED').where(sql<boolean>`metadata = ${toJsonb(stored.metadata)}::jsonb`).execute()
  })
}
