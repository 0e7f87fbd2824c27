import { startLoop, type Loop } from '../../protocol/kit/loop.ts'
import { bucketOf, type CheckpointDeps } from './checkpoint-deps.ts'
import { commitCheckpoint, contradiction, failCheckpoint } from './checkpoints-apply.ts'
import { loadUploaded, loadWithoutPointer, type CheckpointRow } from './checkpoints-load.ts'
import { eachOrThrowAfter } from './each.ts'
import { loadGathered, uniteParts } from './gang-union.ts'
import { writePointer } from './pointer.ts'
import { loadDeleted, removeDeleted } from './remove-deleted.ts'

const SWEEP_MS = 1_000
const BATCH = 64
const AT_ONCE = 4

/**
 * What agents say is uploaded is read and verified outside any transaction, then committed, then pointed to. A crash
 * between commit and pointer costs nothing: rows without a pointer are found again.
 */
export function startCheckpointsLoop(deps: CheckpointDeps): Loop {
  return startLoop({ name: 'checkpoints', sweepMs: SWEEP_MS, capMs: 30_000, signal: deps.signal, clock: deps.clock, random: deps.random, log: deps.log, pass: (signal) => checkpointsPass(deps, signal) })
}

export async function checkpointsPass(deps: CheckpointDeps, signal: AbortSignal): Promise<void> {
  const epoch = deps.leaderEpoch()
  if (epoch === null) return
  const uploaded = await loadUploaded(deps.db, BATCH)
  const pointless = await loadWithoutPointer(deps.db, BATCH)
  const gathered = await loadGathered(deps.db, BATCH)
  const deleted = await loadDeleted(deps.db, BATCH)
  const work: (() => Promise<void>)[] = [
    ...gathered.map((row) => () => uniteParts(deps, epoch, row, signal)),
    ...deleted.map((row) => () => removeDeleted(deps, epoch, row, signal)),
    ...pointless.map((row) => async () => writePointer(deps, epoch, row, bucketOf(deps, row), signal)),
    ...uploaded.map((row) => () => settle(deps, epoch, row, signal)),
  ]
  const groups = Array.from({ length: Math.min(AT_ONCE, work.length) }, (_, lane) => work.filter((_job, index) => index % AT_ONCE === lane))
  const outcomes = await Promise.allSettled(groups.map((group) => eachOrThrowAfter(group, (job) => job())))
  if ([uploaded, pointless, gathered, deleted].some((rows) => rows.length === BATCH)) deps.wake('checkpoints')
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}

async function settle(deps: CheckpointDeps, epoch: number, row: CheckpointRow, signal: AbortSignal): Promise<void> {
  const bucket = bucketOf(deps, row)
  const result = await deps.verify(bucket, row.prefix, row.manifest, signal)
  if (!result.ok && result.transient) throw new Error(`checkpoint ${row.uuid} cannot be verified yet: ${result.error}`)
  const refused = result.ok ? contradiction(row, result.manifest) : result.error
  if (!result.ok || refused !== '') {
    if (await failCheckpoint(deps, epoch, row, refused)) deps.log.error({ uuid: row.uuid, allocation: row.allocationId, reason: refused }, 'checkpoint refused')
  } else if (await commitCheckpoint(deps, epoch, row, result)) {
    deps.log.info({ uuid: row.uuid, allocation: row.allocationId, steps: row.steps, bytes: result.bytes }, 'checkpoint committed')
    deps.wake('feed')
    await writePointer(deps, epoch, row, bucket, signal)
  }
  deps.wake('lifecycle')
  deps.wake('feed')
}
