import { HttpError } from './answer.ts'
import { parseBody, record, shown } from './call.ts'
import { isRecord, withoutNul } from './lenient-json.ts'

/** One report of Determined's harness, in camelCase or snake_case, as the outbox takes it. */
export interface BodyReport {
  group: string
  steps: number
  values: Record<string, unknown>
  batches?: Record<string, unknown>[]
  /** Unix milliseconds, where the script told when it was */
  t?: number
}

/** A million numbers written out have some 20 MB. */
export const METRICS_BYTES_MAX = 32 * 1024 * 1024

/** `{group, metrics: {trialId, stepsCompleted, reportTime?, metrics: {avgMetrics, batchMetrics?}}}` of POST /trials/{t}/metrics. Throws HttpError 400 naming the field. */
export function readMetricsBody(text: string, trialId: number): BodyReport {
  const body = record(parseBody(text), 'the body')
  const metrics = record(body['metrics'], 'metrics')
  const named = metrics['trialId'] ?? metrics['trial_id']
  if (named !== undefined && Number(named) !== trialId) throw new HttpError(400, `metrics.trialId is ${shown(named)}, this container runs trial ${trialId}`)
  const group = body['group'] ?? 'training'
  if (typeof group !== 'string' || group === '' || group.length > 128) throw new HttpError(400, `group must be text of 1 to 128 characters, not ${shown(group)}`)
  const steps = Number(metrics['stepsCompleted'] ?? metrics['steps_completed'] ?? 0)
  if (!Number.isSafeInteger(steps) || steps < 0) throw new HttpError(400, 'metrics.stepsCompleted must be a whole number of at least 0')
  const inner = record(metrics['metrics'], 'metrics.metrics')
  const values = record(inner['avgMetrics'] ?? inner['avg_metrics'], 'metrics.metrics.avgMetrics')
  return { group: withoutNul(group), steps, values, ...batchesOf(inner['batchMetrics'] ?? inner['batch_metrics']), ...timeOf(metrics['reportTime'] ?? metrics['report_time']) }
}

function batchesOf(batches: unknown): Pick<BodyReport, 'batches'> {
  if (batches === undefined || batches === null) return {}
  if (!Array.isArray(batches) || !batches.every(isRecord)) throw new HttpError(400, `metrics.metrics.batchMetrics must be a list of JSON objects, not ${shown(batches)}`)
  return batches.length === 0 ? {} : { batches }
}

function timeOf(time: unknown): Pick<BodyReport, 't'> {
  if (time === undefined || time === null) return {}
  const t = Date.parse(String(time))
  if (!(t >= 0 && t <= TIME_MAX)) throw new HttpError(400, `metrics.reportTime must be a time as in 2026-01-31T12:00:00Z, not ${shown(time)}`)
  return { t }
}

/** The wire's: the year 2100. */
const TIME_MAX = 4_102_444_800_000

/** `{progress, is_raw}` of POST /trials/{t}/progress: a number from 0 to 1. */
export function readProgressBody(text: string): number {
  const progress = record(parseBody(text), 'the body')['progress']
  if (typeof progress !== 'number' || progress < 0 || progress > 1) throw new HttpError(400, `progress must be a number from 0 to 1, not ${shown(progress)}`)
  return progress
}
