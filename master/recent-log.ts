import type { LogLevel } from '../protocol/kit/log.ts'

/** One record of this master's own log, as people may read it: secrets are left out before it comes here. */
export interface LogEntry {
  /** grows by one with each record of this process */
  id: number
  at: string
  level: LogLevel
  text: string
}

/** The newest records of this process, for `det master logs`; what is older is where its standard output goes. */
export interface RecentLog {
  /** those with a number above `after`, oldest first, at most `limit` */
  since(after: number, limit: number): readonly LogEntry[]
  /** number of the newest; 0: none yet */
  newest(): number
  /** a whole line of JSON, as the log writes it */
  take(line: string): void
}

const ENTRIES_MAX = 5_000
const TEXT_MAX = 4_096
const LEVELS: Readonly<Record<number, LogLevel>> = { 20: 'debug', 30: 'info', 40: 'warn', 50: 'error' }

export function createRecentLog(): RecentLog {
  const lines: string[] = []
  let newest = 0
  return {
    newest: () => newest,
    take(line) {
      newest += 1
      lines.push(line.length > TEXT_MAX * 2 ? line.slice(0, TEXT_MAX * 2) : line)
      // a tenth at once: cutting one by one would move them all at each record
      if (lines.length > ENTRIES_MAX * 1.1) lines.splice(0, lines.length - ENTRIES_MAX)
    },
    since(after, limit) {
      const first = newest - lines.length
      const from = Math.max(0, after - first)
      return lines.slice(from, from + limit).map((line, index) => entryOf(first + from + index + 1, line))
    },
  }
}

/** Read only when somebody asks: most records never are. */
function entryOf(id: number, line: string): LogEntry {
  const record = parsed(line)
  const { time, level, msg, name: _, ...fields } = record
  const text = [typeof msg === 'string' ? msg : line.trim(), Object.keys(fields).length === 0 ? '' : JSON.stringify(fields)].filter((part) => part !== '').join(' ')
  return { id, at: typeof time === 'string' ? time : new Date(0).toISOString(), level: LEVELS[Number(level)] ?? 'info', text: text.slice(0, TEXT_MAX) }
}

function parsed(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>
  } catch {
    // one that was cut: its text is told as it is
    return {}
  }
}
