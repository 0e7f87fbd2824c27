import type { MetricsSnapshot } from '../store/schema.ts'
import type { SearcherMetric } from '../store/trial-summary.ts'

export interface TrialSummary {
  stepsCompleted: number
  latestTraining: MetricsSnapshot | null
  latestValidation: MetricsSnapshot | null
  bestValidation: MetricsSnapshot | null
}

export interface Report {
  group: string
  steps: number
  t: number
  values: Record<string, unknown>
  batches?: Record<string, unknown>[]
}

/** What a trial's summary comes to after these reports. Pure. */
export function foldReports(summary: TrialSummary, reports: readonly Report[], searcher: SearcherMetric): TrialSummary {
  return reports.reduce((so, report) => fold(so, report, searcher), summary)
}

function fold(so: TrialSummary, report: Report, searcher: SearcherMetric): TrialSummary {
  const stepsCompleted = Math.max(so.stepsCompleted, report.steps)
  const snapshot: MetricsSnapshot = { steps: report.steps, time: new Date(report.t).toISOString(), values: report.values }
  if (report.group === 'training') return { ...so, stepsCompleted, latestTraining: later(so.latestTraining, snapshot) }
  if (report.group !== 'validation') return { ...so, stepsCompleted }
  return { ...so, stepsCompleted, latestValidation: later(so.latestValidation, snapshot), bestValidation: better(so.bestValidation, snapshot, searcher) }
}

function later(held: MetricsSnapshot | null, next: MetricsSnapshot): MetricsSnapshot {
  return held !== null && held.steps > next.steps ? held : next
}

/** A missing or non-finite searcher metric never wins; of equals the first stays. */
function better(held: MetricsSnapshot | null, next: MetricsSnapshot, searcher: SearcherMetric): MetricsSnapshot | null {
  const value = searcherValue(next, searcher)
  if (value === null) return held
  const best = held === null ? null : searcherValue(held, searcher)
  if (best === null) return next
  return (searcher.smaller_is_better ? value < best : value > best) ? next : held
}

export function searcherValue(snapshot: MetricsSnapshot, searcher: SearcherMetric): number | null {
  const value = Object.hasOwn(snapshot.values, searcher.metric) ? snapshot.values[searcher.metric] : null
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}
