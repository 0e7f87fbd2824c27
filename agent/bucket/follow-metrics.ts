import type { FileHandle } from 'node:fs/promises'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { startLoop } from '../../protocol/kit/loop.ts'
import type { Journal } from '../journal/door.ts'
import { NotRegularError, hasCode, openRegular } from './beneath.ts'
import { metricsEvents, type LineCount } from './metrics-events.ts'
import { note } from './note.ts'
import { wakeOnChange } from './wake-on-change.ts'

const POLL_MS = 200
/** Between two commits: each costs a sync of the disk. */
const REST_MS = 50
const WINDOW_BYTES = 256 * 1024

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
  let count: LineCount | null = null
  let last = false
  let refused = false
  const loop = startLoop({ name: 'follow-metrics', pass, sweepMs: POLL_MS, signal: options.signal, clock: options.clock, random: options.random, log: options.log })
  const watcher = wakeOnChange(options.path, loop.wake)
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
    let cursor = journal.fileCursor(alloc)
    const { size } = await file.stat()
    if (size < cursor) cursor = restart()
    count ??= { alloc, line: await linesBefore(file, cursor), notes: 0 }
    while (cursor < size && !signal.aborted) {
      const next = await takeWindow(file, cursor, size, toLast)
      if (next === cursor) return
      cursor = next
      if (!toLast) await options.clock.sleep(REST_MS, signal)
    }
  }

  /** Commits the whole lines of one window; gives the new cursor, or the old one where no line is whole yet. */
  async function takeWindow(file: FileHandle, cursor: number, size: number, toLast: boolean): Promise<number> {
    const bytes = await readAt(file, cursor, Math.min(WINDOW_BYTES, size - cursor))
    const isEnd = cursor + bytes.length >= size
    const newline = bytes.lastIndexOf(10)
    if (newline < 0 && !isEnd) return passOver(file, cursor, size, toLast)
    const end = toLast && isEnd ? bytes.length : newline + 1
    if (end === 0) return cursor
    const text = bytes.toString('utf8', 0, end)
    const lines = (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n')
    const taken = metricsEvents(lines, count ?? { alloc, line: 0, notes: 0 }, options.clock.wallMs())
    journal.transaction((tx) => {
      for (const event of taken.events) tx.append(event)
      tx.setFileCursor(alloc, cursor + end)
    })
    count = taken.count
    return cursor + end
  }

  /** A line longer than the window: left out, with a note, once its end is there. */
  async function passOver(file: FileHandle, cursor: number, size: number, toLast: boolean): Promise<number> {
    let end = -1
    for (let at = cursor; at < size && end < 0; at += WINDOW_BYTES) {
      const found = (await readAt(file, at, Math.min(WINDOW_BYTES, size - at))).indexOf(10)
      if (found >= 0) end = at + found + 1
    }
    if (end < 0) {
      if (!toLast) return cursor
      end = size
    }
    const line = (count?.line ?? 0) + 1
    journal.transaction((tx) => {
      tx.append(note(alloc, 'WARNING', `Metrics file, line ${line} was left out: it is longer than ${WINDOW_BYTES} bytes`, options.clock.wallMs()))
      tx.setFileCursor(alloc, end)
    })
    count = { alloc, line, notes: count?.notes ?? 0 }
    return end
  }

  function restart(): number {
    count = { alloc, line: 0, notes: count?.notes ?? 0 }
    journal.transaction((tx) => {
      tx.append(note(alloc, 'WARNING', 'Metrics file became shorter and is read again from its start; append to it instead of writing it anew', options.clock.wallMs()))
      tx.setFileCursor(alloc, 0)
    })
    return 0
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

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length)
  const { bytesRead } = await file.read(bytes, 0, length, position)
  return bytes.subarray(0, bytesRead)
}

/** Counted once after a restart, for the line numbers in notes. */
async function linesBefore(file: FileHandle, cursor: number): Promise<number> {
  let lines = 0
  for (let at = 0; at < cursor; at += WINDOW_BYTES) {
    const bytes = await readAt(file, at, Math.min(WINDOW_BYTES, cursor - at))
    for (const byte of bytes) if (byte === 10) lines += 1
  }
  return lines
}
