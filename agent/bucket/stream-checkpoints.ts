import type { FileHandle } from 'node:fs/promises'
import { BucketError, type Bucket } from '../../protocol/bucket/door.ts'
import { checkpointPrefix } from '../../protocol/bucket/layout.ts'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { startLoop } from '../../protocol/kit/loop.ts'
import type { AllocationSpec } from '../../protocol/wire/spec.ts'
import { parseAllocationId } from '../../protocol/words/ids.ts'
import type { Journal, JournalCheckpoint } from '../journal/door.ts'
import type { AllocationPaths } from '../steps/attendant.ts'
import { hasCode, openDirectory, pathOf } from './beneath.ts'
import { CheckpointError } from './checkpoint-files.ts'
import { openLedger, type LedgerEntry } from './checkpoint-ledger.ts'
import { createDeclarer, identityOf } from './declare-checkpoints.ts'
import { bounded, note } from '../gateway/note.ts'
import { pruneCheckpoints } from './prune-checkpoints.ts'
import { createTrouble, type Trouble } from './trouble.ts'
import { findUploaded, uploadCheckpoint, type Uploaded, type UploadJob } from './upload-checkpoint.ts'
import { wakeOnChange } from './wake-on-change.ts'

const SCAN_MS = 1_000
const SWEEP_MS = 60_000
const TELL_AFTER_MS = 30_000

export interface StreamOptions {
  journal: Journal
  bucket: Bucket
  spec: AllocationSpec
  paths: AllocationPaths
  signal: AbortSignal
  clock: Clock
  random: () => number
  log: Log
}

export interface CheckpointStream {
  /** The writer is gone: resolves when every declared checkpoint, after one last look, is uploaded or failed. */
  finish(): Promise<void>
  readonly ended: Promise<void>
}

/** Declares checkpoints as they appear and uploads them one after another, oldest first; takes up what an earlier life left. */
export function streamCheckpoints(options: StreamOptions): CheckpointStream {
  const { journal, spec, paths, clock } = options
  const alloc = spec.alloc
  const ledger = openLedger(paths.root)
  const declarer = createDeclarer({ journal, ledger, alloc, path: paths.checkpoints, clock })
  const finished = Promise.withResolvers<void>()
  /** declared in this life: no earlier one can have uploaded them */
  const fresh = new Set<string>()
  let attempt: { uuid: string; sent: UploadJob['sent']; trouble: Trouble } | null = null
  let last = false
  let looked = false

  const kit = { signal: options.signal, clock, random: options.random, log: options.log }
  const uploads = startLoop({ ...kit, name: 'upload-checkpoints', pass: uploadAll, sweepMs: SWEEP_MS, capMs: 30_000 })
  const scans = startLoop({ ...kit, name: 'declare-checkpoints', pass: scan, sweepMs: SCAN_MS })
  const watcher = wakeOnChange(paths.checkpoints, scans.wake)
  return {
    finish() {
      last = true
      scans.wake()
      return finished.promise
    },
    ended: Promise.all([scans.ended, uploads.ended]).then(() => watcher.close()),
  }

  async function scan(): Promise<void> {
    watcher.retry()
    const lastBefore = last
    const declared = await declarer.scan()
    for (const uuid of declared) fresh.add(uuid)
    if (lastBefore) looked = true
    if (declared.length > 0 || lastBefore) uploads.wake()
  }

  async function uploadAll(signal: AbortSignal): Promise<void> {
    for (let next = oldest(); next; next = oldest()) {
      signal.throwIfAborted()
      await settle(next)
    }
    if (looked) finished.resolve()
  }

  function oldest(): JournalCheckpoint | undefined {
    return journal.checkpoints(alloc).find((row) => row.state === 'declared')
  }

  /** Ends with the row uploaded or failed in the journal; throws to be tried again. */
  async function settle(row: JournalCheckpoint): Promise<void> {
    if (attempt?.uuid !== row.uuid) attempt = { uuid: row.uuid, sent: new Map(), trouble: troubleOf(row) }
    const { trouble, sent } = attempt
    try {
      const uploaded = await upload(row, sent, trouble)
      trouble.over()
      commitUploaded(row, uploaded)
    } catch (error) {
      options.signal.throwIfAborted()
      if (!isForGood(error)) {
        trouble.saw(error instanceof Error ? error.message : 'unknown error')
        throw error
      }
      commitFailed(row, error)
    }
    attempt = null
    await pruneCheckpoints({ journal, ledger, alloc, paths })
  }

  async function upload(row: JournalCheckpoint, sent: UploadJob['sent'], trouble: Trouble): Promise<Uploaded> {
    const entry = await ledger.get(row.uuid)
    const place = { bucket: options.bucket, prefix: checkpointPrefix(spec.root, epochOf(alloc), row.ordinal, row.uuid), head: headOf(row, entry), signal: options.signal }
    const before = fresh.has(row.uuid) ? null : await findUploaded(place)
    if (before) return before
    const directory = await openStep(paths.checkpoints, row.directory, entry)
    try {
      return await uploadCheckpoint({ ...place, directory, sent, onBytes: () => trouble.over(), onRetry: (error) => trouble.saw(error.message) })
    } finally {
      await directory.close()
    }
  }

  function headOf(row: JournalCheckpoint, entry: LedgerEntry | null): UploadJob['head'] {
    const earlier = journal.checkpoints(alloc).filter((other) => other.state === 'uploaded' && other.ordinal < row.ordinal)
    const parent = earlier.at(-1)?.uuid ?? spec.restore?.uuid ?? null
    return { uuid: row.uuid, alloc, epoch: epochOf(alloc), ordinal: row.ordinal, steps: row.steps, parent, createdAt: entry?.createdAt ?? new Date(clock.wallMs()).toISOString() }
  }

  function commitUploaded(row: JournalCheckpoint, uploaded: Uploaded): void {
    const t = clock.wallMs()
    const { problem, ...facts } = uploaded
    journal.transaction((tx) => {
      if (problem !== null) tx.append(note(alloc, 'WARNING', `metadata.json of checkpoint ${row.directory} was not taken as metadata: ${problem}`, t))
      tx.append({ kind: 'checkpoint-uploaded', alloc, t, uuid: row.uuid, ordinal: row.ordinal, steps: row.steps, ...facts })
      tx.putCheckpoint({ ...row, state: 'uploaded' })
    })
  }

  function commitFailed(row: JournalCheckpoint, error: Error): void {
    const t = clock.wallMs()
    options.log.warn({ uuid: row.uuid, directory: row.directory, err: error }, 'checkpoint failed')
    journal.transaction((tx) => {
      tx.append(note(alloc, 'ERROR', `Checkpoint ${row.directory} could not be saved: ${error.message}`, t))
      tx.append({ kind: 'checkpoint-failed', alloc, t, uuid: row.uuid, error: bounded(error.message, 4_096) })
      tx.putCheckpoint({ ...row, state: 'failed' })
    })
  }

  function troubleOf(row: JournalCheckpoint): Trouble {
    return createTrouble({
      what: `Upload of checkpoint ${row.directory}`, afterMs: TELL_AFTER_MS, monotonicMs: () => clock.monotonicMs(),
      say: (level, text) => void journal.outbox.append(note(alloc, level, text, clock.wallMs())),
    })
  }
}

/** Opens the very directory that was declared. */
async function openStep(checkpoints: string, name: string, entry: LedgerEntry | null): Promise<FileHandle> {
  const gone = (): CheckpointError => new CheckpointError(`its directory ${name} is gone; leave a checkpoint's directory alone, old ones are removed by the agent`)
  try {
    const parent = await openDirectory(checkpoints)
    try {
      const directory = await openDirectory(pathOf(parent, name))
      if (entry === null || entry.identity === (await identityOf(`${pathOf(directory)}/.`))) return directory
      await directory.close()
    } finally {
      await parent.close()
    }
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw error
  }
  throw gone()
}

/** The checkpoint's own fault, or a refusal of the store that no waiting cures. */
function isForGood(error: unknown): error is Error {
  return error instanceof CheckpointError || (error instanceof BucketError && error.kind !== 'transient' && error.kind !== 'throttled' && error.kind !== 'full')
}

function epochOf(alloc: string): number {
  const parsed = parseAllocationId(alloc)
  if (!parsed) throw new RangeError(`allocation id ${JSON.stringify(alloc.slice(0, 80))} is not <task>.<epoch>`)
  return parsed.epoch
}
