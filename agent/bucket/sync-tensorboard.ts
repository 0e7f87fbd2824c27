import { lstat, readdir, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bucket } from '../../protocol/bucket/door.ts'
import { BucketError } from '../../protocol/bucket/door.ts'
import { keyMistake } from '../../protocol/bucket/key.ts'
import { tensorboardPrefix } from '../../protocol/bucket/layout.ts'
import { FileChangedError } from '../../protocol/bucket/read-file.ts'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { startLoop } from '../../protocol/kit/loop.ts'
import type { AllocationSpec } from '../../protocol/wire/spec.ts'
import type { Journal } from '../journal/door.ts'
import { note } from '../gateway/note.ts'
import { NotRegularError, hasCode, openDirectory, openRegularBeneath, pathOf } from './beneath.ts'

const SWEEP_MS = 5_000
const FILES_MAX = 2_000
const DEPTH_MAX = 8
/** The end of the run waits for the last files, but not for ever: a checkpoint they are not. */
const LAST_TRIES = 10

export interface TensorboardOptions {
  journal: Journal
  bucket: Bucket
  spec: AllocationSpec
  /** the storage directory on the host */
  storage: string
  signal: AbortSignal
  clock: Clock
  random: () => number
  log: Log
}

export interface TensorboardSync {
  /** The writer is gone: resolves when every file is in the bucket as it is now, or the bucket takes none. */
  finish(): Promise<void>
  readonly ended: Promise<void>
}

/** Keeps the event files that the `determined` package puts into the storage directory in the bucket, each whenever it has changed. */
export function syncTensorboard(options: TensorboardOptions): TensorboardSync {
  const { spec, bucket } = options
  const below = [spec.clusterId, 'tensorboard', 'experiment', String(spec.experimentId), 'trial', String(spec.trialId)]
  const sent = new Map<string, string>()
  const finished = Promise.withResolvers<void>()
  let last = false
  let failures = 0
  let told = false
  const loop = startLoop({ name: 'tensorboard', pass, sweepMs: SWEEP_MS, capMs: 30_000, signal: options.signal, clock: options.clock, random: options.random, log: options.log })
  return {
    finish() {
      last = true
      loop.wake()
      return finished.promise
    },
    ended: loop.ended,
  }

  async function pass(signal: AbortSignal): Promise<void> {
    const lastBefore = last
    const root = await openBelow(options.storage, below)
    try {
      if (root !== null) for (const name of await changedFiles(root, sent, tell)) await send(root, name, signal)
    } catch (error) {
      if (!(error instanceof BucketError) || signal.aborted) throw error
      failures += 1
      if (lastBefore && failures >= LAST_TRIES) {
        tell(`the last of them could not be sent: ${error.message}`)
        return finished.resolve()
      }
      throw error
    } finally {
      await root?.close()
    }
    failures = 0
    if (lastBefore) finished.resolve()
  }

  async function send(root: FileHandle, name: string, signal: AbortSignal): Promise<void> {
    try {
      const file = await openRegularBeneath(root, name)
      try {
        const mark = await markOf(pathOf(file))
        await bucket.putFile(join(tensorboardPrefix(spec.root), name), pathOf(file), { signal })
        sent.set(name, mark)
      } finally {
        await file.close()
      }
    } catch (error) {
      // written anew, or gone, while it was sent: looked at again in the next pass
      if (!(error instanceof FileChangedError) && !(error instanceof NotRegularError) && !hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw error
    }
  }

  function tell(problem: string): void {
    if (told) return
    told = true
    options.journal.outbox.append(note(spec.alloc, 'WARNING', `TensorBoard files are not all kept: ${problem}`, options.clock.wallMs()))
  }
}

async function changedFiles(root: FileHandle, sent: ReadonlyMap<string, string>, tell: (problem: string) => void): Promise<string[]> {
  const changed: string[] = []
  let count = 0
  const walk = async (directory: FileHandle, prefix: string, depth: number): Promise<void> => {
    for (const entry of (await readdir(pathOf(directory))).toSorted()) {
      const name = `${prefix}${entry}`
      const facts = await lstat(pathOf(directory, entry)).catch(() => null)
      if (facts?.isDirectory() && depth < DEPTH_MAX) {
        const inner = await openDirectory(pathOf(directory, entry)).catch(() => null)
        if (inner !== null) await walk(inner, `${name}/`, depth + 1).finally(() => inner.close())
      }
      if (!facts?.isFile()) continue
      count += 1
      if (count > FILES_MAX) return tell(`there are more than ${FILES_MAX}`)
      const mistake = keyMistake(name)
      if (mistake !== null) tell(`the name ${JSON.stringify(name.slice(0, 200))} ${mistake}`)
      else if (sent.get(name) !== `${facts.size}:${facts.mtimeMs}`) changed.push(name)
    }
  }
  await walk(root, '', 0)
  return changed
}

async function markOf(path: string): Promise<string> {
  const facts = await stat(path)
  return `${facts.size}:${facts.mtimeMs}`
}

/** No link on the way is followed; null where there is nothing yet. */
async function openBelow(storage: string, parts: readonly string[]): Promise<FileHandle | null> {
  let directory: FileHandle | null = null
  try {
    directory = await openDirectory(storage)
    for (const part of parts) {
      const inner: FileHandle = await openDirectory(pathOf(directory, part))
      await directory.close()
      directory = inner
    }
    return directory
  } catch (error) {
    await directory?.close()
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return null
    throw error
  }
}
