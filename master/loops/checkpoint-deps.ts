import type { Bucket } from '../../protocol/bucket/door.ts'
import type { Manifest } from '../../protocol/bucket/manifest.ts'
import { storageOf } from '../reconcile/storage-of.ts'
import type { Buckets } from './buckets.ts'
import type { CheckpointRow } from './checkpoints-load.ts'
import type { LoopDeps } from './deps.ts'

export type Verify = (bucket: Bucket, prefix: string, manifestDigest: string, signal: AbortSignal) => Promise<
  { ok: true; manifest: Manifest; resources: Record<string, number>; bytes: number } | { ok: false; transient: boolean; error: string }
>
export interface CheckpointDeps extends LoopDeps {
  buckets: Buckets
  verify: Verify
}

export function bucketOf(deps: CheckpointDeps, row: Pick<CheckpointRow, 'allocationId' | 'ownStorage'>): Bucket {
  const choice = storageOf(row.ownStorage, deps.storage)
  if (!choice.ok) throw new Error(`the checkpoints of ${row.allocationId}: ${choice.error}`)
  return deps.buckets.of(choice.storage)
}
