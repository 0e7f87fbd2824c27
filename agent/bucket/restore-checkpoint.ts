import { lchown, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BucketError, type Bucket } from '../../protocol/bucket/door.ts'
import { inParallel } from '../../protocol/bucket/lanes.ts'
import type { Manifest } from '../../protocol/bucket/manifest.ts'
import { readManifest } from '../../protocol/bucket/verify.ts'
import { backoffMs } from '../../protocol/kit/backoff.ts'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { AllocationSpec } from '../../protocol/wire/spec.ts'
import type { Journal } from '../journal/door.ts'
import type { AllocationPaths, RestoreResult } from '../steps/attendant.ts'
import { hasCode } from './beneath.ts'
import { note } from '../gateway/note.ts'
import { createTrouble } from './trouble.ts'

const FILES_AT_ONCE = 4
const PROGRESS_MS = 1_000
const TELL_AFTER_MS = 30_000
const MiB = 1024 * 1024

export interface RestoreOptions {
  bucket: Bucket
  journal: Journal
  spec: AllocationSpec
  paths: AllocationPaths
  signal: AbortSignal
  clock: Clock
  random: () => number
}

/**
 * Brings the checkpoint of `spec.restore` into `paths.restored`: each file's SHA-256 compared, synced, then the whole
 * directory renamed into place, so that a restored directory is a whole one (I5). A store that does not answer is asked
 * again until `signal`; a missing or wrong file is for good.
 */
export async function restoreCheckpoint(options: RestoreOptions): Promise<RestoreResult> {
  const { spec, paths, clock } = options
  if (spec.restore === null) return { ok: true, bytes: 0 }
  const say = (level: 'INFO' | 'WARNING', text: string): void => void options.journal.outbox.append(note(spec.alloc, level, text, clock.wallMs()))
  const trouble = createTrouble({ what: `Restore of checkpoint ${spec.restore.uuid}`, afterMs: TELL_AFTER_MS, monotonicMs: () => clock.monotonicMs(), say })
  for (let attempt = 1; ; attempt += 1) {
    try {
      if (await isThere(paths.restored)) return { ok: true, bytes: await bytesBelow(paths.restored) }
      return { ok: true, bytes: await restoreOnce(options, spec.restore, say, (error) => trouble.saw(error.message)) }
    } catch (error) {
      if (options.signal.aborted) return { ok: false, transient: true, error: 'the restore was interrupted' }
      if (!(error instanceof BucketError)) return { ok: false, transient: true, error: `the host could not take the checkpoint: ${error instanceof Error ? error.message : 'unknown error'}` }
      if (error.kind !== 'transient' && error.kind !== 'throttled') return { ok: false, transient: false, error: error.message }
      trouble.saw(error.message)
      await clock.sleep(backoffMs(attempt, options.random, { baseMs: 200, capMs: 10_000, floorMs: 50 }), options.signal)
    }
  }
}

async function restoreOnce(options: RestoreOptions, restore: NonNullable<AllocationSpec['restore']>, say: (level: 'INFO', text: string) => void, onRetry: (error: BucketError) => void): Promise<number> {
  const { bucket, paths, signal, clock, spec } = options
  const started = clock.monotonicMs()
  const manifest = await readManifest(bucket, restore.prefix, restore.manifest, signal)
  const total = manifest.files.reduce((sum, file) => sum + file.size, 0)
  const draft = `${paths.restored}.tmp`
  await rm(draft, { recursive: true, force: true })
  await mkdir(draft, { recursive: true })
  const progress = createProgress(clock, total, say)
  await inParallel(manifest.files, FILES_AT_ONCE, signal, (file, inner) => fetchFile({ bucket, draft, prefix: restore.prefix, file, onBytes: progress, onRetry }, inner))
  await settleTree(draft, spec.user)
  await rename(draft, paths.restored)
  await syncPath(dirname(paths.restored))
  say('INFO', `Restored checkpoint ${restore.uuid} of step ${restore.steps}: ${manifest.files.length} files, ${mib(total)} in ${((clock.monotonicMs() - started) / 1000).toFixed(1)} s`)
  return total
}

interface Fetch {
  bucket: Bucket
  draft: string
  prefix: string
  file: Manifest['files'][number]
  onBytes: (bytes: number) => void
  onRetry: (error: BucketError) => void
}

async function fetchFile({ bucket, draft, prefix, file, onBytes, onRetry }: Fetch, signal: AbortSignal): Promise<void> {
  const key = `${prefix}/${file.name}`
  const path = join(draft, file.name)
  await mkdir(dirname(path), { recursive: true })
  const got = await bucket.getFile(key, path, { signal, onBytes, onRetry })
  if (got.size !== file.size) throw new BucketError('corrupt', `${key} has ${got.size} bytes, its manifest says ${file.size}`)
  if (got.sha256 !== file.sha256) throw new BucketError('corrupt', `${key} has SHA-256 ${got.sha256}, its manifest says ${file.sha256}`)
  const handle = await open(path, 'r+')
  try {
    await handle.chmod(file.mode)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Gives everything to the container's user and syncs the directories. No container runs yet, so nobody swaps a link in. */
async function settleTree(path: string, user: { uid: number; gid: number }): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const below = join(path, entry.name)
    if (entry.isDirectory()) await settleTree(below, user)
    else await own(below, user)
  }
  await own(path, user)
  await syncPath(path)
}

/** An agent that is not root (a developer's) can give nothing away; its containers run as whom Docker says. */
export async function own(path: string, user: { uid: number; gid: number }): Promise<void> {
  try {
    await lchown(path, user.uid, user.gid)
  } catch (error) {
    if (!hasCode(error, 'EPERM') || process.getuid?.() === 0) throw error
  }
}

async function syncPath(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

function createProgress(clock: Clock, total: number, say: (level: 'INFO', text: string) => void): (bytes: number) => void {
  let done = 0
  let told = clock.monotonicMs()
  return (bytes) => {
    done += bytes
    const now = clock.monotonicMs()
    if (now - told < PROGRESS_MS || done >= total) return
    told = now
    say('INFO', `Restoring checkpoint: ${mib(done)} of ${mib(total)}`)
  }
}

function mib(bytes: number): string {
  return `${(bytes / MiB).toFixed(1)} MiB`
}

async function isThere(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false
    throw error
  }
}

async function bytesBelow(path: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(path, { withFileTypes: true, recursive: true })) if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size
  return bytes
}
