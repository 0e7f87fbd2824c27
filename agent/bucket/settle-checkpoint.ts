import type { FileHandle } from 'node:fs/promises'
import { BucketError, type Bucket } from '../../protocol/bucket/door.ts'
import { checkpointPrefix, partKey } from '../../protocol/bucket/layout.ts'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import type { AllocationSpec } from '../../protocol/wire/spec.ts'
import { parseAllocationId } from '../../protocol/words/ids.ts'
import { bounded, note } from '../gateway/note.ts'
import type { Journal, JournalCheckpoint } from '../journal/door.ts'
import type { AllocationPaths } from '../steps/attendant.ts'
import { hasCode, openDirectory, pathOf } from './beneath.ts'
import { CheckpointError } from './checkpoint-files.ts'
import type { Ledger, LedgerEntry } from './checkpoint-ledger.ts'
import { identityOf } from './declare-checkpoints.ts'
import { withManifestAt } from './part-list.ts'
import { openReported } from './reported-directory.ts'
import { createTrouble, type Trouble } from './trouble.ts'
import { findUploaded, isPassing, uploadCheckpoint, type Uploaded, type UploadJob } from './upload-checkpoint.ts'

const TELL_AFTER_MS = 30_000

export interface SettleOptions {
  journal: Journal
  bucket: Bucket
  ledger: Ledger
  spec: AllocationSpec
  paths: AllocationPaths
  signal: AbortSignal
  clock: Clock
  log: Log
}

/** What one declared checkpoint has come to in this life of the agent. */
export interface Attempt {
  row: JournalCheckpoint
  /** declared in this life: no earlier one can have uploaded it */
  isFresh: boolean
  sent: UploadJob['sent']
  trouble: Trouble
}

export function createAttempt(options: SettleOptions, row: JournalCheckpoint, isFresh: boolean): Attempt {
  const { journal, spec, clock } = options
  const trouble = createTrouble({
    what: `Upload of checkpoint ${row.directory}`, afterMs: TELL_AFTER_MS, monotonicMs: () => clock.monotonicMs(),
    say: (level, text) => void journal.outbox.append(note(spec.alloc, level, text, clock.wallMs())),
  })
  return { row, isFresh, sent: new Map(), trouble }
}

/** Ends with the row uploaded or failed in the journal, its event in the same commit; throws to be tried again. */
export async function settleCheckpoint(options: SettleOptions, attempt: Attempt): Promise<void> {
  try {
    const uploaded = await upload(options, attempt)
    attempt.trouble.over()
    commitUploaded(options, attempt.row, uploaded)
  } catch (error) {
    options.signal.throwIfAborted()
    if (isForGood(error)) return commitFailed(options, attempt.row, error)
    attempt.trouble.saw(error instanceof Error ? error.message : 'unknown error')
    throw error
  }
}

async function upload(options: SettleOptions, { row, isFresh, sent, trouble }: Attempt): Promise<Uploaded> {
  const { spec, bucket, signal } = options
  const { reported } = row
  const entry = reported ? null : await options.ledger.get(row.uuid)
  const [epoch, createdAt] = [epochOf(spec.alloc), reported?.createdAt ?? entry?.createdAt]
  const prefix = checkpointPrefix(spec.root, epoch, row.ordinal, row.uuid)
  const place = { bucket: reported?.part ? withManifestAt(bucket, prefix, partKey(spec.root, epoch, row.ordinal, row.uuid, spec.rank)) : bucket, prefix, head: headOf(options, row, createdAt), signal }
  const before = isFresh ? null : await findUploaded(place)
  if (before) return before
  const directory = reported ? await openReported(options.paths.storage, row.uuid, reported.metadata === undefined) : await openStep(options.paths.checkpoints, row.directory, entry)
  try {
    return await uploadCheckpoint({ ...place, directory, sent, onBytes: () => trouble.over(), onRetry: (error) => trouble.saw(error.message) })
  } finally {
    await directory.close()
  }
}

function headOf({ journal, spec, clock }: SettleOptions, row: JournalCheckpoint, createdAt: string | undefined): UploadJob['head'] {
  const earlier = journal.checkpoints(spec.alloc).filter((other) => other.state === 'uploaded' && other.ordinal < row.ordinal)
  const parent = earlier.at(-1)?.uuid ?? spec.restore?.uuid ?? null
  return { uuid: row.uuid, alloc: spec.alloc, epoch: epochOf(spec.alloc), ordinal: row.ordinal, steps: row.steps, parent, createdAt: createdAt ?? new Date(clock.wallMs()).toISOString() }
}

function commitUploaded({ journal, clock }: SettleOptions, row: JournalCheckpoint, uploaded: Uploaded): void {
  const t = clock.wallMs()
  const { alloc, uuid, ordinal, steps } = row
  const { problem, ...found } = uploaded
  // what was reported is what the harness merged of all ranks
  const facts = { ...found, metadata: row.reported?.metadata ?? found.metadata }
  journal.transaction((tx) => {
    if (problem !== null && row.reported === undefined) tx.append(note(alloc, 'WARNING', `metadata.json of checkpoint ${row.directory} was not taken as metadata: ${problem}`, t))
    tx.append(row.reported?.part ? { kind: 'checkpoint-part', alloc, t, uuid, list: facts.manifest } : { kind: 'checkpoint-uploaded', alloc, t, uuid, ordinal, steps, ...facts })
    tx.putCheckpoint({ ...row, state: 'uploaded' })
  })
}

function commitFailed({ journal, clock, log }: SettleOptions, row: JournalCheckpoint, error: Error): void {
  const t = clock.wallMs()
  const { alloc, uuid } = row
  log.warn({ uuid, directory: row.directory, err: error }, 'checkpoint failed')
  journal.transaction((tx) => {
    tx.append(note(alloc, 'ERROR', `Checkpoint ${row.directory} could not be saved: ${error.message}`, t))
    tx.append({ kind: 'checkpoint-failed', alloc, t, uuid, error: bounded(error.message, 4_096) })
    tx.putCheckpoint({ ...row, state: 'failed' })
  })
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
  return error instanceof CheckpointError || (error instanceof BucketError && !isPassing(error))
}

function epochOf(alloc: string): number {
  const parsed = parseAllocationId(alloc)
  if (!parsed) throw new RangeError(`allocation id ${JSON.stringify(alloc.slice(0, 80))} is not <task>.<epoch>`)
  return parsed.epoch
}
