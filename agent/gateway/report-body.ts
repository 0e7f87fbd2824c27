import { isRecord, parseLenientJson, withoutNul } from './lenient-json.ts'
import { HttpError } from './answer.ts'

/** One report of Determined's harness, in camelCase or snake_case, as the outbox takes it. */
export interface BodyReport {
  group: string
  steps: number
  values: Record<string, unknown>
}

/** No larger report fits into one batch to the master. */
const VALUES_BYTES_MAX = 512 * 1024

/** `{group, metrics: {trialId, stepsCompleted, metrics: {avgMetrics}}}` of POST /trials/{t}/metrics. Throws HttpError 400 naming the field. */
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
  const bytes = Buffer.byteLength(JSON.stringify(values))
  if (bytes > VALUES_BYTES_MAX) throw new HttpError(413, `metrics.metrics.avgMetrics has ${bytes} bytes, at most ${VALUES_BYTES_MAX} are taken in one report`)
  return { group: withoutNul(group), steps, values }
}

/** `{progress, is_raw}` of POST /trials/{t}/progress: a number from 0 to 1. */
export function readProgressBody(text: string): number {
  const progress = record(parseBody(text), 'the body')['progress']
  if (typeof progress !== 'number' || progress < 0 || progress > 1) throw new HttpError(400, `progress must be a number from 0 to 1, not ${shown(progress)}`)
  return progress
}

const EARLY_EXITS = { EXITED_REASON_INVALID_HP: 'INVALID_HP', EXITED_REASON_INIT_INVALID_HP: 'INIT_INVALID_HP' } as const

/** `{reason}` of POST /trials/{t}/early_exit. */
export function readEarlyExitBody(text: string): (typeof EARLY_EXITS)[keyof typeof EARLY_EXITS] {
  const { reason } = record(parseBody(text), 'the body')
  const known = Object.entries(EARLY_EXITS).find(([name]) => name === reason)
  if (known === undefined) throw new HttpError(400, `reason must be ${Object.keys(EARLY_EXITS).join(' or ')}, not ${shown(reason)}`)
  return known[1]
}

function parseBody(text: string): unknown {
  try {
    return parseLenientJson(text)
  } catch (cause) {
    throw new HttpError(400, `the body is not JSON: ${cause instanceof Error ? cause.message.slice(0, 200) : 'unreadable'}`, { cause })
  }
}

function record(value: unknown, name: string): Record<string, unknown> {
  if (!isRecord(value)) throw new HttpError(400, `${name} must be a JSON object, not ${shown(value)}`)
  return value
}

function shown(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value).slice(0, 80)
}
