import type { FileHandle } from 'node:fs/promises'
import type { Clock } from '../../protocol/kit/clock.ts'
import { note } from '../gateway/note.ts'
import type { Journal } from '../journal/door.ts'
import { metricsEvents, type LineCount } from './metrics-events.ts'

const WINDOW_BYTES = 256 * 1024

export interface MetricsReader {
  /** Commits the whole lines of the next window, cursor and events at once. False where there is nothing (yet). `last`: a last line without newline is whole too. */
  take(file: FileHandle, last: boolean): Promise<boolean>
}

interface Commit {
  events: Parameters<Parameters<Parameters<Journal['transaction']>[0]>[0]['append']>[0][]
  cursor: number
  count: LineCount
}

export function createMetricsReader(options: { journal: Journal; alloc: string; clock: Clock }): MetricsReader {
  const { journal, alloc } = options
  let count: LineCount | null = null
  return {
    async take(file, last) {
      const { size } = await file.stat()
      const cursor = journal.fileCursor(alloc)
      count ??= { alloc, line: await linesBefore(file, Math.min(cursor, size)), notes: 0 }
      const next = size < cursor ? restarted(count) : cursor < size ? await window(file, { cursor, size, last, count }) : null
      if (!next) return false
      journal.transaction((tx) => {
        for (const event of next.events) tx.append(event)
        tx.setFileCursor(alloc, next.cursor)
      })
      count = next.count
      return true
    },
  }

  function restarted(before: LineCount): Commit {
    const text = 'Metrics file became shorter and is read again from its start; append to it instead of writing it anew'
    return { events: [note(alloc, 'WARNING', text, options.clock.wallMs())], cursor: 0, count: { ...before, line: 0 } }
  }

  async function window(file: FileHandle, at: Position): Promise<Commit | null> {
    const bytes = await readAt(file, at.cursor, Math.min(WINDOW_BYTES, at.size - at.cursor))
    const isEnd = at.cursor + bytes.length >= at.size
    const newline = bytes.lastIndexOf(10)
    if (newline < 0 && !isEnd) return passOver(file, at)
    const end = at.last && isEnd ? bytes.length : newline + 1
    if (end === 0) return null
    const text = bytes.toString('utf8', 0, end)
    const lines = (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n')
    return { ...metricsEvents(lines, at.count, options.clock.wallMs()), cursor: at.cursor + end }
  }

  /** A line longer than the window: left out, with a note, once its end is there. */
  async function passOver(file: FileHandle, at: Position): Promise<Commit | null> {
    const found = await nextNewline(file, at.cursor, at.size)
    if (found === null && !at.last) return null
    const line = at.count.line + 1
    const text = `Metrics file, line ${line} was left out: it is longer than ${WINDOW_BYTES} bytes`
    return { events: [note(alloc, 'WARNING', text, options.clock.wallMs())], cursor: found === null ? at.size : found + 1, count: { ...at.count, line } }
  }
}

interface Position {
  cursor: number
  size: number
  last: boolean
  count: LineCount
}

async function nextNewline(file: FileHandle, from: number, size: number): Promise<number | null> {
  for (let at = from; at < size; at += WINDOW_BYTES) {
    const found = (await readAt(file, at, Math.min(WINDOW_BYTES, size - at))).indexOf(10)
    if (found >= 0) return at + found
  }
  return null
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
