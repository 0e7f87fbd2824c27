import type { FileHandle } from 'node:fs/promises'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { startLoop } from '../../protocol/kit/loop.ts'
import type { Journal } from '../journal/door.ts'
import { NotRegularError, hasCode, openRegular } from './beneath.ts'
import { createMetricsReader } from './metrics-reader.ts'
import { note } from '../gateway/note.ts'
import { wakeOnChange } from './wake-on-change.ts'

const POLL_MS = 200
/** Between two commits: each costs a sync of the disk. */
const REST_MS = 50

export interface FollowOptions {
  journal: Journal
  alloc: string
  path: string
  signal: AbortSignal
  clock: Clock
  random: () => number
  log: Log
}

export interface MetricsFollower {
  /** The writer is gone: resolves when the last line, also one without newline, is in the outbox. */
  finish(): Promise<void>
  readonly ended: Promise<void>
}

/**
 * Follows the metrics file. Events and the file's cursor change in one commit of the journal, so that each line is
 * reported exactly once, whenever the agent is killed.
 */
export function followMetrics(options: FollowOptions): MetricsFollower {
  const { journal, alloc } = options
  const finished = Promise.withResolvers<void>()
  const reader = createMetricsReader({ journal, alloc, clock: options.clock })
  let last = false
  let refused = false
  // before the loop, whose first pass runs at once
  const watcher = wakeOnChange(options.path, () => loop.wake())
  const loop = startLoop({ name: 'follow-metrics', pass, sweepMs: POLL_MS, signal: options.signal, clock: options.clock, random: options.random, log: options.log })
  return {
    finish() {
      last = true
      loop.wake()
      return finished.promise
    },
    ended: loop.ended.then(() => watcher.close()),
  }

  async function pass(signal: AbortSignal): Promise<void> {
    watcher.retry()
    const lastBefore = last
    const file = refused ? null : await openIfThere()
    try {
      if (file) await takeAll(file, lastBefore, signal)
    } finally {
      await file?.close()
    }
    if (lastBefore) finished.resolve()
  }

  async function takeAll(file: FileHandle, toLast: boolean, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (await reader.take(file, toLast))) if (!toLast) await options.clock.sleep(REST_MS, signal)
  }

  async function openIfThere(): Promise<FileHandle | null> {
    try {
      return await openRegular(options.path, 'the metrics file')
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return null
      if (!(error instanceof NotRegularError)) throw error
      refused = true
      journal.outbox.append(note(alloc, 'WARNING', `Metrics are not read: ${error.message}`, options.clock.wallMs()))
      return null
    }
  }
}
