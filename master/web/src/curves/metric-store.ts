import type { LiveMetric } from '../../../../protocol/wire/live.ts'

/** One curve: a metric of a group over steps. Steps grow strictly. */
export interface Series {
  group: string
  metric: string
  steps: number[]
  values: number[]
  /** reports whose value was NaN or infinite; they are not drawn */
  nonFinite: number
  /** step of the first such report */
  firstNonFinite: number | null
}

/** One chart: all groups' curves of what is the same measure. */
export interface Chart {
  key: string
  series: Series[]
}

/**
 * All metric reports of a trial, as curves. A report with steps at or below the newest of its curve means that a newer
 * attempt resumed from a checkpoint: what came after those steps is replaced.
 */
export class MetricStore {
  readonly #series = new Map<string, Series>()
  #lastId = 0
  #version = 0

  /** Grows with each change: a cheap snapshot for a subscriber. */
  get version(): number {
    return this.#version
  }
  get lastId(): number {
    return this.#lastId
  }
  get isEmpty(): boolean {
    return this.#series.size === 0
  }

  append(reports: readonly LiveMetric[]): void {
    for (const report of reports) {
      if (report.id <= this.#lastId) continue
      this.#lastId = report.id
      this.#version += 1
      for (const [metric, raw] of Object.entries(report.values)) this.#add(report, metric, raw)
    }
  }

  #add(report: LiveMetric, metric: string, raw: unknown): void {
    const value = numberOf(raw)
    if (value === null) return
    const key = JSON.stringify([report.group, metric])
    let series = this.#series.get(key)
    if (series === undefined) {
      series = { group: report.group, metric, steps: [], values: [], nonFinite: 0, firstNonFinite: null }
      this.#series.set(key, series)
    }
    while (series.steps.length > 0 && (series.steps.at(-1) as number) >= report.steps) {
      series.steps.pop()
      series.values.pop()
    }
    if (!Number.isFinite(value)) {
      series.nonFinite += 1
      series.firstNonFinite ??= report.steps
      return
    }
    series.steps.push(report.steps)
    series.values.push(value)
  }

  /** Charts in a stable order: loss first, then as named. Training stands before validation. */
  charts(): Chart[] {
    const charts = new Map<string, Series[]>()
    for (const series of this.#series.values()) {
      const key = chartKey(series.metric, series.group)
      charts.set(key, [...(charts.get(key) ?? []), series])
    }
    return [...charts]
      .map(([key, series]) => ({ key, series: series.sort((a, b) => groupOrder(a.group) - groupOrder(b.group) || compare(a.group + a.metric, b.group + b.metric)) }))
      .sort((a, b) => Number(isLoss(b.key)) - Number(isLoss(a.key)) || compare(a.key, b.key))
  }
}

/** Groups that a profiler reports stay apart from the model's own metrics. */
const SYSTEM_GROUPS = new Set(['cpu', 'gpu', 'memory', 'disk', 'network'])

/** `validation_loss`, `val_loss` and `loss` are one measure; so they share a chart. */
export function chartKey(metric: string, group: string): string {
  if (SYSTEM_GROUPS.has(group)) return `${group}: ${metric}`
  return metric.replace(/^(?:training|train|validation|valid|val|eval|test)[_/.\- ](?=.)/i, '')
}

/** The API writes non-finite numbers as the strings NaN, Infinity and -Infinity; any other text is no number. */
function numberOf(raw: unknown): number | null {
  if (typeof raw === 'number') return raw
  if (raw === 'NaN' || raw === 'Infinity' || raw === '-Infinity') return Number(raw)
  return null
}

function isLoss(key: string): boolean {
  return /(^|[_/ ])loss/i.test(key)
}

function groupOrder(group: string): number {
  if (group === 'training') return 0
  if (group === 'validation') return 1
  return SYSTEM_GROUPS.has(group) ? 3 : 2
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
