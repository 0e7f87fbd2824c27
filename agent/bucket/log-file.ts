import { open, type FileHandle } from 'node:fs/promises'
import type { LogBatch } from '../../protocol/wire/logs.ts'
import { takeLines } from './docker-log.ts'

/** Raw bytes of one batch: the JSON of its lines is at most as long as Docker's own records. */
const WINDOW_BYTES = 448 * 1024
export const BATCH_BYTES_MAX = 512 * 1024
/** A line without its end is given as it is after this time. */
const PARTIAL_MS = 1_000

export interface PreparedBatch {
  from: number
  to: number
  payload: string
}

export interface LogFile {
  /** The next batch from the offset; null when nothing whole is there yet. `last`: the writer is gone. */
  read(from: number, last: boolean): Promise<PreparedBatch | null>
  close(): Promise<void>
}

/** Docker's json-file at `path`; a file that is not there (yet) has nothing to give. */
export function openLogFile(path: string, options: { rank: number; containerId: string; monotonicMs: () => number }): LogFile {
  let file: FileHandle | null = null
  let partial: { from: number; size: number; since: number } | null = null
  return {
    async read(from, last) {
      file ??= await openIfThere(path)
      if (!file) return null
      const { size } = await file.stat()
      if (size <= from) return null
      const flush = last ? 'all' : isStale(from, size) ? 'partials' : 'none'
      for (let window = WINDOW_BYTES; ; window = Math.ceil(window / 2)) {
        const batch = await readWindow(file, from, Math.min(window, size - from), { flush, full: size - from > window })
        if (batch && batch.payload.length > BATCH_BYTES_MAX / 2 && Buffer.byteLength(batch.payload) > BATCH_BYTES_MAX && window > 1024) continue
        return batch
      }
    },
    async close() {
      await file?.close()
      file = null
    },
  }

  /** Whether the same unfinished bytes have stood at the end of the file for a while. */
  function isStale(from: number, size: number): boolean {
    const now = options.monotonicMs()
    if (!partial || partial.from !== from || partial.size !== size) partial = { from, size, since: now }
    return now - partial.since >= PARTIAL_MS
  }

  async function readWindow(handle: FileHandle, from: number, length: number, take: { flush: 'none' | 'partials' | 'all'; full: boolean }): Promise<PreparedBatch | null> {
    const bytes = Buffer.allocUnsafe(length)
    const { bytesRead } = await handle.read(bytes, 0, length, from)
    const taken = takeLines(bytes.subarray(0, bytesRead), take)
    if (taken.bytes === 0) return null
    const to = from + taken.bytes
    const batch: LogBatch = { v: 1, rank: options.rank, containerId: options.containerId, from, to, lines: taken.lines }
    return { from, to, payload: JSON.stringify(batch) }
  }
}

async function openIfThere(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}
