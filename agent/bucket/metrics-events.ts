import type { NewAgentEvent } from '../../protocol/wire/events.ts'
import { parseMetricsLine, type MetricsReport } from './metrics-line.ts'
import { note } from '../gateway/note.ts'

const REPORTS_MAX = 512
/** JSON of the reports in one event; the outbox refuses entries that no batch could hold. */
const EVENT_BYTES_MAX = 256 * 1024
/** Bad lines told in the task log, per life of the agent; a broken script writes one a step. */
export const NOTES_MAX = 20

export interface LineCount {
  alloc: string
  /** lines before these, for messages */
  line: number
  /** notes of bad lines given so far */
  notes: number
}

/** Whole lines of a metrics file -> events for the outbox, in order. Pure; bad lines become notes and stop nothing. */
export function metricsEvents(lines: readonly string[], count: LineCount, t: number): { events: NewAgentEvent[]; count: LineCount } {
  const events: NewAgentEvent[] = []
  let reports: (MetricsReport & { t: number })[] = []
  let bytes = 0
  let { line, notes } = count
  const close = (): void => {
    if (reports.length > 0) events.push({ kind: 'metrics', alloc: count.alloc, t, reports })
    reports = []
    bytes = 0
  }
  let progress: number | null = null
  for (const text of lines) {
    line += 1
    if (text.trim() === '') continue
    const parsed = parseMetricsLine(text)
    if (!parsed.ok) {
      notes += 1
      if (notes <= NOTES_MAX) events.push(note(count.alloc, 'WARNING', `Metrics file, line ${line} was left out: ${parsed.error}${notes === NOTES_MAX ? ' (further bad lines are not told)' : ''}`, t))
      continue
    }
    progress = parsed.progress ?? progress
    if (!parsed.report) continue
    if (reports.length >= REPORTS_MAX || bytes + text.length > EVENT_BYTES_MAX) close()
    reports.push({ ...parsed.report, t })
    bytes += text.length
  }
  close()
  if (progress !== null) events.push({ kind: 'progress', alloc: count.alloc, t, progress })
  return { events, count: { alloc: count.alloc, line, notes } }
}
