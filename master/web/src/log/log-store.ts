import type { LiveLine } from '../../../../protocol/wire/live.ts'
import { neutraliseLine } from '../words/neutralise.ts'

/** A line made ready to be shown and searched. */
export interface LogRow {
  id: number
  time: number
  level: LogLevel
  rank: number
  agentId: string
  stderr: boolean
  text: string
}

export const LOG_LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export interface LogFilter {
  /** lines of this level and above */
  minLevel: LogLevel
  /** part of the text, letter case ignored; empty = all */
  search: string
  /** null = all ranks */
  rank: number | null
}

/** Lines kept in the page. More would cost more memory than a person can read. */
export const MAX_ROWS = 100_000
/** Trimming one by one would move the whole array with each batch. */
const TRIM_STEP = 10_000

/**
 * The newest lines of one task in order of their number. A line that was seen is not taken again (I11), so that a
 * reconnect may repeat. Filtering is incremental: only new lines are looked at, unless the filter changes.
 */
export class LogStore {
  readonly #maxRows: number
  #rows: LogRow[] = []
  #shown: LogRow[] = []
  #filter: LogFilter = { minLevel: 'TRACE', search: '', rank: null }
  #dropped = 0
  #shownDropped = 0
  #longest = 0
  readonly #ranks = new Set<number>()

  constructor(maxRows: number = MAX_ROWS) {
    this.#maxRows = maxRows
  }

  /** Lines that pass the filter. The array is replaced, never changed, when its content changes. */
  get shown(): readonly LogRow[] {
    return this.#shown
  }
  get total(): number {
    return this.#rows.length
  }
  /** Lines that were received and then let go because there were too many. */
  get dropped(): number {
    return this.#dropped
  }
  /** How many of the dropped lines were shown: by so many rows the view has moved up. */
  get shownDropped(): number {
    return this.#shownDropped
  }
  get lastId(): number {
    return this.#rows.at(-1)?.id ?? 0
  }
  get firstId(): number {
    return this.#rows[0]?.id ?? 0
  }
  /** Characters in the longest line so far: the width of the scroll area, which only grows. */
  get longest(): number {
    return this.#longest
  }
  get ranks(): number[] {
    return [...this.#ranks].sort((a, b) => a - b)
  }

  append(lines: readonly LiveLine[]): void {
    const fresh: LogRow[] = []
    let newest = this.lastId
    for (const line of lines) {
      if (line.id <= newest) continue
      newest = line.id
      fresh.push(rowOf(line))
    }
    if (fresh.length === 0) return
    for (const row of fresh) {
      this.#ranks.add(row.rank)
      if (row.text.length > this.#longest) this.#longest = row.text.length
    }
    this.#rows = this.#rows.concat(fresh)
    const passing = fresh.filter((row) => passes(row, this.#filter))
    if (passing.length > 0) this.#shown = this.#shown.concat(passing)
    this.#trim()
  }

  setFilter(filter: LogFilter): void {
    this.#filter = { ...filter, search: filter.search.toLowerCase() }
    this.#shown = this.#rows.filter((row) => passes(row, this.#filter))
  }

  #trim(): void {
    if (this.#rows.length <= this.#maxRows) return
    const count = Math.min(this.#rows.length, this.#rows.length - this.#maxRows + Math.min(TRIM_STEP, this.#maxRows >> 1))
    this.#rows = this.#rows.slice(count)
    this.#dropped += count
    const oldest = this.firstId
    const keepFrom = this.#shown.findIndex((row) => row.id >= oldest)
    this.#shownDropped += keepFrom === -1 ? this.#shown.length : keepFrom
    this.#shown = keepFrom === -1 ? [] : this.#shown.slice(keepFrom)
  }
}

function rowOf(line: LiveLine): LogRow {
  return { id: line.id, time: Date.parse(line.time), level: levelOf(line.level), rank: line.rank, agentId: line.agentId, stderr: line.std === 'stderr', text: neutraliseLine(line.log) }
}

function passes(row: LogRow, filter: LogFilter): boolean {
  if (filter.rank !== null && row.rank !== filter.rank) return false
  if (LOG_LEVELS.indexOf(row.level) < LOG_LEVELS.indexOf(filter.minLevel)) return false
  return filter.search === '' || row.text.toLowerCase().includes(filter.search)
}

/** `LOG_LEVEL_INFO`, `info`, `warn` alike; anything else counts as INFO, so that no line is hidden by its level. */
export function levelOf(text: string): LogLevel {
  const bare = text.toUpperCase().replace(/^LOG_LEVEL_/, '')
  if (bare === 'WARN') return 'WARNING'
  if (bare === 'FATAL') return 'CRITICAL'
  return LOG_LEVELS.find((level) => level === bare) ?? 'INFO'
}
