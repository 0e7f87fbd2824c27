import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { BucketError, type Bucket } from '../../protocol/bucket/door.ts'
import { manifestKey, partKey } from '../../protocol/bucket/layout.ts'
import type { Manifest } from '../../protocol/bucket/manifest.ts'
import { unionOf } from '../../protocol/bucket/union.ts'
import { MANIFEST_BYTES_MAX, parseManifest } from '../../protocol/bucket/verify.ts'
import type { CheckpointStorageConfig } from '../../protocol/words/experiment-config.ts'
import { rootOf, storageOf } from '../reconcile/storage-of.ts'
import type { Db } from '../store/db.ts'
import { assertLeader } from '../store/leader.ts'
import { failCheckpoint } from './checkpoints-apply.ts'
import type { CheckpointRow } from './checkpoints-load.ts'
import { bucketOf, type CheckpointDeps } from './checkpoint-deps.ts'

/** A checkpoint of a gang whose members have all sent their parts. */
export interface GangCheckpoint extends Omit<CheckpointRow, 'manifest'> {
  /** SHA-256 of each member's list, in order of rank */
  lists: string[]
  metadata: Record<string, unknown>
  ownStorage: CheckpointStorageConfig | null
}

export async function loadGathered(db: Db, limit: number): Promise<GangCheckpoint[]> {
  const { rows } = await sql<GangCheckpoint>`
    SELECT c.uuid, c.allocation_id AS "allocationId", c.task_id AS "taskId", c.trial_id AS "trialId", c.experiment_id AS "experimentId", e.slug, c.epoch, c.ordinal, c.steps, c.prefix, c.metadata,
      nullif(e.config->'checkpoint_storage', 'null'::jsonb) AS "ownStorage", p.lists
    FROM checkpoints c JOIN experiments e ON e.id = c.experiment_id
    JOIN LATERAL (SELECT array_agg(q.list ORDER BY q.rank) AS lists, count(*) AS count FROM checkpoint_parts q WHERE q.uuid = c.uuid) p ON p.count = c.parts
    WHERE c.state = 'ACTIVE' AND c.parts IS NOT NULL AND c.uploaded_at IS NULL ORDER BY c.declared_at, c.uuid LIMIT ${limit}`.execute(db)
  return rows
}

/**
 * Reads the lists of all members and writes the manifest of the union, create-only; from there on the checkpoint is
 * like any other that is uploaded. A crash anywhere finds the same lists again and makes the same bytes of them.
 */
export async function uniteParts(deps: CheckpointDeps, epoch: number, row: GangCheckpoint, signal: AbortSignal): Promise<void> {
  const bucket = bucketOf(deps, row)
  const keys = keysOf(deps, row)
  try {
    const parts = await Promise.all(keys.map((key, rank) => readList(bucket, key, row.lists[rank] ?? '', signal)))
    const union = unionOf(parts, row.metadata)
    if (!union.ok) return await refuse(deps, epoch, row, union.error)
    const bytes = Buffer.from(JSON.stringify(union.manifest))
    if (bytes.length > MANIFEST_BYTES_MAX) return await refuse(deps, epoch, row, `its manifest would have ${bytes.length} bytes; save fewer files or shorter names`)
    await putManifest(bucket, manifestKey(row.prefix), bytes, signal)
    await noteUploaded(deps, epoch, row, union.manifest, createHash('sha256').update(bytes).digest('hex'))
  } catch (error) {
    if (!(error instanceof BucketError) || (error.kind !== 'missing' && error.kind !== 'corrupt' && error.kind !== 'exists')) throw error
    return refuse(deps, epoch, row, error.message)
  }
  deps.wake('checkpoints')
  for (const key of keys) await bucket.remove(key, { signal })
}

function keysOf(deps: CheckpointDeps, row: GangCheckpoint): string[] {
  const choice = storageOf(row.ownStorage, deps.storage)
  if (!choice.ok) throw new Error(choice.error)
  const root = rootOf(choice.storage, deps.clusterId, { id: row.experimentId, slug: row.slug }, row.trialId)
  return row.lists.map((_, rank) => partKey(root, row.epoch, row.ordinal, row.uuid, rank))
}

async function readList(bucket: Bucket, key: string, digest: string, signal: AbortSignal): Promise<Manifest> {
  const bytes = await bucket.getBytes(key, { signal, maxBytes: MANIFEST_BYTES_MAX })
  const found = createHash('sha256').update(bytes).digest('hex')
  if (found !== digest) throw new BucketError('corrupt', `${key} has SHA-256 ${found}, its agent said ${digest}`)
  return parseManifest(bytes, key)
}

async function putManifest(bucket: Bucket, key: string, bytes: Buffer, signal: AbortSignal): Promise<void> {
  try {
    await bucket.putBytes(key, bytes, { signal, create: true, contentType: 'application/json' })
  } catch (error) {
    if (!(error instanceof BucketError) || error.kind !== 'exists') throw error
    const there = await bucket.getBytes(key, { signal, maxBytes: MANIFEST_BYTES_MAX })
    if (!bytes.equals(there)) throw new BucketError('exists', `${key} is taken by another manifest`)
  }
}

async function noteUploaded(deps: CheckpointDeps, epoch: number, row: GangCheckpoint, manifest: Manifest, digest: string): Promise<void> {
  const size = manifest.files.reduce((sum, file) => sum + file.size, 0)
  await deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    await tx.updateTable('checkpoints').set({ uploaded_at: sql<Date>`now()`, manifest_digest: digest, bytes: size }).where('uuid', '=', row.uuid).where('state', '=', 'ACTIVE').where('uploaded_at', 'is', null).execute()
  })
}

async function refuse(deps: CheckpointDeps, epoch: number, row: GangCheckpoint, error: string): Promise<void> {
  if (await failCheckpoint(deps, epoch, { ...row, manifest: '' }, error)) deps.log.error({ uuid: row.uuid, allocation: row.allocationId, reason: error }, 'checkpoint of a gang refused')
  deps.wake('lifecycle')
  deps.wake('feed')
}
