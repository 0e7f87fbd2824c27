import { BucketError, type Bucket } from '../../protocol/bucket/door.ts'
import { attemptsPrefix, parseManifestKey } from '../../protocol/bucket/layout.ts'
import { manifestDigest } from '../../protocol/bucket/verify.ts'
import { startLoop, type Loop } from '../../protocol/kit/loop.ts'
import { rootOf, storageOf } from '../reconcile/storage-of.ts'
import { closeAdoption, noteWaiting, reportFound, type Broken } from './adoption-apply.ts'
import { loadKnown, loadOrphaned, type KnownCheckpoint, type Orphaned } from './adoption-load.ts'
import { commitCheckpoint, contradiction } from './checkpoints-apply.ts'
import type { CheckpointRow } from './checkpoints-load.ts'
import { bucketOf, type CheckpointDeps } from './checkpoint-deps.ts'
import { eachOrThrowAfter } from './each.ts'
import { writePointer } from './pointer.ts'

const SWEEP_MS = 1_000

type Found = NonNullable<ReturnType<typeof parseManifestKey>>

/**
 * Before an attempt with a lost member is sealed its bucket is looked through: a checkpoint that was uploaded and never
 * reported is committed like any other, in the same unsealed epoch (I3, I5). While the bucket gives no answer it is tried again.
 */
export function startAdoptionLoop(deps: CheckpointDeps): Loop {
  return startLoop({ name: 'adoption', sweepMs: SWEEP_MS, capMs: 30_000, signal: deps.signal, clock: deps.clock, random: deps.random, log: deps.log, pass: (signal) => adoptionPass(deps, signal) })
}

export async function adoptionPass(deps: CheckpointDeps, signal: AbortSignal): Promise<void> {
  const epoch = deps.leaderEpoch()
  if (epoch === null) return
  await eachOrThrowAfter(await loadOrphaned(deps.db), async (orphaned) => {
    try {
      await adopt(deps, epoch, orphaned, signal)
    } catch (error) {
      if (error instanceof BucketError) await noteWaiting(deps, epoch, orphaned, error.message)
      throw error
    }
  })
}

async function adopt(deps: CheckpointDeps, epoch: number, orphaned: Orphaned, signal: AbortSignal): Promise<void> {
  const bucket = bucketOf(deps, orphaned)
  const found = await listManifests(deps, bucket, orphaned, signal)
  const known = await loadKnown(deps.db, found.map((one) => one.uuid))
  const broken: Broken[] = []
  for (const one of found) {
    const before = known.get(one.uuid)
    if (before !== undefined && !before.open) continue
    const result = await adoptOne(deps, epoch, bucket, orphaned, one, before, signal)
    if (result !== null) broken.push(result)
  }
  if (!(await closeAdoption(deps, epoch, orphaned, broken))) return
  deps.log.info({ allocation: orphaned.allocationId, broken: broken.length }, 'the bucket of a lost agent was looked through')
  deps.wake('lifecycle')
  deps.wake('feed')
}

async function listManifests(deps: CheckpointDeps, bucket: Bucket, orphaned: Orphaned, signal: AbortSignal): Promise<Found[]> {
  const choice = storageOf(orphaned.ownStorage, deps.storage)
  if (!choice.ok) throw new Error(choice.error)
  const root = rootOf(choice.storage, deps.clusterId, { id: orphaned.experimentId, slug: orphaned.slug }, orphaned.trialId)
  const found: Found[] = []
  for await (const { key } of bucket.list(attemptsPrefix(root, orphaned.epoch), { signal })) {
    const manifest = parseManifestKey(root, orphaned.epoch, key)
    if (manifest !== null) found.push(manifest)
  }
  return found
}

/** Null: it was committed, or sealed or committed by another meanwhile. Throws BucketError while the bucket gives no answer. */
async function adoptOne(deps: CheckpointDeps, epoch: number, bucket: Bucket, orphaned: Orphaned, found: Found, before: KnownCheckpoint | undefined, signal: AbortSignal): Promise<Broken | null> {
  const digest = await manifestDigest(bucket, found.prefix, signal).catch((error: unknown) => corruption(error))
  if (typeof digest !== 'string') return { prefix: found.prefix, error: digest.message }
  const verified = await deps.verify(bucket, found.prefix, digest, signal)
  if (!verified.ok && verified.transient) throw new BucketError('transient', verified.error)
  if (!verified.ok) return { prefix: found.prefix, error: verified.error }
  const row: CheckpointRow = { ...orphaned, ...found, steps: before?.steps ?? verified.manifest.steps, manifest: digest }
  const refused = [foreign(before, row), contradiction(row, verified.manifest)].filter((text) => text !== '').join('; ')
  if (refused !== '') return { prefix: found.prefix, error: refused }
  if (!(await reportFound(deps, epoch, row)) || !(await commitCheckpoint(deps, epoch, row, verified))) return null
  deps.log.info({ uuid: row.uuid, allocation: row.allocationId, steps: row.steps, bytes: verified.bytes }, 'a checkpoint of a lost agent was adopted')
  await writePointer(deps, epoch, row, bucket, signal)
  return null
}

/** A manifest too large to be one is broken; a bucket without an answer is asked again. */
function corruption(error: unknown): BucketError {
  if (error instanceof BucketError && (error.kind === 'corrupt' || error.kind === 'missing')) return error
  throw error
}

function foreign(before: KnownCheckpoint | undefined, row: CheckpointRow): string {
  if (before === undefined || (before.allocationId === row.allocationId && before.ordinal === row.ordinal)) return ''
  return `checkpoint ${row.uuid} was declared as number ${before.ordinal} of allocation ${before.allocationId}`
}
