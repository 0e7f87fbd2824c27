import type { LogLine } from '../../protocol/wire/logs.ts'

/**
 * Docker's json-file, read from a byte offset. Pure and without memory: what is taken depends only on the bytes from
 * the offset on, so that after a lost reply or a killed agent the same range gives the same lines (I11).
 *
 * A record is `{"log":"text\n","stream":"stdout","time":"..."}` and a newline. Docker splits lines over 16 KiB into
 * records without `\n` in the text; records of the two streams interleave. A batch ends only where no line of either
 * stream is half seen, unless that never comes.
 */
export interface Taken {
  lines: LogLine[]
  /** bytes covered by `lines`; the next batch starts behind them */
  bytes: number
}

export interface TakeOptions {
  /** `partials`: give lines that are half seen too (the writer pauses). `all`: the file has ended; also a torn last record. */
  flush: 'none' | 'partials' | 'all'
  /** more of the file follows than was read */
  full: boolean
}

/** Longest text of one line, in UTF-16 units; what is longer goes on in the next. */
const LINE_MAX = 65_536
const CUT_MARK = ' [drover: line over 64 KiB, goes on below]'
/** Room for one line of each stream when a flush ends the batch. */
const LINES_MAX = 8_192 - 8
const UNREADABLE_SHOWN = 4_096

type Stream = LogLine['std']
interface Pending { t: number; text: string }

export function takeLines(bytes: Buffer, options: TakeOptions): Taken {
  const joiner = createJoiner()
  let position = 0
  let safeBytes = 0
  let safeCount = 0
  while (joiner.lines.length < LINES_MAX) {
    const end = bytes.indexOf(10, position)
    if (end < 0) break
    joiner.add(bytes.toString('utf8', position, end))
    position = end + 1
    if (joiner.isWhole()) {
      safeBytes = position
      safeCount = joiner.lines.length
    }
  }
  const more = options.full || joiner.lines.length >= LINES_MAX
  if (options.flush === 'none' ? safeBytes > 0 || !more : safeBytes > 0 && more) return { lines: joiner.lines.slice(0, safeCount), bytes: safeBytes }
  if (position === 0 && options.full) return { lines: [unreadable(bytes)], bytes: bytes.length }
  if (options.flush === 'all' && !more && position < bytes.length) {
    joiner.add(bytes.toString('utf8', position))
    position = bytes.length
  }
  joiner.flush()
  return { lines: joiner.lines, bytes: position }
}

interface Joiner {
  readonly lines: LogLine[]
  add(record: string): void
  isWhole(): boolean
  flush(): void
}

function createJoiner(): Joiner {
  const lines: LogLine[] = []
  const pending: Record<Stream, Pending | null> = { stdout: null, stderr: null }
  const timeOf = createTimeReader()
  let lastTime = 0

  const give = (std: Stream, t: number, text: string): void => void lines.push({ t, std, text: text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text })

  function extend(std: Stream, t: number, piece: string): Pending {
    let held = pending[std] ?? { t, text: '' }
    if (held.text !== '' && held.text.length + piece.length > LINE_MAX) {
      give(std, held.t, held.text + CUT_MARK)
      held = { t, text: '' }
    }
    let text = held.text + piece
    for (; text.length > LINE_MAX; text = text.slice(LINE_MAX)) give(std, held.t, text.slice(0, LINE_MAX) + CUT_MARK)
    return { t: held.t, text }
  }

  return {
    lines,
    add(record) {
      const parsed = parseRecord(record)
      if (!parsed) {
        if (record !== '') give('stdout', lastTime, `[drover: unreadable log record] ${record.slice(0, UNREADABLE_SHOWN)}`)
        return
      }
      const t = timeOf(parsed.time)
      lastTime = t
      if (!parsed.log.endsWith('\n')) {
        pending[parsed.stream] = extend(parsed.stream, t, parsed.log)
        return
      }
      const held = pending[parsed.stream] === null && parsed.log.length <= LINE_MAX ? { t, text: parsed.log.slice(0, -1) } : extend(parsed.stream, t, parsed.log.slice(0, -1))
      give(parsed.stream, held.t, held.text)
      pending[parsed.stream] = null
    },
    isWhole: () => pending.stdout === null && pending.stderr === null,
    flush() {
      for (const std of ['stdout', 'stderr'] as const) {
        const held = pending[std]
        if (held) give(std, held.t, held.text)
        pending[std] = null
      }
    },
  }
}

function unreadable(bytes: Buffer): LogLine {
  return { t: 0, std: 'stdout', text: `[drover: ${bytes.length} bytes of Docker's log hold no record and were passed over]` }
}

function parseRecord(record: string): { log: string; stream: Stream; time: string } | null {
  let value: unknown
  try {
    value = JSON.parse(record)
  } catch {
    return null // the caller gives the record as it is: nothing is lost
  }
  if (typeof value !== 'object' || value === null || !('log' in value) || typeof value.log !== 'string') return null
  const stream = 'stream' in value && value.stream === 'stderr' ? 'stderr' : 'stdout'
  return { log: value.log, stream, time: 'time' in value && typeof value.time === 'string' ? value.time : '' }
}

/** RFC 3339 to milliseconds. Lines come in the same second by the thousand, so the second is parsed once. */
function createTimeReader(): (text: string) => number {
  let second = ''
  let base = 0
  return (text) => {
    if (text.length < 20 || !text.endsWith('Z')) return fallback(text)
    const head = text.slice(0, 19)
    if (head !== second) {
      base = fallback(`${head}Z`)
      second = head
    }
    return base + (text[19] === '.' ? Math.trunc(Number(`0${text.slice(19, -1)}`) * 1000) : 0)
  }
}

function fallback(text: string): number {
  const parsed = Date.parse(text)
  return Number.isFinite(parsed) && parsed >= 0 ? parsed : 0
}
